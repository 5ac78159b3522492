"""``make bench``: makes the logs, measures everybody in turns, prints tables, and writes ``docs/performance.md``."""

import argparse
import json
import os
import platform
import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import imports, measure, raw_queries, report
from benchmarks.competitors import PYTHON, SHELL, command
from benchmarks.days import SMALL_DAYS
from benchmarks.measure import EMPTY, OURS, Cost

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "data" / "benchmarks"
RECORDS, ROUNDS = 20_000_000, 5
RANGE_ROUNDS = 3
SAMPLE_RECORDS = 400_000
"""What flowlogs-reader is given at least: it reads some hundred thousand records a second."""

PAGE = (ROOT / "docs" / "performance.md", ROOT / "docs" / "performance.png")

MEASURED_PACKAGES = ("dagster", "duckdb", "pyarrow", "pandas", "isal", "polars", "flowlogs-reader")

ANSWERING = ("polars", "duckdb", "mawk", "day", "tenfold", "parquet")

BY_HAND = ("duckdb_summary", "duckdb_datasets", "polars_datasets")
"""What writes files, and answers nothing."""

Data = dict[str, dict[str, Any]]


def main() -> None:
    options = arguments()
    folder = options.folder.resolve()
    kept = folder / "measured.json"
    writes = options.write or options.last or (options.records, options.rounds) == (RECORDS, ROUNDS)
    if writes and not all(os.access(path, os.W_OK) for path in PAGE):
        raise SystemExit(f"{' and '.join(map(str, PAGE))} have to be writable, since this writes them.")
    if options.last and not kept.exists():
        raise SystemExit(f"{folder} holds no measurements to write again: run make bench first.")
    if not options.last:
        folder.mkdir(parents=True, exist_ok=True)
        measured = measure_everything(folder, options.records, options.rounds)
        kept.write_text(json.dumps(measured), encoding="utf-8")
    measured = json.loads(kept.read_text(encoding="utf-8"))
    for text in report.tables(measured).values():
        print(f"\n{text}")
    if writes:
        page, chart = PAGE
        page.write_text(report.render(measured), encoding="utf-8")
        report.draw(measured, chart)
        print("\nWritten: docs/performance.md, docs/performance.png")
    else:
        print("\ndocs/performance.md is left as it is; WRITE=1 writes it from a run like this one.")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    parser.add_argument("--records", type=count, default=RECORDS, help="of the large day (default: %(default)s)")
    parser.add_argument("--rounds", type=count, default=ROUNDS, help="that everybody takes (default: %(default)s)")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where logs and measurements are kept")
    parser.add_argument("--write", action="store_true", help="docs/performance.md, whatever the size")
    parser.add_argument("--last", action="store_true", help="measure nothing: write the last measurements again")
    return parser.parse_args()


def count(text: str) -> int:
    """A number from 1 on, as it is typed."""
    if not re.fullmatch("[1-9][0-9]*", text):
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def measure_everything(folder: Path, records: int, rounds: int) -> dict[str, Any]:
    """Everything that the page tells, as JSON has it."""
    say(f"logs in {folder}: {records:,} records, the same in ten times the objects and in Parquet, 365 small days")
    made = measure.run([sys.executable, "-m", "benchmarks.flow_logs", str(folder), str(records)])
    data: Data = json.loads(made["output"])
    sample = min(data["day"]["objects"], -(-SAMPLE_RECORDS * data["day"]["objects"] // max(records, 1)))
    warm_up(data, sample)
    costs = take_turns(contestants(data, sample), rounds, ANSWERING)
    return {
        "measured_on": f"{datetime.now(timezone.utc):%Y-%m-%d}",
        "machine": machine(),
        "floor_mb": measure.run(["true"])["peak_mb"],
        "rounds": rounds,
        "data": data,
        "sample_objects": sample,
        "costs": {name: [figures(cost) for cost in found] for name, found in costs.items()},
        "imports": {
            name: [imports.by_package(measure.import_times(module, empty_bucket(data))) for _ in range(rounds)]
            for name, module in (("ours", OURS), ("empty", EMPTY))
        },
        "queries": queries_on_the_day(data, rounds),
        "range": year_in_one_run(data, min(rounds, RANGE_ROUNDS)),
        "growth": found_from_inside("growth", data),
        "archive": found_from_inside("archive", data),
        "statements": found_from_inside("statements", data),
    }


def warm_up(data: Data, sample: int) -> None:
    """Read every object and import every package once, uncounted; and compare the answers for the sample."""
    for folder in ("day", "tenfold"):
        measure.run(command("zcat", Path(data[folder]["folder"])))
    measure.daily_run(OURS, Path(data["parquet"]["bucket"]))
    day = Path(data["day"]["folder"])
    answers = {name: measure.run(command(name, day, sample))["output"] for name in (*PYTHON, *SHELL)}
    measure.require_same({name: answer for name, answer in answers.items() if name not in ("zcat", "isal", *BY_HAND)})
    for module in (OURS, EMPTY):
        measure.daily_run(module, empty_bucket(data))


def contestants(data: Data, sample: int) -> dict[str, Callable[[], Cost]]:
    """What takes turns, by name."""
    day, empty = Path(data["day"]["folder"]), Path(data["empty"]["folder"])
    return {
        "day": lambda: measure.daily_run(OURS, Path(data["day"]["bucket"])),
        "every_report": lambda: measure.daily_run(OURS, Path(data["day"]["bucket"]), every_report=True),
        "duckdb_summary": lambda: measure.run(command("duckdb_summary", day)),
        "duckdb_datasets": lambda: measure.run(command("duckdb_datasets", day)),
        "polars_datasets": lambda: measure.run(command("polars_datasets", day)),
        "every_report_empty": lambda: measure.daily_run(OURS, empty_bucket(data), every_report=True),
        "polars": lambda: measure.run(command("polars", day)),
        "duckdb": lambda: measure.run(command("duckdb", day)),
        "empty_day": lambda: measure.daily_run(OURS, empty_bucket(data)),
        "tenfold": lambda: measure.daily_run(OURS, Path(data["tenfold"]["bucket"])),
        "parquet": lambda: measure.daily_run(OURS, Path(data["parquet"]["bucket"])),
        "empty_graph": lambda: measure.daily_run(EMPTY, empty_bucket(data)),
        "mawk": lambda: measure.run(command("mawk", day)),
        "zcat": lambda: measure.run(command("zcat", day)),
        "isal": lambda: measure.run(command("isal", day)),
        "flowlogs_reader": lambda: measure.run(command("flowlogs_reader", day, sample)),
        "flowlogs_reader_idle": lambda: measure.run(command("flowlogs_reader", empty)),
        "load": lambda: measure.load(OURS, empty_bucket(data)),
        "load_empty": lambda: measure.load(EMPTY, empty_bucket(data)),
    }


def take_turns(
    contestants: dict[str, Callable[[], Cost]], rounds: int, answering: Sequence[str] = ()
) -> dict[str, list[Cost]]:
    """By name, what each round cost; those that answer the question must give the same answer in each."""
    costs: dict[str, list[Cost]] = {name: [] for name in contestants}
    for number in range(1, rounds + 1):
        for name, contestant in contestants.items():
            costs[name].append(told(f"round {number} of {rounds}, {name.replace('_', ' ')}", contestant))
        measure.require_same({name: costs[name][-1]["output"] for name in answering})
    return costs


def queries_on_the_day(data: Data, rounds: int) -> list[dict[str, Any]]:
    say("five queries on the raw table of the large day, by this project and by hand in DuckDB")
    return raw_queries.take_turns(Path(data["day"]["bucket"]), Path(data["day"]["folder"]), rounds)


def year_in_one_run(data: Data, rounds: int) -> dict[str, list[dict[str, Any]]]:
    say("a year in one run, by this project and by an empty Dagster graph: minutes")
    bucket, first, last = Path(data["small"]["bucket"]), str(SMALL_DAYS[0]), str(SMALL_DAYS[-1])
    runs = take_turns(
        {
            "ours": lambda: measure.range_run(OURS, bucket, first, last),
            "empty": lambda: measure.range_run(EMPTY, bucket, first, last),
        },
        rounds,
    )
    return {name: [figures(cost) for cost in found] for name, found in runs.items()}


def found_from_inside(what: str, data: Data) -> Any:  # noqa: ANN401 - as JSON has it
    say(f"{what}, in a process of its own: a minute or more")
    bucket = data["small"]["bucket"]
    return json.loads(
        told(what, lambda: measure.run([sys.executable, "-m", "benchmarks.lineage", what, bucket]))["output"]
    )


def empty_bucket(data: Data) -> Path:
    return Path(data["empty"]["bucket"])


def figures(cost: Cost) -> dict[str, Any]:
    """A cost without what the process said."""
    return {name: value for name, value in cost.items() if name not in ("output", "errors")}


def told(name: str, measured: Callable[[], Cost]) -> Cost:
    """What it cost; the terminal is told too."""
    cost = measured()
    say(f"{name}: {cost['seconds']:.2f} s, {cost['peak_mb']:,.0f} MB")
    return cost


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def machine() -> dict[str, Any]:
    """What this was measured on."""
    models = re.findall(r"^model name\s*: (.*)$", Path("/proc/cpuinfo").read_text(encoding="utf-8"), re.MULTILINE)
    system = platform.freedesktop_os_release().get("PRETTY_NAME", platform.system())
    return {
        "cores": len(os.sched_getaffinity(0)),
        "cpu": models[0] if models else platform.machine(),
        "ram_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": system,
        "versions": {
            "Python": platform.python_version(),
            **{package: version(package) for package in MEASURED_PACKAGES},
            "mawk": measure.run(["mawk", "-W", "version"])["output"].split()[1],
        },
    }


if __name__ == "__main__":
    main()
