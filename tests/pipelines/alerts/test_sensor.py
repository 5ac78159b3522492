"""The alerts' sensor on real runs and a real receiver: what is told, once, and what is never told."""

import json
import re
from datetime import date, datetime, timedelta, timezone

import dagster as dg
import pytest
from lake import CHOSEN_REPORTS, Lake
from support import DAY, FEW_PACKETS, NEXT_DAY, on_day, write_object, write_small_logs
from webhook_receiver import TOKEN, Receiver, webhook_receiver

import pipelines.alerts.sensor
import resources.webhook
from assets.page.asset import page_key
from assets.reports.report_files import read_reports
from pipelines.alerts.sensor import SENSOR, day_that_did_not_come, ended_runs
from pipelines.build import build_definitions
from pipelines.days import days_from_the_start
from pipelines.jobs import JOB_NAME
from pipelines.settings import Settings

LATER = NEXT_DAY + timedelta(days=1)
WITH_ALARM = [report for report in read_reports() if report.name in ("top_rejected_pairs", "traffic_totals")]


@pytest.fixture
def receiver(monkeypatch):
    monkeypatch.setattr(resources.webhook, "PAUSES", (0.0,))
    with webhook_receiver() as found:
        yield found


def lake_of(tmp_path, instance, receiver: Receiver, **settings: object) -> Lake:
    return Lake(write_small_logs(tmp_path / "logs"), tmp_path, instance, alert_webhook=receiver.url, **settings)


def look(lake: Lake, cursor: str | None = '{"since": "2020-01-01T00:00:00+00:00"}', reports=CHOSEN_REPORTS):
    """One tick of the sensor; returns its words and the new cursor."""
    definitions = build_definitions(lake.settings, reports, target=lake.target)
    names = ("results", "names_file")
    context = dg.build_sensor_context(
        instance=lake.instance,
        cursor=cursor,
        resources={name: lake.target.resources[name] for name in names},
    )
    data = definitions.get_sensor_def(SENSOR).evaluate_tick(context)
    return data.skip_message, data.cursor


def causes(receiver: Receiver) -> list[tuple[str, list[str]]]:
    """What was told, but for checks: the small logs have a record that stands for lost ones."""
    return [(message["cause"], message["days"]) for message in receiver.messages if message["cause"] != "failed check"]


def test_without_a_channel_there_is_no_sensor(tmp_path, instance):
    lake = Lake(tmp_path / "logs", tmp_path, instance)
    sensors = build_definitions(lake.settings, CHOSEN_REPORTS, target=lake.target).sensors or ()
    assert SENSOR not in [sensor.name for sensor in sensors]


def test_a_good_day_gives_no_alert(tmp_path, instance, receiver):
    lake = lake_of(tmp_path, instance, receiver)
    assert lake.run(NEXT_DAY).success
    assert look(lake)[0] == "Looked at 1 runs that ended."
    assert receiver.messages == []


def test_a_failed_day_of_a_range_is_told_once(tmp_path, instance, receiver):
    lake = lake_of(tmp_path, instance, receiver, alert_link="https://dagster.example.com")
    path = write_object(lake.logs, NEXT_DAY, [on_day(FEW_PACKETS, NEXT_DAY)], number=9)
    path.write_bytes(path.read_bytes()[:-9])
    result = lake.run(DAY, NEXT_DAY)
    _, cursor = look(lake)
    message, *checks = receiver.messages
    assert [other["cause"] for other in checks] in ([], ["failed check"])
    assert (message["cause"], message["days"]) == ("failed run", ["2021-09-03"])
    assert message["lines"][0].startswith(f"daily_page: {path} cannot be read to its end: ")
    assert message["lines"][1] == "Not done: 2021-09-03. Done: 1 other day. Run again for the days not done."
    assert message["link"] == f"https://dagster.example.com/runs/{result.run_id}"
    assert message["text"].startswith("VPC Flow Lake: failed run: 2021-09-03\ndaily_page: ")
    look(lake, cursor)
    look(lake)  # the same runs again
    lake.run(DAY, NEXT_DAY)  # the same failure again
    look(lake, cursor)
    assert receiver.messages == [message, *checks]


def test_a_day_without_delivery_is_told(tmp_path, instance, receiver):
    lake = lake_of(tmp_path, instance, receiver)
    assert lake.run(NEXT_DAY, LATER).success
    look(lake)
    assert causes(receiver) == [("no delivery", ["2021-09-04"])]
    assert receiver.messages[0]["lines"] == ["Not one object was delivered on 2021-09-04."]


def test_a_failed_check_is_told_with_its_words(tmp_path, instance, receiver):
    lake = lake_of(tmp_path, instance, receiver, leave_out_damaged=True)
    path = write_object(lake.logs, DAY, [FEW_PACKETS], number=9)
    path.write_bytes(path.read_bytes()[:-9])
    assert lake.run(DAY).success
    look(lake)
    (message,) = receiver.messages
    assert (message["cause"], message["days"]) == ("failed check", ["2021-09-02"])
    begins = "daily_page: the check day_complete failed: 1 object could not be read: "
    assert message["lines"][0].startswith(begins) and message["more"] > 0
    told = {path.name for path in (lake.results / "alerts/2021-09-02").iterdir()}
    assert told >= {f"check-daily_page-{name}.1.json" for name in ("day_complete", "no_object_left_out")}


def test_a_day_that_is_made_again_with_late_objects_is_told(tmp_path, instance, receiver):
    lake = lake_of(tmp_path, instance, receiver)
    assert lake.run(NEXT_DAY).success
    assert lake.run(NEXT_DAY).success
    look(lake)
    assert causes(receiver) == []
    write_object(lake.logs, NEXT_DAY, [on_day(FEW_PACKETS, NEXT_DAY)], number=9)
    assert lake.run(NEXT_DAY).success
    look(lake)
    assert causes(receiver) == [("late objects", ["2021-09-03"])]
    (line,) = receiver.messages[-1]["lines"]
    assert re.fullmatch(r"2021-09-03: Updated .* \(UTC\): 1 late object, 1 record[.]", line)


@pytest.mark.parametrize(("least", "told"), [(10, []), (1, [("rows that need a look", ["2021-09-02"])])])
def test_rows_that_need_a_look_are_told_from_the_floor_on(tmp_path, instance, receiver, least, told):
    lake = lake_of(tmp_path, instance, receiver, alert_least_records=least)
    job = build_definitions(lake.settings, WITH_ALARM, target=lake.target).resolve_implicit_global_asset_job_def()
    assert job.execute_in_process(instance=instance, partition_key=str(DAY)).success
    look(lake, reports=WITH_ALARM)
    assert causes(receiver) == told
    for message in [found for found in receiver.messages if found["cause"] != "failed check"]:
        assert message["lines"] == ["In hour 0 (UTC), AWS lost records (1 SKIPDATA), or records are odd (0)."]
        assert message["link"] == f"{lake.results}/reports/2021-09-02.html"


def run_with_status(lake: Lake, status: dg.DagsterRunStatus, **tags: str) -> dg.DagsterRun:
    definitions = build_definitions(lake.settings, CHOSEN_REPORTS, target=lake.target)
    job = definitions.resolve_job_def(JOB_NAME)
    days = tags if any("range" in name for name in tags) else {"dagster/partition": str(DAY), **tags}
    return lake.instance.create_run_for_job(job_def=job, status=status, tags=days)


def test_a_run_whose_process_was_killed_or_did_not_start_is_told(tmp_path, instance, receiver):
    lake = lake_of(tmp_path, instance, receiver)
    run = run_with_status(lake, dg.DagsterRunStatus.STARTED)
    look(lake)
    assert receiver.messages == []
    instance.report_run_failed(run, "The process of this run was killed before the run ended.")
    look(lake)
    (message,) = receiver.messages
    assert message["lines"] == ["The process of this run was killed before the run ended."]


def test_a_canceled_run_is_told(tmp_path, instance, receiver):
    lake = lake_of(tmp_path, instance, receiver)
    instance.report_run_canceled(run_with_status(lake, dg.DagsterRunStatus.STARTED))
    look(lake)
    assert receiver.messages[0]["lines"] == ["The run was canceled."]


def test_a_run_that_dagster_repeats_by_itself_and_those_of_others_are_left_out(tmp_path, instance, receiver):
    lake = lake_of(tmp_path, instance, receiver)
    instance.report_run_failed(run_with_status(lake, dg.DagsterRunStatus.STARTED, **{"dagster/will_retry": "true"}))

    @dg.op
    def fail() -> None:
        raise dg.Failure("not ours")

    @dg.job
    def of_somebody_else() -> None:
        fail()

    of_somebody_else.execute_in_process(instance=instance, raise_on_error=False)
    look(lake)
    assert receiver.messages == []


def test_the_first_look_tells_nothing_of_what_was_before_it(tmp_path, instance, receiver, monkeypatch):
    lake = lake_of(tmp_path, instance, receiver)
    instance.report_run_failed(run_with_status(lake, dg.DagsterRunStatus.STARTED))
    later = datetime.now(timezone.utc) + timedelta(hours=1)
    monkeypatch.setattr(pipelines.alerts.sensor, "utc_now", lambda: later)
    for cursor in (None, "{", json.dumps({"since": "yesterday"})):
        assert json.loads(look(lake, cursor)[1]).keys() == {"since"}
    assert receiver.messages == []


def test_many_runs_are_told_in_several_looks(tmp_path, instance, receiver, monkeypatch):
    monkeypatch.setattr(pipelines.alerts.sensor, "RUNS_AT_ONCE", 1)
    lake = lake_of(tmp_path, instance, receiver)
    for _ in range(3):
        instance.report_run_failed(run_with_status(lake, dg.DagsterRunStatus.STARTED))
    since, seen = datetime(2020, 1, 1, tzinfo=timezone.utc), []
    for _ in range(4):
        runs, since = ended_runs(instance, since, [JOB_NAME], "")
        seen += [run.run_id for run in runs]
    assert len(set(seen)) == len(seen) == 3


# A run that did not come


def noted(lake: Lake, *days: date) -> None:
    lake.target.results.replace({page_key(day): b"<html>" for day in days})


@pytest.mark.parametrize(
    ("at", "pages", "missing"),
    [
        (datetime(2021, 9, 4, 3, tzinfo=timezone.utc), [DAY], NEXT_DAY),
        (datetime(2021, 9, 4, 2, 59, tzinfo=timezone.utc), [DAY], None),
        (datetime(2021, 9, 4, 3, tzinfo=timezone.utc), [DAY, NEXT_DAY], None),
        (datetime(2021, 9, 4, 3, tzinfo=timezone.utc), [], None),
        (datetime(2021, 9, 4, 3, tzinfo=timezone.utc), [LATER], None),
        (datetime(2021, 9, 11, 3, tzinfo=timezone.utc), [DAY], None),
    ],
    ids=["due", "not yet", "there", "nothing was ever made", "only a later one", "nothing for a week"],
)
def test_a_day_is_missed_from_three_on_where_earlier_ones_came(lake, at, pages, missing):
    noted(lake, *pages)
    assert day_that_did_not_come(lake.instance, lake.target.results, days_from_the_start(lake.settings), at) == missing


RANGE_TAGS = {f"dagster/asset_partition_range_{end}": str(day) for end, day in (("start", DAY), ("end", NEXT_DAY))}


@pytest.mark.parametrize("tags", [{}, RANGE_TAGS], ids=["of the day", "of a range"])
def test_a_day_whose_run_is_active_is_not_missed(lake, tags):
    noted(lake, DAY - timedelta(days=1))
    run = run_with_status(lake, dg.DagsterRunStatus.STARTED, **tags)
    at = datetime(2021, 9, 3, 4, tzinfo=timezone.utc)
    days = days_from_the_start(lake.settings)
    assert day_that_did_not_come(lake.instance, lake.target.results, days, at) is None
    lake.instance.report_run_failed(run)
    assert day_that_did_not_come(lake.instance, lake.target.results, days, at) == DAY


def test_a_day_before_the_first_partition_is_not_missed(lake):
    noted(lake, DAY)
    days = days_from_the_start(Settings(start_date=LATER))
    at = datetime(2021, 9, 4, 4, tzinfo=timezone.utc)
    assert day_that_did_not_come(lake.instance, lake.target.results, days, at) is None


def test_a_run_that_did_not_come_is_told_once(tmp_path, instance, receiver, monkeypatch):
    lake = lake_of(tmp_path, instance, receiver)
    noted(lake, DAY)
    at = datetime(2021, 9, 4, 3, 1, tzinfo=timezone.utc)
    for minutes in range(3):
        monkeypatch.setattr(pipelines.alerts.sensor, "utc_now", lambda minutes=minutes: at + timedelta(minutes=minutes))
        look(lake, None)
    assert causes(receiver) == [("no run", ["2021-09-03"])]


# What never goes wrong, and what is never told


def test_a_receiver_that_is_down_is_told_in_the_log_and_asked_again(tmp_path, instance, receiver):
    lake = lake_of(tmp_path, instance, receiver)
    receiver.answers = [500, 500]
    lake.run(NEXT_DAY, LATER)
    words, cursor = look(lake)
    assert words == (
        "An alert was not sent, and is tried again at the next occasion: the webhook at 127.0.0.1 answered 500."
    )
    assert receiver.messages == []
    assert look(lake, cursor)[0] == "Looked at 0 runs that ended."
    assert causes(receiver) == [("no delivery", ["2021-09-04"])]


def test_the_address_of_the_webhook_is_nowhere(tmp_path, instance, receiver, caplog):
    lake = lake_of(tmp_path, instance, receiver)
    receiver.answers = [500, 500]
    path = write_object(lake.logs, NEXT_DAY, [on_day(FEW_PACKETS, NEXT_DAY)], number=9)
    path.write_bytes(path.read_bytes()[:-9])
    result = lake.run(DAY, NEXT_DAY)
    words, cursor = look(lake)
    look(lake, cursor)
    assert receiver.messages
    told = [repr(entry) + entry.message for entry in instance.all_logs(result.run_id)]
    definitions = build_definitions(lake.settings, CHOSEN_REPORTS)
    shown = definitions.get_repository_def()
    told += [words, cursor, caplog.text, repr(lake.settings), str(lake.settings.model_dump())]
    told += [repr(resource.__dict__) for resource in (definitions.resources or {}).values()]
    told += [repr(shown.get_sensor_def(SENSOR)), str(shown.get_sensor_def(SENSOR).description)]
    told += [path.read_text(errors="replace") for path in lake.results.rglob("*.json")]
    assert not [text for text in told if TOKEN in text]
