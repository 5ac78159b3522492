"""Which days are due and have no page."""

from datetime import date, datetime, timedelta, timezone

import pytest

from assets.missed_days import CATCH_UP_DAYS, came_evaluation, last_due_day, missed_days

DAY = date(2021, 9, 20)
NOON = datetime(2021, 9, 21, 12, tzinfo=timezone.utc)


def back(*days: int) -> list[date]:
    return [DAY - timedelta(days=ago) for ago in days]


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ((2021, 9, 21, 1, 59), date(2021, 9, 19)),
        ((2021, 9, 21, 2, 0), date(2021, 9, 20)),
        ((2021, 9, 22, 0, 0), date(2021, 9, 20)),
        ((2022, 1, 1, 2, 0), date(2021, 12, 31)),
    ],
)
def test_a_day_is_due_at_two_utc_of_the_next(moment, day):
    assert last_due_day(datetime(*moment, tzinfo=timezone.utc)) == day


@pytest.mark.parametrize(
    ("made", "since", "missed"),
    [
        ([], None, []),
        (back(0), None, []),
        (back(3, 1), None, back(2, 0)),
        (back(13), None, back(*range(12, -1, -1))),
        (back(14), None, []),  # longer ago than is looked back
        ([], 1, back(1, 0)),
        (back(0), 2, back(2, 1)),
        (back(5), 2, back(4, 3, 2, 1, 0)),
        ([], 40, back(*range(CATCH_UP_DAYS - 1, -1, -1))),
        ([], -1, []),
    ],
)
def test_days_are_missed_from_the_first_one_on(made, since, missed):
    first = None if since is None else DAY - timedelta(days=since)
    assert missed_days(made, NOON, first) == missed


def test_the_check_names_the_days_and_what_to_do():
    assert came_evaluation([]).passed
    found = came_evaluation(back(2, 0))
    assert not found.passed
    assert found.description == (
        "No pages of 2021-09-18, 2021-09-20: the page of a day is due at 02:00 UTC of the next one. Did the daemon "
        "run, and the schedule daily_reject_reports_schedule? If there is a run of the day, it says why it failed. To "
        "make the days: dagster asset materialize --select 'vpc_flow_logs_partition\\*' --partition-range "
        "2021-09-18...2021-09-20 -m pipelines.definitions"
    )
