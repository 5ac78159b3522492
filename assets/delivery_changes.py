"""Finds flow logs that no longer deliver, and new ones, by the names of the objects of the days before.

Without it, a day with objects of other flow logs looks complete, though a VPC's records are missing. partitions.py
reports days without any object.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, timezone

from assets.day_objects import DayObjects
from assets.deliveries import ByFlowLog
from flowlogs.completeness import SILENT_DAYS
from flowlogs.layout import find_flow_log, find_source
from resources.bucket import Bucket


@dataclass(frozen=True)
class DeliveryChanges:
    """Warnings about flow logs that stopped, and the flow logs that are new on a day, with their account and region.

    `silent_on` has the same warnings by day.
    """

    silent: list[str] = field(default_factory=list)
    new: Mapping[date, list[str]] = field(default_factory=dict)
    silent_on: Mapping[date, list[str]] = field(default_factory=dict)


def delivery_changes(
    bucket: Bucket, inspected: Mapping[date, DayObjects], deliveries: Mapping[date, ByFlowLog]
) -> DeliveryChanges:
    """Compare the flow logs of these days with those of the SILENT_DAYS days before each, by their `deliveries`.

    A flow log is silent if it delivered on one of them, and not on the day. It is new if it delivered on none of them,
    and others did. Only days that are over are checked.
    """
    sources, today = bucket.sources(), datetime.now(timezone.utc).date()
    silent, new = [], {}
    for day in [day for day, found in inspected.items() if found.objects and day < today]:
        all_before = set[str]()
        now = deliveries.get(day, {})
        for before in [day - timedelta(days=number) for number in range(1, SILENT_DAYS + 1)]:
            there = deliveries.get(before, {})
            all_before |= there.keys()
            for flow_log in sorted(there.keys() - now.keys()):
                silent.append((day, flow_log, before, there[flow_log].objects))
        if all_before and (came := now.keys() - all_before):
            new[day] = _with_sources(sources.bucket, inspected[day].objects, came)
    # Where a flow log delivered on several days before, the last of them is named.
    nearest = {(day, flow_log): (before, number) for day, flow_log, before, number in reversed(silent)}
    silent_on: dict[date, list[str]] = {}
    for (day, flow_log), (before, number) in sorted(nearest.items()):
        silent_on.setdefault(day, []).append(
            f"{flow_log} delivered nothing on {day}, and {_objects(number)} on {before}: what it records is missing, "
            "though other flow logs deliver. Was it deleted, or its VPC, or can it not deliver any more? (See the "
            "check on vpc_flow_log.)"
        )
    return DeliveryChanges([text for texts in silent_on.values() for text in texts], new, silent_on)


def _with_sources(bucket: str, keys: Iterable[str], flow_logs: Iterable[str]) -> list[str]:
    """Those flow logs for people, each with its account and region."""
    chosen = set(flow_logs)
    found = {
        f"{flow_log} of {source.account} in {source.region}"
        for key in keys
        if (flow_log := find_flow_log(key)) in chosen and (source := find_source(bucket, key))
    }
    return sorted(found)


def _objects(number: int) -> str:
    return "1 object" if number == 1 else f"{number} objects"
