"""Small folders made after what people met: each gives the right rows, or words that name what is wrong.

They lie in the folder `cases` of the captured logs. Their kinds are tested on logs that are made here, too, in
test_day_objects.py.
"""

import shutil
from datetime import date, datetime, timezone
from pathlib import Path

import pytest
from lake import Lake, failure
from support import CAPTURED_LOGS, files_in, report_rows

from flowlogs.errors import FlowLakeError
from pipelines.settings import Settings
from pipelines.targets import build_target

CASES = CAPTURED_LOGS / "cases"
DAY = date(2025, 3, 4)
TOP = [[13, "198.51.100.7", "10.20.1.15"], [2, "203.0.113.88", "10.20.1.16"]]
DOUBLED = [[26, "198.51.100.7", "10.20.1.15"], [4, "203.0.113.88", "10.20.1.16"]]

RIGHT = [
    ("hourly", TOP, []),
    ("huge-counters", [[3_000_000_000, "192.0.2.250", "10.20.1.15"], *TOP], []),
    ("custom-format", TOP, []),
    ("mixed-formats", [[77, "203.0.113.200", "10.20.9.9"], *TOP], []),
    ("tgw-mixed", TOP, ["fl-0ffeeddccbbaa9988_20250304T0005Z_0badf00d.log.gz is of a flow log of a transit gateway"]),
    ("bucket-prefix", TOP, []),
    ("hive-prefix", TOP, []),
    ("extra-files", TOP, ["Thumbs.db is no object", "desktop.ini, ", "manifest.json: each is no object"]),
    ("partial-sync", TOP, ["T0010Z_a1b2c3d4.log.gz.6eF3B1a2 is what a copy that was interrupted left behind"]),
    ("double-delivery", DOUBLED, ["both tell of eni-"]),
    ("unpacked-beside", DOUBLED, ["Some objects are there twice, so that their records count twice: "]),
]

REFUSED = [
    ("cw-export-in-place", "000000.gz has a timestamp in front of each record and no header line"),
    ("no-header", "has no header line. Athena passes over the first line of each object"),
]

SET_UP = [
    ("multi-account", "FLOWLAKE_ACCOUNT_ID=109876543210 FLOWLAKE_REGION=eu-west-1\n  FLOWLAKE_ACCOUNT_ID=210987654321"),
]


def here(cases: list[tuple]) -> list[tuple]:
    return [case for case in cases if (CASES / case[0]).is_dir()]


def lake_of(name: str, home: Path, instance) -> Lake:
    return Lake(CASES / name, home, instance)


@pytest.mark.parametrize(("name", "top", "warnings"), here(RIGHT), ids=lambda value: str(value)[:20])
def test_a_case_that_is_read_gives_the_rows_and_the_warnings(name, top, warnings, tmp_path, instance):
    lake = lake_of(name, tmp_path, instance)
    before = files_in(lake.logs)
    result = lake.run(DAY)
    assert result.success
    rows = [row[:3] for row in report_rows(lake.results, "top_rejected_pairs", DAY)]
    if name == "huge-counters":
        assert rows[0][0] == 3_000_000_000
    else:
        assert rows == top
    told = "\n".join(dict.fromkeys(lake.messages(result, level=30)))
    for warning in warnings:
        assert warning in told
    assert bool(warnings) == bool(told)
    assert files_in(lake.logs) == before


@pytest.mark.parametrize(("name", "words"), here(REFUSED))
def test_a_case_that_is_not_read_is_refused_by_name_before_its_day_is_a_partition(name, words, tmp_path, instance):
    lake = lake_of(name, tmp_path, instance)
    asset, told = failure(lake.run(DAY))
    assert asset == "vpc_flow_logs_partition"
    assert words in told
    assert lake.target.athena.partition_locations(lake.target.table, [DAY]) == {}
    assert not (lake.results / "reports").exists()


@pytest.mark.parametrize(("name", "words"), here(SET_UP))
def test_a_case_whose_logs_are_elsewhere_says_where(name, words, tmp_path, instance):
    asset, told = failure(lake_of(name, tmp_path, instance).run(DAY))
    assert asset == "vpc_flow_logs_bucket"
    assert words in told


@pytest.mark.parametrize("name", [name for (name,) in here([("range-one-damaged",)])])
def test_of_a_range_with_one_damaged_day_the_others_are_done(name, tmp_path, instance):
    lake = lake_of(name, tmp_path, instance)
    days = [date(2025, 3, number) for number in (4, 5, 6)]
    asset, told = failure(lake.run(days[0], days[-1]))
    assert asset == "daily_page"
    assert "2025/03/05/" in told
    assert "\nNot done: 2025-03-05. Done: 2 other days. Run again for the days not done." in told
    asset, told = failure(lake.run(days[0], days[-1], ["top_rejected_pairs"]))
    assert "has no partition for 2025-03-05" in told
    for day in (days[0], days[-1]):
        assert [row[:3] for row in report_rows(lake.results, "top_rejected_pairs", day)] == TOP


@pytest.mark.parametrize("name", [name for (name,) in here([("late-object",)])])
def test_reports_that_are_older_than_an_object_say_so(name, tmp_path, instance):
    logs = tmp_path / "logs"
    (late,) = (CASES / name).rglob("*latelate*")
    shutil.copytree(CASES / name, logs, ignore=shutil.ignore_patterns("*latelate*"))
    lake = Lake(logs, tmp_path, instance)
    assert lake.run(DAY).success
    assert lake.messages(lake.run(DAY, assets=["top_rejected_pairs"]), level=30) == []
    place = logs / late.relative_to(CASES / name)
    shutil.copy2(late, place)  # with the time of its original, as `aws s3 sync` leaves it
    (told,) = lake.messages(lake.run(DAY, assets=["top_rejected_pairs"]), level=30)
    assert told.startswith(
        f"Objects of {DAY} arrived or changed after they were read for rejected_flows: 1 objects of "
    )
    assert lake.run(DAY).success
    assert lake.messages(lake.run(DAY, assets=["top_rejected_pairs"]), level=30) == []


@pytest.mark.parametrize("name", [name for (name,) in here([("today-only",)])])
def test_todays_records_are_reported_and_told_to_be_a_part(name, tmp_path, instance):
    lake = lake_of(name, tmp_path, instance)
    (day,) = lake.target.bucket.delivered_days()
    if day > datetime.now(timezone.utc).date():
        pytest.fail(f"the case is of {day}, which is to come")
    result = lake.run(day)
    assert result.success
    assert [row[:3] for row in report_rows(lake.results, "top_rejected_pairs", day)] == TOP
    if day == datetime.now(timezone.utc).date():
        assert f"{day} is not over yet (UTC): its reports tell of a part of it." in lake.messages(result, level=30)


@pytest.mark.parametrize("name", [name for (name,) in here([("two-accounts-two-days",)])])
def test_each_account_has_results_of_its_own_and_results_are_never_shared(name, tmp_path, instance):
    folders = [
        Settings(bucket=str(CASES / name), account_id=account, region="eu-west-1").results_folder
        for account in ("109876543210", "210987654321")
    ]
    assert folders[0] != folders[1]
    lake = lake_of(name, tmp_path, instance)
    lakes = {}
    for account in ("109876543210", "210987654321"):
        lakes[account] = lake_of(name, tmp_path, instance)
        lakes[account].settings = lake.settings.model_copy(update={"account_id": account})
        lakes[account].target = build_target(lakes[account].settings)
    first, second = lakes.values()
    for day in (DAY, date(2025, 3, 5)):
        assert first.run(day).success
    before = files_in(lake.results / "reports")
    for table in ("vpc_flow_logs", "rejected_flows"):
        first.target.athena.execute(f"DROP TABLE vpc_flow_lake.{table}")
    asset, told = failure(second.run(DAY))
    assert asset == "vpc_flow_logs"
    assert "Two sources never share tables, partitions or reports: name another place in FLOWLAKE_RESULTS" in told
    assert files_in(lake.results / "reports") == before
    with pytest.raises(FlowLakeError, match="does not exist|SCHEMA|TABLE"):
        second.target.athena.execute("SELECT count(*) FROM vpc_flow_lake.rejected_flows")
