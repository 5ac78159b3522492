"""Partitions lost with a dropped table: `vpc_flow_logs` adds them again without a scan. In process, on real folders."""

import gzip
from datetime import date, datetime, timedelta, timezone

import dagster as dg
import pytest
from lake import DAILY, FILE_NAME, REJECTED, TABLE, Lake, WatchedEngine, metadata
from support import (
    ACCEPTED,
    DAY,
    FEW_REPORTS,
    NEXT_DAY,
    SMALL_TOP,
    files_in,
    on_day,
    report_rows,
    with_day,
    write_object,
)

import assets.flow_logs_table
from assets.added_days import record_added_days, recorded_days
from assets.datasets.cleanup import RUN_ENDS_WITHIN, remove_orphans
from assets.datasets.files import ROOT, STAMP
from assets.datasets.lost_partitions import RestoredPartitions, remove_superseded
from flowlogs.datasets import DATASETS, REJECTED_FLOWS
from flowlogs.errors import FlowLakeError
from flowlogs.statements import TableName, create_table, dataset_table, drop_table, set_partition_location

SETUP = ["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"]
EMPTY_DAY = date(2021, 9, 4)
RANGE = (DAY, NEXT_DAY, EMPTY_DAY)


@pytest.fixture
def filled(lake):
    """The lake with three days, on the last of which nothing was rejected."""
    write_object(lake.logs, EMPTY_DAY, [on_day(ACCEPTED, EMPTY_DAY)])
    lake.run(DAY, assets=SETUP)
    assert lake.run(DAY, EMPTY_DAY, DAILY).success
    return lake


def drop(lake: Lake) -> None:
    for name in (TABLE, *(TableName(TABLE.database, dataset) for dataset in DATASETS)):
        lake.target.athena.execute(drop_table(name))


def make_again(lake: Lake) -> dg.ExecuteInProcessResult:
    result = lake.run(DAY, assets=["vpc_flow_logs"])
    assert result.success
    return result


def places(lake: Lake) -> list[dict[date, str]]:
    """Where the days of both tables lie."""
    return [lake.target.athena.partition_locations(name, RANGE) for name in (TABLE, REJECTED)]


def counts(lake: Lake) -> list[int]:
    """How many records both tables have."""
    frames = [lake.target.athena.execute(f"SELECT count(*) AS n FROM {n.trino}").frame for n in (TABLE, REJECTED)]
    return [int(frame["n"].iloc[0]) for frame in frames]


def restored(result: dg.ExecuteInProcessResult) -> tuple[object, object]:
    """How many partitions of rejected flows, and how many of flow logs, the run added again."""
    made = metadata(result, "vpc_flow_logs")[None]
    return made["days of datasets added again"].value, made["days of flow logs added again"].value


def warnings(lake: Lake, result: dg.ExecuteInProcessResult) -> list[str]:
    return lake.messages(result, level=30)


def copy_of(lake: Lake, day: date, name: str) -> str:
    """A copy of the day's folder, marker and all, as an attempt called so; returns its key."""
    before, after = lake.rejected_folder(day).partition("dt=")[0], f"{ROOT}{name}/"
    keys = [
        stored.key for stored in lake.target.results.list(before) if f"/dt={day}/dataset=rejected_flows/" in stored.key
    ]
    lake.target.results.replace({key.replace(before, after): lake.target.results.read(key) for key in keys})
    return f"{after}dt={day}/dataset=rejected_flows/"


def attempt(hours: float, database: str = REJECTED.database) -> str:
    """The name of an attempt that began so many hours ago."""
    return f"{datetime.now(timezone.utc) - timedelta(hours=hours):{STAMP}}-0123abcd-{database}"


def test_dropped_tables_have_each_day_again_where_it_was(filled):
    before = places(filled), counts(filled)
    drop(filled)
    assert restored(make_again(filled)) == (3, 3)
    assert (places(filled), counts(filled)) == before


def test_days_are_restored_without_a_scan_in_one_statement_a_table(filled):
    drop(filled)
    engine = filled.watch()
    make_again(filled)
    tables = [*(TableName(TABLE.database, dataset) for dataset in DATASETS), TABLE]
    assert [text.split("(")[0].strip() for text in engine.statements[5:]] == [
        f"ALTER TABLE {name.hive} ADD IF NOT EXISTS PARTITION" for name in tables
    ]


def test_reports_of_days_that_were_restored_need_no_raw_objects(filled):
    drop(filled)
    make_again(filled)
    engine = filled.watch()
    assert filled.run(DAY, EMPTY_DAY, FEW_REPORTS).success
    assert not [text for text in engine.statements if TABLE.trino in text]
    assert report_rows(filled.results, "top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_tables_that_are_there_restore_nothing(filled):
    before = places(filled), files_in(filled.results)
    engine = filled.watch()
    assert restored(make_again(filled)) == (0, 0)
    assert len(engine.statements) == 2 + len(DATASETS)
    after = files_in(filled.results)
    assert (places(filled), after) == (before[0], {**before[1], "catalog.sqlite": after["catalog.sqlite"]})


def test_a_run_that_ends_after_the_tables_are_made_is_completed_by_the_next(filled):
    before = places(filled)
    drop(filled)
    engine = filled.watch()

    def end(text: str) -> None:
        if text.startswith(f"ALTER TABLE {REJECTED.hive}"):
            raise FlowLakeError("the power went out")

    engine.before = end
    assert not filled.run(DAY, assets=["vpc_flow_logs"]).success
    assert places(filled) == [{}, {}]
    engine.before = str
    assert restored(make_again(filled)) == (3, 3)
    assert places(filled) == before


def test_of_two_complete_attempts_the_newest_is_restored(filled):
    newest = copy_of(filled, DAY, attempt(-1))
    drop(filled)
    make_again(filled)
    assert filled.rejected_folder(DAY) == newest


@pytest.mark.parametrize("fault", ["half a file", "a file is missing", "no marker", "a file more"])
def test_an_attempt_that_is_not_complete_is_not_restored(filled, fault):
    before = filled.rejected_folder(DAY)
    folder = filled.results / copy_of(filled, DAY, attempt(-1))
    (file,) = folder.glob("*.parquet")
    (marker,) = (folder.parent.parent / "_complete" / folder.parent.name / folder.name).iterdir()
    if fault == "half a file":
        file.write_bytes(file.read_bytes()[:-9])
    elif fault == "a file is missing":
        file.unlink()
    elif fault == "no marker":
        marker.unlink()
    else:
        file.with_name("more.parquet").write_bytes(file.read_bytes())
    drop(filled)
    make_again(filled)
    assert filled.rejected_folder(DAY) == before


def test_an_attempt_of_another_database_is_not_restored(filled):
    before = filled.rejected_folder(DAY)
    copy_of(filled, DAY, attempt(-1, "other"))
    drop(filled)
    make_again(filled)
    assert filled.rejected_folder(DAY) == before


def test_an_attempt_of_other_flow_logs_is_not_restored(filled):
    for path in list(filled.results.rglob("_complete/**/*-123456789012-*")):
        path.rename(path.with_name(path.name.replace("123456789012", "210987654321")))
    drop(filled)
    assert restored(make_again(filled)) == (0, 3)


def test_what_a_run_that_was_killed_before_its_switch_completed_is_restored(lake):
    lake.run(DAY)
    engine = lake.watch()

    def end(text: str) -> None:
        if " SET LOCATION " in text:
            raise FlowLakeError("the power went out")

    engine.before = end
    assert not lake.run(DAY, assets=DAILY).success
    drop(lake)
    make_again(lake)
    assert lake.rejected_folder(DAY) == max(
        f"{key.rpartition('/')[0]}/".replace("/_complete/", "/") for key in lake.completion_markers()
    )
    assert counts(lake)[1] == 4


def test_days_that_were_never_added_are_not_added(lake):
    lake.run(DAY)
    drop(lake)
    assert restored(make_again(lake)) == (1, 1)
    assert list(places(lake)[0]) == [DAY]


def test_a_day_that_was_added_and_never_read_is_added_again(lake):
    lake.run(DAY, assets=SETUP)
    lake.run(DAY, assets=DAILY[:1])
    drop(lake)
    assert restored(make_again(lake)) == (0, 1)


def test_a_day_whose_objects_would_be_read_wrongly_stays_out_by_name(filled):
    header = "version account-id interface-id"
    damaged = write_object(filled.logs, NEXT_DAY, [NEXT_DAY.isoformat()], number=0)
    damaged.write_bytes(gzip.compress(f"{header}\n2 1 eni-1\n".encode()))
    drop(filled)
    result = make_again(filled)
    assert restored(result) == (3, 2)
    (warning,) = warnings(filled, result)
    assert warning.startswith(f"Not added again to the table of flow logs: {NEXT_DAY}. ")
    assert str(damaged) in warning
    assert NEXT_DAY not in places(filled)[0]


def test_a_day_whose_objects_are_gone_stays_out_and_its_rejected_flows_stay(filled):
    for path in filled.logs.rglob("*20210903*"):
        path.unlink()
    drop(filled)
    result = make_again(filled)
    assert restored(result) == (3, 2)
    (warning,) = warnings(filled, result)
    assert f": {NEXT_DAY}. " in warning and warning.endswith("Their folders hold no objects.")
    assert counts(filled)[1] == 5


def test_a_place_that_cannot_be_looked_through_is_told_and_stops_nothing(filled):
    drop(filled)
    (filled.results / ROOT / b"\xff".decode(errors="surrogateescape")).write_text("")
    result = make_again(filled)
    assert restored(result) == (0, 3)
    assert any(text.startswith("Rows of days without a parti") for text in warnings(filled, result))


# What is of no use


@pytest.mark.parametrize("how", ["found", "dropped"])
def test_an_older_attempt_of_ours_that_no_day_points_at_is_removed(filled, how):
    folder = copy_of(filled, DAY, attempt(13))
    assert folder < filled.rejected_folder(DAY)
    if how == "dropped":
        drop(filled)
    make_again(filled)
    assert not (filled.results / folder).exists()
    assert counts(filled)[1] == 5


@pytest.mark.parametrize(
    "name", [attempt(13, "other"), attempt(13)[:25], attempt(11)], ids=["of another", "of an older version", "young"]
)
def test_an_attempt_that_may_be_of_use_is_kept(filled, name):
    folder = copy_of(filled, DAY, name)
    make_again(filled)
    assert (filled.results / folder).exists()


def test_an_attempt_of_a_run_that_is_still_at_work_is_kept(filled):
    folder = copy_of(filled, DAY, attempt(13))
    marker = f"{ROOT}_unfinished/{REJECTED.database}/{datetime.now(timezone.utc):{STAMP}}-0123abcd"
    filled.target.results.replace({marker: f"{ROOT}{folder.split('/')[1]}/\n".encode()})
    make_again(filled)
    assert (filled.results / folder).exists()


def test_what_a_day_that_points_elsewhere_has_is_kept(filled):
    folder = copy_of(filled, DAY, attempt(13))
    before = filled.rejected_folder(DAY)
    filled.target.athena.execute(
        set_partition_location(REJECTED, DAY, filled.target.results.sql_location("elsewhere/"))
    )
    make_again(filled)
    assert (filled.results / folder).exists() and (filled.results / before).exists()


def test_what_a_killed_run_left_is_removed_where_its_marker_is_old(filled):
    name = attempt(13)
    half = f"{ROOT}{name}/dt={DAY}/dataset=rejected_flows/{FILE_NAME}"
    marker = f"{ROOT}_unfinished/{REJECTED.database}/{name[:25]}"
    filled.target.results.replace({half: b"x", marker: f"{ROOT}{name}/\n".encode()})
    make_again(filled)
    assert not (filled.results / half).exists()
    assert filled.cleanup_markers() == []


def test_partitions_are_asked_for_only_where_a_day_has_two_attempts(filled):
    asked = []

    class Engine(WatchedEngine):
        def locations_of(self, name, partitions):
            asked.append([date.fromisoformat(values[0]) for values in partitions])
            return super().locations_of(name, partitions)

    engine = Engine(filled.target.athena)
    now = datetime.now(timezone.utc) + 2 * RUN_ENDS_WITHIN
    assert remove_superseded(engine, filled.target.results, REJECTED.database, now) == []
    copy_of(filled, DAY, attempt(13))
    assert remove_superseded(engine, filled.target.results, REJECTED.database, now) == []
    assert asked == [[DAY]]


# Records of what was added


def test_a_run_of_days_is_one_record(filled):
    (record,) = filled.target.results.list("source/days/added/")
    assert record.key == f"source/days/added/vpc_flow_lake/vpc_flow_logs/{DAY}_{EMPTY_DAY}.txt"
    assert recorded_days(filled.target.results, TABLE)[TABLE] == list(RANGE)


def test_days_apart_are_two_records(lake):
    record_added_days(lake.target.results, TABLE, [EMPTY_DAY, DAY])
    assert recorded_days(lake.target.results, TABLE)[TABLE] == [DAY, EMPTY_DAY]


def test_what_is_no_record_is_passed_over(lake):
    folder = "source/days/added/vpc_flow_lake/vpc_flow_logs/"
    names = ["2021-09-02_2021-09-31.txt", "2021-09-03_2021-09-02.txt", "README", "2021-09-02.txt"]
    lake.target.results.replace(dict.fromkeys([folder + name for name in names], b""))
    assert recorded_days(lake.target.results, TABLE)[TABLE] == []


# The only copy of a day


def listed_long_ago(lake: Lake, *folders: str) -> None:
    """A clean-up marker of a run that ended 13 hours ago, which lists these folders."""
    key = f"{ROOT}_unfinished/{REJECTED.database}/{attempt(13)[:25]}"
    lake.target.results.replace({key: "".join(f"{folder}\n" for folder in folders).encode()})


@pytest.mark.parametrize("what", ["attempt", "day"])
def test_the_only_copy_of_a_lost_day_is_not_removed(filled, what):
    name = attempt(14)
    folder = copy_of(filled, DAY, name)
    listed_long_ago(filled, f"{ROOT}{name}/" if what == "attempt" else folder)
    filled.target.results.delete(
        [
            key
            for key in filled.rejected_files() + filled.completion_markers()
            if f"dt={DAY}/dataset=rejected_flows/" in key and name not in key
        ]
    )
    drop(filled)
    filled.target.athena.execute(
        create_table(REJECTED, dataset_table(REJECTED_FLOWS, filled.target.results.sql_location()))
    )
    remove_orphans(filled.target.athena, filled.target.results, REJECTED.database, [], datetime.now(timezone.utc))
    make_again(filled)
    assert filled.rejected_folder(DAY) == folder
    assert filled.run(DAY, assets=FEW_REPORTS).success


def test_a_copy_is_removed_where_the_day_points_at_another(filled):
    folder = copy_of(filled, DAY, attempt(14))
    listed_long_ago(filled, folder)
    remove_orphans(filled.target.athena, filled.target.results, REJECTED.database, [], datetime.now(timezone.utc))
    assert not [key for key in filled.rejected_files() if key.startswith(folder)]


def test_nothing_is_removed_where_nothing_could_be_listed(filled, monkeypatch):
    listed_long_ago(filled, copy_of(filled, DAY, attempt(14)))
    before = filled.without_cleanup_markers()
    monkeypatch.setattr(
        assets.flow_logs_table,
        "restore_dataset_partitions",
        lambda *_: RestoredPartitions([], ["not looked for"], is_listed=False),
    )
    make_again(filled)
    assert filled.without_cleanup_markers() == before


def test_what_is_found_in_days_that_are_added_again_is_told(filled):
    (first, *_) = filled.logs.rglob(f"{DAY:%Y/%m/%d}/*.gz")
    first.with_name(first.name.rsplit("_", 1)[0] + "_abcdef01.log.gz").write_bytes(first.read_bytes())
    drop(filled)
    assert any("copies under another name, byte for byte" in text for text in warnings(filled, make_again(filled)))


@pytest.mark.parametrize("what", ["came", "changed", "went"])
def test_days_whose_objects_are_others_than_were_read_are_told(filled, what):
    (first, second) = sorted(filled.logs.rglob(f"{DAY:%Y/%m/%d}/*.gz"))
    if what == "came":
        write_object(filled.logs, DAY, [ACCEPTED], number=5)
    elif what == "changed":
        second.write_bytes(second.read_bytes() + gzip.compress(f"{ACCEPTED}\n".encode()))
    else:
        first.unlink()
    drop(filled)
    result = make_again(filled)
    assert restored(result) == (3, 3)
    assert warnings(filled, result) == [
        f"Objects of {DAY} came, went or changed after they were read for {', '.join(DATASETS)}, and these are as they "
        "were read then. Materialize them for these days again, then their reports."
    ]


def test_they_are_told_also_where_the_table_of_flow_logs_alone_was_dropped(filled):
    write_object(filled.logs, DAY, [ACCEPTED], number=5)
    filled.target.athena.execute(drop_table(TABLE))
    result = make_again(filled)
    assert restored(result) == (0, 3)
    (warning,) = warnings(filled, result)
    assert warning.startswith(f"Objects of {DAY} came, went or changed after they were read for rejected_flows, ")
