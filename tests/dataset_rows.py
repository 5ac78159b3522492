"""Small datasets for the tests of reports: rows that a test writes down, as Parquet, and an engine that reads them."""

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from small_bucket import rows

from assets.reports.report_files import OWN_FOLDER, Report, read_report
from assets.reports.report_sql import report_sql
from flowlogs.datasets import DATASETS
from flowlogs.statements import TableName, add_partitions, create_database, create_table, dataset_table
from resources.embedded.athena import EmbeddedAthena
from resources.embedded.folder_store import FolderStore
from resources.engine import QueryResult

ARROW_TYPES: Mapping[str, pa.DataType] = {"string": pa.string(), "int": pa.int32(), "bigint": pa.int64()}
DATABASE = "lake"

Row = Mapping[str, object]


class DatasetRows:
    """The datasets' tables, empty at first, in the embedded engine."""

    def __init__(self, root: Path) -> None:
        self.folder = root / "results"
        self.folder.mkdir()
        store = FolderStore(self.folder, "FLOWLAKE_RESULTS", "results")
        self.engine = EmbeddedAthena(root / "catalog.sqlite", {"results": store}, DATABASE)
        self.engine.execute(create_database(DATABASE))
        for dataset in DATASETS.values():
            self.engine.execute(
                create_table(TableName(DATABASE, dataset.name), dataset_table(dataset, "s3://results/"))
            )

    def put(self, dataset: str, day: str, rows: Sequence[Row]) -> None:
        """A day's partition with these rows. A file has the columns that its rows have, as those of a scan do."""
        types = dict(DATASETS[dataset].columns)
        names = dict.fromkeys(name for row in rows for name in row)
        assert not names.keys() - types.keys()
        place = f"{dataset}/{day}/"
        (self.folder / place).mkdir(parents=True, exist_ok=True)
        if rows:
            schema = pa.schema([(name, ARROW_TYPES[types[name]]) for name in names])
            pq.write_table(pa.Table.from_pylist(rows, schema), self.folder / place / "rows.parquet")
        locations = {date.fromisoformat(day): f"s3://results/{place}"}
        for statement in add_partitions(TableName(DATABASE, dataset), locations):
            self.engine.execute(statement)

    def result(self, report: Report, first: str, last: str) -> QueryResult:
        return self.engine.execute(report_sql(report, date.fromisoformat(first), date.fromisoformat(last)))

    def rows_of(self, report: str, *days: str) -> list[tuple[object, ...]]:
        """The rows of a report for days in a row. Those of all days at once are those of each day alone."""
        found = read_report(OWN_FOLDER / f"{report}.sql")
        together = rows(self.result(found, days[0], days[-1]))
        assert together == [row for day in days for row in rows(self.result(found, day, day))]
        return together


def flow(source: str | None, destination: str | None, port: int | None = None, **more: object) -> Row:
    """A row of traffic_summary: a rejected record of 1 packet of 40 bytes, unless `more` says otherwise."""
    return {
        "interfaceid": "eni-1",
        "sourceaddress": source,
        "destinationaddress": destination,
        "serviceport": port,
        "protocol": 6,
        "action": "REJECT",
        "logstatus": "OK",
        "service_end": None if port is None else "destination",
        "records": 1,
        "numpackets": 1,
        "numbytes": 40,
        "starttime": 100,
        "endtime": 160,
        **more,
    }


def in_hour(hour: int | None, records: int = 1, **more: object) -> Row:
    """A row of traffic_by_hour: rejected records of 2 packets and 80 bytes each, unless `more` says otherwise."""
    return {
        "interfaceid": "eni-1",
        "serviceport": 22,
        "protocol": 6,
        "action": "REJECT",
        "logstatus": "OK",
        "hour": hour,
        "records": records,
        "numpackets": 2 * records,
        "numbytes": 80 * records,
        **more,
    }
