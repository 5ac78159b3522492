"""The sentences on a page about runs that made the day again, since more objects had arrived. No I/O.

They are kept with the day's summary, so that a page that is made again without new objects says the same.
"""

from datetime import datetime

from assets.page.day_totals import Covered, DaySummary
from assets.page.words import counted

MOST = 20
"""How many updates a page has at most, the last ones."""


def updates_of(before: DaySummary | None, covered: Covered | None, records: int, now: datetime) -> tuple[str, ...]:
    """The updates of a page that is made now (UTC), given the summary of the page before: its updates and perhaps one.

    A page of a day that was not over is only a beginning: what came after it is no update.
    """
    if before is None:
        return ()
    was = before.covered
    if was is None or covered is None or was.digest == covered.digest or was.partial:
        return before.updates
    objects, more = covered.objects - was.objects, records - before.totals.records
    if not objects and not more and covered.bytes == was.bytes:  # the same bytes, written again
        return before.updates
    return (*before.updates, _update(objects, more, now))[-MOST:]


def _update(objects: int, records: int, now: datetime) -> str:
    late = counted(objects, "late object") if objects > 0 else "objects changed"
    if objects < 0:
        late = counted(-objects, "object fewer", "objects fewer")
    told = counted(records, "record") if records >= 0 else counted(-records, "record fewer", "records fewer")
    return f"Updated {now:%H:%M} on {now:%Y-%m-%d} (UTC): {late}, {told}."
