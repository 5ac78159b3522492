"""Prints in the terminal: the progress of a run, the reason of its failure, what happened on a day, and tables."""

import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowlogs.printable import printable

if TYPE_CHECKING:
    import dagster as dg
    import pandas as pd

    from assets.page.day_totals import DaySummary
    from resources.bucket import ObjectStore


REASONS_SHOWN = 5
"""How many reasons why a day is not complete are printed."""

SIMULATED = "SIMULATED: these flow logs are made up, and no VPC is behind them."


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


def print_day(results: "ObjectStore", day: date, *, is_simulated: bool, told_below: Collection[str] = ()) -> None:
    """Print what happened on a day, the rows to look at first, and where the page and the files are.

    `told_below` are warnings that are printed after that.
    """
    from assets.page.asset import INDEX, page_key, stored_summaries

    summary = stored_summaries(results, [day]).get(day)
    if summary is None:
        return
    click.echo()
    if is_simulated:
        click.secho(SIMULATED, fg="yellow")
    for sentence in (*summary.sentences, *summary.updates):
        click.echo(printable(sentence))
    if summary.look_at:
        click.echo("\nLook first at" if summary.totals.need_a_look else "\nMost packets were rejected from")
    for number, text in enumerate(summary.look_at, 1):
        click.echo(f"  {number}. {printable(text)}")
    print_completeness(summary, told_below)
    click.echo(f"\nPage     {address(results.display_path(page_key(day)))}")
    click.echo(f"All days {address(results.display_path(INDEX))}")
    click.echo(f"Files    {results.display_path(f'reports/<report>/{day}.csv')} and .parquet")


def print_completeness(summary: "DaySummary", told_below: Collection[str] = ()) -> None:
    """Print how complete a day is, and the first reasons why it is not, but for those that are `told_below`."""
    if summary.percent is None:
        return
    click.secho(f"\n{summary.completeness}. {printable(summary.basis)}", fg="yellow" if summary.reasons else None)
    reasons = [reason for reason in map(printable, summary.reasons) if reason not in told_below]
    for reason in reasons[:REASONS_SHOWN]:
        click.echo(f"  - {reason}")
    if len(reasons) > REASONS_SHOWN:
        click.echo(f"  And {len(reasons) - REASONS_SHOWN} more, on the page.")
    if more := len(summary.reasons) - len(reasons):
        click.echo(
            f"  {'And' if reasons else 'For'} {'the warning' if more == 1 else f'{more} of the warnings'} below."
        )


def address(path: str) -> str:
    """A path as an address that terminals and browsers open; other addresses stay as they are."""
    return Path(path).as_uri() if Path(path).is_absolute() else path


def terminal_lines(frame: "pd.DataFrame") -> str:
    """The lines of an answer that is a text, such as a statement, so that they can be copied. None is cut."""
    from assets.tables import plain_rows

    return "\n".join(printable(str(line)) for (line,) in plain_rows(frame))


def terminal_table(frame: "pd.DataFrame") -> str:
    """The frame as aligned text; NULL is an empty cell."""
    from tabulate import tabulate

    from assets.tables import cell_text, plain_rows

    values = plain_rows(frame)
    rows = [[cell_text(value) for value in row] for row in values]
    numeric = [
        "right" if dtype.kind in "iuf" or any(isinstance(row[number], Decimal) for row in values) else "left"
        for number, dtype in enumerate(frame.dtypes)
    ]
    headers = [cell_text(column) for column in frame.columns]
    return tabulate(rows, headers=headers, tablefmt="simple", disable_numparse=True, colalign=numeric)
