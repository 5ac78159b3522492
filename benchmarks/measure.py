"""Processes and what they cost: their time, processor time and memory, from their start to their end.

The process that measures stays small and imports nothing large: the kernel counts what a new process shared with it,
before it became another program, as its peak memory.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import Any

from benchmarks.days import DAY, START_DATE

OURS = "pipelines.definitions"
EMPTY = "benchmarks.empty_project"
INFRASTRUCTURE = {
    OURS: ("vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"),
    EMPTY: ("bucket", "flow_log", "table"),
}
DAILY = {
    OURS: ("vpc_flow_logs_partition", "rejected_flows", "rejected_flow_details", "top_rejected_pairs"),
    EMPTY: ("partition", "rejected", "pairs", "details"),
}
"""The classroom's two reports, and what they need."""

REPORTS_PAGE = "daily_page"
STEP_OF_DATASETS = "daily_datasets"
"""The step of the datasets, however many of them a run makes."""

Cost = dict[str, Any]
"""seconds, cpu_seconds (user and system, children included), peak_mb (of the largest process), began (since 1970); and
what the process wrote, as output and errors."""


def run(command: Sequence[str], environment: Mapping[str, str] | None = None) -> Cost:
    """Run a command to its end. Raises RuntimeError, with what it said, where it fails."""
    with TemporaryFile("w+") as output, TemporaryFile("w+") as errors:
        began, started = time.time(), time.perf_counter()
        process = subprocess.Popen(command, stdout=output, stderr=errors, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        said = {"output": output.read(), "errors": errors.read()}
    if process.returncode:
        raise RuntimeError(f"{command} ended with {process.returncode}:\n{said['output']}\n{said['errors']}"[-5_000:])
    return {
        "seconds": seconds,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mb": usage.ru_maxrss * 1024 / 1e6,
        "began": began,
        **said,
    }


@contextmanager
def installation(bucket: Path) -> Iterator[dict[str, str]]:
    """The environment of a project that reads `bucket` and that nothing was ever run in."""
    with TemporaryDirectory() as temporary:
        home = Path(temporary, "dagster")
        home.mkdir()
        (home / "dagster.yaml").write_text("telemetry:\n  enabled: false\n", encoding="utf-8")
        inherited = {
            name: value for name, value in os.environ.items() if not name.startswith(("FLOWLAKE_", "DAGSTER_"))
        }
        yield {
            **inherited,
            "FLOWLAKE_TARGET": "embedded",
            "FLOWLAKE_BUCKET": str(bucket),
            "FLOWLAKE_RESULTS": str(Path(temporary, "results")),
            "FLOWLAKE_START_DATE": START_DATE.isoformat(),
            "DAGSTER_HOME": str(home),
        }


def materialize(module: str, selection: str, *partitions: str) -> list[str]:
    """Dagster's own command."""
    dagster = str(Path(sys.executable).with_name("dagster"))
    return [dagster, "asset", "materialize", "--select", selection, *partitions, "-m", module]


def daily_run(module: str, bucket: Path, *, every_report: bool = False) -> Cost:
    """The graph for the day, with when its steps ran, how long each took, and the first report as an answer.

    Of our graph, that is the classroom's two reports, or with `every_report` all of it.
    """
    with installation(bucket) as environment:
        chosen = (*INFRASTRUCTURE[module], *DAILY[module])
        selection = "*" if every_report else ",".join(chosen)
        cost = run(materialize(module, selection, "--partition", DAY.isoformat()), environment)
        steps = last_run(environment)
        if every_report and REPORTS_PAGE not in steps["steps"]:
            raise SystemExit(f"{REPORTS_PAGE} should have been materialized; {', '.join(steps['steps'])} were.")
        if not every_report:
            require_steps(steps["steps"], map(step_of, chosen))
        report = Path(environment["FLOWLAKE_RESULTS"], "reports", "top_rejected_pairs", f"{DAY}.csv")
        answer = answer_of(report.read_text(encoding="utf-8")) if report.exists() else ""
    return {**cost, **steps, "output": answer}


def last_run(environment: Mapping[str, str]) -> dict[str, Any]:
    """When the steps of the installation's last run were, and how long each took (see benchmarks.history)."""
    told: dict[str, Any] = json.loads(run([sys.executable, "-m", "benchmarks.history"], environment)["output"])
    return told


def answer_of(report: str) -> str:
    """The report ``top_rejected_pairs`` (its CSV) as the competitors write it: without header and day."""
    return "".join(f"{line.rpartition(',')[0]}\n" for line in report.splitlines()[1:])


def range_run(module: str, bucket: Path, first: str, last: str) -> Cost:
    """The daily assets for a range of days, where the others have been materialized before."""
    with installation(bucket) as environment:
        run(materialize(module, ",".join(INFRASTRUCTURE[module])), environment)
        daily = materialize(module, ",".join(DAILY[module]), "--partition-range", f"{first}...{last}")
        cost = run(daily, environment)
        require_steps(last_run(environment)["steps"], map(step_of, DAILY[module]))
    return cost


def load(module: str, bucket: Path) -> Cost:
    """Importing the definitions and nothing else."""
    with installation(bucket) as environment:
        return run([sys.executable, "-c", f"import {module}"], environment)


def import_times(module: str, bucket: Path) -> str:
    """What Python tells of each import while the definitions are imported."""
    with installation(bucket) as environment:
        return str(run([sys.executable, "-X", "importtime", "-c", f"import {module}"], environment)["errors"])


def step_of(asset: str) -> str:
    """The step that makes an asset."""
    return STEP_OF_DATASETS if asset == "rejected_flows" else asset


def require_steps(steps: Iterable[str], expected: Iterable[str]) -> None:
    """Raise SystemExit unless just the steps that are expected have run: what was not done takes no time."""
    ran, wanted = sorted(steps), sorted(expected)
    if ran != wanted:
        raise SystemExit(f"{', '.join(wanted)} should have been materialized; {', '.join(ran)} were.")


def require_same(answers: Mapping[str, str]) -> None:
    """Raise SystemExit, with what differs, unless everybody gives the same answer, and one that is not empty."""
    expected_by, expected = next(iter(answers.items()), ("nobody", "-"))
    if not expected.strip():
        raise SystemExit(f"{expected_by} gave no answer at all.")
    for name, answer in answers.items():
        if answer != expected:
            raise SystemExit(f"{name} answers\n{answer}\nwhere {expected_by} answers\n{expected}")
