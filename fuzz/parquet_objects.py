"""Fuzzes the reading of Parquet objects: the rows that were written, or an error that names the object."""

import atexit
import io
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flowlogs.errors import FlowLakeError
from flowlogs.fields import DEFAULT_FIELDS, FIELDS, Field
from flowlogs.layout import LogSource
from flowlogs.record_format import PARQUET, RecordFormat
from flowlogs.sources import Layout, LogSources
from flowlogs.statements import TableName, add_partitions, create_database, create_table, flow_logs_table
from fuzz.choices import Choices
from fuzz.targets import SilentLoss
from fuzz.text_objects import LINE
from resources.embedded.athena import EmbeddedAthena
from resources.embedded.folder_store import FolderStore

SOURCE = LogSource("flow-logs", "123456789012", "us-east-1")
NAME = TableName("lake", "flows")
DAY = date(2021, 9, 2)
FORMAT = RecordFormat(DEFAULT_FIELDS, PARQUET)
OBJECT = "123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20210902T0005Z_00000000.log.parquet"
TYPES = {"int": pa.int32(), "bigint": pa.int64(), "string": pa.string()}
LIMITS = {"int": 1 << 31, "bigint": 1 << 63}
SEEDS = [bytes([kind]) * 40 for kind in range(0, 256, 32)]


@cache
def _lake() -> tuple[Path, EmbeddedAthena]:
    root = Path(tempfile.mkdtemp(prefix="fuzz-"))
    atexit.register(shutil.rmtree, root, ignore_errors=True)
    engine = EmbeddedAthena(
        root / "catalog.sqlite", {"flow-logs": FolderStore(root / "bucket", "FLOWLAKE_BUCKET", "flow-logs")}, "lake"
    )
    engine.execute(create_database("lake"))
    sources = LogSources(SOURCE.bucket, (SOURCE,))
    engine.execute(create_table(NAME, flow_logs_table(sources, Layout.of(SOURCE), FORMAT)))
    for statement in add_partitions(NAME, {DAY: SOURCE.day_location(DAY)}):
        engine.execute(statement)
    return root / "bucket" / SOURCE.day_prefix(DAY) / OBJECT, engine


def _value(choices: Choices, field: Field, usual: str) -> object:
    if choices.chance(15):
        return None
    if field.type == "string":
        return choices.text() if choices.chance(40) else usual
    if choices.chance(30):
        limit = LIMITS[field.type]
        return choices.one_of([limit - 1, -limit, 0, -1, choices.number(limit)])
    return int(usual)


def check(data: bytes) -> None:
    """Raise SilentLoss where the engine gives other rows than were written."""
    choices = Choices(data)
    fields = list(DEFAULT_FIELDS)
    if choices.chance(30):
        fields = list(dict.fromkeys([*choices.some_of(FIELDS, 6), *fields]))
    if choices.chance(20):
        fields.pop(choices.number(len(fields)))
    usual = dict(zip(DEFAULT_FIELDS, LINE.split(" "), strict=True))
    rows = [{f.underscored: _value(choices, f, usual.get(f, "7")) for f in fields} for _ in range(choices.number(6))]
    schema = pa.schema([(f.underscored, TYPES[f.type]) for f in fields])
    written = io.BytesIO()
    pq.write_table(
        pa.Table.from_pylist(rows, schema),
        written,
        compression=choices.one_of(["gzip", "gzip", "snappy", "zstd", "none"]),
        use_dictionary=choices.chance(50),
        row_group_size=choices.one_of([1, 2, 1000]),
        data_page_version=choices.one_of(["1.0", "2.0"]),
        version=choices.one_of(["1.0", "2.4", "2.6"]),
    )
    stored, expected = written.getvalue(), rows
    is_damaged = choices.chance(40)
    if is_damaged:
        stored = choices.damaged(stored)
        expected = _readable(stored, expected)
    place, engine = _lake()
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(stored)
    columns = ", ".join(f'"{FORMAT.column_of(field)}"' for field in DEFAULT_FIELDS)
    try:
        result = engine.execute(f"SELECT {columns} FROM flows WHERE dt = '{DAY}'")
    except FlowLakeError as error:
        if OBJECT not in str(error):
            raise SilentLoss(f"the error does not name the object: {error}") from None
        if not is_damaged and {f.underscored for f in fields} == {f.underscored for f in DEFAULT_FIELDS}:
            raise SilentLoss(f"refused: {error}") from None
        return
    if result.misread:
        return  # told by name: the day fails
    frame = result.frame.astype(object)
    found = [
        tuple(None if value is pd_na() else value for value in row) for row in frame.itertuples(index=False, name=None)
    ]
    wanted = [tuple(row.get(field.underscored) for field in DEFAULT_FIELDS) for row in expected]
    if sorted(found, key=repr) != sorted(wanted, key=repr):
        raise SilentLoss(f"read {found}, and written were {wanted}")


def pd_na() -> object:
    import pandas as pd

    return pd.NA


def _readable(data: bytes, before: Sequence[Mapping[str, object]]) -> list[Mapping[str, object]]:
    """What another reader of Parquet, Arrow, finds in a damaged object."""
    try:
        return list(pq.read_table(io.BytesIO(data), use_threads=False).to_pylist())
    except (OSError, pa.ArrowException, ValueError):
        return list(before)
