"""Dagster's daemon for tests: it evaluates a sensor at moments of the test's own, and launches what it requests."""

from datetime import date, datetime, time, timedelta, timezone
from typing import Any

import dagster as dg
import pytest

import pipelines.sensors
from pipelines.targets import Target

JOB = "daily_reject_reports"
NOON = datetime.combine(datetime.now(timezone.utc).date(), time(12), timezone.utc)


def before(days: int) -> date:
    """So many days before yesterday."""
    return NOON.date() - timedelta(days=days + 1)


class Daemon:
    """What the daemon does with these definitions, tick by tick. It begins at noon of today."""

    def __init__(
        self, defs: dg.Definitions, target: Target, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.defs = defs
        self.target = target
        self.instance = instance
        self.now = NOON
        self.cursors: dict[str, str | None] = {}
        monkeypatch.setattr(pipelines.sensors, "utc_now", lambda: self.now)

    def tick(self, sensor: str, minutes: int = 0) -> Any:
        """What the sensor answers, so many minutes after the last tick."""
        self.now += timedelta(minutes=minutes)
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursors.get(sensor),
            repository_def=self.defs.get_repository_def(),
            resources=self.target.resources,
        ) as context:
            answer = self.defs.resolve_sensor_def(sensor).evaluate_tick(context)
        self.cursors[sensor] = answer.cursor
        for event in answer.asset_events:
            self.instance.report_runless_asset_event(event)
        return answer

    def ask(self, sensor: str) -> list[dg.RunRequest]:
        """The runs that are requested once the objects have settled."""
        assert self.tick(sensor).run_requests == []
        return list(self.tick(sensor, 20).run_requests)

    def launch(self, request: dg.RunRequest) -> dg.ExecuteInProcessResult:
        return self.defs.resolve_job_def(JOB).execute_in_process(
            instance=self.instance, tags=request.tags, raise_on_error=False
        )

    def launched_runs(self) -> list[dg.DagsterRun]:
        return [run for run in self.instance.get_runs() if run.job_name == JOB]
