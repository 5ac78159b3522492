"""What a flow log's days let one expect of the next, and what of a day is told: gaps, windows, objects and bytes."""

import random
from datetime import timedelta

import pytest
from deliveries import AFTER, DAY, DAYS_BEFORE, EACH_HOUR, EACH_WINDOW, ONE, TWO, delivered, key_of, windows

from flowlogs.deliveries import Deliveries, deliveries_of, expected_of, judged


def minutes(length: timedelta) -> int:
    return length // timedelta(minutes=1)


def gaps_of(now: Deliveries, before=None, at=AFTER) -> list[tuple[str, str]]:
    found = judged(ONE, DAY, now, before or {}, at)
    return [(f"{gap.since:%d %H:%M}", f"{gap.to:%d %H:%M}") for gap in found.gaps]


def alike(minutes_of_day, days=DAYS_BEFORE, size=1_000):
    return {day: delivered(minutes_of_day, day, size) for day in days}


def test_objects_are_counted_by_flow_log_and_window():
    keys = [key_of(ONE, window) for window in windows([0, 5, 7])] + [key_of(TWO, windows([1435])[0])]
    found = deliveries_of([*((key, 10) for key in keys), ("AWSLogs/notes.txt", 5)], DAY)
    assert found == {
        ONE: Deliveries(tuple(windows([0, 5])), 3, 30),
        TWO: Deliveries(tuple(windows([1435])), 1, 10),
    }


def test_windows_beside_midnight_count_and_those_of_other_days_do_not():
    found = deliveries_of([(key_of(ONE, window), 1) for window in windows([-5, 0, 1445, 3000])], DAY)[ONE]
    assert found == Deliveries(tuple(windows([-5, 0, 1445])), 4, 4)


@pytest.mark.parametrize(
    ("given", "longest"),
    [(EACH_WINDOW, 0), (EACH_HOUR, 55), ([], 1440), ([0], 1435), ([720], 720), (range(-5, 1440, 5), 0)],
    ids=["each window", "each hour", "none", "the first", "noon", "one of the day before"],
)
def test_the_longest_gap_begins_and_ends_at_midnight_too(given, longest):
    assert minutes(delivered(given).longest_gap(DAY)) == longest


def test_a_day_like_those_before_has_nothing_to_tell():
    for usual in (EACH_WINDOW, EACH_HOUR, range(0, 1440, 10), [700, 703], [], [3]):
        found = judged(ONE, DAY, delivered(usual), alike(usual), AFTER)
        assert (found.gaps, found.missing, found.begins) == ((), 0, None), usual
        assert not found.has_few_bytes and not found.has_few_objects


def test_a_hole_in_a_regular_day_is_told_with_its_windows():
    now = delivered([minute for minute in EACH_WINDOW if not 600 <= minute < 660])
    assert gaps_of(now, alike(EACH_WINDOW)) == [("09 10:00", "09 11:00")]
    assert judged(ONE, DAY, now, alike(EACH_WINDOW), AFTER).missing == 12


def test_one_window_less_than_always_is_missing_without_a_gap():
    now = delivered([minute for minute in EACH_WINDOW if minute != 600])
    found = judged(ONE, DAY, now, alike(EACH_WINDOW), AFTER)
    assert (found.gaps, found.missing, found.expected.fewest) == ((), 1, 288)


def test_half_a_day_is_told():
    assert gaps_of(delivered(range(0, 720, 60)), alike(EACH_HOUR)) == [("09 11:05", "10 00:00")]
    assert gaps_of(delivered(range(720, 1440, 60)), alike(EACH_HOUR)) == [("09 00:00", "09 12:00")]


def test_a_quiet_flow_log_may_be_as_quiet_as_it_was():
    before = {day: delivered([60 + number, 700 + number], day) for number, day in enumerate(DAYS_BEFORE)}
    assert gaps_of(delivered([5, 1300]), before) == []
    assert expected_of(delivered([5]), before).gap == timedelta(minutes=2 * 734)


def test_an_outage_before_does_not_become_what_is_expected():
    before = alike(EACH_WINDOW) | {DAYS_BEFORE[3]: delivered(range(0, 720, 5), DAYS_BEFORE[3])}
    expected = expected_of(delivered(EACH_WINDOW), before)
    assert (expected.gap, expected.windows, expected.fewest) == (timedelta(minutes=10), 288, 288)


def test_without_days_before_only_a_busy_flow_log_is_judged():
    assert gaps_of(delivered([0, 5, 1000])) == []
    assert gaps_of(delivered(range(0, 1440, 60))) == []
    assert gaps_of(delivered(range(0, 720, 5))) == [("09 12:00", "10 00:00")]
    assert gaps_of(delivered([*range(0, 600, 10), *range(650, 1440, 10)])) == []
    assert gaps_of(delivered([*range(0, 600, 10), *range(670, 1440, 10)])) == [("09 09:55", "09 11:10")]


def test_a_new_flow_log_that_begins_late_misses_nothing():
    found = judged(ONE, DAY, delivered(range(720, 1440, 5)), {}, AFTER)
    assert (found.gaps, found.missing, found.begins) == ((), 0, windows([720])[0])


def test_the_last_windows_of_a_day_that_is_not_over_are_not_missed():
    at = windows([720])[0]
    assert gaps_of(delivered(range(0, 700, 5)), alike(EACH_WINDOW), at) == []
    assert gaps_of(delivered(range(0, 600, 5)), alike(EACH_WINDOW), at) == [("09 10:00", "09 11:30")]
    assert judged(ONE, DAY, delivered(range(0, 700, 5)), alike(EACH_WINDOW), at).missing == 0


def test_less_than_half_of_the_median_is_low_unless_a_day_before_was_as_low():
    weekend = {day: delivered(EACH_WINDOW, day, 400 if number > 4 else 1_000) for number, day in enumerate(DAYS_BEFORE)}
    assert judged(ONE, DAY, delivered(EACH_WINDOW, size=499), alike(EACH_WINDOW), AFTER).has_few_bytes
    assert not judged(ONE, DAY, delivered(EACH_WINDOW, size=501), alike(EACH_WINDOW), AFTER).has_few_bytes
    assert not judged(ONE, DAY, delivered(EACH_WINDOW, size=401), weekend, AFTER).has_few_bytes
    assert judged(ONE, DAY, delivered(EACH_WINDOW, size=399), weekend, AFTER).has_few_bytes


def test_few_objects_in_the_usual_windows_are_low():
    many = {day: Deliveries(tuple(windows(EACH_WINDOW, day)), 900, 9_000) for day in DAYS_BEFORE}
    assert judged(ONE, DAY, Deliveries(tuple(windows(EACH_WINDOW)), 449, 9_000), many, AFTER).has_few_objects
    assert not judged(ONE, DAY, Deliveries(tuple(windows(EACH_WINDOW)), 450, 9_000), many, AFTER).has_few_objects


@pytest.mark.parametrize("share", [0.99, 0.8, 0.5, 0.2, 0.05, 0.02, 0.005])
@pytest.mark.parametrize("days", [3, 7])
def test_days_that_differ_by_chance_are_seldom_told(share, days):
    chance, told = random.Random(1), 0

    def any_day(day):
        return delivered([minute for minute in EACH_WINDOW if chance.random() < share], day)

    for _ in range(200):
        before = {day: any_day(day) for day in DAYS_BEFORE[-days:]}
        found = judged(ONE, DAY, any_day(DAY), {day: one for day, one in before.items() if one.objects}, AFTER)
        told += bool(found.gaps or found.missing or found.has_few_bytes or found.has_few_objects)
    assert told <= 5
