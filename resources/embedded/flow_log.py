"""The simulated flow log, which writes into the default bucket. The VPC itself is in simulation/vpc.py."""

import gzip
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date
from io import BytesIO

from flowlogs.errors import FlowLakeError
from resources.embedded.simulation.bucket import SimulatedBucket
from resources.embedded.simulation.vpc import AGGREGATION_SECONDS, TRAFFIC_TYPES, SimulatedVpc
from resources.ensured import Ensured
from resources.flow_log import FlowLog

MAX_OBJECT_BYTES = 1 << 20
"""Bytes. The simulated VPC delivers a few kilobytes in five minutes, also when decompressed."""


class SimulatedFlowLog(FlowLog):
    """Writes the objects that a day lacks. The same day always gives the same bytes.

    It writes nothing into a bucket with objects that were not simulated, and overwrites nothing.
    """

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
                "delivers to": self.bucket.objects.display_path(self.vpc.source.prefix),
            }
        )

    def remove(self) -> Ensured:
        return Ensured({"deleted": "nothing: the simulated VPC costs nothing"})

    def deliver(self, days: Sequence[date]) -> None:
        if not self.bucket.is_ours():
            return
        self.bucket.require_simulated()
        self.bucket.claim()
        for day in days:
            delivered = dict(self.vpc.objects(day))
            present = {found.key for found in self.bucket.visible_objects(self.vpc.source.day_prefix(day))}
            self._require_unchanged(day, present, delivered)
            self.bucket.objects.add({key: data for key, data in delivered.items() if key not in present})

    def _require_unchanged(self, day: date, present: Iterable[str], delivered: Mapping[str, bytes]) -> None:
        """Raise FlowLakeError where an object in the bucket is not what the VPC delivers with some settings."""
        changed = {
            key: data for key in present if (data := self.bucket.objects.head(key, MAX_OBJECT_BYTES)) != delivered[key]
        }
        for vpc in self._vpcs_of_any_settings():
            if not changed:
                return
            texts = {key: _decompressed(data) for key, data in vpc.objects(day)}
            changed = {key: data for key, data in changed.items() if _decompressed(data) != texts[key]}
        if changed:
            raise FlowLakeError(
                f"{self.bucket.objects.display_path(min(changed))} is called as what the simulated VPC delivers, and "
                "holds something else. Simulated flow logs are never mixed with others: move it away, then run again."
            )

    def _vpcs_of_any_settings(self) -> Iterator[SimulatedVpc]:
        """The VPC with all settings that it may have had when it delivered."""
        for traffic_type in TRAFFIC_TYPES:
            for seconds in AGGREGATION_SECONDS:
                yield replace(self.vpc, traffic_type=traffic_type, aggregation_seconds=seconds)


def _decompressed(data: bytes) -> bytes | None:
    """An object's text, up to the size of a simulated one; None where it is no gzip.

    Texts are compared, because compressed bytes differ between versions of zlib.
    """
    try:
        return gzip.GzipFile(fileobj=BytesIO(data)).read(MAX_OBJECT_BYTES)
    except (OSError, EOFError, zlib.error):
        return None
