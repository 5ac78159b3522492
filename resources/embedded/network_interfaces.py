"""The simulated VPC's network interfaces, by the names that simulation/vpc.py gives its hosts."""

from resources.embedded.simulation.bucket import SimulatedBucket
from resources.embedded.simulation.vpc import SimulatedVpc
from resources.network_interfaces import FoundInterfaces, NetworkInterfaces


class SimulatedInterfaces(NetworkInterfaces):
    """The interfaces of the VPC that delivers to the default bucket; none where that holds others' files."""

    def __init__(self, bucket: SimulatedBucket, vpc: SimulatedVpc) -> None:
        self.bucket = bucket
        self.vpc = vpc

    def find(self) -> FoundInterfaces:
        if not self.bucket.is_ours():
            return FoundInterfaces()
        return FoundInterfaces(self.vpc.interfaces(), (self.vpc.vpc,))
