"""A lake in this process: a folder of logs, its results and Dagster's history, and an engine that can be watched."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import dagster as dg
from support import FEW_REPORTS, files_in

from assets.datasets.cleanup import CLEANUP_MARKERS
from assets.datasets.files import ROOT
from assets.reports.report_files import read_reports
from flowlogs.datasets import DATASETS
from flowlogs.layout import is_visible
from flowlogs.statements import TableDefinition, TableName
from pipelines.build import build_definitions
from pipelines.settings import Settings
from pipelines.targets import build_target
from resources.engine import QueryEngine, QueryResult
from resources.ensured import Ensured

CHOSEN_REPORTS = [report for report in read_reports() if report.name in FEW_REPORTS]
DAILY = ["vpc_flow_logs_partition", *DATASETS, *FEW_REPORTS]
TABLE = TableName("vpc_flow_lake", "vpc_flow_logs")
REJECTED = TableName("vpc_flow_lake", "rejected_flows")
FILE_NAME = "0badcafe-1234-4567-89ab-0123456789ab.parquet"
"""A file's name as the embedded engine's UNLOAD gives it."""


class WatchedEngine(QueryEngine):
    """An engine that remembers the statements that it is given, without the comment that tells of the run.

    `before` and `after` are called with each of them; what they raise fails the statement. `limit` is what it says that
    one query may scan.
    """

    def __init__(self, engine: QueryEngine) -> None:
        self.engine = engine
        self.statements: list[str] = []
        self.limit: int | None = None
        self.before: Callable[[str], object] = str
        self.after: Callable[[str], object] = str

    @property
    def scan_limit_bytes(self) -> int | None:
        return self.limit if self.limit is not None else self.engine.scan_limit_bytes

    @property
    def catalog_name(self) -> str:
        return self.engine.catalog_name

    def ensure(self) -> Ensured:
        return self.engine.ensure()

    def execute(self, statement: str, max_rows: int | None = None) -> QueryResult:
        lines = statement.splitlines()
        text = "\n".join(line for line in lines if not line.lstrip().startswith("-- vpc-flow-lake:"))
        self.statements.append(text)
        self.before(text)
        result = self.engine.execute(statement, max_rows)
        self.after(text)
        return result

    def find_table(self, name: TableName) -> TableDefinition | None:
        return self.engine.find_table(name)

    def locations_of(self, name: TableName, partitions: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
        return self.engine.locations_of(name, partitions)


class Lake:
    """A folder of logs, its results and Dagster's history, all of one test's own."""

    def __init__(self, logs: Path, home: Path, instance: dg.DagsterInstance, **settings: object) -> None:
        self.settings = Settings(bucket=str(logs), results=str(home / "results"), **settings)
        self.logs = logs
        self.results = home / "results"
        self.instance = instance
        self.target = build_target(self.settings)
        self._job: dg.JobDefinition | None = None

    def watch(self) -> WatchedEngine:
        """From here on, runs have an engine that is watched."""
        engine = WatchedEngine(self.target.athena)
        self.target = replace(self.target, athena=engine)
        self._job = None
        return engine

    def run(self, first: date, last: date | None = None, assets: list[str] | None = None) -> dg.ExecuteInProcessResult:
        """Materialize the whole lineage, or these assets, for a day or a range of days."""
        if self._job is None:
            definitions = build_definitions(self.settings, CHOSEN_REPORTS, by_hand=True, target=self.target)
            self._job = definitions.resolve_implicit_global_asset_job_def()
        selection = [dg.AssetKey(name) for name in assets] if assets else None
        days = {"partition_key": first.isoformat()}
        if last:
            bounds = {"start": first.isoformat(), "end": last.isoformat()}
            days = {"tags": {f"dagster/asset_partition_range_{end}": day for end, day in bounds.items()}}
        return self._job.execute_in_process(
            instance=self.instance, asset_selection=selection, raise_on_error=False, **days
        )

    def messages(self, result: dg.ExecuteInProcessResult, level: int) -> list[str]:
        return [entry.user_message for entry in self.instance.all_logs(result.run_id) if entry.level == level]

    def rejected_files(self) -> list[str]:
        """Every file below ROOT but those of the other datasets, by its key, and without any marker."""
        return [
            stored.key
            for stored in self.target.results.list(ROOT)
            if is_visible(stored.key, ROOT) and "/dataset=traffic_" not in stored.key
        ]

    def completion_markers(self) -> list[str]:
        """The keys of the completion markers of rejected flows."""
        return [
            stored.key
            for stored in self.target.results.list(ROOT)
            if "/_complete/" in stored.key and "/dataset=traffic_" not in stored.key
        ]

    def cleanup_markers(self) -> list[str]:
        """The keys of the clean-up markers."""
        return [stored.key for stored in self.target.results.list(CLEANUP_MARKERS)]

    def without_cleanup_markers(self) -> dict[str, str]:
        """Every file below the results with a digest of its bytes, but for clean-up markers."""
        return {key: digest for key, digest in files_in(self.results).items() if not key.startswith(CLEANUP_MARKERS)}

    def rejected_folder(self, day: date) -> str:
        """Where the day's partition of rejected flows points, as a key prefix."""
        location = self.target.athena.partition_locations(REJECTED, [day])[day]
        return location.removeprefix(self.target.results.sql_location())


def metadata(result: dg.ExecuteInProcessResult, name: str) -> dict[str | None, dict[str, dg.MetadataValue]]:
    """What the run says of an asset, by partition."""
    found = [event.step_materialization_data.materialization for event in result.get_asset_materialization_events()]
    return {made.partition: dict(made.metadata) for made in found if made.asset_key == dg.AssetKey(name)}


def failure(result: dg.ExecuteInProcessResult) -> tuple[str, str]:
    """The asset that failed, and its words; the first one, where several failed for the same days."""
    events = result.get_step_failure_events()
    (words,) = {event.step_failure_data.user_failure_data.description for event in events}
    return events[0].step_key, words
