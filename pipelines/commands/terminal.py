"""What the terminal shows: how a run goes, why it failed, and tables."""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import date
from typing import TYPE_CHECKING

import click

from flowlogs.printable import printable

if TYPE_CHECKING:
    import dagster as dg
    import pandas as pd

    from resources.bucket import ObjectStore


ROWS_IN_FULL = 20
"""A report of at most so many rows is printed whole."""

FIRST_ROWS = 10
"""How many rows are printed of a longer one."""

TOLD_ONCE = frozenset({"version", "account", "aws_account_id", "aws_region", "action", "logstatus", "dt"})
"""Columns that say where rows come from. Where every row says the same, that is told once. Others are what is asked."""


class TerminalLog(logging.Handler):
    """A line for each asset that is done and for each message of ours; Dagster keeps the rest in its history.

    A run that is stopped tells no more, and goes no further: whatever it comes to tell raises KeyboardInterrupt.
    """

    def __init__(self, stopped_by: Callable[[], int]) -> None:
        super().__init__()
        self.stopped_by = stopped_by
        self.warnings: list[tuple[str, str]] = []
        """By the step that gave it, each warning."""
        self._begun: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        if self.stopped_by():  # then one line is enough, which the command says
            raise KeyboardInterrupt
        facts = getattr(record, "dagster_meta", {})
        event, step = facts.get("dagster_event"), facts.get("step_key") or ""
        message = printable(facts.get("orig_message", ""), keep_newlines=True)
        if event is not None and event.is_step_start:
            self._begun.add(step)
        # Of a step that never begins, Dagster says why. What failed before it is told in our words.
        ours = event is None and step in self._begun
        with suppress(BrokenPipeError):  # who piped the lines into `head` wants fewer of them, and the whole run
            if ours and record.levelno >= logging.WARNING:
                # Two assets that look at the same objects say the same of them.
                told = any(message == other for _, other in self.warnings)
                self.warnings.append((step, message))
                if not told:
                    click.secho(f"  {step}: {message}", fg="yellow")
            elif ours:
                click.echo(f"  {step}: {message}")
            elif event is not None and event.is_step_success:
                click.echo(f"  {step}: done in {event.step_success_data.duration_ms / 1000:.2f} s")


def failure_text(result: "dg.ExecuteInProcessResult", terminal: TerminalLog) -> str:
    """What failed, in the words of the failure itself."""
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
                "Nothing was made from it, and nothing was changed. Mend that, then run again."
            )
        if failure.error:
            cause = failure.error.cause or failure.error
            return f"{event.step_key} failed with an error that is a bug of this project: {cause.to_string()}"
    return "The run failed; `make dev` shows its log."


def print_reports(results: "ObjectStore", day: date) -> None:
    """Print the reports from the files that the run wrote, the most important last, and where the files are."""
    import pandas as pd
    import pyarrow as pa

    from assets.reports.asset import report_keys
    from assets.reports.catalogue import REPORTS

    for report in REPORTS:
        parquet, csv = report_keys(report.name, day)
        with results.open(parquet) as file:
            # From Arrow's own memory: what it reads a Python file with may outlive the interpreter, and abort it.
            frame = pd.read_parquet(pa.BufferReader(file.read()), dtype_backend="numpy_nullable")
        files = f"  {results.display_path(parquet)}\n  {results.display_path(csv)}"
        click.echo(f"\n{report.name}: {report.description}\n\n{report_text(frame)}\n\n{files}")


def report_text(frame: "pd.DataFrame") -> str:
    """The first rows as a table. Where they come from, if all come from there, is told once, above it."""
    if frame.empty:
        return "  No rows: there is no record of a rejected flow."
    from assets.tables import cell_text, plain_rows, with_times

    same = [
        column
        for column in frame.columns
        if column in TOLD_ONCE and len(frame) > 1 and frame[column].notna().all() and frame[column].nunique() == 1
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
