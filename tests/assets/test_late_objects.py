"""How a day's objects differ from what its page was made from, and what of that is a reason to make it again."""

import pytest

from assets.coverage import Coverage, CoveredObject
from assets.late_objects import DayState, Difference, difference, state_of
from assets.page.day_totals import Covered

FOLDER = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/02/"


def key(number: int, ending: str = ".log.gz") -> str:
    return f"{FOLDER}123456789012_vpcflowlogs_us-east-1_fl-0a_20210902T00{number:02d}Z_{number:08x}{ending}"


def covered(**objects: tuple[int, str]) -> Coverage:
    """Objects by their numbers (`n5`), each with its size and ETag."""
    return Coverage({key(int(name[1:])): CoveredObject(*found) for name, found in objects.items()})


def page_of(read: Coverage, *, partial: bool = False) -> Covered:
    return Covered(read.count, read.size, read.digest, partial=partial)


READ = covered(n0=(100, "a"), n5=(200, "b"))


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (READ, Difference()),
        (covered(n0=(100, "a"), n5=(200, "b"), n10=(1, "c"), n15=(1, "c")), Difference(new=2)),
        (covered(n0=(100, "a"), n5=(201, "b")), Difference(replaced=1)),
        (covered(n0=(100, "a"), n5=(200, "z")), Difference(replaced=1)),
        (covered(n0=(100, ""), n5=(200, "")), Difference()),
        (covered(n0=(100, "a")), Difference(lost=1)),
        (covered(n0=(100, "a"), n5=(199, "z"), n10=(1, "c")), Difference(new=1, replaced=1, lost=1)),
        (Coverage({key(0, ".log"): CoveredObject(400, "x"), key(5): CoveredObject(200, "b")}), Difference()),
    ],
)
def test_objects_differ_by_name_size_and_etag(now, expected):
    assert difference(READ, now) == expected


def test_an_object_that_is_none_of_a_flow_log_is_new_too():
    assert difference(READ, Coverage({**READ.objects, f"{FOLDER}notes.txt": CoveredObject(3, "n")})) == Difference(
        new=1
    )


def test_names_alone_are_enough_where_an_earlier_version_stored_no_keys():
    names = {found.rpartition("/")[2]: CoveredObject(one.size) for found, one in READ.objects.items()}
    assert difference(Coverage(names), READ) == Difference()


MORE = covered(n0=(100, "a"), n5=(200, "b"), n10=(1, "c"))
REPLACED = covered(n0=(100, "a"), n5=(201, "c"), n10=(1, "c"))


@pytest.mark.parametrize(
    ("page", "read", "now", "reason"),
    [
        (page_of(READ), READ, MORE, "1 object arrived since its reports were made"),
        (page_of(READ), READ, REPLACED, "1 object arrived and 1 object changed since its reports were made"),
        (None, READ, MORE, "1 object arrived since its reports were made"),
        (None, READ, READ, ""),
        (page_of(Coverage()), Coverage(), READ, "2 objects arrived since its reports were made"),
        (page_of(READ, partial=True), READ, READ, "it was not over when its reports were made"),
        (page_of(READ), MORE, MORE, "its page is older than its datasets"),
        (page_of(READ), None, READ, "2 objects arrived since its reports were made"),
    ],
)
def test_a_day_is_made_again_for_a_reason(page, read, now, reason):
    assert state_of(page, read, now) == DayState(now.digest, reason=reason)


@pytest.mark.parametrize(
    ("now", "lost"),
    [
        (covered(n0=(100, "a")), "1 object that was read is"),
        (covered(n10=(1, "c")), "2 objects that were read are"),
        (covered(n0=(100, "a"), n5=(199, "z"), n10=(9, "c")), "1 object that was read is"),
    ],
)
def test_a_day_that_lost_objects_keeps_what_was_read(now, lost):
    expected = DayState(now.digest, lost=f"{lost} gone or smaller: its reports stay as they are")
    assert state_of(page_of(READ), READ, now) == expected
