"""The network interfaces in EC2, with the names of what they belong to. Nothing is changed.

All of it is for names alone: without these permissions everything else works. deploy/iam-policy-names.json has them.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from resources.aws.clients import AccessDeniedError, AwsClients, aws_errors
from resources.aws.flow_log import MAX_FILTER_VALUES
from resources.network_interfaces import FoundInterfaces, NetworkInterface, NetworkInterfaces, Vpc

ACTIONS: Mapping[str, str] = {
    "describe_network_interfaces": "ec2:DescribeNetworkInterfaces",
    "describe_instances": "ec2:DescribeInstances",
    "describe_subnets": "ec2:DescribeSubnets",
    "describe_vpcs": "ec2:DescribeVpcs",
}
"""The IAM action of each call ("Actions, resources, and condition keys for Amazon EC2", 2026)."""

_OWNERS: Sequence[tuple[str, re.Pattern[str]]] = (
    ("load balancer", re.compile(r"ELB (?:app|net|gwy)/([^/]+)/[0-9a-f]+")),
    ("load balancer", re.compile(r"ELB (\S+)")),
    ("NAT gateway", re.compile(r"Interface for NAT Gateway (nat-[0-9a-f]+)")),
    ("VPC endpoint", re.compile(r"VPC Endpoint Interface (vpce-[0-9a-f]+)")),
    ("transit gateway", re.compile(r"Network Interface for Transit Gateway Attachment (tgw-attach-[0-9a-f]+)")),
    ("Lambda function", re.compile(r"AWS Lambda VPC ENI-(.+?)(?:-[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})?")),
    ("file system", re.compile(r"EFS mount target for (fs-[0-9a-f]+).*")),
    ("cache", re.compile(r"ElastiCache (\S+)")),
    ("Kubernetes cluster", re.compile(r"Amazon EKS (\S+)")),
    ("database", re.compile(r"(RDS)NetworkInterface")),
    ("data warehouse", re.compile(r"(Redshift)NetworkInterface")),
)
"""What a service writes into the description of an interface that it manages, and what its part in parentheses is.

AWS gives no list. These are what its services write, as of 2026; another text is shown as it is.
"""

_TYPES: Mapping[str, str] = {
    "nat_gateway": "NAT gateway",
    "natGateway": "NAT gateway",
    "load_balancer": "load balancer",
    "network_load_balancer": "load balancer",
    "gateway_load_balancer": "load balancer",
    "vpc_endpoint": "VPC endpoint",
    "gateway_load_balancer_endpoint": "VPC endpoint",
    "transit_gateway": "transit gateway",
    "lambda": "Lambda function",
}
"""What has an interface, by its InterfaceType ("NetworkInterface", EC2 API reference, 2026)."""

INSTANCE = "instance"


class Ec2NetworkInterfaces(NetworkInterfaces):
    """The network interfaces of these VPCs; without any, all in the caller's account and the region of the logs.

    `accounts` are the accounts whose logs are read, as FLOWLAKE_ACCOUNT_ID has them. Where the caller's is not one of
    them, its interfaces are none of those in the logs, and none is looked for.
    """

    def __init__(self, clients: AwsClients, vpc_ids: Sequence[str] = (), accounts: str | None = None) -> None:
        self.clients = clients
        self.vpc_ids = vpc_ids
        self.accounts = accounts

    def find(self) -> FoundInterfaces:
        if not self._may_be_in_the_logs():
            return FoundInterfaces(
                warnings=(
                    f"The logs are of {self.accounts} (FLOWLAKE_ACCOUNT_ID) and the caller's account is "
                    f"{self.clients.account}, whose network interfaces are not theirs: none is named. Names of "
                    "addresses can be given in FLOWLAKE_NAMES.",
                )
            )
        denied: dict[str, AccessDeniedError] = {}
        of_vpcs = [{"Name": "vpc-id", "Values": list(self.vpc_ids)}] if self.vpc_ids else []
        found = self._ask("describe_network_interfaces", "NetworkInterfaces", denied, of_vpcs)
        vpcs = self._ask("describe_vpcs", "Vpcs", denied, of_vpcs)
        lacking_zone = {item["SubnetId"] for item in found if "SubnetId" in item and not item.get("AvailabilityZoneId")}
        subnets = self._ask_about("describe_subnets", "Subnets", denied, "subnet-id", lacking_zone)
        instance_ids = {instance for item in found if (instance := _instance_of(item))}
        reservations = self._ask_about("describe_instances", "Reservations", denied, "instance-id", instance_ids)
        instances = {
            instance["InstanceId"]: _name_tag(instance.get("Tags", []))
            for reservation in reservations
            for instance in reservation["Instances"]
        }
        zones = {subnet["SubnetId"]: subnet.get("AvailabilityZoneId", "") for subnet in subnets}
        interfaces = (_interface(item, instances, zones) for item in found)
        return FoundInterfaces(
            tuple(sorted(interfaces, key=lambda interface: interface.interface_id)),
            tuple(sorted(map(_vpc, vpcs), key=lambda vpc: vpc.vpc_id)),
            tuple(_denial(denied)) if denied else (),
        )

    def _may_be_in_the_logs(self) -> bool:
        if self.vpc_ids or self.accounts in (None, "*"):
            return True
        return self.clients.account in str(self.accounts).split(",")

    def _ask(
        self, operation: str, answer: str, denied: dict[str, AccessDeniedError], filters: Sequence[Mapping[str, object]]
    ) -> list[dict[str, Any]]:
        """What a call lists on all of its pages. Where it is denied, this is noted, and the list is empty."""
        try:
            with aws_errors("looking up the names of network interfaces"):
                pages = self._ec2.get_paginator(operation).paginate(Filters=list(filters))
                return [item for page in pages for item in page[answer]]
        except AccessDeniedError as error:
            denied[ACTIONS[operation]] = error
            return []

    def _ask_about(
        self, operation: str, answer: str, denied: dict[str, AccessDeniedError], name: str, ids: Iterable[str]
    ) -> list[dict[str, Any]]:
        """`_ask` about these ids. Each goes into a filter, where one that no longer exists is no error."""
        found, waiting = list[dict[str, Any]](), sorted(ids)
        while waiting and ACTIONS[operation] not in denied:
            asked, waiting = waiting[:MAX_FILTER_VALUES], waiting[MAX_FILTER_VALUES:]
            found += self._ask(operation, answer, denied, [{"Name": name, "Values": asked}])
        return found

    @property
    def _ec2(self) -> Any:  # noqa: ANN401
        return self.clients.client("ec2", self.clients.logs_region)


def _denial(denied: Mapping[str, AccessDeniedError]) -> Iterator[str]:
    """The warning of all permissions that are missing, with the statement that grants them."""
    statement = {"Sid": "Names", "Effect": "Allow", "Action": sorted(denied), "Resource": "*"}
    yield (
        f"Some names of network interfaces are not known; everything else works without them. "
        f"{next(iter(denied.values()))} The statement to grant (deploy/iam-policy-names.json): {json.dumps(statement)}"
    )


def _interface(item: Mapping[str, Any], instances: Mapping[str, str], zones: Mapping[str, str]) -> NetworkInterface:
    """EC2's description of an interface; `instances` has their names, `zones` is by subnet."""
    # In an order that does not change between calls: the primary one, then the others.
    private = sorted(
        item.get("PrivateIpAddresses", []), key=lambda found: (not found.get("Primary"), found["PrivateIpAddress"])
    )
    interface = NetworkInterface(
        interface_id=item["NetworkInterfaceId"],
        name=_name_tag(item.get("TagSet", [])),
        private_addresses=tuple(found["PrivateIpAddress"] for found in private),
        public_addresses=_public_addresses([item, *private]),
        ipv6_addresses=tuple(sorted(found["Ipv6Address"] for found in item.get("Ipv6Addresses", []))),
        description=item.get("Description", ""),
        security_groups=tuple(sorted(group["GroupName"] for group in item.get("Groups", []))),
        subnet_id=item.get("SubnetId", ""),
        zone=item.get("AvailabilityZoneId") or zones.get(item.get("SubnetId", ""), ""),
        vpc_id=item.get("VpcId", ""),
    )
    if instance := _instance_of(item):
        name = instances.get(instance) or interface.name or instance
        return replace(interface, kind=INSTANCE, belongs_to=instance, name=name)
    kind, owner = _owner(interface.description, item.get("InterfaceType", ""))
    return replace(
        interface,
        kind=kind,
        belongs_to=owner,
        name=interface.name or (f"{kind} {owner}" if owner else interface.description),
    )


def _owner(description: str, interface_type: str) -> tuple[str, str]:
    """What an interface that is no instance's belongs to: its kind, and its name or id, as far as EC2 tells."""
    for kind, pattern in _OWNERS:
        if found := pattern.fullmatch(description):
            return kind, found[1]
    return _TYPES.get(interface_type, interface_type), ""


def _instance_of(item: Mapping[str, Any]) -> str:
    return str(item.get("Attachment", {}).get("InstanceId") or "")


def _public_addresses(items: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """The public addresses of an interface and of its private ones, each once."""
    found = (item.get("Association", {}).get("PublicIp") for item in items)
    return tuple(dict.fromkeys(address for address in found if address))


def _vpc(item: Mapping[str, Any]) -> Vpc:
    associations = [
        *((found, "CidrBlock", "CidrBlockState") for found in item.get("CidrBlockAssociationSet", [])),
        *((found, "Ipv6CidrBlock", "Ipv6CidrBlockState") for found in item.get("Ipv6CidrBlockAssociationSet", [])),
    ]
    there = [found[cidr] for found, cidr, state in associations if found.get(state, {}).get("State") == "associated"]
    networks = there or [item["CidrBlock"]]
    return Vpc(item["VpcId"], _name_tag(item.get("Tags", [])), tuple(sorted(networks)))


def _name_tag(tags: Iterable[Mapping[str, str]]) -> str:
    return next((tag["Value"] for tag in tags if tag["Key"] == "Name"), "")
