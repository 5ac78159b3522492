"""Gathers what is known of a run that ended, whoever started it: from Dagster's event log and the reports' files."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timezone
from itertools import chain, zip_longest

import dagster as dg

from assets.names import NamesByDay
from assets.page.asset import NAME as PAGE
from assets.page.model import rows_to_look_at
from assets.reports.report_files import Report
from assets.reports.report_output import ReportOutput, parse_output, report_keys
from flowlogs.errors import FlowLakeError
from pipelines.active_runs import days_of_run, parse_day
from pipelines.alerts.alert import FailedCheck, RunFacts
from resources.bucket import ObjectStore
from resources.names_file import NamesFile

COUNTS = ("records", "attempts", "tried", "skipdata", "odd")
"""The columns of reports that say how often something happened: below the floor, a row gives no alert."""

_ASKED_FOR_BY_KILL = "Its process was killed, or could not be started; Dagster's log of the run may say more."


def run_facts(instance: dg.DagsterInstance, run: dg.DagsterRun) -> RunFacts:
    """What Dagster knows of a run, without the rows that need a look."""
    ended = instance.get_run_record_by_id(run.run_id)
    at = ended.end_time if ended and ended.end_time else None
    moment = datetime.fromtimestamp(at, timezone.utc) if at else datetime.now(timezone.utc)
    days = list(days_of_run(run.tags)) or [moment.date()]
    materialized = list(_materializations(instance, run.run_id))
    of_page = {day for asset, day, _ in materialized if asset == PAGE}
    empty = {
        day
        for asset, day, made in materialized
        if asset == "vpc_flow_logs_partition" and day < moment.date() and _number(made, "objects") == 0
    }
    return RunFacts(
        run_id=run.run_id,
        days=days,
        problem=_problem(instance, run),
        done=sorted(of_page),
        empty=sorted(empty),
        failed_checks=_failed_checks(instance, run.run_id),
        updates={day: text for asset, day, made in materialized if asset == PAGE and (text := _last_update(made))},
    )


def with_alarms(
    facts: RunFacts, reports: Sequence[Report], results: ObjectStore, names_file: NamesFile, least: int
) -> RunFacts:
    """The facts, with the sentences about rows that need a look, of each day whose page the run made.

    A row gives no alert where what it counts (COUNTS), and its sentence tells, is less than `least`.
    """
    names = NamesByDay(results, names_file)
    alarms = {}
    for day in facts.done:
        made = [
            (report, above_floor(report, output, least))
            for report in reports
            if report.alarm and (output := _output(results, report, day))
        ]
        looks = rows_to_look_at(made, names.on(day)) if any(output.alarms for _, output in made) else []
        if looks:
            in_turn = chain.from_iterable(zip_longest(*(found.sentences for found in looks)))
            lines = [text for text in in_turn if text]
            count = sum(found.count for found in looks)
            alarms[day] = [*lines[:3], *([f"and other rows of {day}: {count - 3}"] if count > 3 else [])]
    return replace(facts, alarms=alarms)


def above_floor(report: Report, output: ReportOutput, least: int) -> ReportOutput:
    """The output with those alarms that count enough: the largest of the numbers that the report's sentence tells."""
    counted = [name for name in COUNTS if report.alarm and f"{{{name}}}" in report.alarm.says]
    counted = [name for name in counted if name in output.frame.columns]
    if not counted:
        return output
    numbers = output.frame[counted].fillna(0).max(axis="columns")
    return replace(output, alarms=[number for number in output.alarms if numbers.iloc[number] >= least])


def _output(results: ObjectStore, report: Report, day: date) -> ReportOutput | None:
    key, _ = report_keys(report.name, day)
    try:
        return parse_output(results.read(key))
    except (FlowLakeError, ValueError, KeyError, OSError):  # it was not made, or is no file of ours: the page says so
        return None


def _materializations(instance: dg.DagsterInstance, run_id: str) -> Iterator[tuple[str, date, dg.AssetMaterialization]]:
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION):
        made = entry.asset_materialization
        if made and (day := parse_day(made.partition)):
            yield made.asset_key.to_user_string(), day, made


def _number(made: dg.AssetMaterialization, name: str) -> object:
    found = made.metadata.get(name)
    return found.value if found else None


def _last_update(made: dg.AssetMaterialization) -> str:
    """What the page says of the last run that read other objects; empty if it says nothing."""
    found = made.metadata.get("updates")
    return _plain(str(found.value)).splitlines()[-1] if found else ""


def _failed_checks(instance: dg.DagsterInstance, run_id: str) -> list[FailedCheck]:
    found = []
    for entry in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_CHECK_EVALUATION):
        evaluation = entry.asset_check_evaluation
        if evaluation and not evaluation.passed:
            told = evaluation.metadata.get("found")
            words = evaluation.description or (str(told.value) if told else "")
            asset = evaluation.asset_key.to_user_string()
            is_error = evaluation.severity == dg.AssetCheckSeverity.ERROR
            found.append(FailedCheck(asset, evaluation.check_name, _plain(words), is_error))
    return found


def _plain(markdown: str) -> str:
    """The text of a check's Markdown: without the escapes, and without the marks of a list."""
    lines = [line.strip().removeprefix("- ").removeprefix("* ") for line in markdown.splitlines()]
    return "\n".join(lines).replace("\\", "")


def _problem(instance: dg.DagsterInstance, run: dg.DagsterRun) -> str | None:
    """Why a run failed: in the words of the step that failed first, else in those of whoever marked it as failed."""
    if run.status == dg.DagsterRunStatus.CANCELED:
        return "The run was canceled."
    if run.status != dg.DagsterRunStatus.FAILURE:
        return None
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.STEP_FAILURE):
        event = entry.dagster_event
        failure = event.step_failure_data if event else None
        if event and failure and failure.user_failure_data and failure.user_failure_data.description:
            return f"{event.step_key}: {failure.user_failure_data.description}"
        if event and failure and failure.error:
            cause = failure.error.cause or failure.error
            return f"{event.step_key}: {cause.message.strip().splitlines()[0] if cause.message.strip() else 'failed'}"
    for entry in instance.all_logs(run.run_id, of_type=dg.DagsterEventType.PIPELINE_FAILURE):
        event = entry.dagster_event
        data = event.job_failure_data if event else None
        if data and data.error:
            return data.error.message.strip() or _ASKED_FOR_BY_KILL
        if event and event.message:
            return event.message
    return _ASKED_FOR_BY_KILL
