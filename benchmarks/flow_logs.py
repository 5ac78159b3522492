"""Flow logs of a chosen size, from a seed: what the benchmarks read.

An eighth of the records are REJECT: scanners from the internet, few packets each. The rest is traffic between hosts of
the VPC, and with their clients: few pairs talk most of the time, each host offers a few services, and the port of the
other end is ephemeral. Written record by record in columns, since a simulation of twenty million takes too long.
"""

import gzip
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from isal import igzip
from pyarrow import csv

from benchmarks.days import DAY, SMALL_DAYS
from flowlogs.fields import DEFAULT_FIELDS, HEADER_LINE
from flowlogs.layout import LogSource

ACCOUNT = "123456789012"
SOURCE = LogSource("benchmark-flow-logs", ACCOUNT, "us-east-1")
FLOW_LOG = "fl-0123456789abcdef0"
REJECT_SHARE = 1 / 8
PING_SHARE = 0.03
UDP_PORTS = (53, 123)
INSIDE_SHARE = 0.6
"""How much of the accepted traffic is between hosts of the VPC."""

DAY_SECONDS = 86_400

OBJECTS = 100
SMALL_RECORDS, SMALL_OBJECTS = 1_000, 2


def day_folder(root: Path, day: date) -> Path:
    """Where a bucket holds a day's objects."""
    return root / SOURCE.day_prefix(day)


def write_day(root: Path, day: date, records: int, objects: int = OBJECTS, seed: int = 0) -> Path:
    """Write a day of `records` in `objects` below `root`, which is laid out as a bucket; returns the day's folder.

    The same size and seed give the same text. A day that is there already is left as it is.
    """
    sizes = [records // objects + (number < records % objects) for number in range(objects)]
    with _filling(day_folder(root, day)) as staged:
        if staged:
            _each(partial(_write_object, staged, day, objects, seed), range(objects), sizes)
    return day_folder(root, day)


def write_small_days(root: Path) -> None:
    """Write SMALL_DAYS, each with records of its own."""
    for day in SMALL_DAYS:
        write_day(root, day, SMALL_RECORDS, SMALL_OBJECTS, seed=day.toordinal())


def split_day(folder: Path, into: Path, parts: int) -> None:
    """Write a day's records again, into `into`, as `parts` times as many objects."""
    with _filling(into) as staged:
        if staged:
            _each(partial(_split_object, staged, parts), sorted(folder.glob("*.gz")))


def write_parquet_day(folder: Path, into: Path) -> None:
    """Write a day's records again, into `into`, as the same number of Parquet objects."""
    with _filling(into) as staged:
        if staged:
            _each(partial(_write_parquet, staged), sorted(folder.glob("*.gz")))


def parquet_facts(folder: Path) -> dict[str, int]:
    """What a day's folder of Parquet holds: objects, records and bytes."""
    objects = sorted(folder.glob("*.parquet"))
    return {
        "objects": len(objects),
        "records": sum(pq.read_metadata(path).num_rows for path in objects),
        "parquet_bytes": sum(path.stat().st_size for path in objects),
    }


def facts(folder: Path) -> dict[str, int]:
    """What a day's folder holds: objects and records, how many of them are REJECT, bytes as stored and as text."""
    objects = sorted(folder.glob("*.gz"))
    totals = [sum(column) for column in zip(*_each(_counts, objects), strict=True)]
    names = ("records", "rejects", "gzip_bytes", "text_bytes")
    return {"objects": len(objects), **dict(zip(names, totals, strict=True))}


def _each(write: Callable[..., Any], *arguments: Iterable[Any]) -> list[Any]:
    """In threads: compressing, which takes most of the time, does not hold the interpreter."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(write, *arguments))


@contextmanager
def _filling(folder: Path) -> Iterator[Path | None]:
    """A folder to write into, which becomes `folder` when everything is written; None where that is there already."""
    if folder.exists():
        yield None
        return
    staged = folder.with_name(f".{folder.name}")
    staged.mkdir(parents=True, exist_ok=True)
    yield staged
    staged.rename(folder)


def _write_object(folder: Path, day: date, objects: int, seed: int, number: int, records: int) -> None:
    begin = datetime.combine(day, time()) + timedelta(seconds=DAY_SECONDS * number // objects)
    name = Path(SOURCE.object_key(FLOW_LOG, begin, f"{number:08x}")).name
    _write_lines(folder / name, _lines(np.random.default_rng((seed, number)), begin, records))


def _split_object(folder: Path, parts: int, path: Path) -> None:
    lines = igzip.decompress(path.read_bytes()).decode().splitlines()[1:]
    front, _, number = path.name.removesuffix(".log.gz").rpartition("_")
    for part in range(parts):
        mine = lines[len(lines) * part // parts : len(lines) * (part + 1) // parts]
        _write_lines(folder / f"{front}_{int(number, 16) * parts + part:08x}.log.gz", mine)


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    text = "\n".join([HEADER_LINE, *lines, ""])
    path.write_bytes(gzip.compress(text.encode(), 6, mtime=0))


def _write_parquet(folder: Path, path: Path) -> None:
    """An object's records with the names, types and compression that AWS delivers in Parquet."""
    types = {"int": pa.int32(), "bigint": pa.int64(), "string": pa.string()}
    columns = {field.underscored: types[field.type] for field in DEFAULT_FIELDS}
    records = csv.read_csv(
        pa.py_buffer(igzip.decompress(path.read_bytes())),
        csv.ReadOptions(column_names=list(columns), skip_rows=1, use_threads=False),
        csv.ParseOptions(delimiter=" "),
        csv.ConvertOptions(column_types=columns),
    )
    name = path.name.replace(".log.gz", ".log.parquet")
    pq.write_table(records, folder / name, compression="gzip", store_schema=False)


def _counts(path: Path) -> tuple[int, int, int, int]:
    stored = path.read_bytes()
    text = igzip.decompress(stored)
    return text.count(b"\n") - 1, text.count(b" REJECT "), len(stored), len(text)


def _lines(dice: np.random.Generator, begin: datetime, records: int) -> list[str]:
    """Records that end within five minutes of `begin` (UTC), in the default format."""
    hosts = pa.array([f"10.0.{host // 200}.{host % 200 + 10}" for host in range(400)])
    interfaces = pa.array([f"eni-{value:017x}" for value in np.random.default_rng(1).integers(1 << 62, size=400)])
    ports = np.array([22, 23, 53, 80, 123, 443, 445, 1433, 3306, 3389, 5432, 6379, 8080, 8443, 9200, 27017])
    rejected = dice.random(records) < REJECT_SHARE
    host = dice.integers(len(hosts), size=records)
    own = hosts.take(pa.array(host))
    scanner = dice.zipf(1.3, records) % 50_000
    client = dice.zipf(1.4, records) % (1 << 16)
    outside = pc.if_else(pa.array(rejected), _address(np.full(records, 185), scanner), _address(host % 7 + 52, client))
    inside = pa.array(~rejected & (dice.random(records) < INSIDE_SHARE))
    other = pc.if_else(inside, hosts.take(pa.array((host + client) % len(hosts))), outside)
    incoming = pa.array(rejected | (dice.random(records) < 0.5))
    packets = np.where(rejected, dice.geometric(0.6, records), dice.zipf(1.6, records) % 100_000 + 1)
    seconds = int(begin.replace(tzinfo=timezone.utc).timestamp())
    start = seconds + dice.integers(240, size=records)
    offered = ports[(host * 5 + dice.zipf(2.0, records)) % len(ports)]
    ping = dice.random(records) < PING_SHARE
    port = np.where(rejected, dice.choice(ports, records), offered)
    protocol = np.where(ping, 1, np.where(np.isin(port, UDP_PORTS), 17, 6))
    service = _text(np.where(ping, 0, port))
    ephemeral = _text(np.where(ping, 0, dice.integers(32_768, 61_000, size=records)))
    columns = [
        interfaces.take(pa.array(host)),
        pc.if_else(incoming, other, own),
        pc.if_else(incoming, own, other),
        pc.if_else(incoming, ephemeral, service),
        pc.if_else(incoming, service, ephemeral),
        _text(protocol),
        _text(packets),
        _text(packets * dice.integers(40, 1400, size=records)),
        _text(start),
        _text(start + dice.integers(1, 60, size=records)),
        pc.if_else(pa.array(rejected), "REJECT", "ACCEPT"),
    ]
    lines = pc.binary_join_element_wise(f"2 {ACCOUNT}", *columns, "OK", " ")
    found: list[str] = lines.to_pylist()
    return found


def _address(first: "np.ndarray", rest: "np.ndarray") -> pa.Array:
    parts = (first, rest * 7 % 251, rest // 251 % 256, rest % 251)
    return pc.binary_join_element_wise(*[_text(part) for part in parts], ".")


def _text(numbers: "np.ndarray") -> pa.Array:
    return pc.cast(pa.array(numbers), pa.string())


def main(root: Path, records: int) -> None:
    """Write all that the benchmarks read below `root`, in several buckets; print each day's folder, and facts."""
    buckets = {
        "day": root / f"day-{records}",
        "tenfold": root / f"day-{records}-tenfold",
        "parquet": root / f"day-{records}-parquet",
        "empty": root / "empty-day",
        "small": root / "small-days",
    }
    write_day(buckets["day"], DAY, records)
    split_day(day_folder(buckets["day"], DAY), day_folder(buckets["tenfold"], DAY), 10)
    write_parquet_day(day_folder(buckets["day"], DAY), day_folder(buckets["parquet"], DAY))
    write_day(buckets["empty"], DAY, records=0, objects=1)
    write_small_days(buckets["small"])
    print(json.dumps({name: _described(bucket) for name, bucket in buckets.items()}))


def _described(bucket: Path) -> dict[str, object]:
    folder = day_folder(bucket, DAY)
    found = parquet_facts(folder) if any(folder.glob("*.parquet")) else facts(folder)
    return {"bucket": str(bucket), "folder": str(folder), **found}


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
