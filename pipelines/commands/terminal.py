"""Prints in the terminal: the progress of a run, the reason of its failure, and tables."""

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING

import click

from flowlogs.printable import printable

if TYPE_CHECKING:
    import dagster as dg
    import pandas as pd

    from assets.reports.report_files import Report
    from resources.bucket import ObjectStore


ROWS_IN_FULL = 20
"""A report with at most so many rows is printed in full."""

FIRST_ROWS = 10
"""How many rows of a longer report are printed."""

CONSTANT_COLUMNS = frozenset({"version", "account", "aws_account_id", "aws_region", "action", "logstatus", "dt"})
"""Columns that say where rows come from. If such a column has one value in all rows, the value is printed once."""


class TerminalLog(logging.Handler):
    """Prints a line for each asset that is done and for each message of this project. Dagster's history has the rest.

    After a signal, nothing more is printed: the next message raises KeyboardInterrupt, which ends the run.
    """

    def __init__(self, stopped_by: Callable[[], int]) -> None:
        super().__init__()
        self.stopped_by = stopped_by
        self.warnings: list[tuple[str, str]] = []
        """Each warning, with the step that gave it."""
        self._begun: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if self.stopped_by():  # then the command prints one line
            raise KeyboardInterrupt
        facts = getattr(record, "dagster_meta", {})
        event, step = facts.get("dagster_event"), facts.get("step_key") or ""
        message = printable(facts.get("orig_message", ""), keep_newlines=True)
        if event is not None and event.is_step_start:
            self._begun.add(step)
        # If a step never begins, Dagster's message says why. The failure before it is printed by this project.
        ours = event is None and step in self._begun
        with suppress(BrokenPipeError):  # with `| head`, fewer lines are wanted, but the whole run
            if ours and record.levelno >= logging.WARNING:
                # Two assets that inspect the same objects give the same warning.
                is_printed = any(message == other for _, other in self.warnings)
                self.warnings.append((step, message))
                if not is_printed:
                    click.secho(f"  {step}: {message}", fg="yellow")
            elif ours:
                click.echo(f"  {step}: {message}")
            elif event is not None and event.is_step_success:
                click.echo(f"  {step}: done in {event.step_success_data.duration_ms / 1000:.2f} s")


def failure_text(result: "dg.ExecuteInProcessResult", terminal: TerminalLog) -> str:
    """Which step failed, and the message of its failure."""
    from dagster._core.errors import DagsterAssetCheckFailedError

    for event in result.get_step_failure_events():
        failure = event.step_failure_data
        if failure.user_failure_data:
            return f"{event.step_key} failed: {failure.user_failure_data.description}"
        if failure.error and failure.error.cls_name == DagsterAssetCheckFailedError.__name__:
            checks = [check for check in result.get_asset_check_evaluations() if check.blocking and not check.passed]
            names = ", ".join(check.check_name for check in checks)
            found = "".join(f"\n  {message}" for step, message in terminal.warnings if step == event.step_key)
            return (
                f"{event.step_key} failed its check {names}:{found}\n"
                "Nothing was made from it, and nothing was changed. Fix this and run again."
            )
        if failure.error:
            cause = failure.error.cause or failure.error
            return f"{event.step_key} failed with an error that is a bug of this project: {cause.to_string()}"
    return "The run failed; `make dev` shows its log."


def print_reports(results: "ObjectStore", reports: "Sequence[Report]", day: date) -> None:
    """Print each report from the files that the run wrote, in the order of the reports' names, and the files' paths."""
    from assets.reports.report_output import read_output, report_keys

    for report in reports:
        output = read_output(results, report, day)
        if output is None:
            continue
        parquet, csv = report_keys(report.name, day)
        files = f"  {results.display_path(parquet)}\n  {results.display_path(csv)}"
        click.echo(f"\n{report.name}: {report.description}\n\n{report_text(output.frame)}\n\n{files}")


def report_text(frame: "pd.DataFrame") -> str:
    """The first rows as a table. Above it, the value of each of CONSTANT_COLUMNS that is the same in all rows."""
    if frame.empty:
        return "  No rows: there are no REJECT records."
    from assets.tables import cell_text, plain_rows, with_times

    same = [
        column
        for column in frame.columns
        if column in CONSTANT_COLUMNS
        and len(frame) > 1
        and frame[column].notna().all()
        and frame[column].nunique() == 1
    ]
    first_row = plain_rows(frame[same].head(1))[0]
    note = ", ".join(f"{column} {cell_text(value)}" for column, value in zip(same, first_row, strict=True))
    shown = frame if len(frame) <= ROWS_IN_FULL else frame.head(FIRST_ROWS)
    more = f"\n\n  {len(frame) - len(shown)} more rows in these files:" if len(shown) < len(frame) else ""
    table = terminal_table(with_times(shown.drop(columns=same)))
    return (f"  in every row: {note}\n\n" if note else "") + table + more


def terminal_table(frame: "pd.DataFrame") -> str:
    """The frame as aligned text; NULL is an empty cell."""
    from tabulate import tabulate

    from assets.tables import cell_text, plain_rows

    rows = [[cell_text(value) for value in row] for row in plain_rows(frame)]
    numeric = ["right" if dtype.kind in "iuf" else "left" for dtype in frame.dtypes]
    headers = [cell_text(column) for column in frame.columns]
    return tabulate(rows, headers=headers, tablefmt="simple", disable_numparse=True, colalign=numeric)
