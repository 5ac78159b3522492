"""Fuzzes the reading of text objects: the scan's rows are those of plain_reader.py, or an error names the object."""

import atexit
import gzip
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path
from unittest import mock

import duckdb

from flowlogs.errors import FlowLakeError
from flowlogs.fields import DEFAULT_FIELDS, HEADER_LINE
from flowlogs.statements import TableDefinition
from fuzz.choices import Choices
from fuzz.plain_reader import hive_rows, unpacked
from fuzz.targets import SilentLoss
from resources.embedded.folder_store import FolderStore
from resources.embedded.readers import lines
from resources.embedded.readers.scan import ScannedObject, TextScan, Wanted

COLUMNS = tuple((field.column, field.type) for field in DEFAULT_FIELDS)
TABLE = TableDefinition(COLUMNS, (), "s3://flow-logs/", properties={"skip.header.line.count": "1"})
LINE = "2 123456789012 eni-0a 203.0.113.9 10.0.0.5 40000 22 6 7 420 1630540800 1630540860 REJECT OK"
NAMES = ("a.log", "a.log.gz")

SEEDS = [bytes([kind, 0, *b"plain text 7"]) for kind in range(8)]


@cache
def _store() -> FolderStore:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return FolderStore(folder, "FLOWLAKE_BUCKET", "flow-logs")


@cache
def _connection() -> duckdb.DuckDBPyConnection:
    return duckdb.connect(config={"threads": 1})


@contextmanager
def _fast() -> Iterator[None]:
    """Irregular lines are decoded by a new connection to DuckDB each, which would take most of an input's time.

    Texts are read in small pieces, so that no large buffer is filled, and lines are cut everywhere.
    """
    with (
        mock.patch.object(duckdb, "connect", return_value=nullcontext(_connection().cursor())),
        mock.patch.object(lines, "CHUNK_BYTES", 64),
    ):
        yield


def a_line(choices: Choices) -> str:
    """A record, with some fields that are odd."""
    fields = LINE.split(" ")
    for _ in range(choices.number(4)):
        fields[choices.number(len(fields))] = choices.text()
    if choices.chance(10):
        del fields[choices.number(len(fields)) :]
    return " ".join(fields)


def object_bytes(choices: Choices) -> tuple[str, bytes]:
    """An object's name and its bytes."""
    kind = choices.number(8)
    name = NAMES[kind & 1]
    if kind >= 6:
        text = choices.rest()
        return name, gzip.compress(text, 1, mtime=0) if kind == 7 and len(text) % 2 else text
    records = [HEADER_LINE, *(a_line(choices) for _ in range(choices.number(6)))]
    ends = choices.one_of(["\n", "\n", "\r\n", "\r"])
    text = (ends.join(records) + (ends if choices.number(4) else "")).encode()
    if kind >= 4:
        text = choices.damaged(text)
    if not kind & 1:
        return name, text
    cut = choices.number(len(text) + 1)
    data = b"".join(gzip.compress(part, 1, mtime=0) for part in (text[:cut], text[cut:]))
    return name, choices.damaged(data) if kind == 3 else data


def check(data: bytes) -> None:
    """Raise SilentLoss where the scan of an object gives other rows than a plain reading does."""
    name, stored = object_bytes(Choices(data))
    store = _store()
    (store.root / name).write_bytes(stored)
    text = unpacked(stored) if name.endswith(".gz") else stored
    expected = None if text is None else hive_rows(text, [kind for _, kind in COLUMNS])
    source = ScannedObject(store, name, len(stored), ())
    scan = TextScan([source], TABLE, [Wanted([column for column, _ in COLUMNS])])
    try:
        with _fast():
            batches = [batch for _, batch in scan.batches(iter([source]), lambda: False)]
    except FlowLakeError as error:
        if expected is not None:
            raise SilentLoss(f"refused, and a plain reading has {len(expected)} rows: {error}") from None
        if name not in str(error):
            raise SilentLoss(f"the error does not name the object: {error}") from None
        return
    found = [row for batch in batches for row in zip(*(column.to_pylist() for column in batch.columns), strict=True)]
    if found != expected:
        raise SilentLoss(f"read {found}, and a plain reading has {expected}: {stored!r}")
