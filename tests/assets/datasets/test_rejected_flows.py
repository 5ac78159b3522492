"""The REJECT records in Parquet: one scan, one copy, a day that is always seen whole. In process, on real folders."""

import threading
from collections.abc import Iterable
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from zlib import crc32

import dagster as dg
import pytest
from lake import DAILY, FILE_NAME, REJECTED, TABLE, Lake, WatchedEngine, failure, metadata
from support import (
    ACCEPTED,
    DAY,
    FEW_PACKETS,
    FEW_REPORTS,
    MANY_PACKETS,
    NEXT_DAY,
    SMALL_DETAILS,
    SMALL_TOP,
    files_in,
    report_rows,
    with_day,
    write_object,
)

import assets.datasets.partition_swap
import assets.datasets.unload
import assets.reports.asset
from assets.datasets.cleanup import CLEANUP_MARKERS, OWNER_UNKNOWN, remove_orphans
from assets.datasets.files import ROOT, is_written_file, orphaned_files
from assets.reports.asset import consistent_result
from assets.reports.report_files import read_reports
from assets.reports.report_sql import report_sql
from flowlogs.errors import FlowLakeError
from flowlogs.layout import is_visible
from flowlogs.statements import TableName, add_partitions, set_partition_location
from resources.engine import QueryError, ScanLimitError

(TOP,) = (report for report in read_reports() if report.name == "top_rejected_pairs")

EMPTY_DAY = date(2021, 9, 4)
RANGE = (DAY, NEXT_DAY, EMPTY_DAY)
SET_LOCATION = "ALTER TABLE `vpc_flow_lake`.`rejected_flows` PARTITION"
ADD_PARTITION = "ALTER TABLE `vpc_flow_lake`.`rejected_flows` ADD IF NOT EXISTS PARTITION"


def rows(lake: Lake, day: date) -> list[list[list[object]]]:
    """Of both reports, the day's rows."""
    return [report_rows(lake.results, report, day) for report in ("top_rejected_pairs", "rejected_flow_details")]


def known(day: date) -> list[list[list[object]]]:
    return [with_day(SMALL_TOP.get(day, []), day), with_day(SMALL_DETAILS.get(day, []), day)]


def packets(lake: Lake) -> list[tuple[str, object]]:
    """What the table of rejected flows says: each record's day and packets."""
    frame = lake.target.athena.execute(f"SELECT dt, numpackets FROM {REJECTED.trino} ORDER BY 1, 2").frame
    return list(frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None))


PACKETS = [(str(DAY), 3), (str(DAY), 7), (str(DAY), 40), (str(DAY), None)]


def folders_of(names: Iterable[str]) -> set[str]:
    return {f"{name.rpartition('/')[0]}/" for name in names}


def statement_counts(engine: WatchedEngine) -> dict[str, int]:
    """How many statements of each kind there were."""
    found = ["SET LOCATION" if " SET LOCATION " in text else text.split()[0] for text in engine.statements]
    return {kind: found.count(kind) for kind in sorted(set(found))}


# One copy


def test_the_days_partition_points_at_the_one_file_that_a_run_wrote(lake):
    assert lake.run(DAY).success
    (name,) = lake.rejected_files()
    assert f"{name.rpartition('/')[0]}/" == lake.rejected_folder(DAY)
    assert packets(lake) == PACKETS
    assert rows(lake, DAY) == known(DAY)


def test_a_second_run_leaves_one_copy_in_another_place_and_the_same_reports(lake):
    lake.run(DAY)
    first, reports = lake.rejected_files(), files_in(lake.results / "reports")
    lake.run(DAY)
    second = lake.rejected_files()
    assert (len(first), len(second), set(first) & set(second)) == (1, 1, set())
    assert folders_of(second) == {lake.rejected_folder(DAY)}
    assert packets(lake) == PACKETS
    assert files_in(lake.results / "reports") == reports
    # Nothing is left of the folder that was replaced, nor of the clean-up markers.
    assert [path.name for path in (lake.results / "datasets").iterdir()] == [second[0].split("/")[1]]


def test_a_run_reads_what_arrived_late(lake):
    lake.run(DAY)
    write_object(lake.logs, DAY, [MANY_PACKETS], number=9)
    lake.run(DAY)
    assert packets(lake) == sorted([*PACKETS, (str(DAY), 40)], key=lambda row: (row[1] is None, row[1]))
    assert report_rows(lake.results, "top_rejected_pairs", DAY)[0][0] == 87


def test_a_day_on_which_nothing_was_rejected_has_a_partition_without_files_and_empty_reports(lake):
    write_object(lake.logs, EMPTY_DAY, [ACCEPTED])
    result = lake.run(EMPTY_DAY)
    assert result.success
    made = metadata(result, "rejected_flows")[str(EMPTY_DAY)]
    assert (made["files"].value, made["bytes"].value, made["bytes scanned"].value > 0) == (0, 0, True)
    assert lake.rejected_files() == []
    assert lake.rejected_folder(EMPTY_DAY).endswith("/dt=2021-09-04/dataset=rejected_flows/")
    assert rows(lake, EMPTY_DAY) == [[], []]


def test_a_day_that_has_lost_its_last_reject_record_is_empty(lake):
    lake.run(NEXT_DAY)
    write_object(lake.logs, NEXT_DAY, [ACCEPTED])
    lake.run(NEXT_DAY)
    assert (lake.rejected_files(), packets(lake), rows(lake, NEXT_DAY)) == ([], [], [[], []])


# What a run that ends early leaves


def test_a_run_that_ends_before_the_switch_leaves_the_day_as_it_was_and_the_next_one_is_right(lake):
    lake.run(DAY)
    before, reports = lake.rejected_files(), files_in(lake.results / "reports")
    write_object(lake.logs, DAY, [MANY_PACKETS], number=9)
    engine = lake.watch()

    def end(text: str) -> None:
        if text.startswith(SET_LOCATION):
            raise FlowLakeError("the power went out")

    engine.before = end
    assert failure(lake.run(DAY, assets=DAILY)) == ("daily_datasets", "the power went out")
    assert set(before) < set(lake.rejected_files())
    assert folders_of(before) == {lake.rejected_folder(DAY)}
    assert packets(lake) == PACKETS
    assert files_in(lake.results / "reports") == reports
    engine.before = str
    assert lake.run(DAY, assets=DAILY).success
    assert report_rows(lake.results, "top_rejected_pairs", DAY)[0][0] == 87
    # What the other run wrote is too young to be thought left behind; what was replaced is gone.
    assert len(lake.rejected_files()) == 2
    assert not set(before) & set(lake.rejected_files())


def test_a_run_that_ends_after_the_switch_leaves_the_new_day_and_the_next_one_is_right(lake):
    lake.run(DAY)
    engine = lake.watch()

    def end(text: str) -> None:
        if text.startswith(SET_LOCATION):
            raise FlowLakeError("the power went out")

    engine.after = end
    assert failure(lake.run(DAY, assets=DAILY)) == ("daily_datasets", "the power went out")
    assert packets(lake) == PACKETS
    engine.after = str
    assert lake.run(DAY, assets=DAILY).success
    assert packets(lake) == PACKETS
    assert rows(lake, DAY) == known(DAY)


def test_a_first_run_that_ends_before_the_day_is_added_leaves_no_day(lake):
    engine = lake.watch()

    def end(text: str) -> None:
        if text.startswith(ADD_PARTITION):
            raise FlowLakeError("the power went out")

    engine.before = end
    assert failure(lake.run(DAY)) == ("daily_datasets", "the power went out")
    assert packets(lake) == []
    assert failure(lake.run(DAY, assets=["top_rejected_pairs"])) == (
        "top_rejected_pairs",
        "`vpc_flow_lake`.`rejected_flows` has no partition for 2021-09-02. Materialize rejected_flows for that first.",
    )
    engine.before = str
    assert lake.run(DAY, assets=DAILY).success
    assert rows(lake, DAY) == known(DAY)


# What is left behind


def later(hours: float) -> datetime:
    return datetime.now(timezone.utc) + timedelta(hours=hours)


def test_a_run_that_ends_leaves_no_cleanup_marker(lake):
    for _ in range(2):
        lake.run(DAY)
        assert lake.cleanup_markers() == []


def test_what_a_run_that_ended_early_left_is_removed_by_one_that_comes_half_a_day_later(lake):
    lake.run(DAY)
    engine = lake.watch()

    def end(text: str) -> None:
        if text.startswith(SET_LOCATION):
            raise FlowLakeError("the power went out")

    engine.before = end
    lake.run(DAY, assets=DAILY)
    assert (len(lake.rejected_files()), len(lake.cleanup_markers())) == (2, 2)
    engine.before = str
    lake.run(DAY, assets=DAILY)
    # Perhaps it is still at work.
    assert len(lake.rejected_files()) == 2
    remove_orphans(lake.target.athena, lake.target.results, REJECTED.database, [], later(11))
    assert len(lake.rejected_files()) == 2
    remove_orphans(lake.target.athena, lake.target.results, REJECTED.database, [], later(13))
    assert folders_of(lake.rejected_files()) == {lake.rejected_folder(DAY)}
    assert lake.cleanup_markers() == []
    assert packets(lake) == PACKETS


NOW = datetime(2024, 3, 10, 1, 0, tzinfo=timezone.utc)


def attempt(name: str) -> str:
    """The folder of an attempt, another one for each name, called as a run calls it."""
    return f"20210904T010203Z-{crc32(name.encode()):08x}-{REJECTED.database}"


def put(lake: Lake, folder: str, *days: date) -> list[str]:
    """A file of rejected flows for each of the days in such a folder; returns their keys."""
    keys = [f"{ROOT}{attempt(folder)}/dt={day}/dataset=rejected_flows/{FILE_NAME}" for day in days]
    lake.target.results.replace(dict.fromkeys(keys, b"x"))
    return keys


def put_cleanup_marker(lake: Lake, hours: float, *folders: str, database: str = REJECTED.database) -> str:
    """A clean-up marker of these folders, written so many hours before NOW; returns its key."""
    key = f"{CLEANUP_MARKERS}{database}/{NOW - timedelta(hours=hours):%Y%m%dT%H%M%SZ}-0123abcd"
    lines = "".join(f"{ROOT}{folder if '/' in folder else attempt(folder)}/\n" for folder in folders)
    lake.target.results.replace({key: lines.encode()})
    return key


@pytest.fixture
def tables(lake):
    """The lake with its tables, and with NEXT_DAY in the folder `pointed-at`."""
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    # Hive's client of Glue takes the closing slash away.
    location = lake.target.results.sql_location(f"{ROOT}{attempt('pointed-at')}/dt={NEXT_DAY}/dataset=rejected_flows")
    for statement in add_partitions(REJECTED, {NEXT_DAY: location}):
        lake.target.athena.execute(statement)
    return lake


def test_folders_in_old_cleanup_markers_are_removed_if_no_partition_points_there(tables):
    kept = put(tables, "pointed-at", NEXT_DAY)
    put(tables, "pointed-at", DAY)
    put(tables, "left", DAY, NEXT_DAY)
    put(tables, "alone", DAY)
    unlisted = put(tables, "unlisted", DAY)
    other = f"{ROOT}{attempt('left')}/README"
    tables.target.results.replace({other: b"", "reports/left/dt=2021-09-02/dataset=rejected_flows/x": b""})
    put_cleanup_marker(tables, 13, "left", "pointed-at", "nowhere", "../reports/left")
    put_cleanup_marker(tables, 24 * 365, f"{attempt('alone')}/dt={DAY}/dataset=rejected_flows")
    remove_orphans(tables.target.athena, tables.target.results, REJECTED.database, [], NOW)
    assert tables.rejected_files() == sorted([*kept, *unlisted, other])
    assert tables.cleanup_markers() == []
    assert (tables.results / "reports/left/dt=2021-09-02/dataset=rejected_flows/x").exists()


def test_folders_in_old_cleanup_markers_that_are_empty_are_removed(tables):
    kept = put(tables, "pointed-at", NEXT_DAY)
    root = tables.results / ROOT
    for name in ("left", "young"):
        (root / attempt(name) / f"dt={DAY}/dataset=rejected_flows").mkdir(parents=True)
    theirs = root / attempt("left").replace(REJECTED.database, "another") / "dt=2021-09-02"
    theirs.mkdir(parents=True)
    put_cleanup_marker(tables, 13, "left", "nowhere", f"{theirs.parent.name}/")
    put_cleanup_marker(tables, 1, "young")
    remove_orphans(tables.target.athena, tables.target.results, REJECTED.database, [], NOW)
    assert not (root / attempt("left")).exists()
    assert (root / attempt("young")).exists() and theirs.exists()
    assert tables.rejected_files() == kept


def test_a_folder_in_a_young_cleanup_marker_stays_as_do_all_markers(tables):
    written = put(tables, "being-written", DAY)
    left = put(tables, "left", DAY)
    young = [put_cleanup_marker(tables, hours, "being-written") for hours in (12, 1)]
    put_cleanup_marker(tables, 13, "left")
    own = put_cleanup_marker(tables, 0, "own")
    remove_orphans(tables.target.athena, tables.target.results, REJECTED.database, [own], NOW)
    assert tables.rejected_files() == written != left
    assert tables.cleanup_markers() == [*young, own]


def test_a_folder_stays_if_a_day_points_at_it_despite_old_markers(tables):
    kept = put(tables, "pointed-at", NEXT_DAY)
    for hours in (100, 50, 13):
        put_cleanup_marker(tables, hours, "pointed-at")
    remove_orphans(tables.target.athena, tables.target.results, REJECTED.database, [], NOW)
    assert tables.rejected_files() == kept


def test_own_cleanup_markers_are_removed_without_young_ones_of_others(tables):
    put_cleanup_marker(tables, 30, "nowhere")
    own = [put_cleanup_marker(tables, hours, "own") for hours in (0.1, 0.2)]
    remove_orphans(tables.target.athena, tables.target.results, REJECTED.database, own, NOW)
    assert tables.cleanup_markers() == []


def test_nothing_is_looked_up_where_nothing_was_left(tables):
    asked = []

    class Engine(WatchedEngine):
        def locations_of(self, name, partitions):
            asked.append([date.fromisoformat(values[0]) for values in partitions])
            return super().locations_of(name, partitions)

    engine = Engine(tables.target.athena)
    put(tables, "unlisted", DAY)
    remove_orphans(engine, tables.target.results, REJECTED.database, [], NOW)
    assert asked == []
    put(tables, "left", NEXT_DAY, DAY)
    put_cleanup_marker(tables, 30, "left")
    remove_orphans(engine, tables.target.results, REJECTED.database, [], NOW)
    assert asked == [[DAY, NEXT_DAY]]


def test_a_folder_stays_while_its_run_writes_new_cleanup_markers(tables):
    written = put(tables, "of-many-hours", DAY)
    put_cleanup_marker(tables, 20, "of-many-hours")
    young = put_cleanup_marker(tables, 1, "of-many-hours", "another")
    remove_orphans(tables.target.athena, tables.target.results, REJECTED.database, [], NOW)
    assert (tables.rejected_files(), tables.cleanup_markers()) == (written, [young])


def test_another_databases_folders_are_none_of_ones_business(tables):
    written = put(tables, "of-another", DAY)
    marker = put_cleanup_marker(tables, 100, "of-another", database="another")
    remove_orphans(tables.target.athena, tables.target.results, REJECTED.database, [], NOW)
    assert (tables.rejected_files(), tables.cleanup_markers()) == (written, [marker])


def test_another_databases_attempt_stays_though_a_cleanup_marker_names_it(tables):
    theirs = f"{attempt('theirs').removesuffix(REJECTED.database)}theirs"
    written = f"{ROOT}{theirs}/dt={DAY}/dataset=rejected_flows/{FILE_NAME}"
    tables.target.results.replace({written: b"x"})
    put_cleanup_marker(tables, 13, f"{theirs}/dt={DAY}/dataset=rejected_flows")
    (told,) = remove_orphans(tables.target.athena, tables.target.results, REJECTED.database, [], NOW)
    assert told == f"{tables.results / ROOT / theirs}/dt={DAY}/dataset=rejected_flows {OWNER_UNKNOWN}"
    assert (tables.rejected_files(), tables.cleanup_markers()) == ([written], [])


def linked(lake: Lake, name: str, elsewhere: Path) -> Path:
    """A day's folder of an attempt that is a link to a folder elsewhere; returns a file in that."""
    elsewhere.mkdir(parents=True)
    (elsewhere / FILE_NAME).write_bytes(b"x")
    folder = lake.results / ROOT / attempt(name) / f"dt={DAY}/dataset=rejected_flows"
    folder.parent.mkdir(parents=True)
    folder.symlink_to(elsewhere)
    return elsewhere / FILE_NAME


@pytest.mark.parametrize("place", ["outside", "results/reports/inside"])
def test_a_folder_behind_a_link_is_left_out_and_the_others_are_removed(tables, tmp_path, place):
    kept = linked(tables, "linked", tmp_path / place)
    left = put(tables, "left", DAY)
    markers = [put_cleanup_marker(tables, 13, "linked"), put_cleanup_marker(tables, 14, "left")]
    (told,) = remove_orphans(tables.target.athena, tables.target.results, REJECTED.database, [], NOW)
    assert told.startswith("Files of no use are left, which a later run will remove: ")
    assert attempt("linked") in told
    assert kept.read_bytes() == b"x"
    assert not set(left) & set(tables.rejected_files())
    assert tables.cleanup_markers() == markers[:1]


def test_the_marker_of_a_folder_that_is_refused_expires(tables, tmp_path):
    kept = linked(tables, "linked", tmp_path / "outside")
    put_cleanup_marker(tables, 24 * 31, "linked")
    assert len(remove_orphans(tables.target.athena, tables.target.results, REJECTED.database, [], NOW)) == 1
    assert (tables.cleanup_markers(), kept.exists()) == ([], True)


def test_a_cleanup_marker_that_cannot_be_read_stops_no_other(tables):
    left = put(tables, "left", DAY)
    put_cleanup_marker(tables, 13, "left")
    unreadable = put_cleanup_marker(tables, 14, "nowhere")
    (tables.results / unreadable).unlink()
    (tables.results / unreadable).symlink_to("nowhere")
    (told,) = remove_orphans(tables.target.athena, tables.target.results, REJECTED.database, [], NOW)
    assert unreadable in told
    assert not set(left) & set(tables.rejected_files())
    assert tables.cleanup_markers() == [unreadable]


def test_a_run_whose_replaced_folder_is_refused_removes_the_others(lake, tmp_path):
    lake.run(DAY)
    lake.run(NEXT_DAY)
    before = {day: lake.results / lake.rejected_folder(day) for day in (DAY, NEXT_DAY)}
    before[DAY].rename(tmp_path / "outside")
    before[DAY].symlink_to(tmp_path / "outside")
    result = lake.run(DAY, NEXT_DAY, DAILY)
    assert result.success
    assert len(list((tmp_path / "outside").glob("*.parquet"))) == 1
    assert not before[NEXT_DAY].exists()
    assert len([text for text in lake.messages(result, level=30) if text.startswith("Files of no use")]) == 1


# Two databases over one place of results


def test_what_a_day_pointed_at_of_another_database_is_not_removed(lake, tmp_path):
    lake.run(DAY)
    other = Lake(lake.logs, tmp_path, lake.instance, database="other")
    assert other.run(DAY).success
    theirs = TableName("other", "rejected_flows")
    location = other.target.athena.partition_locations(theirs, [DAY])[DAY]
    lake.target.athena.execute(set_partition_location(REJECTED, DAY, location))
    assert packets(lake) == PACKETS
    result = lake.run(DAY, assets=DAILY)
    assert result.success
    assert [text.endswith(OWNER_UNKNOWN) for text in lake.messages(result, level=30)] == [True]
    assert packets(lake) == PACKETS
    assert other.run(DAY, assets=FEW_REPORTS).success
    assert rows(other, DAY) == known(DAY)


# Which days are complete


def test_a_marker_says_of_each_day_how_many_files_it_has(lake):
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    lake.run(DAY, EMPTY_DAY, DAILY)
    sizes = {name.split("dt=")[1][:10]: (lake.results / name).stat().st_size for name in lake.rejected_files()}
    whose = "123456789012-us-east-1"
    root = lake.rejected_folder(DAY).partition("dt=")[0]
    assert lake.completion_markers() == [
        f"{root}_complete/dt={DAY}/dataset=rejected_flows/1-{sizes[str(DAY)]}-{whose}",
        f"{root}_complete/dt={NEXT_DAY}/dataset=rejected_flows/1-{sizes[str(NEXT_DAY)]}-{whose}",
        f"{root}dt={EMPTY_DAY}/dataset=rejected_flows/_complete/0-0-{whose}",
    ]


def test_no_folder_that_a_day_points_at_has_an_underscore_in_front(lake):
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    lake.run(DAY, EMPTY_DAY, DAILY)
    assert all(is_visible(f"{lake.rejected_folder(day)}{FILE_NAME}", "") for day in RANGE)


def test_the_marker_is_there_before_the_day_points_there(lake):
    engine, there = lake.watch(), []
    engine.before = lambda text: (
        there.append(len(lake.completion_markers())) if text.startswith(ADD_PARTITION) else None
    )
    lake.run(DAY)
    assert there == [1]


@pytest.mark.parametrize("change", ["a file more", "another file"])
def test_a_day_that_holds_other_files_than_were_written_is_told(lake, change):
    lake.run(DAY)
    (name,) = lake.rejected_files()
    place = lake.results / name
    (place if change == "another file" else place.with_name("more.parquet")).write_bytes(place.read_bytes() + b"x")
    _, words = failure(lake.run(DAY, assets=["top_rejected_pairs"]))
    assert words.startswith(f"The rejected flows of {DAY} are gone: ")
    assert " holds other files than were written there. " in words


@pytest.mark.parametrize("moment", ["right after it wrote", "right before it points there"])
def test_a_run_that_slept_for_half_a_day_fails_and_leaves_the_day_as_it_was(lake, monkeypatch, moment):
    lake.run(DAY)
    before, reports = lake.rejected_files(), files_in(lake.results / "reports")

    def sleep(*_: object) -> None:
        remove_orphans(lake.target.athena, lake.target.results, REJECTED.database, [], later(13))

    if moment == "right after it wrote":
        lake.watch().after = lambda text: sleep() if text.startswith("UNLOAD") else None
    else:
        swap = assets.datasets.partition_swap
        check = swap.require_unchanged_files
        monkeypatch.setattr(swap, "require_unchanged_files", lambda *given: (sleep(), check(*given)))
    asset, words = failure(lake.run(DAY, assets=DAILY))
    assert asset == "daily_datasets"
    assert "as happens to a run that slept for half a day" in words
    assert words.endswith("The days are as they were before. Run again.")
    assert (lake.rejected_files(), packets(lake)) == (before, PACKETS)
    assert files_in(lake.results / "reports") == reports


def test_files_that_cannot_be_removed_are_warnings_and_keep_their_marker(lake, monkeypatch):
    lake.run(DAY)
    before = lake.rejected_files()

    def refuse(keys: Iterable[str]) -> None:
        raise FlowLakeError("no luck")

    with monkeypatch.context() as patched:
        patched.setattr(lake.target.results, "delete", refuse)
        result = lake.run(DAY, assets=DAILY)
    assert result.success
    assert set(before) < set(lake.rejected_files())
    assert len(lake.cleanup_markers()) == 2
    assert "Files of no use are left, which a later run will remove: no luck" in lake.messages(result, level=30)
    remove_orphans(lake.target.athena, lake.target.results, REJECTED.database, [], later(13))
    assert not set(before) & set(lake.rejected_files())
    assert packets(lake) == PACKETS


# What is no file of the day's


def test_what_the_first_try_of_an_unload_left_is_removed_before_the_day_points_there(lake):
    engine = lake.watch()

    def try_again(text: str) -> None:
        if text.startswith("UNLOAD"):
            (written,) = (lake.results / ROOT).rglob("dataset=rejected_flows/*.parquet")
            written.with_name(FILE_NAME).write_bytes(written.read_bytes())

    engine.after = try_again
    result = lake.run(DAY)
    assert result.success
    assert packets(lake) == PACKETS
    assert len(lake.rejected_files()) == 1
    assert metadata(result, "rejected_flows")[str(DAY)]["files"].value == 1
    (warning,) = [text for text in lake.messages(result, level=30) if "first attempt" in text]
    assert FILE_NAME in warning


def test_a_file_of_others_among_a_runs_own_fails_it_and_stays(lake):
    engine = lake.watch()
    lake.run(DAY)
    reports = files_in(lake.results / "reports")

    def drop_in(text: str) -> None:
        if text.startswith("UNLOAD"):
            written = max((lake.results / ROOT).rglob("*.parquet"), key=lambda path: path.stat().st_mtime_ns)
            written.with_name("mine.parquet").write_bytes(written.read_bytes())

    engine.after = drop_in
    _, words = failure(lake.run(DAY, assets=DAILY))
    assert "mine.parquet came among the files of this run" in words
    assert len(list((lake.results / ROOT).rglob("mine.parquet"))) == 1
    assert (packets(lake), files_in(lake.results / "reports")) == (PACKETS, reports)


OTHERS = ["mine.parquet", ".notes.txt", "sub/.keep-me", f"sub/{FILE_NAME}"]


def put_others(lake: Lake, folder: Path) -> dict[str, str]:
    """Files that no run made, in a folder; returns all of its files but those that runs made."""
    before = files_in(folder).keys()
    for name in OTHERS:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"mine")
    return {name: digest for name, digest in files_in(folder).items() if name not in before}


def test_a_run_that_replaces_a_day_leaves_files_of_others(lake):
    lake.run(DAY)
    folder = lake.results / lake.rejected_folder(DAY)
    others = put_others(lake, folder)
    result = lake.run(DAY, assets=DAILY)
    assert (result.success, packets(lake)) == (True, PACKETS)
    assert files_in(folder) == others
    (warning,) = [text for text in lake.messages(result, level=30) if "no run made" in text]
    assert all(str(folder / name) in warning for name in sorted(OTHERS)[:3]) and "and 1 more" in warning


def test_files_of_others_are_told_of_once(lake):
    lake.run(DAY)
    put_others(lake, lake.results / lake.rejected_folder(DAY))
    lake.run(DAY, assets=DAILY)
    assert lake.messages(lake.run(DAY), level=30) == []


def test_files_of_others_stay_where_a_killed_run_is_cleaned_up(tables):
    (left,) = put(tables, "left", DAY)
    folder = (tables.results / left).parent
    others = put_others(tables, folder)
    put_cleanup_marker(tables, 13, "left")
    (told,) = remove_orphans(tables.target.athena, tables.target.results, REJECTED.database, [], NOW)
    assert files_in(folder) == others
    assert str(folder / ".notes.txt") in told
    assert tables.cleanup_markers() == []


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        (FILE_NAME, True),
        ("20240310_010203_00012_ab1cd_0badcafe-1234-4567-89ab-0123456789ab", True),
        ("20240310_010203_00012_ab1cd_0badcafe-1234-4567-89ab-0123456789ab.gz.parquet", True),
        (f"copy of {FILE_NAME}", False),
        (f"{FILE_NAME}.bak", False),
        ("20240310_010203_00012_ab1cd_notes", False),
        ("20240310.parquet", False),
    ],
)
def test_the_names_that_an_unload_gives(name, ours):
    assert is_written_file(f"{ROOT}{attempt('x')}/dt={DAY}/dataset=rejected_flows/{name}") is ours


@pytest.mark.parametrize(
    ("keys", "written", "left"),
    [
        (["r/dt=1/a", "r/dt=2/b"], None, []),
        (["r/dt=1/a", "r/dt=2/b"], ["s3://x/r/dt=1/a", "s3://x/r/dt%3D2/b"], []),
        (["r/dt=1/a", "r/dt=2/b", "r/dt=2/c"], ["s3://x/r/dt=1/a", "s3://x/r/dt=2/c"], ["r/dt=2/b"]),
        (["r/dt=1/a", "r/dt=2/a"], ["s3://x/r/dt=2/a"], ["r/dt=1/a"]),
        (["r/dt=1/a"], [], ["r/dt=1/a"]),
    ],
)
def test_files_that_an_unload_does_not_tell_of(keys, written, left):
    assert orphaned_files(keys, written) == left


def test_a_file_that_an_unload_tells_of_has_to_be_there():
    with pytest.raises(FlowLakeError, match=r"not there any more.*: r/dt=1/b\. The days are"):
        orphaned_files(["r/dt=1/a"], ["s3://x/r/dt=1/a", "s3://x/r/dt=1/b"])


def test_a_report_over_files_that_are_gone_fails_and_is_left_as_it_was(lake):
    lake.run(DAY)
    reports = files_in(lake.results / "reports")
    (name,) = lake.rejected_files()
    (lake.results / name).unlink()
    asset, words = failure(lake.run(DAY, assets=["top_rejected_pairs"]))
    assert asset == "top_rejected_pairs"
    assert words.startswith("The rejected flows of 2021-09-02 are gone: ")
    assert words.endswith(" holds no files. Materialize rejected_flows for that again.")
    assert files_in(lake.results / "reports") == reports
    assert lake.run(DAY, assets=DAILY).success
    assert rows(lake, DAY) == known(DAY)


def test_the_days_of_a_range_whose_files_are_gone_are_named(lake):
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    lake.run(DAY, EMPTY_DAY, DAILY)
    (name,) = [name for name in lake.rejected_files() if str(NEXT_DAY) in name]
    (lake.results / name).unlink()
    _, words = failure(lake.run(DAY, EMPTY_DAY, ["top_rejected_pairs"]))
    assert words.startswith(f"The rejected flows of {NEXT_DAY} are gone: ")


def test_a_day_that_points_at_another_days_files_is_told_and_mended_and_the_other_keeps_them(lake):
    lake.run(DAY)
    lake.run(NEXT_DAY)
    folder = lake.target.results.sql_location(lake.rejected_folder(DAY))
    lake.target.athena.execute(set_partition_location(REJECTED, NEXT_DAY, folder))
    # As Athena does, each of the two days has them once.
    assert sorted(packets(lake), key=repr) == sorted([*PACKETS, *((str(NEXT_DAY), n) for _, n in PACKETS)], key=repr)
    asset, words = failure(lake.run(NEXT_DAY, assets=["top_rejected_pairs"]))
    assert (asset, words) == (
        "top_rejected_pairs",
        f"The partition of 2021-09-03 in rejected_flows points at {folder}, which is not that day's. Materialize "
        "rejected_flows for that day again.",
    )
    assert lake.run(NEXT_DAY, assets=DAILY).success
    assert packets(lake) == [*PACKETS, (str(NEXT_DAY), 5)]
    assert [rows(lake, day) for day in (DAY, NEXT_DAY)] == [known(day) for day in (DAY, NEXT_DAY)]


@pytest.mark.parametrize("place", ["datasets/", "datasets/an-attempt/", ""])
def test_whatever_a_day_points_at_only_a_folder_of_that_day_is_removed(lake, place):
    lake.run(DAY)
    lake.run(NEXT_DAY)
    kept = [name for name in lake.rejected_files() if name.startswith(lake.rejected_folder(DAY))]
    lake.target.athena.execute(set_partition_location(REJECTED, NEXT_DAY, lake.target.results.sql_location(place)))
    lake.run(NEXT_DAY)
    assert set(kept) <= set(lake.rejected_files())
    assert packets(lake) == [*PACKETS, (str(NEXT_DAY), 5)]
    assert (lake.results / "reports/top_rejected_pairs/2021-09-02.csv").exists()


# Reports beside a run that replaces the day


def test_a_report_alone_for_days_that_are_missing_names_them_and_what_makes_them(lake):
    lake.run(DAY)
    assert failure(lake.run(DAY, EMPTY_DAY, ["top_rejected_pairs"])) == (
        "top_rejected_pairs",
        "`vpc_flow_lake`.`rejected_flows` has no partition for 2021-09-03, 2021-09-04. Materialize rejected_flows for "
        "that first.\nNot done: 2021-09-03, 2021-09-04. Done: 1 other day. Run again for the days not done.",
    )


def test_rejected_flows_for_a_day_that_is_no_partition_of_the_logs_says_what_makes_it(lake):
    lake.run(DAY)
    assert failure(lake.run(NEXT_DAY, assets=["rejected_flows"])) == (
        "daily_datasets",
        "`vpc_flow_lake`.`vpc_flow_logs` has no partition for 2021-09-03. Materialize vpc_flow_logs_partition for that "
        "first.",
    )


def other_run(lake: Lake, tmp_path: Path) -> Lake:
    """The same lake, as another process sees it."""
    return Lake(lake.logs, tmp_path, lake.instance)


def in_a_thread(lake: Lake, day: date) -> None:
    """Run the day's rejected flows to the end, beside what is going on here."""
    succeeded: list[bool] = []

    def run() -> None:
        with dg.DagsterInstance.ephemeral() as lake.instance:
            succeeded.append(lake.run(day, assets=["rejected_flows"]).success)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(60)
    assert succeeded == [True]


@pytest.mark.parametrize("seen", ["as a failure", "as nothing"])
def test_a_report_over_a_day_that_is_replaced_while_it_reads_is_made_again(lake, tmp_path, seen):
    lake.run(DAY)
    engine, times = lake.watch(), []
    statement = report_sql(TOP, DAY, DAY)
    nothing = statement.replace("BETWEEN '2021-09-02'", "BETWEEN '2021-09-09'")

    def execute(text: str):
        times.append(text)
        if len(times) > 1:
            return engine.engine.execute(text)
        in_a_thread(other_run(lake, tmp_path), DAY)
        if seen == "as a failure":
            raise QueryError("HIVE_CANNOT_OPEN_SPLIT", "the file is gone", text)
        return engine.engine.execute(nothing)

    engine.execute = execute
    result = consistent_result(engine, lake.target.results, [REJECTED], [DAY], statement)
    assert result.frame["packetcount"].tolist()[:2] == [47, 3]
    assert len(times) == 2


def test_a_file_that_is_gone_when_it_is_opened_is_looked_for_again(lake, tmp_path, monkeypatch):
    lake.run(DAY)
    statement = report_sql(TOP, DAY, DAY)
    athena = lake.target.athena
    inputs, times = type(athena)._inputs, []

    def inputs_then_replaced(self, plan, chosen, session):
        found = inputs(self, plan, chosen, session)
        times.append(found)
        if len(times) == 1:
            in_a_thread(other_run(lake, tmp_path), DAY)
        return found

    monkeypatch.setattr(athena, "_inputs", inputs_then_replaced.__get__(athena))
    result = consistent_result(athena, lake.target.results, [REJECTED], [DAY], statement)
    assert result.frame["packetcount"].tolist()[:2] == [47, 3]
    # By the engine, which sees that the day was moved; and by the report, which sees it too.
    assert len(times) == 3


def test_a_query_beside_a_run_that_replaces_the_day_sees_it_whole(lake, tmp_path, monkeypatch):
    lake.run(DAY)
    athena = lake.target.athena
    objects, times = type(athena)._objects, []

    def replaced_then_listed(self, partitions):
        times.append(partitions)
        if len(times) == 1:
            in_a_thread(other_run(lake, tmp_path), DAY)
        found = list(objects(self, partitions))
        monkeypatch.undo()
        if len(times) == 1:
            assert found == []
            monkeypatch.setattr(athena, "_objects", replaced_then_listed.__get__(athena))
        return found

    monkeypatch.setattr(athena, "_objects", replaced_then_listed.__get__(athena))
    assert athena.execute("SELECT count(*) AS n FROM rejected_flows").frame["n"].tolist() == [len(PACKETS)]
    assert len(times) == 2


def test_a_report_that_fails_over_days_that_stay_as_they_are_fails_once(lake):
    lake.run(DAY)
    engine = lake.watch()

    def fail(text: str) -> None:
        if text.startswith("SELECT packetcount"):
            raise QueryError("GENERIC_USER_ERROR", "no luck", text)

    engine.before = fail
    asset, words = failure(lake.run(DAY, assets=["top_rejected_pairs"]))
    assert (asset, words.splitlines()[0]) == ("top_rejected_pairs", "GENERIC_USER_ERROR: no luck")
    assert statement_counts(engine) == {"SELECT": 1}


# Two runs of one day


@pytest.mark.parametrize("there", [False, True], ids=["a new day", "a day that was there"])
def test_two_runs_at_once_leave_one_copy_that_the_day_points_at(lake, tmp_path, there):
    lake.run(DAY, assets=None if there else ["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    lake.run(DAY, assets=DAILY[:1])
    engine = lake.watch()

    def let_the_other_be_faster(text: str) -> None:
        if text.startswith("ALTER") and not done:
            done.append(text)
            in_a_thread(other_run(lake, tmp_path), DAY)

    done: list[str] = []
    engine.before = let_the_other_be_faster
    assert lake.run(DAY, assets=["rejected_flows"]).success
    assert len(done) == 1
    assert packets(lake) == PACKETS
    pointed_at = [name for name in lake.rejected_files() if name.startswith(lake.rejected_folder(DAY))]
    assert len(pointed_at) == 1
    # Where both replaced the same copy, that of the faster one is thrown away by a run of another day.
    left = [name for name in lake.rejected_files() if name not in pointed_at]
    assert len(left) == there
    assert lake.cleanup_markers()
    remove_orphans(lake.target.athena, lake.target.results, REJECTED.database, [], later(13))
    assert (lake.rejected_files(), lake.cleanup_markers()) == (pointed_at, [])


# Ranges of days


def test_days_that_are_there_are_moved_and_the_others_added(lake):
    lake.run(NEXT_DAY)
    lake.run(DAY, EMPTY_DAY, DAILY[:1])
    engine = lake.watch()
    assert lake.run(DAY, EMPTY_DAY, ["rejected_flows"]).success
    folders = {day: lake.target.results.sql_location(lake.rejected_folder(day)) for day in RANGE}
    assert engine.statements[1:] == [
        f"{ADD_PARTITION} (dt='2021-09-02') LOCATION '{folders[DAY]}'\n"
        f"  PARTITION (dt='2021-09-04') LOCATION '{folders[EMPTY_DAY]}'",
        f"{SET_LOCATION} (dt='2021-09-03') SET LOCATION '{folders[NEXT_DAY]}'",
    ]
    assert packets(lake) == [*PACKETS, (str(NEXT_DAY), 5)]
    assert folders_of(lake.rejected_files()) == {lake.rejected_folder(day) for day in (DAY, NEXT_DAY)}


def test_a_range_of_days_is_one_statement_of_each_kind_and_each_day_has_what_is_its_own(lake):
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    engine = lake.watch()
    result = lake.run(DAY, EMPTY_DAY, DAILY)
    assert result.success
    assert statement_counts(engine) == {"ALTER": 4, "SELECT": len(FEW_REPORTS), "UNLOAD": 1}
    assert [rows(lake, day) for day in RANGE] == [known(day) for day in RANGE]
    made = metadata(result, "rejected_flows")
    sizes = {name.split("dt=")[1][:10]: (lake.results / name).stat().st_size for name in lake.rejected_files()}
    assert {day: (facts["files"].value, facts["bytes"].value) for day, facts in made.items()} == {
        str(DAY): (1, sizes[str(DAY)]),
        str(NEXT_DAY): (1, sizes[str(NEXT_DAY)]),
        str(EMPTY_DAY): (0, 0),
    }
    assert {day: facts["location"].value for day, facts in made.items()} == {
        str(day): lake.target.results.sql_location(lake.rejected_folder(day)) for day in RANGE
    }
    # The one statement read the objects of all days once.
    objects = sum(path.stat().st_size for path in lake.logs.rglob("*.gz"))
    assert [facts["bytes scanned"].value for facts in made.values() if "bytes scanned" in facts] == [objects]
    begun, first, *others = lake.messages(result, level=20)
    assert begun == "2021-09-02, 2021-09-03, 2021-09-04: to be written, from one scan of their objects."
    assert first == "2021-09-02, 2021-09-03, 2021-09-04 (3 of 3): written."
    assert len(others) == len(FEW_REPORTS)
    assert {f"2021-09-02, 2021-09-03, 2021-09-04 (3 of 3): {count} rows." for count in (4, 5)} <= {*others}


def test_the_statements_of_many_days_are_as_few_as_athenas_limits_allow(lake):
    first = DAY - timedelta(days=180)
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    engine = lake.watch()
    result = lake.run(first, first + timedelta(days=200), DAILY)
    assert result.success
    assert statement_counts(engine) == {"ALTER": 4, "SELECT": len(FEW_REPORTS), "UNLOAD": 7}
    for name in DAILY:
        assert len(metadata(result, name)) == 201
    assert [rows(lake, day) for day in RANGE] == [known(day) for day in RANGE]
    assert len(list((lake.results / "reports").rglob("*.parquet"))) == 201 * len(FEW_REPORTS)
    written = [message for message in lake.messages(result, level=20) if message.endswith("written.")]
    assert [message.partition(" (")[2] for message in written] == [
        *(f"{33 * number} of 201): written." for number in range(1, 7)),
        "201 of 201): written.",
    ]


def test_days_before_one_that_fails_are_complete_and_the_others_are_named(lake, monkeypatch):
    monkeypatch.setattr(assets.datasets.unload, "MAX_PARTITIONS_PER_UNLOAD", 2)
    lake.run(DAY)
    damaged = write_object(lake.logs, EMPTY_DAY, [MANY_PACKETS])
    damaged.write_bytes(damaged.read_bytes()[:-9])
    lake.run(DAY, EMPTY_DAY, DAILY[:1])
    asset, words = failure(lake.run(DAY, EMPTY_DAY, DAILY))
    assert asset == FEW_REPORTS[0]
    assert words.startswith(f"{damaged} cannot be read to its end: ")
    assert words.endswith("\nNot done: 2021-09-04. Done: 2 other days. Run again for the days not done.")
    assert packets(lake) == [*PACKETS, (str(NEXT_DAY), 5)]
    assert folders_of(lake.rejected_files()) == {lake.rejected_folder(day) for day in (DAY, NEXT_DAY)}
    assert lake.target.athena.partition_locations(REJECTED, [EMPTY_DAY]) == {}
    assert lake.target.athena.partition_locations(TABLE, [EMPTY_DAY]) != {}


def test_days_that_are_more_than_one_query_may_scan_are_written_in_halves(lake):
    lake.run(DAY)
    lake.run(DAY, EMPTY_DAY, DAILY[:1])
    engine = lake.watch()

    def limit(text: str) -> None:
        if text.startswith("UNLOAD") and f"BETWEEN '{DAY}' AND '{EMPTY_DAY}'" in text:
            lake.target.results.replace(
                {f"{ROOT}{text.split(ROOT)[1].split('/')[0]}/dt={NEXT_DAY}/dataset=rejected_flows/{FILE_NAME}": b"x"}
            )  # as far as it had come
            raise ScanLimitError("CANCELLED", "Bytes scanned limit was exceeded", text)

    engine.before = limit
    result = lake.run(DAY, EMPTY_DAY, DAILY)
    assert result.success
    assert statement_counts(engine)["UNLOAD"] == 3
    assert packets(lake) == [*PACKETS, (str(NEXT_DAY), 5)]
    assert [rows(lake, day) for day in RANGE] == [known(day) for day in RANGE]
    assert folders_of(lake.rejected_files()) == {lake.rejected_folder(day) for day in (DAY, NEXT_DAY)}
    assert lake.cleanup_markers() == []
    warnings = [text for text in lake.messages(result, level=30) if "one query" in text]
    assert warnings == [
        "2021-09-02, 2021-09-03, 2021-09-04: more than one query may scan. Each half of them by itself."
    ]


def test_a_day_that_is_more_than_one_query_may_scan_fails_and_those_before_it_are_done(lake):
    lake.run(DAY)
    lake.run(DAY, EMPTY_DAY, DAILY[:1])
    engine = lake.watch()

    def limit(text: str) -> None:
        if text.startswith("UNLOAD") and f"AND '{EMPTY_DAY}'" in text:
            raise ScanLimitError("CANCELLED", "Bytes scanned limit was exceeded", text)

    engine.before = limit
    asset, words = failure(lake.run(DAY, EMPTY_DAY, DAILY))
    assert asset == FEW_REPORTS[0]
    assert words.endswith("\nNot done: 2021-09-04. Done: 2 other days. Run again for the days not done.")
    assert packets(lake) == [*PACKETS, (str(NEXT_DAY), 5)]


def test_reports_before_one_that_cannot_be_written_are_complete_and_the_others_are_named(lake, monkeypatch):
    monkeypatch.setattr(assets.reports.asset, "DAYS_AT_ONCE", 1)
    lake.run(EMPTY_DAY)
    (lake.results / "reports/top_rejected_pairs/2021-09-03.csv").mkdir(parents=True)
    result = lake.run(DAY, EMPTY_DAY, DAILY)
    asset, words = failure(result)
    assert asset == "top_rejected_pairs"
    assert "2021-09-03.csv cannot be written: Is a directory." in words
    assert words.endswith("\nNot done: 2021-09-03, 2021-09-04. Done: 1 other day. Run again for the days not done.")
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == known(DAY)[0]
    assert not (lake.results / "reports/top_rejected_pairs/2021-09-03.parquet").exists()
    assert sorted(metadata(result, "rejected_flow_details")) == [str(day) for day in RANGE]


# A free statement that fails once, after a scan that was paid


def failing(engine: WatchedEngine, beginning: str, times: int) -> None:
    """Statements that begin so fail so many times, before they are executed."""
    left = [*range(times)]

    def fail(statement: str) -> None:
        if statement.startswith(beginning) and left:
            left.pop()
            raise QueryError("FAILED", "AlreadyExistsException(message:Partition already exists.)", statement)

    engine.before = fail


def test_a_switch_that_fails_once_is_repeated_and_nothing_scanned(lake):
    lake.run(DAY)
    engine = lake.watch()
    failing(engine, SET_LOCATION, 1)
    assert lake.run(DAY, assets=["rejected_flows"]).success
    assert statement_counts(engine)["UNLOAD"] == 1


def test_reports_of_a_day_whose_switch_failed_tell_what_arrived(lake):
    lake.run(DAY)
    write_object(lake.logs, DAY, [MANY_PACKETS], number=9)
    failing(lake.watch(), SET_LOCATION, 9)
    assert not lake.run(DAY, assets=["rejected_flows"]).success
    result = lake.run(DAY, assets=FEW_REPORTS)
    assert any(text.startswith(f"Objects of {DAY} arrived or changed") for text in lake.messages(result, level=30))


# Where an engine runs out of resources


def exhausted(engine: WatchedEngine, *days: date) -> None:
    """UNLOADs of more than one day, or of one of these, fail as Athena's do that need too much memory."""

    def fail(statement: str) -> None:
        if statement.startswith("UNLOAD") and (
            any(f"BETWEEN '{day}' AND '{day}'" in statement for day in days)
            or not any(f"BETWEEN '{day}' AND '{day}'" in statement for day in RANGE)
        ):
            raise QueryError("FAILED", "Query exhausted resources at this scale factor", statement)

    engine.before = fail


def test_days_whose_sums_need_too_much_memory_together_are_summed_up_by_themselves(lake):
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    lake.run(DAY, EMPTY_DAY, DAILY[:1])
    engine = lake.watch()
    exhausted(engine)
    result = lake.run(DAY, EMPTY_DAY, DAILY)
    assert result.success
    assert [rows(lake, day) for day in RANGE] == [known(day) for day in RANGE]
    assert any("one query ran out of resources" in text for text in lake.messages(result, level=30))


def test_a_day_that_needs_too_much_memory_is_told_of_the_setting_that_makes_it_less(lake):
    lake.run(DAY)
    exhausted(lake.watch(), DAY)
    asset, words = failure(lake.run(DAY, assets=DAILY))
    assert asset == "daily_datasets"
    assert "FLOWLAKE_COARSE_SUMMARY=true" in words
    # Records alone are not summed up.
    assert "FLOWLAKE_COARSE_SUMMARY" not in failure(lake.run(DAY, assets=["rejected_flows"]))[1]


def test_a_coarse_summary_has_networks_of_the_internet_and_the_records_their_addresses(tmp_path, instance):
    logs = tmp_path / "logs"
    others = [FEW_PACKETS.replace("203.0.113.9", f"203.0.113.{number}") for number in (1, 2)]
    write_object(logs, DAY, others)
    lake = Lake(logs, tmp_path, instance, coarse_summary=True)
    assert lake.run(DAY).success
    athena = lake.target.athena
    summary = athena.execute("SELECT sourceaddress, records FROM traffic_summary").frame
    assert summary.to_numpy().tolist() == [["203.0.113.0/24", 2]]
    records = athena.execute("SELECT sourceaddress FROM rejected_flows ORDER BY 1").frame
    assert records["sourceaddress"].tolist() == ["203.0.113.1", "203.0.113.2"]
