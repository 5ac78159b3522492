"""What several tests need: logs of this project's own with known answers, folders as facts, commands as processes.

The logs are written line by line here and their reports by hand, so these tests need only the project. The captured
logs, with the rows of Hive's reader, are in the folder that FLOWLAKE_TEST_LOGS names.
"""

import gzip
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pandas as pd

from assets.reports.asset import report_keys
from flowlogs.fields import DEFAULT_FIELDS, HEADER_LINE
from flowlogs.layout import LogSource
from flowlogs.record_format import DEFAULT_FORMAT
from flowlogs.sources import Layout, LogSources
from flowlogs.statements import TableDefinition, flow_logs_table

ROOT = Path(__file__).resolve().parent.parent
CAPTURED_LOGS = Path(os.environ.get("FLOWLAKE_TEST_LOGS") or ROOT.parent / "shared" / "flowlogs")
BIN = Path(sys.executable).parent

DAY = date(2021, 9, 2)
NEXT_DAY = date(2021, 9, 3)

FEW_PACKETS = "2 123456789012 eni-0a 203.0.113.9 10.0.0.5 40000 22 6 7 420 1630540800 1630540860 REJECT OK"
MANY_PACKETS = "2 123456789012 eni-0a 203.0.113.9 10.0.0.5 40001 22 6 40 2400 1630540860 1630540920 REJECT OK"
ACCEPTED = "2 123456789012 eni-0a 10.0.0.5 10.0.0.6 443 50000 6 9000 900000 1630540800 1630540860 ACCEPT OK"
NO_DATA = "2 123456789012 eni-0b - - - - - - - 1630540800 1630540860 - NODATA"
PING = "2 123456789012 eni-0b 198.51.100.7 10.0.0.6 0 0 1 3 252 1630541400 1630541460 REJECT OK"
UNCOUNTED = "2 123456789012 eni-0b 198.51.100.6 10.0.0.6 5353 53 17 - 252 1630541400 1630541460 REJECT OK"
SKIPPED = "2 123456789012 eni-0b - - - - - - - 1630541400 1630541460 - SKIPDATA"
NEXT_DAYS = "2 123456789012 eni-0a 192.0.2.1 10.0.0.5 1 23 6 5 200 1630627200 1630627260 REJECT OK"

SMALL_LOGS: Mapping[date, Sequence[Sequence[str]]] = {
    DAY: [[FEW_PACKETS, MANY_PACKETS, ACCEPTED, NO_DATA], [PING, UNCOUNTED, SKIPPED]],
    NEXT_DAY: [[NEXT_DAYS]],
}
"""By day, the lines of each of its objects."""

SMALL_TOP = {
    DAY: [
        [47, "203.0.113.9", "10.0.0.5"],
        [3, "198.51.100.7", "10.0.0.6"],
        [None, "198.51.100.6", "10.0.0.6"],
    ],
    NEXT_DAY: [[5, "192.0.2.1", "10.0.0.5"]],
}


def record(line: str) -> list[object]:
    """A line as the row that the table has of it."""
    cells = zip(DEFAULT_FIELDS, line.split(), strict=True)
    return [text if field.type == "string" else None if text == "-" else int(text) for field, text in cells]


SMALL_DETAILS = {
    DAY: [record(line) for line in (MANY_PACKETS, FEW_PACKETS, PING, UNCOUNTED)],
    NEXT_DAY: [record(NEXT_DAYS)],
}


@dataclass(frozen=True)
class KnownAnswers:
    """A folder of logs (None: the small ones) and the rows of one day's reports, without their last column, the day."""

    folder: Path | None
    day: date
    top: list[list[object]]
    details: list[list[object]]

    def __str__(self) -> str:
        return f"{self.folder.name if self.folder else 'small'}-{self.day}"


def known_answers() -> list[KnownAnswers]:
    """Every day whose reports are known: of the small logs, and of the captured ones that are here.

    The answers that come with those are a table's that has `int` for packets, start and end, as the classroom's DDL
    has. This project's has bigint, so that days with larger numbers are left to the tests of that DDL.
    """
    found = [KnownAnswers(None, day, SMALL_TOP[day], SMALL_DETAILS[day]) for day in SMALL_LOGS]
    for answers in sorted(CAPTURED_LOGS.glob("*/expected.json")):
        for day, reports in json.loads(answers.read_text(encoding="utf-8")).items():
            if not _has_large_numbers(answers.parent, day):
                found.append(
                    KnownAnswers(answers.parent, date.fromisoformat(day), reports["top"], reports["details"]),
                )
    return found


def _has_large_numbers(folder: Path, day: str) -> bool:
    """Whether a record of the day has packets, a start or an end that `int` has no room for."""
    objects = folder.glob(f"AWSLogs/*/vpcflowlogs/*/{day.replace('-', '/')}/[!_.]*.log.gz")
    records = [line.split(b" ") for path in objects for line in gzip.decompress(path.read_bytes()).splitlines()]
    numbers = [fields[at] for fields in records for at in (8, 10, 11) if len(fields) > at]
    return any(number.isdigit() and int(number) > 2**31 - 1 for number in numbers)


def sources_of(source: LogSource) -> LogSources:
    """This source alone, as the settings choose it."""
    return LogSources(source.bucket, (source,))


def default_table(source: LogSource) -> TableDefinition:
    """The table over a source's flow logs, which are text in the default format."""
    return flow_logs_table(sources_of(source), Layout.of(source), DEFAULT_FORMAT)


def day_locations(source: LogSource, days: Iterable[date]) -> dict[date, str]:
    """The location of each day's partition."""
    return {day: source.day_location(day) for day in days}


def on_day(line: str, day: date) -> str:
    """A record of DAY as one of another day, at the same time."""
    fields = line.split(" ")
    later = int((day - DAY).total_seconds())
    return " ".join([*fields[:10], *(str(int(seconds) + later) for seconds in fields[10:12]), *fields[12:]])


def write_object(
    folder: Path,
    day: date,
    lines: Sequence[str],
    *,
    number: int = 0,
    account: str = "123456789012",
    region: str = "us-east-1",
) -> Path:
    """Write an object of a flow log into a folder that is laid out as a bucket; returns its path."""
    prefix = LogSource("any-bucket", account, region).day_prefix(day)
    name = f"{account}_vpcflowlogs_{region}_fl-0123456789abcdef0_{day:%Y%m%d}T{number:02d}05Z_{number:08x}.log.gz"
    path = folder / prefix / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress("\n".join([HEADER_LINE, *lines, ""]).encode(), mtime=0))
    return path


def write_small_logs(folder: Path) -> Path:
    """Write SMALL_LOGS into the folder, and return it."""
    for day, objects in SMALL_LOGS.items():
        for number, lines in enumerate(objects):
            write_object(folder, day, lines, number=number)
    return folder


def files_in(folder: Path) -> dict[str, str]:
    """Every file below a folder, also an invisible one, with a digest of its bytes."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def report_rows(results: Path, name: str, day: date) -> list[list[object]]:
    """The rows of a day's report as its Parquet file has them, NULL as None."""
    frame = pd.read_parquet(results / report_keys(name, day)[0], dtype_backend="numpy_nullable")
    return [[None if pd.isna(value) else value for value in row] for row in frame.astype(object).to_numpy().tolist()]


def with_day(rows: Sequence[Sequence[object]], day: date) -> list[list[object]]:
    return [[*row, day.isoformat()] for row in rows]


FEW_REPORTS = ["rejected_flow_details", "top_rejected_pairs"]
"""The reports of most tests. All of them would take most of a test's time, and have tests of their own."""


def copy_project(root: Path, *, all_reports: bool = False) -> Path:
    """A copy of what runs, without `.env` and `data/`, so that commands on it meet nobody's settings and logs.

    It has FEW_REPORTS, if not all are asked for.
    """
    for package in ("assets", "flowlogs", "pipelines", "resources"):
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    for report in [] if all_reports else list((root / "assets/reports").glob("*.sql")):
        if report.stem not in FEW_REPORTS:
            report.unlink()
    for name in ("workspace.yaml", "pyproject.toml", "Makefile"):
        shutil.copy2(ROOT / name, root / name)
    return root


def command_environment(project: Path, **settings: object) -> dict[str, str]:
    """This process's environment with the settings given, and none of its own."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("FLOWLAKE_", "DAGSTER_", "AWS_"))}
    return {
        **kept,
        "PYTHONPATH": str(project),
        "DAGSTER_DISABLE_TELEMETRY": "1",
        **{key: str(value) for key, value in settings.items()},
    }


def command(project: Path, *arguments: object, cwd: Path | None = None, **settings: object) -> subprocess.Popen[str]:
    """Start a program of this environment (`dagster`, `python`, …) on a copy of the project, with these settings."""
    program, *rest = map(str, arguments)
    return subprocess.Popen(
        [str(BIN / program), *rest],
        cwd=cwd or project,
        env=command_environment(project, **settings),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell's background ignores it, and whoever is started there, too.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def finished(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code and everything that the process printed."""
    output, _ = process.communicate(timeout=120)
    return process.returncode, output


def run(project: Path, *arguments: object, cwd: Path | None = None, **settings: object) -> tuple[int, str]:
    return finished(command(project, *arguments, cwd=cwd, **settings))


def flow_lake(project: Path, *arguments: object, cwd: Path | None = None, **settings: object) -> tuple[int, str]:
    """Run one of the project's own commands (`run`, `sql`), as the Makefile runs it."""
    return run(project, "python", "-m", "pipelines.commands", *arguments, cwd=cwd, **settings)


def make(project: Path, *arguments: str, **environment: str) -> tuple[int, str]:
    """`make` in a copy of the project, with this environment in the place of the one that it would set up."""
    command = ["make", "--no-print-directory", "-o", ".venv/runtime", f"BIN={BIN}", *arguments]
    done = subprocess.run(
        command,
        cwd=project,
        env=command_environment(project, **environment),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr
