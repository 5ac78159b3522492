"""What else answers our first report's question, or does a part of the work: each is one process over a day's objects.

The question: the 20 pairs of source and destination with the most rejected packets. An answer is lines of
``packets,source,destination``. A tool is written here as somebody who knows it would write it by hand for flow logs in
the default format, without what our engine does for odd records. What needs a library imports it itself.
"""

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

CORES = len(os.sched_getaffinity(0))

COLUMNS = {
    "version": "INTEGER",
    "account": "VARCHAR",
    "interface": "VARCHAR",
    "source": "VARCHAR",
    "destination": "VARCHAR",
    "sourceport": "INTEGER",
    "destinationport": "INTEGER",
    "protocol": "INTEGER",
    "packets": "INTEGER",
    "bytes": "BIGINT",
    "starttime": "INTEGER",
    "endtime": "INTEGER",
    "action": "VARCHAR",
    "status": "VARCHAR",
}

RECORDS = (
    f"read_csv($files, columns = {COLUMNS}, delim = ' ', nullstr = '-', header = true, quote = '', auto_detect = false)"
)

SERVICE_PORT = """
    CASE
      WHEN destinationport < 32768 AND (sourceport IS NULL OR destinationport <= sourceport) THEN destinationport
      WHEN sourceport < 32768 THEN sourceport
    END"""

DUCKDB_QUERY = f"""
SELECT sum(packets) AS packetcount, source, destination
FROM {RECORDS}
WHERE action = 'REJECT'
GROUP BY source, destination
ORDER BY packetcount DESC, source, destination
LIMIT 20
"""

SUMMARY_QUERY = f"""
COPY (
  SELECT
    interface, source, destination,
    {SERVICE_PORT} AS serviceport,
    protocol, action, status,
    count(*) AS records, CAST(sum(packets) AS BIGINT) AS packets, CAST(sum(bytes) AS BIGINT) AS bytes,
    min(starttime) AS starttime, max(endtime) AS endtime
  FROM {RECORDS}
  GROUP BY ALL
) TO $target (FORMAT parquet, COMPRESSION zstd)
"""
"""`traffic_summary` alone, without the columns that the default format has no field for."""

HOUR_QUERY = f"""
COPY (
  SELECT
    interface,
    {SERVICE_PORT} AS serviceport,
    protocol, action, status, starttime % 86400 // 3600 AS hour,
    count(*) AS records, CAST(sum(packets) AS BIGINT) AS packets, CAST(sum(bytes) AS BIGINT) AS bytes
  FROM {RECORDS}
  GROUP BY ALL
) TO $target (FORMAT parquet, COMPRESSION zstd)
"""

REJECTED_QUERY = f"""
COPY (
  SELECT *
  FROM {RECORDS}
  WHERE action = 'REJECT'
) TO $target (FORMAT parquet, COMPRESSION zstd)
"""

SUMMARY_MEMORY = "1GB"

SPREAD = 'printf "%s\\0" "$1"/*.gz | head -zn "$4" | xargs -0 -P "$2" -n "$3"'
"""The first $4 objects of the folder $1, handed to $2 processes at once, $3 to each."""

MAWK = f"""
set -e
parts=$(mktemp -d)
trap 'rm -r "$parts"' EXIT
print='END {{ for (pair in packets) printf "%.0f %s\\n", packets[pair], pair }}'
count='$13 == "REJECT" {{ packets[$4 " " $5] += $9 }}'" $print"
merge='{{ packets[$2 " " $3] += $1 }}'" $print"
export parts count
{SPREAD} sh -c 'zcat "$@" | mawk "$count" > "$(mktemp -p "$parts")"' sh
cat "$parts"/* | mawk "$merge" | LC_ALL=C sort -k 1,1nr -k 2,2 -k 3,3 | head -n 20 | tr ' ' ,
"""
"""Each process writes what it counted to a file of its own; in one pipe, they would write into each other's lines."""

ZCAT = f"{SPREAD} zcat > /dev/null"


def command(name: str, folder: Path, objects: int | None = None) -> list[str]:
    """The command that has a competitor read the day's folder, or only its first `objects`."""
    number = min(objects or sys.maxsize, len(day_objects(folder)))
    if name in SHELL:
        return ["sh", "-c", SHELL[name], "sh", str(folder), str(CORES), str(-(-number // CORES)), str(number)]
    return [sys.executable, "-m", "benchmarks.competitors", name, str(folder), str(number)]


def day_objects(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.gz"))


def duckdb(objects: list[Path]) -> Iterator[tuple[object, ...]]:
    """A query with every column's type told beforehand."""
    import duckdb

    yield from duckdb.execute(DUCKDB_QUERY, {"files": [str(path) for path in objects]}).fetchall()


def duckdb_summary(objects: list[Path]) -> Iterator[tuple[object, ...]]:
    """The sums of all traffic, written as Parquet, within as much memory as DuckDB has here."""
    _write_by_hand(objects, SUMMARY_QUERY)
    yield from ()


def duckdb_datasets(objects: list[Path]) -> Iterator[tuple[object, ...]]:
    """The three datasets, each by a query of its own: DuckDB has none that writes several."""
    _write_by_hand(objects, SUMMARY_QUERY, HOUR_QUERY, REJECTED_QUERY)
    yield from ()


def _write_by_hand(objects: list[Path], *queries: str) -> None:
    import duckdb

    duckdb.execute(f"SET memory_limit = '{SUMMARY_MEMORY}'")
    duckdb.execute("SET preserve_insertion_order = false")
    with TemporaryDirectory() as folder:
        for query in queries:
            duckdb.execute(query, {"files": [str(path) for path in objects], "target": str(Path(folder, "a.parquet"))})


def _polars_flows(objects: list[Path]) -> Any:  # noqa: ANN401 - Polars is imported where it is used
    """The records, as a lazy query."""
    import polars as pl

    return pl.scan_csv(
        objects,
        separator=" ",
        quote_char=None,
        null_values="-",
        schema_overrides={"account-id": pl.String, "packets": pl.Int64, "bytes": pl.Int64},
    )


def polars_datasets(objects: list[Path]) -> Iterator[tuple[object, ...]]:
    """The three datasets, from one reading of the objects. It has no limit of memory."""
    import polars as pl

    flows = _polars_flows(objects)
    source, destination = pl.col("srcport"), pl.col("dstport")
    is_destination = (destination < 32768) & (source.is_null() | (destination <= source))
    service = pl.when(is_destination).then(destination).when(source < 32768).then(source).alias("serviceport")
    hour = (pl.col("start") % 86400 // 3600).alias("hour")
    others = ("protocol", "action", "log-status")
    sums = (pl.len().alias("records"), pl.col("packets").sum(), pl.col("bytes").sum())
    summary = flows.group_by("interface-id", "srcaddr", "dstaddr", service, *others).agg(
        *sums, pl.col("start").min(), pl.col("end").max()
    )
    by_hour = flows.group_by("interface-id", service, *others, hour).agg(*sums)
    with TemporaryDirectory() as folder:
        written = [
            query.sink_parquet(Path(folder, f"{number}.parquet"), compression="zstd", compression_level=1, lazy=True)
            for number, query in enumerate((summary, by_hour, flows.filter(pl.col("action") == "REJECT")))
        ]
        pl.collect_all(written, engine="streaming")
    yield from ()


def polars(objects: list[Path]) -> Iterator[tuple[object, ...]]:
    """A lazy query, which reads only the columns that it needs, by the engine of Polars that is the fastest for it."""
    import polars as pl

    flows = _polars_flows(objects)
    pairs = flows.filter(pl.col("action") == "REJECT").group_by("srcaddr", "dstaddr").agg(pl.col("packets").sum())
    top = pairs.sort("packets", "srcaddr", "dstaddr", descending=[True, False, False], nulls_last=True).head(20)
    yield from top.select("packets", "srcaddr", "dstaddr").collect(engine="streaming").rows()


def flowlogs_reader(objects: list[Path]) -> Iterator[tuple[object, ...]]:
    """The reader for S3 as it is, handed a client of S3 that opens files; the question is asked in Python.

    It has no way to read files of its own. Nothing but the network is left out.
    """
    from flowlogs_reader import S3FlowLogsReader

    year, month, day = map(int, objects[0].parts[-4:-1])
    begin = datetime(year, month, day)  # noqa: DTZ001 - the reader takes UTC without being told
    client = LocalS3({str(path)[str(path).index("AWSLogs/") :]: path for path in objects})
    packets: Counter[tuple[str, str]] = Counter()
    for flow in S3FlowLogsReader("bucket", start_time=begin, end_time=begin + timedelta(days=1), boto_client=client):
        if flow.action == "REJECT":
            packets[flow.srcaddr, flow.dstaddr] += flow.packets or 0
    ranked = sorted((-count, source, destination) for (source, destination), count in packets.items())
    yield from ((-count, source, destination) for count, source, destination in ranked[:20])


def isal(objects: list[Path]) -> Iterator[tuple[object, ...]]:
    """Decompression alone, with Intel's ISA-L, on as many threads as there are cores."""
    with ThreadPoolExecutor(CORES) as pool:
        for _ in pool.map(_decompress, objects):
            pass
    yield from ()


def _decompress(path: Path) -> None:
    from isal import igzip

    with igzip.open(path) as text:
        while text.read(1 << 20):
            pass


class LocalS3:
    """The three calls of boto3's S3 client that flowlogs-reader makes, answered from files by their keys."""

    def __init__(self, objects: Mapping[str, Path]) -> None:
        self.objects = objects

    def get_paginator(self, _operation: str) -> "LocalS3":
        return self

    def paginate(self, *, Prefix: str, **_: str) -> Iterator[dict[str, Any]]:  # noqa: N803 - boto3's name
        yield {"Contents": [{"Key": key} for key in self.objects if key.startswith(Prefix)]}

    def list_objects_v2(self, *, Prefix: str, **_: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        folders = {f"{Prefix}{key[len(Prefix) :].partition('/')[0]}/" for key in self.objects if key.startswith(Prefix)}
        return {"CommonPrefixes": [{"Prefix": folder} for folder in sorted(folders)]}

    def get_object(self, *, Key: str, **_: str) -> dict[str, Any]:  # noqa: N803 - boto3's name
        return {"Body": self.objects[Key].open("rb"), "ContentLength": self.objects[Key].stat().st_size}


SHELL: Mapping[str, str] = {"mawk": MAWK, "zcat": ZCAT}
PYTHON: Mapping[str, Callable[[list[Path]], Iterator[tuple[object, ...]]]] = {
    "duckdb": duckdb,
    "duckdb_summary": duckdb_summary,
    "duckdb_datasets": duckdb_datasets,
    "polars": polars,
    "polars_datasets": polars_datasets,
    "flowlogs_reader": flowlogs_reader,
    "isal": isal,
}

if __name__ == "__main__":
    name, folder, number = sys.argv[1:]
    for row in PYTHON[name](day_objects(Path(folder))[: int(number)]):
        print(*row, sep=",")
