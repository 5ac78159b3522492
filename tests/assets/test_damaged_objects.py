"""A damaged object fails its own day of a range, by name, and all that the other days have is made; or, where a setting
says so, its day is made without it and says so itself.
"""

import gzip
import json
import random
import re
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import dagster as dg
import pytest
from deliveries import as_format, deliver
from lake import DAILY, TABLE, Lake, failure, metadata
from support import DAY, FEW_PACKETS, FEW_REPORTS, MANY_PACKETS, NEXT_DAY, files_in, on_day, report_rows, write_object

from assets.datasets.files import stored_coverage
from flowlogs.datasets import DATASETS
from flowlogs.delivery import Delivery
from flowlogs.record_format import DEFAULT_FORMAT
from flowlogs.statements import TableName
from resources.bucket import StoredObject
from resources.engine import QueryError
from resources.object_damage import damage_of

FIRST = date(2021, 9, 1)
LAST_DAY = NEXT_DAY + timedelta(days=1)
ALL_DAYS = [FIRST + timedelta(days=number) for number in range(100)]
BAD_DAY = ALL_DAYS[40]
PARQUET = Delivery(as_format(DEFAULT_FORMAT, parquet=True))
BEFORE = ["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"]


def random_records(day: date, number: int) -> list[str]:
    """Records that take more than 64 KB as gzip, so that the first look at the object sees a part of it."""
    rnd = random.Random(number)
    lines = []
    for _ in range(number):
        fields = on_day(FEW_PACKETS, day).split()
        fields[2] = f"eni-{rnd.getrandbits(64):016x}"
        fields[3] = ".".join(str(rnd.randrange(1, 255)) for _ in range(4))
        lines.append(" ".join(fields))
    return lines


def broken_start(path: Path) -> None:
    path.write_bytes(b"\x1f\x8b\x08\x00" + bytes(100))


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def broken_in_the_middle(path: Path) -> None:
    data = path.read_bytes()
    assert len(data) > 2 * 64 << 10
    at = len(data) * 3 // 4
    path.write_bytes(data[:at] + bytes(2000) + data[at + 2000 :])


def bad_footer(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-4] + b"XXXX")


def bad_page(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(400) + data[404:])


DAMAGES: dict[str, tuple[Callable[[Path], None], bool]] = {
    "broken start": (broken_start, False),
    "cut off": (cut_off, False),
    "broken in the middle": (broken_in_the_middle, False),
    "Parquet footer": (bad_footer, True),
    "Parquet page": (bad_page, True),
}


def damaged_lake(tmp_path: Path, instance: dg.DagsterInstance, damage: str, **settings: object) -> tuple[Lake, Path]:
    """Three days, of which the middle one has a good object and a damaged one."""
    (tmp_path / "logs").mkdir()
    lake = Lake(tmp_path / "logs", tmp_path, instance, **settings)
    how, parquet = DAMAGES[damage]
    for day in (DAY, NEXT_DAY, LAST_DAY):
        lines = [on_day(MANY_PACKETS, day)]
        if parquet:
            deliver(lake.logs, PARQUET, day, lines)
        else:
            write_object(lake.logs, day, lines)
    bad = random_records(NEXT_DAY, 10_000 if damage == "broken in the middle" else 200)
    path = (
        deliver(lake.logs, PARQUET, NEXT_DAY, bad, number=9)
        if parquet
        else write_object(lake.logs, NEXT_DAY, bad, number=9)
    )
    how(path)
    return lake, path


def packets(lake: Lake, day: date) -> list[list[object]]:
    return report_rows(lake.results, "top_rejected_pairs", day)


def pair(day: date) -> list[list[object]]:
    return [[40, "203.0.113.9", "10.0.0.5", str(day)]]


def warnings(lake: Lake, result: dg.ExecuteInProcessResult) -> list[str]:
    return list(dict.fromkeys(lake.messages(result, level=30)))


# A damaged object fails its own day


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_object_fails_its_day_and_the_others_get_reports_and_pages(tmp_path, instance, damage):
    lake, path = damaged_lake(tmp_path, instance, damage)
    result = lake.run(DAY, LAST_DAY)
    asset, words = failure(result)
    assert not result.success
    assert asset == "daily_page"
    assert words.startswith(f"{path} cannot be read ")
    assert words.endswith(f"\nNot done: {NEXT_DAY}. Done: 2 other days. Run again for the days not done.")
    for name in [*DATASETS, *FEW_REPORTS, "daily_page"]:
        assert sorted(metadata(result, name)) == [str(DAY), str(LAST_DAY)]
    assert [packets(lake, day) for day in (DAY, LAST_DAY)] == [pair(DAY), pair(LAST_DAY)]
    files = files_in(lake.results / "reports")
    assert [name for name in files if str(NEXT_DAY) in name] == []
    assert {f"{DAY}.html", f"{LAST_DAY}.html"} <= files.keys()
    assert lake.messages(result, level=40)[0] == words


def test_of_100_days_99_have_reports_and_pages_and_one_is_named(tmp_path, instance):
    lake = Lake(tmp_path / "logs", tmp_path, instance)
    for day in ALL_DAYS:
        path = write_object(lake.logs, day, [on_day(MANY_PACKETS, day)])
        if day == BAD_DAY:
            cut_off(path)
            bad = path
    result = lake.run(ALL_DAYS[0], ALL_DAYS[-1])
    asset, words = failure(result)
    assert asset == "daily_page" and words.startswith(f"{bad} cannot be read to its end: ")
    assert words.endswith(f"\nNot done: {BAD_DAY}. Done: 99 other days. Run again for the days not done.")
    good = [day for day in ALL_DAYS if day != BAD_DAY]
    assert [packets(lake, day) for day in good] == [pair(day) for day in good]
    pages = {path.stem for path in (lake.results / "reports").glob("2021-*.html")}
    assert pages == {str(day) for day in good}
    for name in [*DATASETS, *FEW_REPORTS, "daily_page"]:
        assert sorted(metadata(result, name)) == list(map(str, good))


def test_what_the_failed_day_had_before_stays_and_no_report_is_made_from_it(lake):
    assert lake.run(DAY, NEXT_DAY).success
    before = {name: digest for name, digest in files_in(lake.results / "reports").items() if str(NEXT_DAY) in name}
    assert before
    for name in before:
        path = lake.results / "reports" / name
        path.touch()
    times = {name: (lake.results / "reports" / name).stat().st_mtime_ns for name in before}
    cut_off(write_object(lake.logs, NEXT_DAY, [on_day(FEW_PACKETS, NEXT_DAY)], number=9))
    write_object(lake.logs, DAY, [FEW_PACKETS], number=9)
    result = lake.run(DAY, NEXT_DAY)
    assert f"\nNot done: {NEXT_DAY}. Done: 1 other day." in failure(result)[1]
    assert packets(lake, DAY)[0] == [54, "203.0.113.9", "10.0.0.5", str(DAY)]
    assert {name: (lake.results / "reports" / name).stat().st_mtime_ns for name in before} == times
    assert list(metadata(result, "top_rejected_pairs")) == [str(DAY)]


def test_the_days_count_as_made_and_the_failed_one_does_not(lake):
    cut_off(write_object(lake.logs, NEXT_DAY, [FEW_PACKETS], number=9))
    lake.run(DAY, NEXT_DAY)
    for name in [*DATASETS, *FEW_REPORTS, "daily_page"]:
        assert lake.instance.get_materialized_partitions(dg.AssetKey(name)) == {str(DAY)}


def test_a_run_of_datasets_alone_fails_too(lake):
    cut_off(write_object(lake.logs, NEXT_DAY, [FEW_PACKETS], number=9))
    lake.run(DAY, assets=BEFORE)
    lake.run(DAY, NEXT_DAY, DAILY[:1])
    result = lake.run(DAY, NEXT_DAY, list(DATASETS))
    assert failure(result)[0] == "daily_datasets"
    assert list(metadata(result, "traffic_summary")) == [str(DAY)]


def test_another_run_of_the_same_process_does_not_inherit_the_failed_day(lake):
    path = write_object(lake.logs, NEXT_DAY, [on_day(FEW_PACKETS, NEXT_DAY)], number=9)
    whole = path.read_bytes()
    cut_off(path)
    assert not lake.run(DAY, NEXT_DAY).success
    path.write_bytes(whole)
    assert lake.run(DAY, NEXT_DAY).success
    assert packets(lake, NEXT_DAY)[0] == [7, "203.0.113.9", "10.0.0.5", str(NEXT_DAY)]


def test_an_error_that_names_no_object_fails_the_day_that_causes_it(tmp_path, instance):
    lake = Lake(tmp_path / "logs", tmp_path, instance)
    days = ALL_DAYS[:10]
    for day in days:
        write_object(lake.logs, day, [on_day(MANY_PACKETS, day)])
    lake.run(days[0], assets=BEFORE)
    lake.run(days[0], days[-1], DAILY[:1])
    engine = lake.watch()

    def refuse(text: str) -> None:
        bounds = re.search(r"BETWEEN '(\S+)' AND '(\S+)'", text) if text.startswith("UNLOAD") else None
        if bounds and bounds[1] <= str(days[6]) <= bounds[2]:
            raise QueryError("HIVE_CURSOR_ERROR", "incorrect header check", text)

    engine.before = refuse
    result = lake.run(days[0], days[-1], DAILY)
    words = failure(result)[1]
    assert words.startswith("HIVE_CURSOR_ERROR: incorrect header check")
    assert words.endswith(f"\nNot done: {days[6]}. Done: 9 other days. Run again for the days not done.")
    assert [text.startswith("UNLOAD") for text in engine.statements].count(True) == 7


def test_the_page_alone_of_a_day_that_cannot_be_read_any_more_says_so(tmp_path, instance):
    lake = Lake(tmp_path / "logs", tmp_path, instance)
    path = deliver(lake.logs, PARQUET, DAY, [MANY_PACKETS])
    assert lake.run(DAY).success
    bad_footer(path)
    assert lake.run(DAY, assets=["daily_page"]).success
    text = (lake.results / f"reports/{DAY}.html").read_text()
    assert f"The objects of {DAY} cannot be read any more as they are, and this page tells what was read before" in text


# Where a setting says so, its day is made without it


@pytest.mark.parametrize("damage", DAMAGES)
def test_with_the_setting_the_day_is_made_without_the_object_and_says_so(tmp_path, instance, damage):
    lake, path = damaged_lake(tmp_path, instance, damage, leave_out_damaged=True)
    result = lake.run(DAY, LAST_DAY)
    assert result.success
    assert [packets(lake, day) for day in (DAY, NEXT_DAY, LAST_DAY)] == [pair(DAY), pair(NEXT_DAY), pair(LAST_DAY)]
    (told,) = [text for text in warnings(lake, result) if "is made without" in text]
    assert told.startswith(f"{NEXT_DAY} is made without 1 damaged object: {path} (")
    assert told.endswith(
        "). Its records are in no number of that day, as FLOWLAKE_LEAVE_OUT_DAMAGED asks for. Fetch what is damaged "
        "again, then run again for that day."
    )
    pages = {day: (lake.results / f"reports/{day}.html").read_text() for day in (DAY, NEXT_DAY, LAST_DAY)}
    assert [day for day, text in pages.items() if "is made without 1 damaged object" in text] == [NEXT_DAY]
    checks = {check.check_name: check for check in result.get_asset_check_evaluations()}
    assert not checks["no_object_left_out"].passed
    assert "is made without 1 damaged object" in checks["no_object_left_out"].description
    for name in ("top_rejected_pairs", "daily_page"):
        found = metadata(result, name)
        assert [day for day, told_of in found.items() if "made without" in told_of] == [str(NEXT_DAY)]
        assert found[str(NEXT_DAY)]["made without"].value == told
    totals = json.loads((lake.results / f"reports/day_totals/{NEXT_DAY}.json").read_text())["totals"]
    assert totals["records"] == 1


def test_of_100_days_one_is_made_without_its_object(tmp_path, instance):
    lake = Lake(tmp_path / "logs", tmp_path, instance, leave_out_damaged=True)
    for day in ALL_DAYS:
        write_object(lake.logs, day, [on_day(MANY_PACKETS, day)])
    cut_off(write_object(lake.logs, BAD_DAY, [on_day(FEW_PACKETS, BAD_DAY)], number=9))
    result = lake.run(ALL_DAYS[0], ALL_DAYS[-1])
    assert result.success
    assert [packets(lake, day) for day in ALL_DAYS] == [pair(day) for day in ALL_DAYS]
    found = metadata(result, "daily_page")
    assert len(found) == 100
    assert [day for day, told in found.items() if "made without" in told] == [str(BAD_DAY)]


def test_an_object_that_is_the_only_one_of_its_day_leaves_a_day_without_records(tmp_path, instance):
    lake = Lake(tmp_path / "logs", tmp_path, instance, leave_out_damaged=True)
    broken_start(write_object(lake.logs, DAY, [FEW_PACKETS]))
    result = lake.run(DAY)
    assert result.success
    assert packets(lake, DAY) == []
    assert any("is made without 1 damaged object" in text for text in warnings(lake, result))


def test_several_damaged_objects_are_found_one_after_the_other(tmp_path, instance):
    lake, first = damaged_lake(tmp_path, instance, "cut off", leave_out_damaged=True)
    second = write_object(lake.logs, NEXT_DAY, [FEW_PACKETS], number=10)
    cut_off(second)
    result = lake.run(NEXT_DAY)
    assert result.success and packets(lake, NEXT_DAY) == pair(NEXT_DAY)
    text = metadata(result, "daily_page")[str(NEXT_DAY)]["made without"].value
    assert text.startswith(f"{NEXT_DAY} is made without 2 damaged objects: {first} (") and str(second) in text


def test_more_damaged_objects_than_a_run_tries_fail_the_day(tmp_path, instance, monkeypatch):
    monkeypatch.setattr("assets.datasets.unload.MAX_FAILED_STATEMENTS", 1)
    lake, _ = damaged_lake(tmp_path, instance, "cut off", leave_out_damaged=True)
    cut_off(write_object(lake.logs, NEXT_DAY, [FEW_PACKETS], number=10))
    assert "cannot be read to its end" in failure(lake.run(NEXT_DAY))[1]


def test_a_repaired_object_counts_as_changed_and_is_read_by_the_next_run(tmp_path, instance):
    lake = Lake(tmp_path / "logs", tmp_path, instance, leave_out_damaged=True)
    write_object(lake.logs, DAY, [MANY_PACKETS])
    path = write_object(lake.logs, DAY, [FEW_PACKETS], number=9)
    whole = path.read_bytes()
    cut_off(path)
    assert lake.run(DAY).success
    # The damaged object is known, so that the day has not changed.
    assert [text for text in warnings(lake, lake.run(DAY, assets=["top_rejected_pairs"])) if "arrived" in text] == []
    path.write_bytes(whole)
    (late,) = [text for text in warnings(lake, lake.run(DAY, assets=["top_rejected_pairs"])) if "arrived" in text]
    assert late.startswith(f"Objects of {DAY} arrived or changed")
    result = lake.run(DAY)
    assert result.success
    assert packets(lake, DAY) == [[47, "203.0.113.9", "10.0.0.5", str(DAY)]]
    assert "made without" not in metadata(result, "daily_page")[str(DAY)]
    assert "is made without" not in (lake.results / f"reports/{DAY}.html").read_text()


def test_a_damaged_object_may_be_moved_away_and_nothing_is_missed(tmp_path, instance):
    lake, path = damaged_lake(tmp_path, instance, "cut off", leave_out_damaged=True)
    assert lake.run(NEXT_DAY).success
    path.unlink()
    result = lake.run(NEXT_DAY)
    assert result.success and warnings(lake, result) == []


def test_an_object_that_an_earlier_run_read_is_not_left_out(tmp_path, instance):
    lake = Lake(tmp_path / "logs", tmp_path, instance, leave_out_damaged=True)
    write_object(lake.logs, DAY, [MANY_PACKETS])
    path = write_object(lake.logs, DAY, [FEW_PACKETS], number=9)
    assert lake.run(DAY).success
    before = files_in(lake.results / "reports")
    path.write_bytes(path.read_bytes()[:40] + bytes(len(path.read_bytes()) - 40))
    words = failure(lake.run(DAY))[1]
    assert words.startswith(f"{path} cannot be read any more (") and "What was read is kept." in words
    assert files_in(lake.results / "reports") == before


def test_the_completion_marker_says_what_was_left_out(tmp_path, instance):
    lake, path = damaged_lake(tmp_path, instance, "cut off", leave_out_damaged=True)
    assert lake.run(NEXT_DAY).success
    name = TableName(TABLE.database, "traffic_by_hour")
    covered = stored_coverage(lake.target.results, lake.target.athena, name, [NEXT_DAY])[NEXT_DAY]
    key = path.relative_to(lake.logs).as_posix()
    assert list(covered.left_out) == [key]
    assert key in covered.objects and covered.count == 1
    assert path.name not in covered.read.sizes and covered.read.left_out == {path.name: path.stat().st_size}


# What is damaged, and what is not known to be


def test_only_bytes_that_are_all_there_and_make_no_object_are_damaged(lake):
    store = lake.target.bucket.objects

    def look(path: Path, size: int | None = None) -> str | None:
        return damage_of(
            store, StoredObject(path.relative_to(lake.logs).as_posix(), path.stat().st_size if size is None else size)
        )

    good = write_object(lake.logs, DAY, [FEW_PACKETS], number=9)
    assert look(good) is None
    good.write_bytes(good.read_bytes() + gzip.compress(b"another member\n"))
    assert look(good) is None
    cut_off(good)
    assert "end-of-stream" in look(good)
    assert look(good, size=1) is None  # it was replaced while it was looked at
    assert damage_of(store, StoredObject("AWSLogs/not-there.log.gz", 5)) is None
