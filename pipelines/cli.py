"""The commands behind ``make run``, ``make sql`` and ``make dev``: a run or a query, and tables in the terminal.

They do what Dagster's own commands do, on an instance whose history is kept beside the results, and tell people of it
in fewer words.
"""

import fcntl
import logging
import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable
from pipelines.settings import PROJECT_ROOT, Settings, read_settings
from pipelines.targets import build_target
from resources.engine import QueryError

if TYPE_CHECKING:
    import dagster as dg
    import pandas as pd

    from resources.bucket import Bucket, ObjectStore

DAGSTER_YAML = """\
# Written once, by the first run; yours to change from then on.
telemetry:
  enabled: false
nux:  # the invitation to a newsletter
  enabled: false
"""


@click.group()
def main() -> None:
    """VPC flow logs in S3, queried with Athena's SQL, as one Dagster lineage graph."""


logs_option = click.option("--logs", metavar="FOLDER", help="A folder that holds AWSLogs/…; read, never written.")


@main.command()
@logs_option
@click.option("--date", "day_text", metavar="YYYY-MM-DD", help="The UTC day. Default: the last one that is complete.")
def run(logs: str | None, day_text: str | None) -> None:
    """Materialize the whole lineage for one day and print its reports."""
    with errors_for_people():
        settings = settings_for(logs)
        target = build_target(settings)
        day = choose_day(day_text, settings, target.bucket)
        click.echo(f"Day      {day} (UTC)\nLogs     {target.bucket.objects.uri()}\nResults  {target.results.uri()}\n")
        terminal = TerminalLog()
        with history(settings) as instance:
            result = materialize(settings, instance, day, terminal)
        if not result.success:
            raise FlowLakeError(failure_text(result))
        print_reports(target.results, day)
        for warning in terminal.warnings:
            click.secho(f"\nWarning: {warning}", fg="yellow")


@main.command()
@logs_option
@click.argument("statement")
def sql(logs: str | None, statement: str) -> None:
    """Execute one of Athena's statements, and print what it gives."""
    with errors_for_people():
        settings = settings_for(logs)
        try:
            result = build_target(settings).athena.execute(statement)
        except QueryError as error:
            if error.code in ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND"):
                raise FlowLakeError(f"{error}\nThe table of flow logs is there once `make run` has made it.") from error
            raise
        if len(result.frame.columns):
            click.echo(terminal_table(result.frame))
        rows = f"{len(result.frame):,} {'row' if len(result.frame) == 1 else 'rows'}"
        click.echo(f"\n{rows}, {result.scanned_bytes:,} bytes scanned, {result.seconds:.2f} s.")


@main.command()
@logs_option
@click.option("--port", default="3000", show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
def dev(logs: str | None, port: str, host: str) -> None:
    """Open the Dagster UI on the history that `run` keeps."""
    with errors_for_people():
        settings = settings_for(logs)
        with history(settings):
            pass
    dagster = Path(sys.executable).with_name("dagster")
    command = [str(dagster), "dev", "-w", str(PROJECT_ROOT / "workspace.yaml"), "-p", port, "-h", host]
    os.execv(dagster, command)  # noqa: S606 - no shell is wanted


@contextmanager
def errors_for_people() -> Iterator[None]:
    """End the command with the words of an error that is meant for people, without a traceback."""
    try:
        yield
    except FlowLakeError as error:
        click.secho(f"\nError: {error}", fg="red", err=True)
        sys.exit(1)


def settings_for(logs: str | None) -> Settings:
    """The settings; where `logs` is given, that folder is the bucket, relative to where the command was typed."""
    if logs:
        os.environ["FLOWLAKE_TARGET"] = "embedded"
        os.environ["FLOWLAKE_BUCKET"] = logs if logs.startswith("~") else str(Path.cwd() / logs)
    settings = read_settings()
    if settings.target == "embedded" and not settings.is_default_bucket:
        build_target(settings).bucket.ensure()
    return settings


@contextmanager
def history(settings: Settings) -> "Iterator[dg.DagsterInstance]":
    """Dagster's instance beside the results, or the one that DAGSTER_HOME names."""
    import dagster as dg
    from sqlalchemy.exc import DBAPIError

    given = os.environ.get("DAGSTER_HOME")
    home = Path(given or settings.history_folder)
    if not home.is_absolute():
        raise FlowLakeError(f"DAGSTER_HOME={given} is a relative path, which Dagster refuses: make it absolute.")
    try:
        home.mkdir(parents=True, exist_ok=True)
        with (home / ".lock").open("ab") as lock:
            # Dagster makes its databases table by table; two first runs at once would trip over each other there.
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not given and not (home / "dagster.yaml").exists():
                (home / "dagster.yaml").write_text(DAGSTER_YAML, encoding="utf-8")
            os.environ["DAGSTER_HOME"] = str(home)
            instance = dg.DagsterInstance.get()
        with instance:
            yield instance
    except (OSError, DBAPIError) as error:
        reason = error.orig if isinstance(error, DBAPIError) else error.strerror
        raise FlowLakeError(
            f"Dagster's history cannot be kept in {home}: {reason}. Free some space or make the folder writable, or "
            f"name another place in {'DAGSTER_HOME' if given else 'FLOWLAKE_RESULTS'}."
        ) from error


def choose_day(text: str | None, settings: Settings, bucket: "Bucket") -> date:
    """The day that was asked for; else the last one in a folder of logs; else the last one that is complete (UTC)."""
    yesterday = datetime.now(timezone.utc).date() - timedelta(days=1)
    if text:
        day = parse_day(text)
    elif settings.target == "aws" or settings.is_default_bucket:
        day = yesterday
    else:
        day = max((day for day in bucket.delivered_days() if day <= yesterday), default=yesterday)
    if not settings.start_date <= day <= yesterday:
        raise FlowLakeError(
            f"{day} is outside the daily partitions, which run from {settings.start_date} (FLOWLAKE_START_DATE) to "
            f"{yesterday}, the last UTC day that is complete. Choose another DATE, or an earlier FLOWLAKE_START_DATE."
        )
    return day


def parse_day(text: str) -> date:
    with suppress(ValueError):
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    raise FlowLakeError(f"DATE={text} is not a day: write it as year-month-day, such as 2021-09-02.")


def materialize(
    settings: Settings, instance: "dg.DagsterInstance", day: date, terminal: "TerminalLog"
) -> "dg.ExecuteInProcessResult":
    """Run the whole graph for a day in this process, telling the terminal how it goes."""
    import dagster as dg

    from pipelines.definitions import build_definitions

    def logger(_context: object) -> logging.Logger:
        logger = logging.Logger("terminal", logging.DEBUG)
        logger.addHandler(terminal)
        return logger

    told = dg.Definitions.merge(
        build_definitions(settings), dg.Definitions(loggers={"terminal": dg.logger({})(logger)})
    )
    job = told.resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        run_config={"loggers": {"terminal": {}}},
        instance=instance,
        partition_key=day.isoformat(),
        raise_on_error=False,
    )


class TerminalLog(logging.Handler):
    """A line for each asset that is done and for each message of ours; Dagster keeps the rest in its history."""

    def __init__(self) -> None:
        super().__init__()
        self.warnings: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        facts = getattr(record, "dagster_meta", {})
        event, step = facts.get("dagster_event"), facts.get("step_key") or ""
        message = printable(facts.get("orig_message", ""), keep_newlines=True)
        with suppress(BrokenPipeError):  # who piped the lines into `head` wants fewer of them, and the whole run
            if event is None and step and record.levelno >= logging.WARNING:
                self.warnings.append(message)
                click.secho(f"  {step}: {message}", fg="yellow")
            elif event is None and step:
                click.echo(f"  {step}: {message}")
            elif event is not None and event.is_step_success:
                click.echo(f"  {step}: done in {event.step_success_data.duration_ms / 1000:.2f} s")


def failure_text(result: "dg.ExecuteInProcessResult") -> str:
    """What failed, in the words of the failure itself."""
    for event in result.get_step_failure_events():
        failure = event.step_failure_data
        if failure.user_failure_data:
            return f"{event.step_key} failed: {failure.user_failure_data.description}"
        if failure.error:
            cause = failure.error.cause or failure.error
            return f"{event.step_key} failed, which it never should: {cause.to_string()}"
    return "The run failed; `make dev` shows its log."


def print_reports(results: "ObjectStore", day: date) -> None:
    """Print both reports from the files that the run wrote, the shortest last, and where the files are."""
    import pandas as pd
    import pyarrow as pa

    from assets.reports import REPORTS, report_keys

    for report in reversed(REPORTS):
        parquet, csv = report_keys(report.name, day)
        with results.open(parquet) as file:
            # From Arrow's own memory: what it reads a Python file with may outlive the interpreter, and abort it.
            frame = pd.read_parquet(pa.BufferReader(file.read()), dtype_backend="numpy_nullable")
        files = f"  {results.uri(parquet)}\n  {results.uri(csv)}"
        click.echo(f"\n{report.name}: {report.description}\n\n{report_text(frame)}\n\n{files}")


def report_text(frame: "pd.DataFrame") -> str:
    """The rows as a table, without the columns that say the same in every row: those are told once, above it."""
    if frame.empty:
        return "  No rows: there is no record of a rejected flow."
    from assets.tables import cell_text, plain_rows

    same = [column for column in frame.columns if len(frame) > 1 and frame[column].nunique(dropna=False) == 1]
    first_row = plain_rows(frame[same].head(1))[0]
    note = ", ".join(f"{column} {cell_text(value)}" for column, value in zip(same, first_row, strict=True))
    return (f"  in every row: {note}\n\n" if note else "") + terminal_table(frame.drop(columns=same))


def terminal_table(frame: "pd.DataFrame") -> str:
    """The frame as aligned text; NULL is an empty cell."""
    from tabulate import tabulate

    from assets.tables import cell_text, plain_rows

    rows = [[cell_text(value) for value in row] for row in plain_rows(frame)]
    numeric = ["right" if dtype.kind in "iuf" else "left" for dtype in frame.dtypes]
    headers = [cell_text(column) for column in frame.columns]
    return tabulate(rows, headers=headers, tablefmt="simple", disable_numparse=True, colalign=numeric)


if __name__ == "__main__":
    main()
