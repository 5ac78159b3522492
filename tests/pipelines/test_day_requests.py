"""When a day is requested: settled, not in a run, with growing pauses, and not without an end."""

import json
from datetime import date, datetime, timedelta, timezone

import pytest

from pipelines.day_requests import Decision, Remembered, days_as_json, days_in, decide, parse_cursor

DAY = date(2021, 9, 2)
OTHER = date(2021, 9, 1)
START = datetime(2021, 9, 3, 12, tzinfo=timezone.utc)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def requests(listings: dict[int, str], until: int, step: int = 5) -> list[int]:
    """At which minutes DAY is requested, with these listings from these minutes on; no request is ever successful."""
    remembered, asked, listing = {}, [], ""
    for minute in range(0, until, step):
        listing = listings.get(minute, listing)
        decision = decide(remembered, {DAY: listing} if listing else {}, (), at(minute))
        remembered = days_in({"days": days_as_json(decision.remembered, OTHER)})
        asked += [minute] * len(decision.requested)
    return asked


def test_a_day_is_requested_when_its_listing_stayed_the_same_for_a_quarter_of_an_hour():
    assert requests({0: "a"}, 20) == [15]
    assert requests({0: "a", 10: "b"}, 30) == [25]


def test_objects_that_keep_coming_are_read_after_six_hours():
    assert requests({minute: f"{minute}" for minute in range(0, 600, 10)}, 400) == [360]


def test_the_same_objects_are_requested_three_times_after_an_hour_and_six_more():
    assert requests({0: "a"}, 5 * 24 * 60) == [15, 75, 435]


def test_other_objects_of_the_day_wait_a_day_after_several_requests():
    assert requests({0: "a", 500: "b", 520: "c"}, 4 * 24 * 60) == [15, 75, 435, 435 + 1440, 435 + 2880, 435 + 4320]


def test_a_change_that_comes_back_is_a_new_one():
    assert requests({0: "a", 20: "", 100: "a"}, 120) == [15, 115]


def test_a_day_in_a_run_waits():
    known = {DAY: Remembered("a", at(-60).timestamp(), at(-60).timestamp())}
    decision = decide(known, {DAY: "a"}, {DAY}, START)
    assert (decision.requested, decision.waiting) == ([], {DAY: "a run of it has not ended"})
    assert decision.remembered == known


def test_a_day_that_could_not_be_looked_at_stays_as_it_is_remembered():
    known = {day: Remembered("a", 5, 5, 1, 1, 9) for day in (OTHER, DAY)}
    assert decide(known, {}, (), START, unknown=[OTHER]).remembered == {
        OTHER: Remembered("a", 5, 5, 1, 1, 9),
        DAY: Remembered("", 5, 5, 1, 1, 9),
    }


def test_a_run_key_is_that_of_days_objects_and_number_of_requests():
    def key(*known: Remembered) -> str:
        return Decision(remembered=dict(zip([OTHER, DAY], known, strict=True))).run_key([OTHER, DAY])

    one = Remembered("a", asked=1)
    assert key(one, one) == key(one, Remembered("a", seen=7, asked=1))
    assert len({key(one, one), key(one, Remembered("b", asked=1)), key(one, Remembered("a", asked=2))}) == 3
    assert key(one, one).startswith("2021-09-01...2021-09-02 ")


def test_days_before_the_first_one_are_forgotten():
    known = {OTHER: Remembered("a"), DAY: Remembered("b")}
    assert days_in(json.loads(json.dumps({"days": days_as_json(known, DAY)}))) == {DAY: Remembered("b")}


@pytest.mark.parametrize(
    "text", [None, "", "no JSON", "[1]", '{"days": [1]}', '{"days": {"x": {}}}', '{"days": {"2021-09-02": {"y": 1}}}']
)
def test_a_cursor_that_says_nothing_remembers_nothing(text):
    assert days_in(parse_cursor(text)) == {}
