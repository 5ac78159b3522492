"""Days on which flow logs failed quietly, made on purpose: what checks, metadata, the page and `make run` say."""

import gzip
import html
import json
import re
from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest
from delivery_windows import DAY, DAYS_BEFORE, EACH_HOUR, ONE, THREE, TWO, accepted, deliver
from lake import DAILY, Lake, metadata
from support import CAPTURED_LOGS

from assets.coverage import coverage_of
from pipelines.commands.terminal import print_day

INFRASTRUCTURE = ["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"]
PARTITION = "vpc_flow_logs_partition"
PAGE = "daily_page"
EVERYTHING = [*INFRASTRUCTURE, *DAILY, PAGE]
LOOK = (
    "Look at the flow log's status (the check on vpc_flow_log), at the bucket's policy, and whether objects lie in "
    "another folder; then materialize the day again."
)
SKIPPED = "2 123456789012 eni-0b - - - - - - - 1631145600 1631145660 - SKIPDATA"
SKIPPED_NEXT_DAY = "2 123456789012 eni-0b - - - - - - - 1631232000 1631232060 - SKIPDATA"
DROPPED = "2 123456789012 eni-0b <b>evil</b> 10.0.0.6 1 2 6 1 40 1631145600 1631145660 DROP OK"
SHORT = "2 123456789012 eni-0b 10.0.0.5"
NO_PROTOCOL = "2 123456789012 eni-0c 10.0.0.5 10.0.0.6 1 2 six 1 40 1631145600 1631145660 ACCEPT OK"


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A folder with the week before DAY, in which two flow logs delivered each hour."""
    for day in DAYS_BEFORE:
        deliver(tmp_path / "logs", day, EACH_HOUR, ONE)
        deliver(tmp_path / "logs", day, EACH_HOUR, TWO)
    return tmp_path / "logs"


@pytest.fixture
def lake(logs: Path, tmp_path: Path, instance: dg.DagsterInstance) -> Lake:
    return Lake(logs, tmp_path, instance)


def checks(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    assert result.success
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def told(check: dg.AssetCheckEvaluation) -> list[str]:
    """The lines of a check's description, without Markdown's escapes."""
    assert check.severity == dg.AssetCheckSeverity.WARN
    lines = (check.description or "").splitlines()
    return [re.sub(r"\\(.)", r"\1", line.removeprefix("- ")) for line in lines if line]


def numbers(check: dg.AssetCheckEvaluation) -> dict[str, object]:
    return {name: value.value for name, value in check.metadata.items()}


def values(result: dg.ExecuteInProcessResult, asset: str, *names: str, day: date = DAY) -> list[object]:
    found = metadata(result, asset)[str(day)]
    return [found[name].value for name in names]


def page_text(lake: Lake, day: date = DAY) -> str:
    """The text of the top of a day's page."""
    text = (lake.results / f"reports/{day}.html").read_text()
    top = text[text.index('<div class="completeness') : text.index("<main>")]
    return html.unescape(" ".join(re.sub("<[^>]+>", " ", top).split()))


def test_a_healthy_day_is_100_percent_and_nothing_is_told(lake, capsys):
    deliver(lake.logs, DAY, EACH_HOUR, ONE)
    deliver(lake.logs, DAY, EACH_HOUR, TWO)
    result = lake.run(DAY, assets=EVERYTHING)
    assert {name: check.passed for name, check in checks(result).items() if not check.passed} == {}
    assert values(result, PAGE, "complete in percent", "odd records", "why not complete") == [100, 0, "-"]
    assert values(
        result, PARTITION, "windows with objects", "windows expected", "windows missing", "longest gap in minutes"
    ) == [48, 48, 0, 55]
    assert values(result, PARTITION, "share delivered in percent", "first window", "last window") == [
        100.0,
        "00:00 UTC",
        "23:00 UTC",
    ]
    assert values(result, PARTITION, "objects", "objects on the days before") == [48, 48.0]
    assert page_text(lake) == "✓ 100 % complete Compared with the 7 days before."
    print_day(lake.target.results, DAY, is_simulated=False)
    assert "100 % complete. Compared with the 7 days before.\n" in capsys.readouterr().out


def test_a_day_on_which_everything_went_wrong(lake, capsys):
    """One flow log stopped at noon, another delivered nothing from 06:00 to 12:00, a third one nothing at all."""
    for day in DAYS_BEFORE:
        deliver(lake.logs, day, EACH_HOUR, THREE)
    deliver(lake.logs, DAY, range(0, 720, 60), ONE)
    odd = [SKIPPED, SKIPPED, DROPPED, SHORT, NO_PROTOCOL]
    deliver(lake.logs, DAY, [0], TWO, [accepted(DAY, 0, TWO)] * 71 + odd)
    deliver(lake.logs, DAY, [*range(60, 360, 60), *range(720, 1380, 60)], TWO)
    (empty,) = deliver(lake.logs, DAY, [1380], TWO)
    empty.write_bytes(b"")
    result = lake.run(DAY, assets=EVERYTHING)
    found = checks(result)
    stopped = (
        f"{THREE} delivered nothing on {DAY}, and 24 objects on {DAYS_BEFORE[-1]}: what it records is missing, though "
        "other flow logs deliver. Was it deleted, or its VPC, or can it not deliver any more? (See the check on "
        "vpc_flow_log.)"
    )
    irregular = [
        f"{ONE} delivered nothing after 11:05 (UTC): the day's last 12 h 55 min are missing; up to 1 h 50 min are "
        f"expected after the 7 days before. {LOOK}",
        f"{ONE} delivered in 12 windows of 5 minutes, and in 24 on the 7 days before (median). {LOOK}",
        f"{TWO} delivered nothing from 05:05 to 12:00 (UTC), 6 h 55 min; up to 1 h 50 min are expected after the 7 "
        f"days before. {LOOK}",
        f"{TWO} delivered in 18 windows of 5 minutes, and in 24 on the 7 days before (median). {LOOK}",
    ]
    assert told(found["objects_delivered"]) == [stopped]
    assert told(found["delivered_all_day"]) == irregular
    assert numbers(found["delivered_all_day"]) == {
        "days looked at": 1,
        "warnings": 4,
        "windows expected": 72,
        "windows missing": 42,
        "lowest share delivered in percent": 41.67,
    }
    assert values(result, PARTITION, "flow logs", "flow logs that stopped", "last window") == [2, 1, "23:00 UTC"]
    records = [
        f"1 object could not be read: {empty}. What they recorded is missing. Restore or copy them again, then "
        "materialize the day again.",
        "2 records are SKIPDATA, 1.9 % of all: at least 2 records stand for lost ones. AWS could not record some "
        "traffic, and nobody can bring it back; if this comes often, ask AWS Support.",
        "2 records are unreadable: neither an action nor a status that AWS defines. The examples show what to look "
        "for in the objects.",
        "1 record lacks a number that belongs there, or it does not parse: counted as records, but in no sum. The "
        "examples show what to look for in the objects.",
    ]
    # 30 of 72 windows, 29 of 30 objects, 99 of 104 records.
    assert numbers(found["day_complete"])["complete in percent"] == int(100 * 30 / 72 * 29 / 30 * 99 / 104) == 38
    assert told(found["day_complete"]) == [*irregular, *records, stopped]
    assert {
        name: numbers(found["day_complete"])[name] for name in ("records that stand for lost ones", "odd records")
    } == {
        "records that stand for lost ones": 2,
        "odd records": 3,
    }
    assert values(result, PAGE, "complete in percent", "records", "SKIPDATA records in percent") == [38, 104, 1.92]
    top = page_text(lake)
    assert top.startswith(f"⚠ 38 % complete , for {9 + warnings_of_inspection(lake)} reasons: {irregular[0]} ")
    page = (lake.results / f"reports/{DAY}.html").read_text()
    for text in [*irregular, *records, stopped]:
        assert html.escape(text, quote=False).replace("'", "&#39;") in page
    assert "sourceaddress &lt;b&gt;evil&lt;/b&gt;, destinationaddress 10.0.0.6" in page
    assert "<b>evil" not in page
    assert "interfaceid eni-0b, sourceaddress 10.0.0.5, destinationaddress NULL" in page
    assert "interfaceid eni-0c, sourceaddress 10.0.0.5, destinationaddress 10.0.0.6, protocol NULL" in page
    capsys.readouterr()
    print_day(lake.target.results, DAY, is_simulated=False)
    printed = capsys.readouterr().out
    assert f"38 % complete. Compared with the 7 days before.\n  - {irregular[0]}\n  - {irregular[1]}\n" in printed
    assert "more, on the page." in printed


def warnings_of_inspection(lake: Lake) -> int:
    """How many reasons come from the inspection of the day's objects: they have checks of their own."""
    summary = json.loads((lake.results / f"reports/day_totals/{DAY}.json").read_text())
    return len(summary["reasons"]) - 9


def test_a_day_on_which_nothing_was_delivered(lake):
    result = lake.run(DAY, assets=EVERYTHING)
    found = checks(result)
    assert told(found["objects_delivered"])[0].startswith(f"Nothing was delivered on {DAY}: ")
    assert told(found["day_complete"]) == [
        "Nothing was delivered. Look at the check on vpc_flow_log, then at the bucket's policy."
    ]
    assert values(result, PAGE, "complete in percent", "objects covered") == [0, 0]
    assert values(result, PARTITION, "windows expected", "windows missing", "share delivered in percent") == [
        48,
        48,
        0.0,
    ]
    assert page_text(lake) == (
        "⚠ 0 % complete , for 1 reason: Nothing was delivered. Look at the check on vpc_flow_log, then at the bucket's "
        "policy. Compared with the 7 days before."
    )


def test_a_quiet_vpc_is_not_told(tmp_path, instance):
    for number, day in enumerate([*DAYS_BEFORE, DAY]):
        deliver(tmp_path / "logs", day, [30 + 17 * number, 600 + 51 * number, 700 + 90 * number][: 1 + number % 3])
    lake = Lake(tmp_path / "logs", tmp_path, instance)
    result = lake.run(DAY, assets=EVERYTHING)
    assert [name for name, check in checks(result).items() if not check.passed] == []
    assert values(result, PAGE, "complete in percent") == [100]


def test_half_a_day_is_told_without_any_day_before(tmp_path, instance):
    deliver(tmp_path / "logs", DAY, range(0, 720, 5))
    lake = Lake(tmp_path / "logs", tmp_path, instance)
    result = lake.run(DAY, assets=[*INFRASTRUCTURE, PARTITION])
    assert told(checks(result)["delivered_all_day"]) == [
        f"{ONE} delivered nothing after 12:00 (UTC): the day's last 12 h are missing; up to 1 h are expected where "
        f"there are too few days before to learn from. {LOOK}"
    ]
    assert values(result, PARTITION, "compared with", "share delivered in percent") == [
        "No day before has objects: computed from the day's own objects and records.",
        50.0,
    ]


def test_today_is_a_part_of_itself(tmp_path, instance):
    today = datetime.now(timezone.utc).date()
    deliver(tmp_path / "logs", today, [0], ONE)
    lake = Lake(tmp_path / "logs", tmp_path, instance)
    result = lake.run(today, assets=EVERYTHING)
    assert [name for name, check in checks(result).items() if not check.passed] == ["objects_understood"]
    (percent,) = values(result, PAGE, "complete in percent", day=today)
    assert 0 <= percent < 100
    assert f"{today} is not over yet (UTC): its reports tell of a part of it." in page_text(lake, today)


@pytest.mark.parametrize(
    ("folder", "day"),
    [
        ("us-east-1-2021-09-02", date(2021, 9, 2)),
        ("eu-west-2-2022-02-21", date(2022, 2, 21)),
        ("nodata-2023-03-21", date(2023, 3, 21)),
        ("parquet-eu-west-3-2022-08-31", date(2022, 8, 31)),
    ],
)
def test_a_captured_day_gives_no_alarm(folder, day, tmp_path, instance):
    if not (CAPTURED_LOGS / folder).is_dir():
        pytest.skip("needs the captured logs (FLOWLAKE_TEST_LOGS)")
    lake = Lake(CAPTURED_LOGS / folder, tmp_path, instance)
    result = lake.run(day, assets=EVERYTHING)
    assert [name for name, check in checks(result).items() if not check.passed] == []
    assert values(result, PAGE, "complete in percent", day=day) == [100]


# Coverage


def versions(result: dg.ExecuteInProcessResult) -> dict[tuple[str, str | None], str]:
    made = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {(one.asset_key.to_user_string(), one.partition): one.tags["dagster/data_version"] for one in made}


def test_the_coverage_is_the_data_version_and_changes_with_an_object(lake):
    (path,) = deliver(lake.logs, DAY, [0])
    result = lake.run(DAY, assets=EVERYTHING)
    prefix = path.relative_to(lake.logs).parent.as_posix()
    digest = coverage_of(lake.target.bucket.objects.list(f"{prefix}/")).digest
    made = [name for name in DAILY if name != PARTITION]
    assert {name: versions(result)[name, str(DAY)] for name in [*made, PAGE]} == dict.fromkeys([*made, PAGE], digest)
    assert values(result, "rejected_flows", "coverage", "objects covered", "bytes covered") == [
        digest,
        1,
        path.stat().st_size,
    ]
    assert versions(lake.run(DAY, assets=[*DAILY, PAGE]))[PAGE, str(DAY)] == digest
    deliver(lake.logs, DAY, [5])
    assert versions(lake.run(DAY, assets=[*DAILY, PAGE]))[PAGE, str(DAY)] != digest


def test_days_of_a_range_share_a_version_and_have_a_coverage_of_their_own(lake):
    deliver(lake.logs, DAY, [0])
    assert lake.run(DAYS_BEFORE[-1], assets=INFRASTRUCTURE).success
    result = lake.run(DAYS_BEFORE[-1], DAY, [PARTITION, "rejected_flows"])
    assert len({version for (name, _), version in versions(result).items() if name == "rejected_flows"}) == 1
    found = metadata(result, "rejected_flows")
    assert len({found[str(day)]["coverage"].value for day in (DAYS_BEFORE[-1], DAY)}) == 2


def test_where_one_day_fails_the_others_have_versions_of_their_own(lake):
    (damaged,) = deliver(lake.logs, DAY, [0])
    damaged.write_bytes(damaged.read_bytes()[:-12])
    assert lake.run(DAY, assets=INFRASTRUCTURE).success
    assert lake.run(DAYS_BEFORE[-1], DAY, [PARTITION]).success
    result = lake.run(DAYS_BEFORE[-1], DAY, ["rejected_flows"])
    assert not result.success
    ((key, version),) = versions(result).items()
    assert key == ("rejected_flows", str(DAYS_BEFORE[-1]))
    assert version == metadata(result, "rejected_flows")[str(DAYS_BEFORE[-1])]["coverage"].value


def test_an_object_that_came_after_the_scan_is_not_counted_and_told(lake):
    deliver(lake.logs, DAY, EACH_HOUR, ONE)
    deliver(lake.logs, DAY, EACH_HOUR, TWO)
    assert lake.run(DAY, assets=EVERYTHING).success
    (late,) = deliver(lake.logs, DAY, [5], TWO)
    result = lake.run(DAY, assets=[PAGE])
    words = (
        f"1 object came or changed after the day was read: {late}. These records are not counted. Materialize the day "
        "again, from the datasets on."
    )
    assert told(checks(result)["day_complete"]) == [words]
    assert values(result, PAGE, "complete in percent", "objects covered") == [97, 48]  # 48 of 49


def test_datasets_from_other_objects_are_told(lake):
    deliver(lake.logs, DAY, [0])
    assert lake.run(DAY, assets=EVERYTHING).success
    deliver(lake.logs, DAY, [5], lines=[])
    path = deliver(lake.logs, DAY, [5])[0]
    path.write_bytes(gzip.compress(b"", mtime=0))  # no record more: the counts agree
    assert lake.run(DAY, assets=["rejected_flows"]).success
    result = lake.run(DAY, assets=[PAGE])
    check = checks(result)["records_add_up"]
    assert re.fullmatch(
        rf"{DAY}: rejected_flows was made from 2 objects of \d+ bytes, and traffic_by_hour from 1 object of \d+ bytes. "
        "Materialize the three datasets for that day together.",
        told(check)[0],
    )
    assert numbers(check)["objects covered"] == 1


def test_checks_of_a_range_name_the_day(lake):
    deliver(lake.logs, DAY, EACH_HOUR, ONE)
    deliver(lake.logs, DAY, EACH_HOUR, TWO)
    deliver(lake.logs, DAY + timedelta(days=1), [0], ONE, [SKIPPED_NEXT_DAY])
    deliver(lake.logs, DAY + timedelta(days=1), EACH_HOUR[1:], ONE)
    deliver(lake.logs, DAY + timedelta(days=1), EACH_HOUR, TWO)
    assert lake.run(DAY, assets=INFRASTRUCTURE).success
    check = checks(lake.run(DAY, DAY + timedelta(days=1), [*DAILY, PAGE]))["day_complete"]
    (text,) = told(check)
    assert text.startswith(
        f"{DAY + timedelta(days=1)}: 1 record is SKIPDATA, 2.1 % of all: at least 1 record stands for"
    )
    assert numbers(check)["days"] == f"- {DAY}: 100 %\n- {DAY + timedelta(days=1)}: 97 %"
