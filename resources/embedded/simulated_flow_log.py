"""A flow log that delivers what the simulated VPC recorded, into the default bucket and nowhere else."""

from collections.abc import Sequence
from datetime import date

from resources.embedded.folder_bucket import SimulatedBucket
from resources.embedded.simulated_vpc import SimulatedVpc
from resources.ensured import Ensured
from resources.flow_log import FlowLog


class SimulatedFlowLog(FlowLog):
    """Writes the objects that a day still lacks; the same day gives the same bytes, whoever writes it and how often."""

    def __init__(self, bucket: SimulatedBucket, vpc: SimulatedVpc) -> None:
        self.bucket = bucket
        self.vpc = vpc

    def ensure(self) -> Ensured:
        if not self.bucket.is_ours():
            return Ensured({"flow log": f"none: {self.bucket.root} holds files that are not ours, and is only read"})
        return Ensured(
            {
                "flow log": "simulated",
                "traffic type": self.vpc.traffic_type,
                "aggregation seconds": self.vpc.aggregation_seconds,
                "delivers to": self.bucket.objects.uri(self.vpc.source.prefix),
            }
        )

    def remove(self) -> Ensured:
        return Ensured({"deleted": "nothing: the simulated VPC costs nothing"})

    def deliver(self, days: Sequence[date]) -> None:
        if not self.bucket.is_ours():
            return
        self.bucket.claim()
        for day in days:
            present = {found.key for found in self.bucket.objects.list(self.vpc.source.day_prefix(day))}
            if not present.issuperset(self.vpc.object_keys(day)):
                missing = {key: data for key, data in self.vpc.objects(day) if key not in present}
                self.bucket.objects.replace(missing)
