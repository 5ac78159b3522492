"""The commands ``make run``, ``make sql`` and ``make dev``. Each part of them is in a module of its own beside this
one.

They use Dagster as its own commands do, on an instance whose history is kept beside the results, and print less.
"""

import signal

if __name__ == "__main__" and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    # Ctrl-C ends the process without a word, instead of with a traceback of the imports below.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
import os
import sys
from pathlib import Path

import click

from assets.reports.report_files import read_reports
from assets.results_source import require_own_results
from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable
from pipelines.alerts.configured import alert_of_run
from pipelines.commands.arguments import choose_day, require_variables, settings_for, whole_number
from pipelines.commands.changed_days import changed_days
from pipelines.commands.history import history
from pipelines.commands.interruptions import errors_for_people
from pipelines.commands.materialization import materialize
from pipelines.commands.port import require_free_port
from pipelines.commands.query_warnings import query_warnings
from pipelines.commands.statement_guard import is_text, reads_tables, require_permitted
from pipelines.commands.table_hints import table_hint
from pipelines.commands.terminal import TerminalLog, failure_text, print_day, terminal_lines, terminal_table
from pipelines.settings import PROJECT_ROOT, read_settings
from pipelines.targets import build_target
from resources.engine import QueryError

ROWS_SHOWN = 1_000

SIMULATED_SHORT = "simulated: no VPC is behind them"

SIMULATED = "These flow logs are simulated: no VPC is behind them."

EXAMPLE = 'make sql Q="SELECT action, count(*) AS flows FROM vpc_flow_logs GROUP BY action"'


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
    """Materialize the whole lineage for one day, and print what happened and where its page is."""
    with errors_for_people() as stopped_by:
        require_variables("run", typed)
        settings = settings_for(logs)
        target = build_target(settings)
        day = choose_day(day_text, settings, target.bucket)
        simulated = f" ({SIMULATED_SHORT})" if target.bucket.is_simulated() else ""
        logs_told = f"{target.bucket.objects.display_path()}{simulated}"
        click.echo(f"Day      {day} (UTC)\nLogs     {logs_told}\nResults  {target.results.display_path()}\n")
        terminal = TerminalLog(stopped_by)
        with history(settings) as kept:
            result = materialize(settings, kept, day, terminal, stopped_by)
            not_sent = alert_of_run(settings, target, kept.instance, result.run_id)
        warnings = list(dict.fromkeys(message for _, message in terminal.warnings))
        if result.success:
            print_day(target.results, day, is_simulated=target.bucket.is_simulated(), told_below=warnings)
            for told in changed_days(target, day, settings.lateness_days, logs):
                click.secho(f"\n{printable(told, keep_newlines=True)}", fg="yellow")
        for warning in warnings:
            click.secho(f"\nWarning: {warning}", fg="yellow")
        for problem in not_sent:
            click.secho(f"\nWarning: {problem}", fg="yellow")
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
        max_rows = whole_number("ROWS", rows)
        if not statement.strip():
            raise FlowLakeError(f"`make sql` needs a statement. For example:\n  {EXAMPLE}")
        settings = settings_for(logs)
        target = build_target(settings)
        require_permitted(statement, target.results, write=write, prepared_only_read=target.athena.prepared_only_read)
        if reads_tables(statement):
            require_own_results(target.results, target.bucket, target.athena, target.table)
        if reads_tables(statement) and target.bucket.is_simulated():
            click.secho(f"{SIMULATED} LOGS=<folder> names logs of your own.\n", fg="yellow", err=True)
        try:
            result = target.athena.execute(statement, max_rows)
        except QueryError as error:
            if hint := table_hint(target, settings, error):
                raise FlowLakeError(f"{error}\n{hint}") from error
            raise
        frame = result.frame.head(max_rows)
        if is_text(statement):
            click.echo(terminal_lines(frame))
        elif len(frame.columns):
            click.echo(terminal_table(frame))
        count = f"{len(frame):,} {'row' if len(frame) == 1 else 'rows'}"
        if result.more_rows or len(frame) < len(result.frame):
            count = f"The first {count}; there are more (ROWS=… shows another number)"
        click.echo(f"\n{count}, {result.scanned_bytes:,} bytes scanned, {result.seconds:.2f} s.")
        for warning in [*result.warnings, *query_warnings(target, statement, result)]:
            click.secho(f"\nWarning: {printable(warning, keep_newlines=True)}", fg="yellow", err=True)


@main.command()
@typed_option
def reports(typed: str | None) -> None:
    """List all reports, and check each by executing it over made-up datasets."""
    from pipelines.report_checks import find_problems
    from pipelines.report_selection import known_fields, without_fields

    with errors_for_people():
        require_variables("reports", typed)
        settings = read_settings()
        found = read_reports(settings.reports_folder)
        left_out = without_fields(found, known_fields(settings, build_target(settings).bucket, may_look=True))
        for report in found:
            needs = f" Needs {', '.join(report.fields)}." if report.fields else ""
            here = f" Left out here: {left_out[report.name]}." if report.name in left_out else ""
            click.echo(f"{report.name}\n  {report.description} Reads {', '.join(report.reads)}.{needs}{here}")
        if problems := find_problems(found):
            raise FlowLakeError("\n".join(problems))
        click.echo(f"\n{len(found)} reports, all of which work.")


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


if __name__ == "__main__":
    main()
