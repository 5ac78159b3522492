"""What each flow log delivered on days and on the days before them, from listings of the days' folders.

flowlogs/deliveries.py says what is expected, and flowlogs/completeness.py what follows. delivery_changes.py tells which
flow logs stopped. No object is opened.
"""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime, timedelta, timezone

from assets.day_objects import FOLDERS_AT_ONCE, DayObjects
from flowlogs.completeness import DayDeliveries, day_deliveries
from flowlogs.deliveries import DAYS_LEARNED, Deliveries, deliveries_of
from resources.bucket import Bucket

ByFlowLog = Mapping[str, Deliveries]


def deliveries_by_day(bucket: Bucket, inspected: Mapping[date, DayObjects]) -> dict[date, ByFlowLog]:
    """By day and flow log, what these days have, and the DAYS_LEARNED days before each. Each folder is listed once."""
    found: dict[date, ByFlowLog] = {
        day: deliveries_of(((key, stored.size) for key, stored in of_day.objects.items()), day)
        for day, of_day in inspected.items()
    }
    wanted = {day - timedelta(days=ago) for day in found for ago in range(1, DAYS_LEARNED + 1)} - inspected.keys()
    prefixes = [(day, prefix) for day in sorted(wanted) for prefix in bucket.sources().day_prefixes(day).values()]

    def listed(prefix: str) -> list[tuple[str, int]]:
        return [(stored.key, stored.size) for stored in bucket.visible_objects(prefix)]

    sizes: dict[date, list[tuple[str, int]]] = {day: [] for day in wanted}
    with ThreadPoolExecutor(min(FOLDERS_AT_ONCE, len(prefixes) or 1), thread_name_prefix="deliveries") as pool:
        for (day, _), objects in zip(prefixes, pool.map(listed, [prefix for _, prefix in prefixes]), strict=True):
            sizes[day] += objects
    return found | {day: deliveries_of(objects, day) for day, objects in sizes.items()}


def compared_deliveries(day: date, by_day: Mapping[date, ByFlowLog]) -> DayDeliveries:
    """The deliveries of a day, compared with the days before."""
    now = datetime.now(timezone.utc).replace(tzinfo=None)
    return day_deliveries(day, by_day.get(day, {}), by_day, now)
