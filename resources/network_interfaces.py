"""The contract of what is known of VPCs and their network interfaces: whose an address is, and what it belongs to.

EC2's are in aws/network_interfaces.py, the simulated VPC's in embedded/network_interfaces.py.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True)
class NetworkInterface:
    """A network interface. What is not known is empty.

    `name` is what people call it. `kind` and `belongs_to` say what has it, such as ``instance`` and its id, or ``load
    balancer`` and its name. All addresses are texts; `zone` is the id of the availability zone, such as ``use1-az1``.
    """

    interface_id: str
    name: str = ""
    kind: str = ""
    belongs_to: str = ""
    private_addresses: tuple[str, ...] = ()
    public_addresses: tuple[str, ...] = ()
    ipv6_addresses: tuple[str, ...] = ()
    description: str = ""
    security_groups: tuple[str, ...] = ()
    subnet_id: str = ""
    zone: str = ""
    vpc_id: str = ""

    @property
    def addresses(self) -> tuple[str, ...]:
        return (*self.private_addresses, *self.public_addresses, *self.ipv6_addresses)


@dataclass(frozen=True)
class Vpc:
    """A VPC: its name, if it has one, and its CIDRs, IPv4 and IPv6."""

    vpc_id: str
    name: str = ""
    networks: tuple[str, ...] = ()


@dataclass(frozen=True)
class FoundInterfaces:
    """What was found, each in the order of ids. `warnings` say what could not be looked up, and what to do."""

    interfaces: tuple[NetworkInterface, ...] = ()
    vpcs: tuple[Vpc, ...] = ()
    warnings: tuple[str, ...] = ()


class NetworkInterfaces(ABC):
    """Tells what network interfaces are called."""

    @abstractmethod
    def find(self) -> FoundInterfaces:
        """The VPCs and their network interfaces, as they are now. A permission that is missing is a warning."""


class UnknownInterfaces(NetworkInterfaces):
    """Knows of none: logs are read from a folder, and nobody can be asked."""

    def find(self) -> FoundInterfaces:
        return FoundInterfaces()
