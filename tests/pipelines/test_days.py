"""Which days are partitions: all since the start date, or in the UI those that a folder of logs holds."""

from datetime import date, datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest
from support import run, write_object

import pipelines.settings
from pipelines.days import days_from_the_start, days_of_the_logs
from pipelines.settings import Settings
from pipelines.targets import build_target

TODAY = datetime.now(timezone.utc).date()
LAST_WEEK = TODAY - timedelta(days=7)


def keys(logs: Path, **settings: object) -> list[str]:
    configured = Settings(bucket=str(logs), **settings)
    return list(days_of_the_logs(configured, build_target(configured).bucket).get_partition_keys())


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A folder with 2 and 5 September 2021."""
    for day in (2, 5):
        write_object(tmp_path / "logs", date(2021, 9, day), [])
    return tmp_path / "logs"


def test_a_folders_days_are_those_from_its_first_to_its_last(logs):
    assert keys(logs) == ["2021-09-02", "2021-09-03", "2021-09-04", "2021-09-05"]


def test_a_start_date_that_is_set_holds_for_a_folder(logs):
    assert keys(logs, start_date=date(2021, 9, 4)) == ["2021-09-04", "2021-09-05"]
    assert keys(logs, start_date=date(2021, 9, 1))[0] == "2021-09-01"


def test_days_before_the_start_date_are_none(logs):
    write_object(logs, date(2020, 12, 31), [])
    assert keys(logs)[0] == "2021-09-02"


def test_the_days_of_a_folder_that_still_grows_end_with_the_running_one(logs):
    write_object(logs, LAST_WEEK, [])
    assert (keys(logs)[0], keys(logs)[-1]) == ("2021-09-02", str(TODAY))


def test_a_folder_that_has_today_alone_has_one_day(tmp_path):
    write_object(tmp_path, TODAY, [])
    assert keys(tmp_path) == [str(TODAY)]


def test_a_folder_without_flow_logs_has_every_day(tmp_path):
    assert (keys(tmp_path)[0], keys(tmp_path)[-1]) == ("2021-01-01", str(TODAY))


@pytest.mark.parametrize("target", ["embedded", "aws"])
def test_other_buckets_have_every_day(monkeypatch, tmp_path, target):
    monkeypatch.setattr(pipelines.settings, "PROJECT_ROOT", tmp_path)
    settings = Settings(target=target, bucket="my-flow-logs" if target == "aws" else "data/bucket")
    days = days_of_the_logs(settings, build_target(settings).bucket)
    assert days == days_from_the_start(settings)


def test_the_ui_loads_the_days_of_the_logs(project, logs):
    code = "import pipelines.workspace as w; print(w.defs.resolve_job_def('daily_reject_reports').partitions_def)"
    expected = dg.DailyPartitionsDefinition("2021-09-02", end_date="2021-09-06", timezone="UTC")
    assert run(project, "python", "-c", code, FLOWLAKE_BUCKET=logs) == (0, f"{expected}\n")
    assert "pipelines/workspace.py" in (project / "workspace.yaml").read_text()
