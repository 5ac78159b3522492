"""Five typical queries over the raw table of a day: by the embedded engine in Athena's SQL, and by hand in DuckDB's.

Both read the same objects, each in a process of its own, which prints the seconds of the query alone and its rows as
JSON. The query by hand knows the type of every column, and assumes well-formed files.
"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from benchmarks.competitors import COLUMNS, day_objects
from benchmarks.days import DAY
from benchmarks.measure import require_same, run


@dataclass(frozen=True)
class RawQuery:
    """A question, in Athena's SQL over the table `{table}`, and in DuckDB's over `{files}`."""

    name: str
    athena: str
    duckdb: str


QUERIES = (
    RawQuery(
        "how many records, rejected ones",
        "SELECT action, count(*) AS records FROM {table} WHERE action = 'REJECT' GROUP BY action",
        "SELECT action, count(*) AS records FROM {files} WHERE action = 'REJECT' GROUP BY action",
    ),
    RawQuery(
        "ten pairs with the most bytes",
        "SELECT sourceaddress, destinationaddress, sum(numbytes) AS total FROM {table} "
        "GROUP BY sourceaddress, destinationaddress ORDER BY total DESC, sourceaddress, destinationaddress LIMIT 10",
        "SELECT source, destination, CAST(sum(bytes) AS BIGINT) AS total FROM {files} "
        "GROUP BY ALL ORDER BY total DESC, source, destination LIMIT 10",
    ),
    RawQuery(
        "what one address talked with",
        "SELECT destinationaddress, destinationport, count(*) AS records, sum(numbytes) AS total FROM {table} "
        "WHERE sourceaddress = '10.0.1.77' GROUP BY destinationaddress, destinationport "
        "ORDER BY records DESC, destinationaddress, destinationport LIMIT 10",
        "SELECT destination, destinationport, count(*) AS records, CAST(sum(bytes) AS BIGINT) AS total FROM {files} "
        "WHERE source = '10.0.1.77' GROUP BY ALL ORDER BY records DESC, destination, destinationport LIMIT 10",
    ),
    RawQuery(
        "bytes by hour",
        "SELECT date_format(from_unixtime(starttime), '%Y-%m-%d %H:00') AS hour, count(*) AS records, "
        "sum(numbytes) AS total FROM {table} GROUP BY 1 ORDER BY 1",
        "SELECT strftime(make_timestamp(starttime::BIGINT * 1000000), '%Y-%m-%d %H:00') AS hour, "
        "count(*) AS records, CAST(sum(bytes) AS BIGINT) AS total FROM {files} GROUP BY ALL ORDER BY 1",
    ),
    RawQuery(
        "sources of SSH and RDP, by ports",
        "SELECT sourceaddress, count(DISTINCT destinationaddress) AS hosts, count(*) AS records FROM {table} "
        "WHERE destinationport IN (22, 3389) AND protocol = 6 AND action = 'ACCEPT' GROUP BY sourceaddress "
        "ORDER BY hosts DESC, records DESC, sourceaddress LIMIT 10",
        "SELECT source, count(DISTINCT destination) AS hosts, count(*) AS records FROM {files} "
        "WHERE destinationport IN (22, 3389) AND protocol = 6 AND action = 'ACCEPT' GROUP BY source "
        "ORDER BY hosts DESC, records DESC, source LIMIT 10",
    ),
)


def ours(query: RawQuery, bucket: Path, _folder: Path) -> tuple[float, list[list[object]]]:
    """By the embedded engine, over a table with the day's partition."""
    from benchmarks.flow_logs import SOURCE
    from flowlogs.record_format import DEFAULT_FORMAT
    from flowlogs.sources import Layout, LogSources
    from flowlogs.statements import TableName, add_partitions, create_database, create_table, flow_logs_table
    from resources.embedded.athena import EmbeddedAthena
    from resources.embedded.folder_store import FolderStore

    name = TableName("lake", "flow_logs")
    with TemporaryDirectory() as results:
        store = FolderStore(bucket, "FLOWLAKE_BUCKET", SOURCE.bucket)
        engine = EmbeddedAthena(Path(results, "catalog.sqlite"), {SOURCE.bucket: store}, name.database)
        engine.execute(create_database(name.database))
        logs = LogSources(SOURCE.bucket, (SOURCE,))
        engine.execute(create_table(name, flow_logs_table(logs, Layout.of(SOURCE), DEFAULT_FORMAT)))
        for statement in add_partitions(name, {DAY: SOURCE.day_location(DAY)}):
            engine.execute(statement)
        started = time.perf_counter()
        frame = engine.execute(query.athena.format(table=name.table)).frame
        return time.perf_counter() - started, frame.astype(object).values.tolist()


def by_hand(query: RawQuery, _bucket: Path, folder: Path) -> tuple[float, list[list[object]]]:
    import duckdb

    files = (
        f"read_csv($files, columns = {COLUMNS}, delim = ' ', nullstr = '-', header = true, quote = '', "
        "auto_detect = false)"
    )
    started = time.perf_counter()
    values = {"files": [str(path) for path in day_objects(folder)]}
    found = duckdb.execute(query.duckdb.format(files=files), values).fetchall()
    return time.perf_counter() - started, [list(row) for row in found]


CONTESTANTS: Mapping[str, Callable[[RawQuery, Path, Path], tuple[float, list[list[object]]]]] = {
    "ours": ours,
    "by_hand": by_hand,
}


def take_turns(bucket: Path, folder: Path, rounds: int) -> list[dict[str, Any]]:
    """For each query, the seconds that each contestant takes in each round. Ends the benchmark at another answer."""
    return [{"name": query.name, **seconds(number, bucket, folder, rounds)} for number, query in enumerate(QUERIES)]


def seconds(number: int, bucket: Path, folder: Path, rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {contestant: [] for contestant in CONTESTANTS}
    for _ in range(rounds):
        answers = {}
        for contestant in CONTESTANTS:
            asked = [contestant, str(number), str(bucket), str(folder)]
            told = run([sys.executable, "-m", "benchmarks.raw_queries", *asked])
            spent, rows = json.loads(told["output"])
            found[contestant].append(spent)
            answers[contestant] = json.dumps(rows)
        require_same(answers)
    return found


def main(contestant: str, number: str, bucket: str, folder: str) -> None:
    print(json.dumps(CONTESTANTS[contestant](QUERIES[int(number)], Path(bucket), Path(folder))))


if __name__ == "__main__":
    main(*sys.argv[1:])
