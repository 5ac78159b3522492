"""What is not kept any more goes, with its partitions; nothing else does; and it is not made again."""

import logging
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pytest
from lake import CHOSEN_REPORTS, DAILY, TABLE, Lake, failure, metadata
from support import DAY, FEW_REPORTS, NEXT_DAY, SMALL_LOGS, files_in, write_object, write_small_logs

import pipelines.settings
from assets.added_days import record_removed_days, removed_days
from assets.retention import day_of_report_file
from flowlogs.datasets import DATASETS
from flowlogs.retention import Retention, first_kept
from flowlogs.statements import TableName
from pipelines.build import build_definitions
from pipelines.commands.query_warnings import query_warnings
from pipelines.settings import Settings
from pipelines.targets import build_target
from resources.engine import QueryError

REMOVE = {"ops": {"remove_expired_days": {"config": {"dry_run": False}}}}


def kept_since(day: date) -> int:
    """The number of days that keeps this day and none before it."""
    return (datetime.now(timezone.utc).date() - day).days


class Kept(Lake):
    """A lake whose settings say how long things are kept, over the folders of another one."""

    def __init__(self, lake: Lake, **kept: int) -> None:
        self.settings = lake.settings.model_copy(update=kept)
        self.logs, self.results, self.instance = lake.logs, lake.results, lake.instance
        self.target = build_target(self.settings)
        self._job = None

    def remove(self, config: dict[str, Any] = REMOVE) -> dg.ExecuteInProcessResult:
        """Run the job `retention`."""
        definitions = build_definitions(self.settings, CHOSEN_REPORTS, target=self.target)
        job = definitions.resolve_job_def("retention")
        return job.execute_in_process(instance=self.instance, run_config=config, raise_on_error=False)


@pytest.fixture
def made(lake: Lake) -> Lake:
    """A lake with two days, all kept for good."""
    assert lake.run(DAY, NEXT_DAY).success
    return lake


@pytest.fixture
def simulated(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Lake]:
    """The default bucket of a project of the test's own, with two days."""
    monkeypatch.setattr(pipelines.settings, "PROJECT_ROOT", tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        lake = Lake(tmp_path / "data" / "bucket", tmp_path / "data", instance)
        assert lake.run(DAY, NEXT_DAY).success
        yield lake


def partition_days(lake: Lake) -> dict[str, list[date]]:
    """By table, the days that are partitions."""
    names = [TABLE, *(TableName(TABLE.database, name) for name in DATASETS)]
    return {name.table: sorted(lake.target.athena.partition_locations(name, [DAY, NEXT_DAY])) for name in names}


def files(lake: Lake, day: date) -> list[str]:
    """The files of the results whose names or folders are the day's, without records about days."""
    found = sorted(key for key in files_in(lake.results) if day.isoformat() in key and not key.startswith("source/"))
    return [key for key in found if not key.startswith("dagster/")]


BOTH = [DAY, NEXT_DAY]


def test_without_a_setting_nothing_is_removed(made: Lake) -> None:
    before = files_in(made.results), partition_days(made)
    kept = Kept(made)
    result = kept.remove()
    assert result.success
    assert kept.messages(result, logging.INFO)[-1].startswith("Everything is kept: none of FLOWLAKE_KEEP_LOGS_DAYS")
    assert (files_in(made.results), partition_days(made)) == before


def test_a_dry_run_says_what_would_go_and_removes_nothing(made: Lake) -> None:
    before = files_in(made.results), partition_days(made)
    kept = Kept(made, keep_datasets_days=kept_since(NEXT_DAY), keep_reports_days=kept_since(NEXT_DAY))
    result = kept.remove({})
    assert result.success
    datasets, reports, last = kept.messages(result, logging.INFO)[-3:]
    assert datasets.startswith(
        f"Would be removed: Datasets (FLOWLAKE_KEEP_DATASETS_DAYS={kept_since(NEXT_DAY)}): of {DAY}: 3 files, "
    )
    assert datasets.endswith("partitions: 1 of rejected_flows, 1 of traffic_summary, 1 of traffic_by_hour.")
    assert reports.startswith(
        f"Would be removed: Reports and pages (FLOWLAKE_KEEP_REPORTS_DAYS={kept_since(NEXT_DAY)}): of {DAY}: "
        f"{2 * len(FEW_REPORTS) + 2} objects, "
    )
    assert last.startswith("Nothing was removed: this was a dry run.")
    assert (files_in(made.results), partition_days(made)) == before


def test_datasets_go_with_their_partitions_and_reports_stay_readable(made: Lake) -> None:
    reports = {key: text for key, text in files_in(made.results).items() if key.startswith("reports/")}
    others = [key for key in files(made, NEXT_DAY) if key.startswith("datasets/")]
    kept = Kept(made, keep_datasets_days=kept_since(NEXT_DAY))
    result = kept.remove()
    assert result.success
    assert partition_days(made) == {TABLE.table: BOTH, **{key: [NEXT_DAY] for key in DATASETS}}
    now = files_in(made.results)
    assert {key: text for key, text in now.items() if key.startswith("reports/")} == reports
    assert [key for key in files(made, DAY) if not key.startswith("reports/")] == []
    assert [key for key in files(made, NEXT_DAY) if key.startswith("datasets/")] == others
    observed = {
        event.event_specific_data.asset_observation.asset_key.to_user_string(): {
            name: value.value for name, value in event.event_specific_data.asset_observation.metadata.items()
        }
        for event in result.all_events
        if event.event_type_value == "ASSET_OBSERVATION"
    }
    assert observed == {
        name: {"days removed": DAY.isoformat(), "partitions removed": 1, "files removed": 1} for name in DATASETS
    }


def test_twice_is_as_once(made: Lake) -> None:
    kept = Kept(made, keep_datasets_days=kept_since(NEXT_DAY), keep_reports_days=kept_since(NEXT_DAY))
    assert kept.remove().success
    after = files_in(made.results), partition_days(made)
    assert kept.remove().success
    assert (files_in(made.results), partition_days(made)) == after


def test_reports_go_and_the_index_links_those_that_are_left(made: Lake) -> None:
    kept = Kept(made, keep_reports_days=kept_since(NEXT_DAY))
    (made.results / "reports" / "mine.txt").write_text("mine")
    (made.results / "reports" / "top_rejected_pairs" / f"{DAY}-notes.csv").write_text("mine")
    assert kept.remove().success
    left = [key for key in files(made, DAY) if key.startswith("reports/")]
    assert left == [f"reports/top_rejected_pairs/{DAY}-notes.csv"]
    assert len([key for key in files(made, NEXT_DAY) if key.startswith("reports/")]) == 2 * len(FEW_REPORTS) + 2
    index = (made.results / "reports" / "index.html").read_text()
    assert f"{NEXT_DAY}.html" in index and f"{DAY}.html" not in index
    assert (made.results / "reports" / "mine.txt").read_text() == "mine"


def test_of_a_folder_that_is_no_report_here_only_files_that_a_report_made_go(made: Lake) -> None:
    reports = made.results / "reports"
    (reports / "top_rejected_pairs").rename(reports / "renamed_since")
    for name in ("parquet", "csv", "json"):
        (reports / "mine").mkdir(exist_ok=True)
        (reports / "mine" / f"{DAY}.{name}").write_bytes(b"mine")
    pd.DataFrame({"mine": [1]}).to_parquet(reports / "mine" / f"{DAY - timedelta(days=1)}.parquet")
    (reports / "mine_too").mkdir()
    (reports / "mine_too" / f"{DAY}.csv").write_bytes(b"mine")
    mine = {key: text for key, text in files_in(made.results).items() if key.startswith("reports/mine")}
    assert Kept(made, keep_reports_days=kept_since(NEXT_DAY)).remove().success
    now = files_in(made.results)
    assert {key: text for key, text in now.items() if key.startswith("reports/mine")} == mine
    assert [key for key in now if "renamed_since" in key] == [
        f"reports/renamed_since/{NEXT_DAY}.csv",
        f"reports/renamed_since/{NEXT_DAY}.parquet",
    ]


def test_logs_of_ones_own_are_never_removed(made: Lake) -> None:
    before = files_in(made.logs), files_in(made.results), partition_days(made)
    kept = Kept(made, keep_logs_days=7)
    result = kept.remove()
    assert result.success
    assert kept.messages(result, logging.WARNING) == [
        f"No logs are removed (FLOWLAKE_KEEP_LOGS_DAYS): {made.logs} is a folder of your own, which is read and never "
        "written."
    ]
    assert (files_in(made.logs), files_in(made.results), partition_days(made)) == before
    # And their days are made again, however old they are.
    assert kept.run(DAY).success


def test_simulated_logs_go_with_their_partitions(simulated: Lake) -> None:
    others = {key for key in files_in(simulated.logs) if f"/{NEXT_DAY:%Y/%m/%d}/" in key}
    kept = Kept(simulated, keep_logs_days=kept_since(NEXT_DAY))
    result = kept.remove()
    assert result.success
    assert {key for key in files_in(simulated.logs) if key.startswith("AWSLogs/")} == others
    assert partition_days(simulated) == {TABLE.table: [NEXT_DAY], **dict.fromkeys(DATASETS, BOTH)}
    assert removed_days(simulated.target.results, TABLE.database) == {DAY}
    said = kept.messages(result, logging.INFO)
    assert any(
        line.startswith(f"To be removed: Logs (FLOWLAKE_KEEP_LOGS_DAYS={kept_since(NEXT_DAY)}): of {DAY}: ")
        and line.endswith("partitions: 1 of vpc_flow_logs.")
        for line in said
    )


def test_a_day_that_is_over_is_not_made_again_and_its_report_stays(simulated: Lake) -> None:
    kept = Kept(simulated, keep_logs_days=kept_since(NEXT_DAY), keep_datasets_days=kept_since(NEXT_DAY))
    assert kept.remove().success
    before = files_in(simulated.results), files_in(simulated.logs)
    for assets in (DAILY, [*DATASETS]):
        step, words = failure(kept.run(DAY, assets=assets))
        assert step == ("vpc_flow_logs_partition" if assets is DAILY else "daily_datasets")
        assert words.startswith(
            f"The logs of {DAY} are not kept any more (FLOWLAKE_KEEP_LOGS_DAYS={kept_since(NEXT_DAY)}), and some of "
            "them may be gone: such a day is not made again."
        )
    assert (files_in(simulated.results), files_in(simulated.logs)) == before


def test_of_a_range_the_days_that_are_kept_are_done(simulated: Lake) -> None:
    kept = Kept(simulated, keep_logs_days=kept_since(NEXT_DAY))
    result = kept.run(DAY, NEXT_DAY, DAILY)
    assert f"Not done: {DAY}. Done: 1 other day." in failure(result)[1]
    assert set(metadata(result, "vpc_flow_logs_partition")) == {NEXT_DAY.isoformat()}


def test_removed_logs_of_others_count_as_removed_when_the_setting_is_gone(
    made: Lake,
) -> None:
    # As a lifecycle rule leaves it: the objects are gone, and the job has dropped the partition.
    record_removed_days(made.target.results, TABLE.database, [DAY])
    assert Kept(made, keep_datasets_days=kept_since(NEXT_DAY)).remove().success
    for path in (made.logs).rglob(f"*/{DAY:%Y/%m/%d}/*"):
        path.unlink()
    reports = {key: text for key, text in files_in(made.results).items() if key.startswith("reports/")}
    _step, words = failure(made.run(DAY, assets=DAILY))
    assert words.startswith(f"The logs of {DAY} were removed, as FLOWLAKE_KEEP_LOGS_DAYS said then")
    assert failure(made.run(DAY, assets=[*DATASETS]))[1] == words
    assert {key: text for key, text in files_in(made.results).items() if key.startswith("reports/")} == reports
    # Whoever puts the logs back has the day again.
    for number, lines in enumerate(SMALL_LOGS[DAY]):
        write_object(made.logs, DAY, lines, number=number)
    assert made.run(DAY).success


def test_removed_days_are_not_missed_when_the_table_is_made_again(simulated: Lake) -> None:
    kept = Kept(simulated, keep_logs_days=kept_since(NEXT_DAY))
    assert kept.remove().success
    result = kept.run(NEXT_DAY, assets=["vpc_flow_logs"])
    assert result.success and kept.messages(result, logging.WARNING) == []
    assert partition_days(simulated)[TABLE.table] == [NEXT_DAY]


def test_make_sql_says_nothing_of_logs_that_were_removed_when_they_were_over(simulated: Lake) -> None:
    def warnings() -> list[str]:
        target = simulated.target
        statement = f"SELECT count(*) AS records FROM rejected_flows WHERE dt = '{DAY}'"
        return list(query_warnings(target, statement, target.athena.execute(statement)))

    assert Kept(simulated, keep_logs_days=kept_since(NEXT_DAY)).remove().success
    assert warnings() == []
    # Logs that somebody took away are told.
    for path in simulated.target.results.list("source/days/removed/"):
        simulated.target.results.delete([path.key])
    (warning,) = warnings()
    assert warning.startswith(f"Objects of {DAY} came, went or changed after they were read for rejected_flows")


def test_simulated_days_that_were_removed_come_again_without_the_setting(simulated: Lake) -> None:
    before = files_in(simulated.logs)
    assert Kept(simulated, keep_logs_days=kept_since(NEXT_DAY)).remove().success
    assert simulated.run(DAY).success
    assert files_in(simulated.logs) == before


@pytest.mark.parametrize("statement", ["vpc_flow_logs", "rejected_flows", "traffic_by_hour"])
def test_what_a_killed_run_left_is_removed_by_the_next(simulated: Lake, statement: str) -> None:
    days = kept_since(NEXT_DAY)
    kept = Kept(simulated, keep_logs_days=days, keep_datasets_days=days, keep_reports_days=days)
    watched = kept.watch()

    def stop(text: str) -> None:
        if text.startswith("ALTER TABLE") and f"`{statement}` DROP" in text:
            raise QueryError("GENERIC_INTERNAL_ERROR", "killed", text)

    watched.after = stop
    assert not kept.remove().success
    watched.after = str
    assert kept.remove().success
    assert partition_days(simulated) == {TABLE.table: [NEXT_DAY], **{key: [NEXT_DAY] for key in DATASETS}}
    assert files(simulated, DAY) == []
    assert not [key for key in files_in(simulated.logs) if f"/{DAY:%Y/%m/%d}/" in key]


def test_files_of_ones_own_in_a_datasets_folder_stay_and_are_named(made: Lake) -> None:
    mine = made.results / made.rejected_folder(DAY) / "mine.parquet"
    mine.write_bytes(b"mine")
    kept = Kept(made, keep_datasets_days=kept_since(NEXT_DAY))
    result = kept.remove()
    assert result.success
    assert mine.read_bytes() == b"mine"
    assert kept.messages(result, logging.WARNING) == [
        f"Left where files of datasets were removed, since no run made it: {mine}. Move it where you want it."
    ]


def test_datasets_of_another_database_stay(made: Lake, tmp_path: Path) -> None:
    other = Lake(made.logs, tmp_path, made.instance, database="other_lake")
    assert other.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_logs", *DAILY]).success
    assert Kept(made, keep_datasets_days=kept_since(NEXT_DAY)).remove().success
    left = {
        key.split("/")[1].partition("-")[2].partition("-")[2] for key in files(made, DAY) if key.startswith("datasets/")
    }
    assert left == {"other_lake"}
    name = TableName("other_lake", "rejected_flows")
    assert [*other.target.athena.partition_locations(name, [DAY])] == [DAY]


def test_before_anything_was_made_there_is_nothing_to_remove(lake: Lake) -> None:
    kept = Kept(lake, keep_reports_days=7)
    result = kept.remove()
    assert result.success
    assert kept.messages(result, logging.INFO)[-1].startswith("Nothing is removed: nothing was made yet in ")


def test_results_of_others_are_not_touched(made: Lake, tmp_path: Path) -> None:
    elsewhere = Lake(write_small_logs(tmp_path / "elsewhere"), tmp_path, made.instance)
    before = files_in(made.results)
    result = Kept(elsewhere, keep_reports_days=7).remove()
    assert "were made from the flow logs in" in failure(result)[1]
    assert files_in(made.results) == before


@pytest.mark.parametrize(
    ("key", "day"),
    [
        ("reports/top_rejected_pairs/2021-09-02.parquet", DAY),
        ("reports/top_rejected_pairs/2021-09-02.csv", DAY),
        ("reports/day_totals/2021-09-02.json", DAY),
        ("reports/2021-09-02.html", DAY),
        ("reports/index.html", None),
        ("reports/top_rejected_pairs/2021-09-02.json", None),
        ("reports/top_rejected_pairs/2021-09-02.csv.bak", None),
        ("reports/top_rejected_pairs/2021-02-30.csv", None),
        ("reports/a/b/2021-09-02.csv", None),
        ("reports/2021-09-02.csv", None),
        ("other/top_rejected_pairs/2021-09-02.csv", None),
    ],
)
def test_files_of_reports_are_known_by_their_names(key: str, day: date | None) -> None:
    assert day_of_report_file(key) == day


def test_a_day_is_kept_for_so_many_days_after_it() -> None:
    today = date(2026, 11, 20)
    assert first_kept(7, today) == date(2026, 11, 13)
    assert first_kept(None, today) is None
    assert Retention(logs=30, datasets=10, reports=20).remakes_from(today) == today - timedelta(days=10)
    assert Retention(reports=7).remakes_from(today) == today - timedelta(days=7)
    assert Retention().remakes_from(today) is None


@pytest.mark.parametrize("kept", ["keep_logs_days", "keep_datasets_days", "keep_reports_days"])
def test_the_schedule_is_on_where_something_expires(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kept: str) -> None:
    monkeypatch.setattr(pipelines.settings, "PROJECT_ROOT", tmp_path)
    found = {
        bool(changed): build_definitions(Settings(**changed), CHOSEN_REPORTS)
        .get_repository_def()
        .get_schedule_def("retention_schedule")
        for changed in ({}, {kept: 7})
    }
    assert found[False].default_status == dg.DefaultScheduleStatus.STOPPED
    assert found[True].default_status == dg.DefaultScheduleStatus.RUNNING
    assert found[True].cron_schedule == "0 3 * * *"
    tick = found[True].evaluate_tick(dg.build_schedule_context())
    assert tick.run_requests[0].run_config == REMOVE
