"""Finds flow logs that no longer deliver, by the ids in the names of the objects of the days before.

Without it, a day with objects of other flow logs looks complete, though a VPC's records are missing. partitions.py
reports days without any object.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta, timezone

from assets.day_objects import DayObjects, visible_of_day
from flowlogs.layout import find_flow_log
from resources.bucket import Bucket

DAYS_BEFORE = 3
"""With how many days before it a day is compared. So a flow log that stopped is reported for this many days."""


def silent_flow_logs(bucket: Bucket, inspected: Mapping[date, DayObjects]) -> list[str]:
    """A warning for each flow log that delivered on one of the DAYS_BEFORE days before a day, and not on the day.

    Only days that are over are checked.
    """
    sources, today = bucket.sources(), datetime.now(timezone.utc).date()
    counted = {day: _by_flow_log(found.objects) for day, found in inspected.items() if found.objects}
    silent = []
    for day in [day for day in counted if day < today]:
        for before in [day - timedelta(days=number) for number in range(1, DAYS_BEFORE + 1)]:
            if before not in counted:
                counted[before] = _by_flow_log(stored.key for stored in visible_of_day(bucket, sources, before))
            for flow_log in sorted(counted[before].keys() - counted[day].keys()):
                silent.append((day, flow_log, before, counted[before][flow_log]))
    # Where a flow log delivered on several days before, the last of them is named.
    nearest = {(day, flow_log): (before, number) for day, flow_log, before, number in reversed(silent)}
    return [
        f"{flow_log} delivered nothing on {day}, and {_objects(number)} on {before}: what it records is missing, "
        "though other flow logs deliver. Was it deleted, or its VPC, or can it not deliver any more? (See the check on "
        "vpc_flow_log.)"
        for (day, flow_log), (before, number) in sorted(nearest.items())
    ]


def _by_flow_log(keys: Iterable[str]) -> Counter[str]:
    """How many objects there are of each flow log."""
    return Counter(flow_log for key in keys if (flow_log := find_flow_log(key)))


def _objects(number: int) -> str:
    return "1 object" if number == 1 else f"{number} objects"
