"""What the end of a Parquet object tells of it: names and types of its columns, and what copies of it share."""

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable
from resources.bucket import ObjectStore, StoredObject

if TYPE_CHECKING:
    import pyarrow.parquet as pq

TAIL_BYTES = 64 << 10
"""How much of an object's end is read first. The schema and the row groups of an object of 75 MB take a few KB."""

_LENGTH_BYTES = 8
"""The length of the metadata in front of the last four bytes, which are ``PAR1`` (Parquet format, File format)."""

_MAGIC = b"PAR1"

INTERFACE = "interface_id"
"""The column of the network interface."""


@dataclass(frozen=True)
class ParquetFacts:
    """What the end of a Parquet object tells: its columns in order (name and type), and a digest that copies share.

    `interfaces` are the first and the last network interface among its records, if it says so.
    """

    columns: Sequence[tuple[str, str]]
    digest: str
    interfaces: frozenset[str] = frozenset()


def parquet_facts(store: ObjectStore, stored: StoredObject) -> ParquetFacts:
    """The facts of an object. Raises FlowLakeError, with the object, where it is no Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    tail = store.tail(stored, TAIL_BYTES)
    length = int.from_bytes(tail[-_LENGTH_BYTES:-4], "little") + _LENGTH_BYTES
    if tail.endswith(_MAGIC) and len(tail) < length <= stored.size:
        tail = store.tail(stored, length)
    try:
        if not tail.endswith(_MAGIC) or length > len(tail):
            raise pa.ArrowInvalid("it does not end as a Parquet object")
        metadata = pq.read_metadata(io.BytesIO(_MAGIC + tail[-length:]))
    except (OSError, pa.ArrowException) as error:
        raise FlowLakeError(
            f"{store.display_path(stored.key)} cannot be read as Parquet, as an object that was not copied to its end: "
            f"{printable(str(error))}. Copy it again; then run again."
        ) from error
    columns = columns_of(metadata)
    return ParquetFacts(columns, copies_digest(metadata, tail), _interfaces(metadata, [name for name, _ in columns]))


def footer_size(metadata: "pq.FileMetaData") -> int:
    """How many bytes at an object's end hold its metadata."""
    return int(metadata.serialized_size) + _LENGTH_BYTES


def copies_digest(metadata: "pq.FileMetaData", end: bytes) -> str:
    """A digest that copies of an object share, by its last bytes; empty where it has no record.

    The metadata has each column's size, number of values, least and greatest value.
    """
    return hashlib.sha256(end[-footer_size(metadata) :]).hexdigest() if metadata.num_rows else ""


def _interfaces(metadata: "pq.FileMetaData", names: Sequence[str]) -> frozenset[str]:
    if INTERFACE not in names:
        return frozenset()
    number, found = names.index(INTERFACE), set[str]()
    for group in range(metadata.num_row_groups):
        statistics = metadata.row_group(group).column(number).statistics
        if statistics is not None and statistics.has_min_max:
            found |= {str(statistics.min), str(statistics.max)}
    return frozenset(found - {"-"})


def columns_of(metadata: "pq.FileMetaData") -> list[tuple[str, str]]:
    """The columns, in order: name and type."""
    schema = metadata.schema
    return [(schema.column(number).path, _hive_type(schema.column(number))) for number in range(len(schema))]


def _hive_type(column: "pq.ColumnSchema") -> str:
    is_text = column.physical_type == "BYTE_ARRAY"
    plain = {"INT32": "int", "INT64": "bigint"}.get(column.physical_type)
    is_plain = column.max_repetition_level == 0 and column.logical_type.type in ("NONE", "STRING", "INT")
    found = "string" if is_text else plain
    return found if found and is_plain else f"{column.physical_type} {column.logical_type.type}".strip()
