"""The sensors: which days they request, when, and what the runs that they request make of them."""

import gzip
import json
import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from daemon import JOB, NOON, Daemon, before
from lake import CHOSEN_REPORTS, Lake
from support import ACCEPTED, FEW_PACKETS, MANY_PACKETS, PING, on_day, report_rows, write_object

from assets.page.asset import made_days, page_key, stored_summaries
from flowlogs.retention import Retention
from pipelines.build import build_definitions
from pipelines.sensors import LATE_SENSOR, MISSED_SENSOR
from pipelines.settings import Settings


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A history in a folder: a sensor takes no other one."""
    with dg.instance_for_test() as instance:
        yield instance


def write_three_days(folder: Path) -> Path:
    for ago in range(3):
        write_object(folder, before(ago), [on_day(FEW_PACKETS, before(ago))])
    return folder


@pytest.fixture(scope="module")
def homes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A folder that has a lake in which three days are done, and a copy of it, to begin from again."""
    home = tmp_path_factory.mktemp("home")
    with dg.DagsterInstance.ephemeral() as instance:
        lake = Lake(write_three_days(home / "logs"), home, instance)
        assert lake.run(before(2), before(0)).success
    return home, Path(shutil.copytree(home, tmp_path_factory.mktemp("copy") / "home"))


@pytest.fixture
def lake(tmp_path: Path, instance: dg.DagsterInstance, request: pytest.FixtureRequest) -> Lake:
    """The last three days that are over, with an object each; all of them done, where the test asks for that."""
    if "done" not in request.fixturenames:
        return Lake(write_three_days(tmp_path / "logs"), tmp_path, instance)
    home, copy = request.getfixturevalue("homes")
    shutil.rmtree(home)
    shutil.copytree(copy, home)
    return Lake(home / "logs", home, instance)


def daemon_of(lake: Lake, monkeypatch: pytest.MonkeyPatch, **others: bool) -> Daemon:
    defs = build_definitions(lake.settings, CHOSEN_REPORTS, target=lake.target, **others)
    return Daemon(defs, lake.target, lake.instance, monkeypatch)


@pytest.fixture
def daemon(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    return daemon_of(lake, monkeypatch)


@pytest.fixture
def running(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """A daemon with FLOWLAKE_RUNNING_DAY=true."""
    lake.settings = lake.settings.model_copy(update={"running_day": True})
    return daemon_of(lake, monkeypatch)


@pytest.fixture
def done(daemon: Daemon) -> Daemon:
    """The daemon, where all three days are done."""
    return daemon


def arrive(lake: Lake, day: date, *lines: str, number: int = 7) -> Path:
    return write_object(lake.logs, day, [on_day(line, day) for line in lines], number=number)


def days_of(request: dg.RunRequest) -> tuple[str | None, str | None, str | None]:
    names = ("dagster/partition", "dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
    one, first, last = (request.tags.get(name) for name in names)
    return one, first, last


def summary(lake: Lake, day: date) -> Any:
    return stored_summaries(lake.target.results, [day])[day]


# Late objects


def test_days_without_late_objects_are_left_alone(done):
    for _ in range(3):
        answer = done.tick(LATE_SENSOR, 20)
        assert answer.run_requests == []
        assert answer.skip_message == f"Nothing new for {before(2)}, {before(1)}, {before(0)}."


def test_a_day_with_late_objects_is_requested_when_they_have_settled(done, lake):
    arrive(lake, before(1), MANY_PACKETS, PING)
    first = done.tick(LATE_SENSOR)
    assert first.run_requests == []
    assert first.skip_message == (
        f"{before(1)}: 1 object arrived since its reports were made; its objects have to stay the same for 15 minutes "
        "first."
    )
    arrive(lake, before(1), ACCEPTED, number=8)
    assert done.tick(LATE_SENSOR, 10).run_requests == []
    assert done.tick(LATE_SENSOR, 10).run_requests == []
    (request,) = done.tick(LATE_SENSOR, 10).run_requests
    assert days_of(request) == (str(before(1)), None, None)
    assert request.tags["vpc-flow-lake/because"] == f"{before(1)}: 2 objects arrived since its reports were made"


def test_the_run_that_is_requested_reads_the_late_objects_and_says_so(done, lake):
    arrive(lake, before(1), MANY_PACKETS, PING)
    arrive(lake, before(1), ACCEPTED, number=8)
    (request,) = done.ask(LATE_SENSOR)
    assert done.launch(request).success
    assert summary(lake, before(1)).totals.records == 4
    assert [row[0] for row in report_rows(lake.results, "top_rejected_pairs", before(1))] == [47, 3]
    (told,) = summary(lake, before(1)).updates
    assert told.endswith(" (UTC): 2 late objects, 3 records.")
    assert told in (lake.results / page_key(before(1))).read_text()
    assert done.tick(LATE_SENSOR, 10).run_requests == []


def test_several_changed_days_in_a_row_are_one_run(done, lake):
    for ago in (2, 1, 0):
        arrive(lake, before(ago), PING)
    (request,) = done.ask(LATE_SENSOR)
    assert days_of(request) == (None, str(before(2)), str(before(0)))
    assert done.launch(request).success
    assert [summary(lake, before(ago)).totals.records for ago in (2, 1, 0)] == [2, 2, 2]
    assert len(done.launched_runs()) == 1
    assert done.tick(LATE_SENSOR, 10).run_requests == []


def test_a_day_between_two_changed_ones_is_not_made_again(done, lake):
    arrive(lake, before(2), PING)
    arrive(lake, before(0), PING)
    assert [days_of(request)[0] for request in done.ask(LATE_SENSOR)] == [str(before(2)), str(before(0))]


def test_an_object_that_was_replaced_by_a_larger_one_is_requested(done, lake):
    write_object(lake.logs, before(0), [on_day(line, before(0)) for line in (FEW_PACKETS, PING, MANY_PACKETS)])
    (request,) = done.ask(LATE_SENSOR)
    assert request.tags["vpc-flow-lake/because"] == f"{before(0)}: 1 object changed since its reports were made"
    assert done.launch(request).success
    assert summary(lake, before(0)).updates[0].endswith(": objects changed, 2 records.")


def test_a_day_that_lost_objects_is_never_requested(done, lake):
    arrive(lake, before(1), PING)
    next(lake.logs.rglob(f"*{before(1):%Y%m%d}T00*")).unlink()
    for _ in range(3):
        answer = done.tick(LATE_SENSOR, 20)
        assert answer.run_requests == []
        assert answer.skip_message == (
            f"{before(1)}: 1 object that was read is gone or smaller: its reports stay as they are."
        )


def test_an_object_that_was_decompressed_is_the_same(done, lake):
    path = next(lake.logs.rglob(f"*{before(1):%Y%m%d}T00*"))
    path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    path.unlink()
    assert done.ask(LATE_SENSOR) == []


def test_objects_that_never_settle_are_read_after_six_hours(done, lake):
    for number in range(10, 50):
        arrive(lake, before(0), PING, number=number)
        requests = done.tick(LATE_SENSOR, 10).run_requests
        if requests:
            break
    assert number == 10 + 6 * 6


def test_a_day_in_a_run_is_not_requested(done, lake):
    arrive(lake, before(1), PING)
    run = lake.instance.add_run(
        dg.DagsterRun(
            JOB,
            status=dg.DagsterRunStatus.STARTED,
            tags={
                "dagster/asset_partition_range_start": str(before(2)),
                "dagster/asset_partition_range_end": str(before(1)),
            },
        )
    )
    assert done.ask(LATE_SENSOR) == []
    assert done.tick(LATE_SENSOR, 10).skip_message == (
        f"{before(1)}: 1 object arrived since its reports were made; a run of it has not ended."
    )
    lake.instance.report_run_canceled(run)
    assert len(done.tick(LATE_SENSOR, 10).run_requests) == 1


def test_a_run_that_fails_is_requested_again_with_growing_pauses_and_an_end(done, lake):
    arrive(lake, before(1), PING)
    asked = []
    for number in range(24 * 6 * 3):
        answer = done.tick(LATE_SENSOR, 10)
        asked += [(number, request.run_key) for request in answer.run_requests]
        if number == 5:
            assert answer.skip_message.startswith(
                f"{before(1)}: 1 object arrived since its reports were made; it was requested at "
            )
        if len(asked) == 3:
            break
    first = asked[0][0]
    assert [number - first for number, _ in asked] == [0, 6, 6 + 36]
    assert len({key for _, key in asked}) == 3
    answer = done.tick(LATE_SENSOR, 10)
    assert answer.skip_message == (
        f"{before(1)}: 1 object arrived since its reports were made; it was requested 3 times for the same objects: "
        "see why its runs failed."
    )
    arrive(lake, before(1), ACCEPTED, number=9)
    assert done.tick(LATE_SENSOR, 20).run_requests == []


def test_days_before_the_look_back_are_not_looked_at(tmp_path, instance, monkeypatch):
    for ago in (3, 2):
        write_object(tmp_path / "logs", before(ago), [on_day(FEW_PACKETS, before(ago))])
    lake = Lake(tmp_path / "logs", tmp_path, instance, lateness_days=3)
    daemon = daemon_of(lake, monkeypatch)
    assert lake.run(before(3), before(2)).success
    arrive(lake, before(3), PING)
    arrive(lake, before(2), PING)
    assert [days_of(request)[0] for request in daemon.ask(LATE_SENSOR)] == [str(before(2))]


def test_without_a_look_back_nothing_is_listed(tmp_path, instance, monkeypatch):
    lake = Lake(tmp_path / "there-is-none", tmp_path, instance, lateness_days=0)
    answer = daemon_of(lake, monkeypatch).tick(LATE_SENSOR)
    assert answer.skip_message == "FLOWLAKE_LATENESS_DAYS is 0: late objects are not looked for."


def test_a_days_page_is_not_compared_before_it_is_due(done, lake):
    arrive(lake, before(0), PING)
    done.now = NOON.replace(hour=1, minute=30)
    assert done.tick(LATE_SENSOR).skip_message == f"Nothing new for {before(2)}, {before(1)}."


def test_a_page_of_a_part_of_a_day_is_made_again_when_the_day_is_over(lake, running):
    today = NOON.date()
    write_object(lake.logs, today, [on_day(FEW_PACKETS, today)])
    assert lake.run(today).success
    assert summary(lake, today).covered.partial
    running.now = NOON + timedelta(days=1)
    (request,) = running.ask(LATE_SENSOR)
    assert request.tags["vpc-flow-lake/because"] == f"{today}: it was not over when its reports were made"


def test_a_folder_that_cannot_be_listed_is_told_in_words(done, lake):
    lake.logs.rename(lake.logs.with_name("moved"))
    answer = done.tick(LATE_SENSOR)
    assert answer.run_requests == []
    assert answer.skip_message.startswith("The days could not be looked at: ")
    lake.logs.with_name("moved").rename(lake.logs)
    arrive(lake, before(1), PING)
    assert len(done.ask(LATE_SENSOR)) == 1


def test_a_cursor_of_somebody_else_is_begun_anew(done, lake):
    arrive(lake, before(1), PING)
    for cursor in ("not JSON", "[]", '{"days": 3}', json.dumps({"days": {"yesterday": {}}})):
        done.cursors[LATE_SENSOR] = cursor
        assert len(done.ask(LATE_SENSOR)) == 1


def test_the_days_of_an_archive_are_not_looked_at(tmp_path, instance, monkeypatch):
    day = date(2021, 9, 2)
    write_object(tmp_path / "logs", day, [FEW_PACKETS])
    lake = Lake(tmp_path / "logs", tmp_path, instance)
    assert lake.run(day).success
    daemon = daemon_of(lake, monkeypatch, days_of_logs_only=True)
    write_object(lake.logs, day, [PING], number=7)
    assert daemon.tick(LATE_SENSOR).skip_message == "None of the last 3 days is a day of these logs."
    for _ in range(3):
        assert daemon.tick(MISSED_SENSOR, 60 * 24).run_requests == []


# Missed days


def test_a_missed_week_is_one_run(tmp_path, instance, monkeypatch):
    for ago in range(8):
        write_object(tmp_path / "logs", before(ago), [on_day(FEW_PACKETS, before(ago))])
    lake = Lake(tmp_path / "logs", tmp_path, instance)
    assert lake.run(before(7)).success
    daemon = daemon_of(lake, monkeypatch)
    first = daemon.tick(MISSED_SENSOR)
    assert first.run_requests == []
    assert f"{before(0)} has no page; its objects have to stay the same for 15 minutes first." in first.skip_message
    (request,) = daemon.tick(MISSED_SENSOR, 20).run_requests
    assert days_of(request) == (None, str(before(6)), str(before(0)))
    assert daemon.launch(request).success
    assert made_days(lake.target.results) == {before(ago) for ago in range(8)}
    assert daemon.tick(MISSED_SENSOR, 10).skip_message == "Every day that is due has its page."


@pytest.mark.parametrize("kept", ["keep_logs_days", "keep_datasets_days", "keep_reports_days"])
def test_no_day_is_requested_that_is_not_kept(tmp_path, instance, monkeypatch, kept):
    for ago in range(14):
        write_object(tmp_path / "logs", before(ago), [on_day(FEW_PACKETS, before(ago))])
    lake = Lake(tmp_path / "logs", tmp_path, instance, lateness_days=14, **{kept: 7})
    if kept == "keep_logs_days":  # of a folder of the user's own, no log is ever removed
        assert lake.settings.retention.logs is None
        monkeypatch.setattr(Settings, "retention", Retention(logs=7))
    retention = lake.settings.retention
    monkeypatch.setattr(Settings, "retention", Retention())
    assert lake.run(before(13)).success
    monkeypatch.setattr(Settings, "retention", retention)
    daemon = daemon_of(lake, monkeypatch)
    (request,) = daemon.ask(MISSED_SENSOR)
    assert days_of(request) == (None, str(before(6)), str(before(0)))
    arrive(lake, before(13), on_day(PING, before(13)))
    assert daemon.ask(LATE_SENSOR) == []


def test_a_new_installation_owes_no_day_before_its_first_one(daemon, lake):
    assert lake.run(before(0)).success
    assert daemon.ask(MISSED_SENSOR) == []
    assert made_days(lake.target.results) == {before(0)}


def test_a_day_of_long_ago_does_not_make_all_since_then_missed(daemon, lake):
    assert lake.run(before(20)).success
    assert daemon.ask(MISSED_SENSOR) == []


def test_without_any_page_nothing_is_requested_and_the_day_is_told(running, lake):
    assert running.ask(MISSED_SENSOR) == []
    running.now += timedelta(days=1)
    answer = running.tick(MISSED_SENSOR)
    assert answer.run_requests == []
    assert answer.skip_message == f"No day has a page yet. Due: {NOON.date()}."
    assert not evaluation(lake).passed


def test_a_missed_day_is_not_requested_before_it_is_due(daemon, lake):
    assert lake.run(before(2), before(1)).success
    daemon.now = NOON.replace(hour=1, minute=55)
    assert daemon.tick(MISSED_SENSOR).skip_message == "Every day that is due has its page."
    assert (
        daemon.tick(MISSED_SENSOR, 10).skip_message
        == f"{before(0)} has no page; its objects have to stay the same for 15 minutes first."
    )


def test_a_failing_day_is_requested_three_times_until_its_objects_change(running, lake):
    assert lake.run(before(2), before(1)).success
    damaged = next(lake.logs.rglob(f"*{before(0):%Y%m%d}T00*"))
    whole = damaged.read_bytes()
    damaged.write_bytes(whole[:20])
    asked = [request for _ in range(6 * 12) for request in running.tick(MISSED_SENSOR, 10).run_requests]
    assert len(asked) == 3
    assert not running.launch(asked[0]).success
    damaged.write_bytes(whole)
    running.now += timedelta(days=1)
    write_object(lake.logs, NOON.date(), [on_day(FEW_PACKETS, NOON.date())])
    (request,) = running.ask(MISSED_SENSOR)
    assert days_of(request) == (None, str(before(0)), str(NOON.date()))
    assert running.launch(request).success


# The check of days that did not come


def evaluation(lake: Lake) -> Any:
    key = dg.AssetCheckKey(dg.AssetKey("daily_page"), "every_day_came")
    found = lake.instance.event_log_storage.get_latest_asset_check_execution_by_key([key])
    return found[key].event.asset_check_evaluation


def test_the_check_fails_for_a_missing_day_and_passes_when_it_is_there(daemon, lake):
    assert lake.run(before(2), before(1)).success
    daemon.tick(MISSED_SENSOR)
    failed = evaluation(lake)
    assert (failed.passed, failed.severity) == (False, dg.AssetCheckSeverity.WARN)
    assert failed.description.startswith(f"No page of {before(0)}: the page of a day is due at 02:00 UTC of the next ")
    assert failed.metadata["days without a page"].value == 1
    assert lake.run(before(0)).success
    daemon.tick(MISSED_SENSOR, 10)
    assert evaluation(lake).passed
    (page,) = lake.instance.fetch_materializations(dg.AssetKey("daily_page"), limit=1).records
    # The UI shows a result that is of the last materialization, and no other one.
    assert evaluation(lake).target_materialization_data.storage_id == page.storage_id


def test_the_check_is_told_again_only_when_it_or_the_page_changes(done, lake):
    assert len(done.tick(MISSED_SENSOR).asset_events) == 1
    assert done.tick(MISSED_SENSOR, 10).asset_events == []
    assert lake.run(before(0), assets=["daily_page"]).success
    assert len(done.tick(MISSED_SENSOR, 10).asset_events) == 1


def test_the_check_can_be_executed_by_hand(done, lake):
    job = done.defs.resolve_implicit_global_asset_job_def()
    checks = {dg.AssetCheckKey(dg.AssetKey("daily_page"), "every_day_came")}
    result = job.get_subset(asset_selection=set(), asset_check_selection=checks).execute_in_process(
        instance=lake.instance
    )
    (found,) = result.get_asset_check_evaluations()
    assert (found.check_name, found.passed) == ("every_day_came", True)


def test_no_run_of_the_lineage_takes_the_checks_step(done, lake):
    steps = [node.name for node in done.defs.resolve_job_def(JOB).graph.nodes]
    assert "every_day_came" not in steps and "daily_page_every_day_came" not in steps


# The running day


def hourly(defs: dg.Definitions, instance: dg.DagsterInstance, moment: datetime) -> Any:
    with dg.build_schedule_context(
        instance=instance, scheduled_execution_time=moment, repository_def=defs.get_repository_def()
    ) as context:
        return defs.resolve_schedule_def("running_day_schedule").evaluate_tick(context)


def test_the_running_day_is_off_by_default_and_then_no_partition(daemon):
    schedule = daemon.defs.resolve_schedule_def("running_day_schedule")
    assert schedule.default_status == dg.DefaultScheduleStatus.STOPPED
    skipped = hourly(daemon.defs, daemon.instance, NOON).skip_message
    assert skipped == "The running day is no partition. Set FLOWLAKE_RUNNING_DAY=true."
    assert daemon.defs.resolve_job_def(JOB).partitions_def.get_last_partition_key() == str(before(0))


def test_the_daily_schedule_takes_the_day_that_ended_where_today_is_a_partition(running):
    assert running.defs.resolve_job_def(JOB).partitions_def.get_last_partition_key() == str(NOON.date())
    with dg.build_schedule_context(
        scheduled_execution_time=NOON.replace(hour=1), repository_def=running.defs.get_repository_def()
    ) as context:
        (request,) = running.defs.resolve_schedule_def(f"{JOB}_schedule").evaluate_tick(context).run_requests
    assert request.partition_key == str(before(0))


def test_the_running_day_is_refreshed_hour_by_hour_and_marked_as_partial(done, running, lake):
    today = NOON.date()
    schedule = running.defs.resolve_schedule_def("running_day_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("20 * * * *", "UTC")
    assert schedule.default_status == dg.DefaultScheduleStatus.RUNNING
    keys = []
    for hour in (1, 2):
        arrive(lake, today, [FEW_PACKETS, PING][hour - 1], number=hour)
        (request,) = hourly(running.defs, lake.instance, NOON.replace(hour=hour, minute=20)).run_requests
        assert request.partition_key == str(today)
        keys.append(request.run_key)
        assert running.launch(request).success
        assert summary(lake, today).totals.records == hour
        assert f"{today} is not over yet (UTC)" in (lake.results / page_key(today)).read_text()
    assert keys == [f"{today}T01", f"{today}T02"]
    assert summary(lake, today).updates == ()


def test_the_running_day_waits_for_a_run_of_it(running, lake):
    today = NOON.date()
    tags = {"dagster/partition": str(today)}
    lake.instance.add_run(dg.DagsterRun(JOB, status=dg.DagsterRunStatus.STARTED, tags=tags))
    assert hourly(running.defs, lake.instance, NOON).skip_message == f"A run of {today} has not ended."
