"""Flow logs that delivered before and do not today, and new ones: told by their ids, though others deliver."""

from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import pytest
from lake import DAILY, Lake
from support import write_object

DAY = date(2021, 9, 10)
STOPPED = "fl-0fedcba9876543210"


def deliver(lake: Lake, day: date, flow_log: str = "fl-0123456789abcdef0", number: int = 0) -> Path:
    path = write_object(lake.logs, day, [], number=number)
    return path.rename(path.with_name(path.name.replace("fl-0123456789abcdef0", flow_log)))


def warnings(lake: Lake, first: date, last: date | None = None) -> list[str]:
    """What the check on the partition says of these days, a warning each."""
    lake.run(first, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    result = lake.run(first, last, DAILY[:1])
    assert result.success
    (check,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "objects_delivered"]
    assert check.passed is (check.description is None)
    return check.description.replace("\\", "").split("\n\n") if check.description else []


def words(day: date, number: str, before: date) -> str:
    return (
        f"{STOPPED} delivered nothing on {day}, and {number} on {before}: what it records is missing, though other "
        "flow logs deliver. Was it deleted, or its VPC, or can it not deliver any more? (See the check on "
        "vpc_flow_log.)"
    )


@pytest.mark.parametrize("ago", [1, 2, 3])
def test_a_flow_log_that_stopped_is_told_for_three_days(lake: Lake, ago: int) -> None:
    before = DAY - timedelta(days=ago)
    deliver(lake, DAY)
    deliver(lake, before, STOPPED)
    deliver(lake, before, STOPPED, 1)
    assert warnings(lake, DAY) == [words(DAY, "2 objects", before)]


def test_of_several_days_before_the_last_is_named(lake: Lake) -> None:
    deliver(lake, DAY)
    for ago in (1, 2, 3):
        deliver(lake, DAY - timedelta(days=ago), STOPPED)
    assert warnings(lake, DAY) == [words(DAY, "1 object", DAY - timedelta(days=1))]


def test_a_flow_log_that_stopped_longer_ago_is_not_told(lake: Lake) -> None:
    deliver(lake, DAY)
    deliver(lake, DAY - timedelta(days=4), STOPPED)
    assert warnings(lake, DAY) == []


def test_a_flow_log_that_still_delivers_is_not_told(lake: Lake) -> None:
    for day in (DAY - timedelta(days=1), DAY):
        deliver(lake, day, STOPPED)
        deliver(lake, day)
    assert warnings(lake, DAY) == []


def new_flow_logs(lake: Lake, day: date) -> str | None:
    """What the metadata of the day's partition says of new flow logs."""
    lake.run(day, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    result = lake.run(day, None, DAILY[:1])
    (made,) = result.asset_materializations_for_node("vpc_flow_logs_partition")
    found = made.metadata.get("new flow logs")
    return found.text if found else None


def test_a_flow_log_that_is_new_is_in_the_metadata_of_its_first_day_and_no_warning(lake: Lake) -> None:
    next_day = DAY + timedelta(days=1)
    deliver(lake, DAY, STOPPED)
    deliver(lake, next_day, STOPPED)
    for day in (DAY - timedelta(days=1), DAY, next_day):
        deliver(lake, day)
    assert warnings(lake, DAY) == []
    assert new_flow_logs(lake, DAY) == f"{STOPPED} of 123456789012 in us-east-1"
    assert new_flow_logs(lake, next_day) is None


def test_on_the_first_day_of_all_no_flow_log_is_new(lake: Lake) -> None:
    deliver(lake, DAY)
    assert new_flow_logs(lake, DAY) is None


def test_of_a_range_each_day_without_is_told(lake: Lake) -> None:
    deliver(lake, DAY, STOPPED)
    days = [DAY + timedelta(days=number) for number in range(3)]
    for day in days:
        deliver(lake, day)
    assert warnings(lake, days[0], days[-1]) == [words(day, "1 object", DAY) for day in days[1:]]


def test_a_day_that_is_not_over_is_not_told(lake: Lake) -> None:
    today = datetime.now(timezone.utc).date()
    deliver(lake, today)
    deliver(lake, today - timedelta(days=1), STOPPED)
    assert warnings(lake, today) == []
