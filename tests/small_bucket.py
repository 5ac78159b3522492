"""A bucket of a few small objects and an embedded Athena over it, for the tests of the engine."""

import gzip
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from support import day_locations, default_table, files_in

from flowlogs.fields import HEADER_LINE
from flowlogs.layout import LogSource
from flowlogs.statements import TableName, add_partitions, create_database, create_table
from resources.embedded.athena import EmbeddedAthena
from resources.embedded.folder_store import FolderStore
from resources.engine import QueryResult

SOURCE = LogSource("flow-logs", "123456789012", "eu-west-1")
NAME = TableName("lake", "flows")


BY_DAY = "WITH (format = 'PARQUET', compression = 'ZSTD', partitioned_by = ARRAY['dt'])"


class RecordingStore(FolderStore):
    """A folder that remembers the names of the objects that were read."""

    def __init__(self, root: Path, name: str = SOURCE.bucket) -> None:
        super().__init__(root, "FLOWLAKE_BUCKET", name)
        self.opened: list[str] = []

    def open(self, key: str) -> BinaryIO:
        self.opened.append(key.rpartition("/")[2])
        return super().open(key)

    def local_file(self, key: str, folder: Path) -> Path:
        self.opened.append(key.rpartition("/")[2])
        return super().local_file(key, folder)


class SmallBucket:
    """A folder as a bucket, its table `flows` in the database `lake`, and an engine that looks there."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = RecordingStore(root / "bucket")
        self.engine = EmbeddedAthena(root / "catalog.sqlite", {SOURCE.bucket: self.store}, NAME.database)
        self.engine.execute(create_database(NAME.database))
        self.engine.execute(create_table(NAME, default_table(SOURCE)))

    def put(self, key: str, data: bytes) -> int:
        """Store an object; returns its size."""
        path = self.root / "bucket" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return len(data)

    def put_day(self, day: str, records: Iterable[str], name: str = "a.log.gz") -> int:
        """Store a day's records, below a header, as one object, and add the day's partition; returns its size."""
        text = "".join(f"{line}\n" for line in (HEADER_LINE, *records))
        size = self.put(SOURCE.day_prefix(date.fromisoformat(day)) + name, gzip.compress(text.encode()))
        self.add_days(day)
        return size

    def add_days(self, *days: str) -> None:
        for statement in add_partitions(NAME, day_locations(SOURCE, map(date.fromisoformat, days))):
            self.engine.execute(statement)

    def create(self, table: str, columns: str, data: bytes, delimiter: str = " ", name: str = "a") -> None:
        """A table of its own, without partitions and header, over one object."""
        self.put(f"{table}/{name}", data)
        self.engine.execute(
            f"CREATE EXTERNAL TABLE {table} ({columns}) ROW FORMAT DELIMITED FIELDS TERMINATED BY '{delimiter}' "
            f"LOCATION 's3://{SOURCE.bucket}/{table}/'"
        )

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        return rows(self.engine.execute(statement))


class TwoBuckets(SmallBucket):
    """A bucket of logs, and a folder that the engine knows as the bucket `results`."""

    def __init__(self, root: Path, results: str = "results") -> None:
        super().__init__(root)
        self.results = root / results
        self.made = RecordingStore(self.results, "results")
        self.engine.buckets = {**self.engine.buckets, "results": self.made}

    def unload(self, query: str, folder: str = "out", options: str = BY_DAY) -> QueryResult:
        return self.engine.execute(f"UNLOAD ({query}) TO 's3://results/{folder}/' {options}")

    def unloaded(self, folder: str = "out") -> dict[str, list[dict[str, object]]]:
        """By the folder that a file lies in, its rows."""
        return {
            path.parent.relative_to(self.results / folder).as_posix(): sorted(pq.read_table(path).to_pylist(), key=repr)
            for path in sorted((self.results / folder).rglob("*.parquet"))
        }

    def written(self) -> list[str]:
        """Every file in the folder of results but the lock of its writers."""
        return [name for name in files_in(self.results) if name != ".lock"]

    def parquet_table(self, table: str, columns: str, partitioned_by: str = "") -> None:
        partitions = f"PARTITIONED BY ({partitioned_by}) " if partitioned_by else ""
        self.engine.execute(
            f"CREATE EXTERNAL TABLE {table} ({columns}) {partitions}STORED AS PARQUET LOCATION 's3://results/{table}/'"
        )

    def put_parquet(self, key: str, **columns: pa.Array) -> Path:
        path = self.results / key
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table(columns), path)
        return path


def record(number: int = 1, **fields: object) -> str:
    """A record's line: REJECT, of `number` packets, all its other fields told apart by the number too."""
    values = {
        "version": 2,
        "account": "123456789012",
        "interface": f"eni-{number}",
        "source": f"192.0.2.{number}",
        "destination": "10.0.0.1",
        "source_port": 40000 + number,
        "destination_port": 22,
        "protocol": 6,
        "packets": number,
        "bytes": 40 * number,
        "start": 1_709_251_200,
        "end": 1_709_251_260,
        "action": "REJECT",
        "status": "OK",
    }
    assert not fields.keys() - values.keys()
    return " ".join(str(value) for value in {**values, **fields}.values())


def rows(result: QueryResult) -> list[tuple[object, ...]]:
    """The rows of a result in plain Python values, with None for NULL."""
    frame = result.frame
    columns = [frame.iloc[:, number].astype(object) for number in range(len(frame.columns))]
    return list(zip(*([None if value is pd.NA else value for value in column] for column in columns), strict=True))
