"""The figure of a day and its reasons, in exact words."""

from datetime import timedelta
from fractions import Fraction

import pytest
from deliveries import AFTER, DAY, DAYS_BEFORE, EACH_HOUR, EACH_WINDOW, ONE, TWO, delivered, windows

from flowlogs.completeness import (
    MOST_REASONS,
    Completeness,
    Reason,
    Records,
    completeness,
    day_deliveries,
    duration_text,
    percent_text,
)

LOOK = (
    "Look at the flow log's status (the check on vpc_flow_log), at the bucket's policy, and whether objects lie in "
    "another folder; then materialize the day again."
)
WEEK = "Compared with the 7 days before."
ALONE = "No day before has objects: computed from the day's own objects and records."


def week(minutes=EACH_WINDOW, *flow_logs: str, size=1_000):
    return {day: {one: delivered(minutes, day, size) for one in flow_logs or (ONE,)} for day in DAYS_BEFORE}


def figure(now, before, records=Records(all=100), at=AFTER, **others) -> Completeness:  # noqa: B008
    objects = sum(found.objects for found in now.values())
    return completeness(day_deliveries(DAY, now, before, at), records, objects, **others)


def test_a_whole_day_is_100_percent():
    assert figure({ONE: delivered(EACH_WINDOW)}, week()) == Completeness(100, (), WEEK)


def test_a_day_without_days_before_says_from_what_it_was_computed():
    assert figure({ONE: delivered([5])}, {}) == Completeness(100, (), ALONE)
    two = {day: found for day, found in week().items() if day in DAYS_BEFORE[:2]}
    assert figure({ONE: delivered([5])}, two).basis == (
        "Only 2 of the 7 days before have objects, too few to learn from: computed from the day's own objects and "
        "records."
    )


def test_a_hole_lowers_the_figure_by_its_windows():
    now = {ONE: delivered([minute for minute in EACH_WINDOW if not 600 <= minute < 660])}
    assert figure(now, week()) == Completeness(
        95,  # 276 of 288
        (
            Reason(
                f"{ONE} delivered nothing from 10:00 to 11:00 (UTC), 1 h; up to 10 min are expected after the 7 days "
                f"before. {LOOK}"
            ),
            Reason(f"{ONE} delivered in 276 windows of 5 minutes, and in 288 on the 7 days before (median). {LOOK}"),
        ),
        WEEK,
    )


def test_a_day_that_ends_at_noon():
    found = figure({ONE: delivered(range(0, 720, 60))}, week(EACH_HOUR))
    assert (found.percent, found.texts[0]) == (
        50,
        f"{ONE} delivered nothing after 11:05 (UTC): the day's last 12 h 55 min are missing; up to 1 h 50 min are "
        f"expected after the 7 days before. {LOOK}",
    )


def test_a_day_that_begins_at_noon():
    found = figure({ONE: delivered(range(720, 1440, 60))}, week(EACH_HOUR))
    assert (found.percent, found.texts[0]) == (
        50,
        f"{ONE} delivered nothing before 12:00 (UTC): the day's first 12 h are missing; up to 1 h 50 min are expected "
        f"after the 7 days before. {LOOK}",
    )


def test_half_a_day_without_days_before_is_judged_by_the_default():
    found = figure({ONE: delivered(range(0, 720, 5))}, {})
    assert (found.percent, found.texts) == (
        50,
        [
            f"{ONE} delivered nothing after 12:00 (UTC): the day's last 12 h are missing; up to 1 h are expected where "
            f"there are too few days before to learn from. {LOOK}"
        ],
    )


def test_a_flow_log_that_stopped_lowers_the_figure_and_is_told_elsewhere():
    found = figure({ONE: delivered(EACH_WINDOW)}, week(EACH_WINDOW, ONE, TWO), others=[Reason("told")])
    assert (found.percent, found.texts) == (50, ["told"])


def test_a_flow_log_that_stopped_long_ago_is_not_missed():
    before = {
        day: ({ONE: found[ONE]} if ago <= 3 else found) for ago, (day, found) in _by_age(week(EACH_WINDOW, ONE, TWO))
    }
    assert figure({ONE: delivered(EACH_WINDOW)}, before).percent == 100


def _by_age(days):
    return [((DAY - day).days, (day, found)) for day, found in days.items()]


def test_a_new_flow_log_is_told_without_a_warning():
    found = figure({ONE: delivered(EACH_WINDOW), TWO: delivered(range(720, 1440, 5))}, week())
    assert (found.percent, found.warnings, found.texts) == (
        99,
        [],
        [
            f"{TWO} delivered nothing before 12:00 (UTC), and nothing on the days before: it seems to be new. If it is "
            "not, what it recorded before is missing."
        ],
    )


def test_few_bytes_and_few_objects_are_told_with_the_median():
    assert figure({ONE: delivered(EACH_WINDOW, size=499)}, week()).texts == [
        f"{ONE} delivered 143,712 bytes, less than half of the median of the 7 days before (288,000): less was "
        "recorded than usual. Was its traffic type changed, or did something stop that it records?"
    ]


def test_many_gaps_are_counted():
    now = {ONE: delivered([minute for minute in EACH_WINDOW if minute % 120 >= 60])}
    found = figure(now, week())
    assert found.texts[3] == f"{ONE} has 9 more gaps that are longer than expected."
    assert found.percent == 50


@pytest.mark.parametrize(
    ("records", "percent", "warns", "text"),
    [
        (
            Records(all=1_000, skipped=30),
            97,
            True,
            "30 records are SKIPDATA, 3 % of all: at least 30 records stand for lost ones. AWS could not record some "
            "traffic, and nobody can bring it back; if this comes often, ask AWS Support.",
        ),
        (
            Records(all=100_000, skipped=1),
            99,
            False,
            "1 record is SKIPDATA, less than 0.1 % of all: at least 1 record stands for lost ones. AWS could not "
            "record some traffic, and nobody can bring it back; if this comes often, ask AWS Support.",
        ),
        (
            Records(all=1_000, unreadable=2),
            99,
            True,
            "2 records are unreadable: neither an action nor a status that AWS defines. The examples show what to look "
            "for in the objects.",
        ),
        (
            Records(all=10, odd=1),
            90,
            True,
            "1 record lacks a number that belongs there, or it does not parse: counted as records, but in no sum. The "
            "examples show what to look for in the objects.",
        ),
        (
            Records(all=100, no_data=95, usual_no_data=0.1),
            99,
            True,
            "95 % of the records are NODATA, and 10 % were on the days before (median): hardly any traffic was "
            "recorded. Look whether the interfaces still have some.",
        ),
    ],
)
def test_records_that_are_not_what_they_should_be(records, percent, warns, text):
    found = figure({ONE: delivered(EACH_WINDOW)}, week(), records)
    assert (found.percent, found.reasons) == (percent, (Reason(text, warns),))


@pytest.mark.parametrize(
    "records",
    [Records(all=10, no_data=10), Records(all=10, no_data=10, usual_no_data=0.9), Records()],
    ids=["no days before", "always so", "no records"],
)
def test_no_data_is_no_reason_where_it_is_usual(records):
    assert figure({ONE: delivered(EACH_WINDOW)}, week(), records).percent == 100


def test_objects_that_were_not_read_lower_the_figure():
    found = figure({ONE: delivered(EACH_HOUR)}, week(EACH_HOUR), unread=["a", "b"], uncounted=["b"])
    assert (found.percent, found.texts) == (
        91,  # 22 of 24
        [
            "2 objects could not be read: a, b. What they recorded is missing. Restore or copy them again, then "
            "materialize the day again.",
            "1 object came or changed after the day was read: b. These records are not counted. Materialize the day "
            "again, from the datasets on.",
        ],
    )


def test_shares_are_multiplied_and_rounded_down():
    now = {ONE: delivered(range(0, 720, 60))}
    assert figure(now, week(EACH_HOUR), Records(all=3, skipped=1), unread=["a"]).percent == int(50 * 2 / 3 * 11 / 12)


def test_nothing_delivered_is_0_percent():
    found = figure({}, week())
    assert (found.percent, found.texts) == (
        0,
        ["Nothing was delivered. Look at the check on vpc_flow_log, then at the bucket's policy."],
    )
    assert figure({}, {}).percent == 0


def test_a_day_that_is_not_over_is_a_part_of_itself():
    found = day_deliveries(DAY, {ONE: delivered(range(0, 360, 5))}, week(), windows([365])[0])
    assert (found.share, found.is_over) == (Fraction(365, 1440), False)
    assert day_deliveries(DAY, {}, {}, windows([-60])[0]).share == 0


def test_a_reason_keeps_the_figure_below_100():
    assert figure({ONE: delivered(EACH_WINDOW)}, week(), others=[Reason("x", warns=False)]).percent == 99


def test_too_many_reasons_are_counted():
    found = figure({ONE: delivered(EACH_WINDOW)}, week(), others=[Reason("x", warns=False)] * (MOST_REASONS + 2))
    assert found.texts[-1] == "And 2 more reasons, which the checks' descriptions have."
    assert len(found.texts) == MOST_REASONS + 1
    assert found.warnings == []


@pytest.mark.parametrize(("minutes", "text"), [(0, "0 min"), (5, "5 min"), (60, "1 h"), (1435, "23 h 55 min")])
def test_durations(minutes, text):
    assert duration_text(timedelta(minutes=minutes)) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(Fraction(1), "100 %"), (Fraction(1, 3), "33.3 %"), (Fraction(0), "0 %"), (Fraction(1, 2000), "less than 0.1 %")],
)
def test_percents(share, text):
    assert percent_text(share) == text
