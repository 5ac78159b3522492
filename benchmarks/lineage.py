"""What the lineage has its engine execute, and what a day costs as days add up; found from inside, printed as JSON.

`statements`: what is executed for days and reports, and what one query for each report and day executes instead.
`growth`: how long a day takes when one is registered, and when many are.
`archive`: how long days of many accounts and regions take, as they add up. Each runs in a process of its own.
"""

import itertools
import json
import re
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg

from assets.reports.report_files import Column, Report, read_reports
from assets.reports.report_sql import report_sql
from benchmarks import measure
from benchmarks.competitors import CORES
from benchmarks.days import SMALL_DAYS
from flowlogs.fields import DERIVED_COLUMNS
from flowlogs.layout import LogSource
from flowlogs.record_format import DEFAULT_FORMAT
from flowlogs.sources import EVERYTHING, Choice, LogSources
from flowlogs.statements import (
    MAX_PARTITIONS_PER_STATEMENT,
    TableName,
    add_keyed_partitions,
    create_database,
    create_table,
    flow_logs_table,
    text_literal,
)
from pipelines.build import build_definitions
from pipelines.settings import Settings
from pipelines.targets import build_target
from resources.engine import QueryEngine

RANGES = (1, 30, 365)
REPORT_COUNTS = (2, 10, 20)
ASKED_DAYS = 30
"""So many days are asked every question one by one; all of them, only the project's own two. It takes that long."""

REGISTERED = (1, 3_650)
NEW_DAYS = SMALL_DAYS[-9:]
"""Added and reported, one after the other, to each of the catalogs that `growth` compares."""

ACCOUNTS, REGIONS, ARCHIVE_DAYS = 1_000, 17, 30
"""An organization's archive: a flow log in each region of each account."""

REPORTS = tuple(report for report in read_reports() if report.name in measure.DAILY[measure.OURS])
"""The classroom's two."""

RANKED = """
SELECT sum(numpackets) AS packetcount, {columns}, dt
FROM rejected_flows
WHERE dt BETWEEN '{{first}}' AND '{{last}}'
GROUP BY {columns}, dt
"""
TYPES = dict(DERIVED_COLUMNS)
COLUMNS = ("interfaceid", "sourceaddress", "destinationaddress", "sourceport", "destinationport", "protocol")
GROUPINGS = (*itertools.combinations(COLUMNS, 1), *itertools.combinations(COLUMNS, 2))
"""What the reports that are added here count packets by."""


@dataclass(frozen=True)
class Executed:
    """A statement that an engine executed."""

    kind: str
    scanned_bytes: int


def statements(bucket: Path) -> dict[str, Any]:
    """For each number of days and of reports: what the lineage executes, and what asking one by one would."""
    every = more_reports(max(REPORT_COUNTS))
    cases = [(SMALL_DAYS[-days:], every[:reports]) for days in RANGES for reports in REPORT_COUNTS]
    with ProcessPoolExecutor() as pool:  # nothing is timed here
        executed = list(pool.map(partial(lineage, bucket), *zip(*cases, strict=True)))
        shares = [*((SMALL_DAYS[start::CORES], REPORTS) for start in range(CORES)), (SMALL_DAYS[-ASKED_DAYS:], every)]
        found = pool.map(partial(one_by_one, bucket), *zip(*shares, strict=True))
        asked = filled({asked: one for share in found for asked, one in share.items()}, every)
    counted = [
        {
            "days": len(days),
            "reports": len(reports),
            "object_bytes": object_bytes(bucket, days),
            "lineage": totals(ours),
            "one_by_one": totals([asked[day, name] for day in days for name in ("", *(r.name for r in reports))]),
        }
        for (days, reports), ours in zip(cases, executed, strict=True)
    ]
    return {"asked_days": ASKED_DAYS, "cases": counted}


def more_reports(number: int) -> tuple[Report, ...]:
    """The project's own reports, and others like them up to `number`."""
    others = (
        Report(
            name=f"rejected_by_{'_and_'.join(columns)}",
            title=f"The 20 with the most rejected packets, by {' and '.join(columns)}",
            question="Who has the most?",
            reads=("rejected_flows",),
            columns=tuple(
                Column(name, kind)
                for name, kind in (("packetcount", "bigint"), *((c, TYPES[c]) for c in columns), ("dt", "string"))
            ),
            order=(("packetcount", True),),
            query=RANKED.format(columns=", ".join(columns)).replace("{{", "{").replace("}}", "}"),
            path=Path(__file__),
            rows=20,
        )
        for columns in GROUPINGS
    )
    return (*REPORTS, *others)[:number]


def object_bytes(bucket: Path, days: Sequence[date]) -> int:
    """What the days' objects weigh, as stored."""
    return sum(path.stat().st_size for day in days for path in bucket.glob(f"AWSLogs/*/*/*/{day:%Y/%m/%d}/*.gz"))


def lineage(bucket: Path, days: Sequence[date], reports: Sequence[Report]) -> list[Executed]:
    """What the engine executes when the whole graph is materialized for the days, on a catalog without anything."""
    with TemporaryDirectory() as results:
        definitions = on_one_engine(settings(bucket, results), tuple(reports))
        _, executed = recorded(definitions)
        materialize(definitions, days)
    return executed


def one_by_one(bucket: Path, days: Sequence[date], reports: Sequence[Report]) -> dict[tuple[date, str], Executed]:
    """What asking the raw table costs, by day and report (none: registering the day).

    One ADD PARTITION a day and one query for each report and day: what AWS's own integration of flow logs with Athena
    and the saved queries that come with it do.
    """
    found: dict[tuple[date, str], Executed] = {}
    with TemporaryDirectory() as results:
        configured = settings(bucket, results)
        definitions = on_one_engine(configured)
        infrastructure = ("vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs")
        materialize(definitions, days[:1], infrastructure)
        engine, executed = recorded(definitions)
        table = TableName(configured.database, configured.table)
        for day in days:
            engine.execute(register(engine, table, [day]))
            found[day, ""] = executed[-1]
            for report in reports:
                engine.execute(raw_question(report, table, day))
                found[day, report.name] = executed[-1]
    return found


def filled(asked: Mapping[tuple[date, str], Executed], reports: Sequence[Report]) -> dict[tuple[date, str], Executed]:
    """What every report costs on each day, where some days were only asked the first report's question.

    A query on the raw table scans the day's objects whole, whatever it asks. Raises AssertionError where one did not.
    """
    first = reports[0].name
    others = {key: one for key, one in asked.items() if key[1]}
    assert all(one == asked[day, first] for (day, _), one in others.items()), (
        "a query did not scan the day as others did"
    )
    every = {(day, report.name): asked[day, first] for day, name in asked if name == first for report in reports}
    return {**asked, **every}


def raw_question(report: Report, table: TableName, day: date) -> str:
    """The report's question for one day, asked of the table of all records."""
    rejected = f"(SELECT * FROM {table.trino} WHERE action = 'REJECT' AND dt = '{day}') AS rejected_flows"
    return report_sql(report, day, day).replace("FROM rejected_flows", f"FROM {rejected}")


def growth(bucket: Path) -> dict[str, list[float]]:
    """By the number of registered days, the seconds that adding and reporting one more takes, for each of NEW_DAYS."""
    found: dict[str, list[float]] = {str(number): [] for number in REGISTERED}
    with TemporaryDirectory() as folder:
        catalogs = {number: grown(bucket, Path(folder, str(number)), number) for number in REGISTERED}
        for day in NEW_DAYS:
            for number, definitions in catalogs.items():
                started = time.perf_counter()
                materialize(definitions, [day], DAILY)
                found[str(number)].append(time.perf_counter() - started)
    return found


DAILY = measure.DAILY[measure.OURS]


def grown(bucket: Path, results: Path, number: int) -> dg.Definitions:
    """Definitions over a catalog in which the days before NEW_DAYS are registered, `number` of them."""
    newest = NEW_DAYS[0] - timedelta(days=1)
    oldest = newest - timedelta(days=number - 1)
    configured = settings(bucket, str(results), start_date=oldest)
    definitions = on_one_engine(configured)
    materialize(definitions, [newest])
    engine, _ = recorded(definitions)
    days = [oldest + timedelta(days=after) for after in range(number - 1)]
    for table in (configured.table, "rejected_flows"):
        for first in range(0, len(days), 1_000):
            engine.execute(register(engine, TableName(configured.database, table), days[first : first + 1_000]))
    return definitions


def archive(bucket: Path) -> list[dict[str, float]]:
    """For each of ARCHIVE_DAYS days of ACCOUNTS x REGIONS partitions, what it takes when those before are registered.

    The seconds of adding its partitions, and of queries on one account and region of it, on one account in all
    regions, and on the whole day. No partition holds an object, so that this is the catalog's part alone.
    """
    accounts = [f"{number:012d}" for number in range(1, ACCOUNTS + 1)]
    regions = [
        f"{area}-{side}-{number}" for area in ("us", "eu") for side in ("east", "west") for number in range(1, 6)
    ]
    found = []
    with TemporaryDirectory() as results:
        configured = settings(bucket, results)
        target = build_target(configured)
        engine, executed = recorded(build_definitions(configured, target=target))
        sources = [
            LogSource(target.bucket.name, account, region) for account in accounts for region in regions[:REGIONS]
        ]
        logs = LogSources(target.bucket.name, tuple(sources), Choice(accounts=EVERYTHING, regions=EVERYTHING))
        table = TableName(configured.database, configured.table)
        definition = flow_logs_table(logs, logs.layouts[0], DEFAULT_FORMAT)
        engine.execute(create_database(table.database))
        engine.execute(create_table(table, definition))
        names = [name for name, _ in definition.partition_columns]
        for day in SMALL_DAYS[:ARCHIVE_DAYS]:
            locations = {logs.partition_values(source, day): source.day_location(day) for source in sources}
            spent = {"add": seconds(engine, add_keyed_partitions(table, names, locations))}
            of_day = f"SELECT count(*) AS records FROM {table.trino} WHERE dt = '{day}'"
            of_account = f"{of_day} AND aws_account_id = '{accounts[-1]}'"
            spent["source"] = seconds(engine, [f"{of_account} AND aws_region = '{regions[0]}'"])
            spent["account"] = seconds(engine, [of_account])
            spent["day"] = seconds(engine, [of_day])
            found.append(spent)
        statements = sum(one.kind == "ADD PARTITION" for one in executed)
        assert statements == ARCHIVE_DAYS * ACCOUNTS * REGIONS // MAX_PARTITIONS_PER_STATEMENT
    return found


def seconds(engine: QueryEngine, statements: Iterable[str]) -> float:
    """How long these statements take, one after the other."""
    started = time.perf_counter()
    for statement in statements:
        engine.execute(statement)
    return time.perf_counter() - started


def register(engine: QueryEngine, table: TableName, days: Sequence[date]) -> str:
    """The statement that registers the days below the table's own location."""
    definition = engine.find_table(table)
    assert definition is not None
    root = definition.location.rstrip("/")
    clauses = (f"PARTITION (dt='{day}') LOCATION {text_literal(f'{root}/{day:%Y/%m/%d}')}" for day in days)
    return f"ALTER TABLE {table.hive} ADD IF NOT EXISTS {' '.join(clauses)}"


def settings(bucket: Path, results: str, start_date: date = SMALL_DAYS[0]) -> Settings:
    return Settings(target="embedded", bucket=str(bucket), results=results, start_date=start_date)


def materialize(definitions: dg.Definitions, days: Sequence[date], selection: Sequence[str] = ()) -> None:
    """Run (part of) the graph for consecutive days, in this process and without keeping a history."""
    definitions.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=dg.DagsterInstance.ephemeral(),
        asset_selection=[dg.AssetKey(name) for name in selection] or None,
        tags={
            "dagster/asset_partition_range_start": days[0].isoformat(),
            "dagster/asset_partition_range_end": days[-1].isoformat(),
        },
    )


def on_one_engine(configured: Settings, reports: Sequence[Report] = REPORTS) -> dg.Definitions:
    """Definitions whose runs all have the same engine, so that it can be watched."""
    return build_definitions(configured, reports, target=build_target(configured))


def recorded(definitions: dg.Definitions) -> tuple[QueryEngine, list[Executed]]:
    """The engine of these definitions, and a list to which each statement is added that it executes from now on."""
    engine: Any = (definitions.resources or {})["athena"]
    executed: list[Executed] = []
    execute = engine.execute

    def recording(statement: str) -> object:
        result = execute(statement)
        executed.append(Executed(kind(statement), result.scanned_bytes))
        return result

    engine.execute = recording
    return engine, executed


def kind(statement: str) -> str:
    """ADD PARTITION, UNLOAD, SELECT, or other."""
    text = re.sub(r"^\s*--.*$", "", statement, flags=re.MULTILINE).strip()
    if re.match(r"ALTER\s+TABLE\s+\S+\s+ADD\b", text, re.IGNORECASE):
        return "ADD PARTITION"
    word = text.split(maxsplit=1)[0].upper()
    return {"WITH": "SELECT"}.get(word, word if word in ("UNLOAD", "SELECT") else "other")


def totals(executed: Sequence[Executed]) -> dict[str, dict[str, int]]:
    """By kind, the number of statements and the bytes that they scanned."""
    return {
        name: {
            "statements": sum(one.kind == name for one in executed),
            "scanned_bytes": sum(one.scanned_bytes for one in executed if one.kind == name),
        }
        for name in ("ADD PARTITION", "UNLOAD", "SELECT", "other")
    }


COMMANDS: Mapping[str, Callable[[Path], object]] = {"statements": statements, "growth": growth, "archive": archive}

if __name__ == "__main__":
    name, bucket = sys.argv[1:]
    print(json.dumps(COMMANDS[name](Path(bucket))))
