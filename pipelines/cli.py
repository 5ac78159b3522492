"""The commands behind ``make run``, ``make sql`` and ``make dev``: a run or a query, and tables in the terminal.

They do what Dagster's own commands do, on an instance whose history is kept beside the results, and tell people of it
in fewer words.
"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C ends the process without a word, instead of with a traceback of the imports below.
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import errno
import logging
import os
import re
import socket
import stat
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import date, datetime, timedelta, timezone
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable
from flowlogs.statements import REJECTED_FLOWS
from pipelines.history import History, history
from pipelines.settings import PROJECT_ROOT, Settings, read_settings
from pipelines.targets import build_target
from resources.engine import QueryError

if TYPE_CHECKING:
    import dagster as dg
    import pandas as pd

    from resources.bucket import Bucket, ObjectStore

ROWS_SHOWN = 1_000

EXAMPLE = 'make sql Q="SELECT action, count(*) AS flows FROM vpc_flow_logs GROUP BY action"'

RAISED_AGAIN_AFTER_SECONDS = 0.05

VARIABLES = {"run": ("LOGS", "DATE"), "sql": ("Q", "LOGS", "ROWS", "WRITE"), "dev": ("LOGS", "PORT")}
"""What each command of make takes."""

_MEANT = {
    **dict.fromkeys(("LOG", "FOLDER", "DIR", "BUCKET"), "LOGS"),
    **dict.fromkeys(("DAY", "DATES"), "DATE"),
    **dict.fromkeys(("QUERY", "SQL", "STATEMENT"), "Q"),
    **dict.fromkeys(("LIMIT", "ROW"), "ROWS"),
}

_OF_THE_ENVIRONMENT = re.compile(r"\w+_\w+|BIN|HOME|LANG|MAKEFLAGS|PATH|PYTHON|PYTHONPATH|SHELL|TMPDIR|TZ")
"""Variables that make passes on: settings (FLOWLAKE_…, AWS_…), and those of the programs that it starts."""

_BLANK = r"(?:\s|--[^\n]*(?:\n|$)|/\*.*?\*/)"
_READING = re.compile(
    rf"(?:{_BLANK}|\()*(?:(?:SELECT|WITH|VALUES|TABLE|SHOW|DESCRIBE|DESC)\b|EXPLAIN\b(?!{_BLANK}*ANALY[ZS]E))",
    re.DOTALL | re.IGNORECASE,
)
_UNLOAD = re.compile(rf"{_BLANK}*UNLOAD\b", re.DOTALL | re.IGNORECASE)


@click.group()
def main() -> None:
    """VPC flow logs in S3, queried with Athena's SQL, as one Dagster lineage graph."""


typed_option = click.option("--typed", hidden=True, help="The variables that make was given.")
logs_option = click.option("--logs", metavar="FOLDER", help="A folder that holds AWSLogs/…; read, never written.")


@main.command()
@typed_option
@logs_option
@click.option("--date", "day_text", metavar="YYYY-MM-DD", help="The UTC day. Default: the last one that is complete.")
def run(typed: str | None, logs: str | None, day_text: str | None) -> None:
    """Materialize the whole lineage for one day and print its reports."""
    with errors_for_people() as stopped_by:
        require_variables("run", typed)
        settings = settings_for(logs)
        target = build_target(settings)
        day = choose_day(day_text, settings, target.bucket)
        simulated = " (simulated: no VPC is behind them)" if target.bucket.is_simulated() else ""
        logs_told = f"{target.bucket.objects.uri()}{simulated}"
        click.echo(f"Day      {day} (UTC)\nLogs     {logs_told}\nResults  {target.results.uri()}\n")
        terminal = TerminalLog(stopped_by)
        with history(settings) as kept:
            result = materialize(settings, kept, day, terminal, stopped_by)
        if result.success:
            print_reports(target.results, day)
        for warning in dict.fromkeys(message for _, message in terminal.warnings):
            click.secho(f"\nWarning: {warning}", fg="yellow")
        if not result.success:
            raise FlowLakeError(failure_text(result, terminal))


@main.command()
@typed_option
@logs_option
@click.option("--rows", default=str(ROWS_SHOWN), show_default=True, help="How many rows are shown at most.")
@click.option("--write", is_flag=True, help="Let the statement change tables or write files.")
@click.argument("statement")
def sql(typed: str | None, logs: str | None, rows: str, write: bool, statement: str) -> None:
    """Execute one of Athena's statements, and print what it gives."""
    with errors_for_people():
        require_variables("sql", typed)
        most_rows = whole_number("ROWS", rows)
        if not statement.strip():
            raise FlowLakeError(f"`make sql` needs a statement. For example:\n  {EXAMPLE}")
        settings = settings_for(logs)
        target = build_target(settings)
        require_allowed(statement, target.results, write=write)
        try:
            result = target.athena.execute(statement, most_rows)
        except QueryError as error:
            if error.code not in ("TABLE_NOT_FOUND", "SCHEMA_NOT_FOUND"):
                raise
            tables = f"The tables that `make run` makes are {settings.table} and {REJECTED_FLOWS}."
            if re.search(rf"\b({settings.table}|{REJECTED_FLOWS})'", str(error)) or error.code == "SCHEMA_NOT_FOUND":
                tables = "The table of flow logs is there once `make run` has made it."
            raise FlowLakeError(f"{error}\n{tables}") from error
        frame = result.frame.head(most_rows)
        if len(frame.columns):
            click.echo(terminal_table(frame))
        count = f"{len(frame):,} {'row' if len(frame) == 1 else 'rows'}"
        if result.more_rows or len(frame) < len(result.frame):
            count = f"The first {count}; there are more (ROWS=… shows another number)"
        click.echo(f"\n{count}, {result.scanned_bytes:,} bytes scanned, {result.seconds:.2f} s.")
        for warning in result.warnings:
            click.secho(f"\nWarning: {printable(warning, keep_newlines=True)}", fg="yellow", err=True)


@main.command()
@typed_option
@logs_option
@click.option("--port", default="3000", show_default=True)
@click.option("--host", default="127.0.0.1", show_default=True)
def dev(typed: str | None, logs: str | None, port: str, host: str) -> None:
    """Open the Dagster UI on the history that `run` keeps."""
    with errors_for_people():
        require_variables("dev", typed)
        require_free_port(host, whole_number("PORT", port))
        settings = settings_for(logs)
        with history(settings):
            pass
    dagster = Path(sys.executable).with_name("dagster")
    command = [str(dagster), "dev", "-w", str(PROJECT_ROOT / "workspace.yaml"), "-p", port, "-h", host]
    os.execv(dagster, command)  # noqa: S606 - no shell is wanted


@contextmanager
def errors_for_people() -> Iterator[Callable[[], int]]:
    """End the command with the words of an error that is meant for people, without a traceback.

    Who stops it (Ctrl-C, SIGTERM) gets one line. Gives the number of the signal that stopped it, 0 until then.
    """
    with signals() as stopped_by:
        try:
            yield stopped_by
        except BaseException as error:
            if not stopped_by():
                if not isinstance(error, FlowLakeError):
                    raise
                click.secho(f"\nError: {error}", fg="red", err=True)
                sys.exit(1)
        # Also where the exception of the signal did not get here: something on its way may have kept it.
        if number := stopped_by():
            click.secho("\nStopped. What was not done yet is as it was before; run again.", fg="red", err=True)
            sys.exit(128 + number)


@contextmanager
def signals() -> Iterator[Callable[[], int]]:
    """Let SIGTERM raise KeyboardInterrupt as SIGINT does; gives the number of the first of them, 0 where there is none.

    Dagster handles both in its own way while it runs, and does not tell which it was. A signal that is ignored when the
    command starts, as SIGINT is in a shell's background, stays so.
    """
    reading, writing = os.pipe()
    for end in (reading, writing):
        os.set_blocking(end, False)
    stopping = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    received = 0

    def first() -> int:
        nonlocal received
        with suppress(BlockingIOError):
            for number in os.read(reading, 1_000):
                received = received or (number if number in (signal.SIGINT, signal.SIGTERM) else 0)
        return received

    before = {number: signal.signal(number, signal.default_int_handler) for number in stopping}
    wakeup_before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    try:
        with raised_again(first), nothing_logged(first):
            yield first
    finally:
        signal.set_wakeup_fd(wakeup_before)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(reading)
        os.close(writing)


@contextmanager
def nothing_logged(stopped_by: Callable[[], int]) -> Iterator[None]:
    """Leave out what libraries log of the exception that ends them, where that would go to the terminal.

    SQLAlchemy does, with a traceback, when it is just closing a connection.
    """

    def is_told(_: logging.LogRecord) -> bool:
        return not stopped_by()

    terminal = logging.lastResort
    if terminal:
        terminal.addFilter(is_told)
    try:
        yield
    finally:
        if terminal:
            terminal.removeFilter(is_told)


@contextmanager
def raised_again(stopped_by: Callable[[], int]) -> Iterator[None]:
    """Raise what a signal raised once more where Python had to ignore it.

    A handler may raise in whatever code it meets. In a destructor or a callback of the garbage collector nobody can
    catch that, so that Python prints "Exception ignored in" and goes on. A moment later, an alarm finds other code.
    """

    def heard(ignored: "sys.UnraisableHookArgs") -> None:
        if stopped_by() and not issubclass(ignored.exc_type, Exception):
            signal.setitimer(signal.ITIMER_REAL, RAISED_AGAIN_AFTER_SECONDS)
        else:
            hook_before(ignored)

    alarm_before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    hook_before, sys.unraisablehook = sys.unraisablehook, heard
    try:
        yield
    finally:
        sys.unraisablehook = hook_before
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, alarm_before)


def require_variables(command: str, typed: str | None) -> None:
    """Raise FlowLakeError unless make knows what it was given: whatever it does not know it passes over.

    `typed` are the names of the variables in make's command line; without make (None), there is nothing to look at.
    What stands in front of make is in the environment, which holds much that is nobody's mistake: there, only names
    that are written almost like ours count.
    """
    if typed is None:
        return
    known = VARIABLES[command]
    for name in typed.split():
        near = get_close_matches(name.upper(), known, n=1, cutoff=0.7)
        meant = _MEANT.get(name.upper()) or (near[0] if near else None)
        if name not in known and meant in known:
            raise FlowLakeError(f"`make {command}` has no variable {name}. Did you mean {meant}=…?")
        if name not in known and not _OF_THE_ENVIRONMENT.fullmatch(name):
            takes = ", ".join(f"{variable}=…" for variable in known)
            raise FlowLakeError(f"`make {command}` has no variable {name}. It takes {takes}.")
    for name, value in os.environ.items():
        if name in known and not value and name != "Q":  # of which `make sql` says more
            raise FlowLakeError(f"{name}= is empty: give it a value, or leave it out.")
        for variable in known if name not in known else ():
            if _is_written_almost_like(name, variable):
                raise FlowLakeError(
                    f"`make {command}` has no variable {name}, which is set in the environment. Did you mean "
                    f"{variable}=…? If not, unset it: unset {name}"
                )


def _is_written_almost_like(name: str, variable: str) -> bool:
    """Whether it is in other case, or, unless it is as short as Q or LOG, has other order or a letter too many."""
    upper = name.upper()
    if upper == variable or min(len(name), len(variable)) < 4:
        return upper == variable
    one_left_out = {upper[:at] + upper[at + 1 :] for at in range(len(upper))}
    return sorted(upper) == sorted(variable) or variable in one_left_out


def whole_number(variable: str, text: str) -> int:
    if not re.fullmatch("-?[0-9]+", text):
        raise FlowLakeError(f"{variable}={text} is not a number: write digits alone, such as {variable}=4000.")
    if text.startswith("-") or not text.strip("0"):
        raise FlowLakeError(f"{variable}={text} is too small: it is at least 1, such as {variable}=4000.")
    number = text.lstrip("0")
    if len(number) > 9:
        raise FlowLakeError(f"{variable}={text} is too large: it is at most 999999999, such as {variable}=4000.")
    return int(number)


def require_allowed(statement: str, results: "ObjectStore", *, write: bool) -> None:
    """Raise FlowLakeError for a statement that may change something, unless that is asked for.

    Files among those that reports are made from are never written: what a report says would no longer be the logs'.
    """
    if not write and not _READING.match(statement):
        raise FlowLakeError(
            "`make sql` reads: SELECT, WITH, SHOW, DESCRIBE and EXPLAIN. Any other statement may change tables or "
            'write files. If that is what you want, say so: make sql WRITE=1 Q="…"\n'
            f"The statement was:\n{statement}"
        )
    ours = tuple(results.location(folder) for folder in ("rejected_flows/", "reports/"))
    places = re.findall("'(s3://[^']*)'", statement) if _UNLOAD.match(statement) else []
    for place in places:
        if f"{place.rstrip('/')}/".startswith(ours):
            raise FlowLakeError(
                f"{place} is where the rejected flows and reports are kept: what others write there would change what "
                f"reports say. Name another folder, such as {results.location('unloaded/')}."
            )


LAST_PORT = 65_535
"""A greater number is taken for another port, without a word."""


def require_free_port(host: str, port: int) -> None:
    """Raise FlowLakeError where the UI cannot be served: Dagster would go on without it."""
    if port > LAST_PORT:
        raise FlowLakeError(
            f"PORT={port} is no port: the last one is {LAST_PORT}. Choose another one: make dev PORT=3001"
        )
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as server:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            server.bind(address)
    except (OSError, OverflowError) as error:
        in_use = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "another program uses it" if in_use else str(error)
        raise FlowLakeError(
            f"The UI cannot be opened on port {port} of {host}: {reason}. Choose another one: make dev PORT=3001"
        ) from error


def settings_for(logs: str | None) -> Settings:
    """The settings; where `logs` is given, that folder is the bucket, relative to where the command was typed."""
    if logs is not None:
        os.environ["FLOWLAKE_TARGET"] = "embedded"
        os.environ["FLOWLAKE_BUCKET"] = str(folder_of_logs(logs))
    settings = read_settings()
    if settings.target == "embedded" and not settings.is_default_bucket:
        build_target(settings).bucket.ensure()
    return settings


def folder_of_logs(logs: str) -> Path:
    """The folder that LOGS names. Raises FlowLakeError, in the words that were typed, where it names none."""
    if "://" in logs:
        raise FlowLakeError(
            f"LOGS={logs} is an address, and LOGS names a folder. Copy the bucket into one (aws s3 sync {logs} "
            "<folder>), or read it where it is, with Athena: FLOWLAKE_TARGET=aws and FLOWLAKE_BUCKET=<its name>."
        )
    try:
        path = Path.cwd() / Path(logs).expanduser()
        if logs and stat.S_ISDIR(path.stat().st_mode):
            with os.scandir(path):  # is allowed
                return path
        problem = "it is no folder" if logs else "it is empty"
    except FileNotFoundError:
        link = f" is a link to {path.readlink()}, which" if path.is_symlink() else ""
        problem = f"{path}{link} does not exist"
    except (OSError, RuntimeError) as error:  # the second one: the home of a user that does not exist
        problem = f"it cannot be looked at ({getattr(error, 'strerror', error)})"
    raise FlowLakeError(
        printable(f"LOGS={logs}: {problem}. Name the folder that contains AWSLogs, as `aws s3 sync` leaves it.")
    )


def choose_day(text: str | None, settings: Settings, bucket: "Bucket") -> date:
    """The day that was asked for; else the last one in a folder of logs; else the last one that is complete (UTC)."""
    today = datetime.now(timezone.utc).date()
    yesterday = today - timedelta(days=1)
    if text:
        day = parse_day(text)
    elif settings.target == "aws" or settings.is_default_bucket:
        day = yesterday
    else:
        delivered = bucket.delivered_days()
        day = max((day for day in delivered if day <= yesterday), default=today if today in delivered else yesterday)
    if not settings.start_date <= day <= today:
        raise FlowLakeError(
            f"{day} is outside the daily partitions, which run from {settings.start_date} (FLOWLAKE_START_DATE) to "
            f"{today}, today (UTC). Choose another DATE, or an earlier FLOWLAKE_START_DATE."
        )
    return day


def parse_day(text: str) -> date:
    with suppress(ValueError):
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            return date.fromisoformat(text)
    raise FlowLakeError(f"DATE={text} is not a day: write it as year-month-day, such as 2021-09-02.")


def materialize(
    settings: Settings, kept: History, day: date, terminal: "TerminalLog", stopped_by: Callable[[], int]
) -> "dg.ExecuteInProcessResult":
    """Run the whole graph for a day in this process, telling the terminal how it goes.

    A run that is stopped is canceled in the history, and ends in KeyboardInterrupt.
    """
    import dagster as dg

    from pipelines.definitions import build_definitions

    def logger(_context: object) -> logging.Logger:
        logger = logging.Logger("terminal", logging.DEBUG)
        logger.addHandler(terminal)
        return logger

    told = dg.Definitions.merge(
        build_definitions(settings, today_too=True), dg.Definitions(loggers={"terminal": dg.logger({})(logger)})
    )
    job = told.resolve_implicit_global_asset_job_def()
    run_id = str(uuid.uuid4())
    with kept.alive() as tags:
        try:
            result = job.execute_in_process(
                run_config={"loggers": {"terminal": {}}},
                instance=kept.instance,
                partition_key=day.isoformat(),
                asset_selection=list(job.asset_layer.executable_asset_keys),  # all of them: so the UI shows what it ran
                raise_on_error=False,
                run_id=run_id,
                tags=tags,
            )
        finally:
            stopped = bool(stopped_by()) and kept.cancel(run_id)
    if stopped:
        raise KeyboardInterrupt
    return result


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
