"""Reads a table's text objects as Hive's and Athena's readers do: lines from bytes here, fields from lines in SQL.

The rules were settled by asking Hive's own reader: a number that does not parse or does not fit is NULL, a missing
field is NULL, an extra one is ignored, ``\\N`` is NULL, a lone carriage return ends a line, bytes that are no UTF-8
become U+FFFD, and no line is ever dropped for being odd. Which objects are read, and why, is decided elsewhere.
"""

import os
import queue
import re
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

from flowlogs.errors import FlowLakeError
from flowlogs.statements import TableDefinition
from resources.bucket import ObjectStore

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

CHUNK_BYTES = 4 << 20
"""Text handled at a time, per thread: large enough to be efficient, small enough that memory stays flat."""

BATCHES_AHEAD = 4

RARITY_SAMPLE = 1 << 16
"""How many characters of a text are looked at to tell which of a few is rare in it."""

MAX_LINE_BYTES = 100 << 20
"""A longer line stops the query, as in Trino (``hive.text.max-line-length``): each has to fit into memory."""

UNREADABLE_SUFFIXES = (".bz2", ".deflate", ".lz4", ".lzo", ".snappy", ".xz", ".zst")
"""By these Hive and Athena know objects that are compressed otherwise than with gzip."""

INTEGER_TYPES: Mapping[str, str] = {"tinyint": "TINYINT", "smallint": "SMALLINT", "int": "INTEGER", "bigint": "BIGINT"}
TEXT_TYPE = "string"

_BYTE_ORDER_MARK = "\ufeff".encode()

# What Java's decoder takes for one malformed character and Python's for two or three.
_ENCODED_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]?")


@dataclass(frozen=True)
class ScannedObject:
    """An object to read: where it is, and the values of the partition that it belongs to."""

    store: ObjectStore
    key: str
    size: int
    partition: tuple[str, ...]


class LineScan:
    """The lines of objects, as an Arrow stream that DuckDB pulls batch by batch while threads read ahead.

    Columns: ``line`` and each partition column, all text. It may be streamed more than once. `scanned_bytes` is the sum
    of the stored sizes of the objects that were opened; `error` the reason why a stream broke off. Lines without the
    text `required`, which the query has no use for, are left out.
    """

    def __init__(self, objects: Sequence[ScannedObject], table: TableDefinition, required: str = "") -> None:
        self.objects = objects
        self.required = required.encode()
        self.skipped_lines = int(table.properties.get("skip.header.line.count", "0"))
        self.partition_columns = [column for column, _ in table.partition_columns]
        self.scanned_bytes = 0
        self.error: BaseException | None = None
        self._lock = threading.Lock()

    @property
    def schema(self) -> "pa.Schema":
        import pyarrow as pa

        keys = [(column, pa.dictionary(pa.int8(), pa.string())) for column in self.partition_columns]
        return pa.schema([("line", pa.string()), *keys])

    def __arrow_c_schema__(self) -> object:
        return self.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(self.schema, self._batches())
        return reader.__arrow_c_stream__(requested_schema)

    def _batches(self) -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        workers = min(os.cpu_count() or 1, len(self.objects))
        waiting = iter(self.objects)
        # Every thread's last item, whatever happens to it, is None or the error that ended it. Who takes that one from
        # each of them has all batches, or an error to raise; and no thread is left waiting for room.
        ready: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(workers * BATCHES_AHEAD)
        stopped = threading.Event()

        def next_object() -> ScannedObject | None:
            with self._lock:
                return next(waiting, None)

        def work() -> None:
            last: BaseException | None = None
            try:
                for source in iter(next_object, None):
                    for batch in self._read(source):
                        ready.put(batch)
                        if stopped.is_set():
                            return
            except BaseException as error:  # noqa: BLE001 - it is raised again where the stream is read
                last = error
            finally:
                ready.put(last)

        running = 0
        with ThreadPoolExecutor(max(workers, 1), thread_name_prefix="flow-log-scan") as pool:
            try:
                while running < workers:
                    pool.submit(work)
                    running += 1
                while running:
                    item = ready.get()
                    if isinstance(item, pa.RecordBatch):
                        yield item
                        continue
                    running -= 1
                    if item is not None:
                        raise item  # noqa: TRY301 - what ended a thread ends the stream
            except (Exception, KeyboardInterrupt) as error:
                self.error = error
                raise
            finally:
                stopped.set()
                while running:
                    running -= not isinstance(ready.get(), pa.RecordBatch)

    def _read(self, source: ScannedObject) -> "Iterator[pa.RecordBatch]":
        import pyarrow as pa

        with self._lock:
            self.scanned_bytes += source.size
        for text in without_header(object_text(source.store, source.key), self.skipped_lines):
            lines = line_array(text, self.required)
            keys = [
                pa.DictionaryArray.from_arrays(
                    pa.repeat(pa.scalar(0, pa.int8()), len(lines)), pa.array([value], pa.string())
                )
                for value in source.partition
            ]
            yield pa.RecordBatch.from_arrays([lines, *keys], schema=self.schema)


def object_text(store: ObjectStore, key: str) -> Iterator[bytes]:
    """An object's text in chunks of whole lines, each line ended by one ``\\n``, all of it valid UTF-8.

    Raises FlowLakeError, with the object's address, where the object cannot be read to its end.
    """
    if key.endswith(".parquet"):
        raise FlowLakeError(
            f"{store.uri(key)} is a Parquet object, and this table reads text. A flow log that delivers Parquet is not "
            "supported yet: name a bucket whose flow log delivers text."
        )
    if key.endswith(UNREADABLE_SUFFIXES):
        raise FlowLakeError(
            f"{store.uri(key)} is compressed in a way that is not supported. Pack it with gzip, as flow logs are "
            "delivered, or move it away (and its records with it), then run again."
        )
    from isal import isal_zlib

    with store.open(key) as stored:
        try:
            yield from whole_lines(_decompressed(stored, key))
        except (OSError, EOFError, isal_zlib.error) as error:  # type: ignore[misc]
            raise FlowLakeError(
                f"{store.uri(key)} cannot be read to its end: {error}. It is damaged, cut off or not what its name "
                "says; fetch it again (or move it away, and its records with it), then run again."
            ) from error


def _decompressed(stored: BinaryIO, key: str) -> Iterator[bytes]:
    if key.endswith(".gz"):
        from isal import igzip

        stored = igzip.open(stored, "rb")  # type: ignore[no-untyped-call]
    while data := stored.read(CHUNK_BYTES):
        yield data


def whole_lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Text cut at any place, cut anew at ends of lines, with ``\\r\\n`` and ``\\r`` made ``\\n``.

    A byte order mark in front of the first line is left out. Raises OSError at a line longer than MAX_LINE_BYTES.
    """
    rest = bytearray()
    held = b""
    for chunk in _without_mark(chunks):
        text = held + chunk
        held = b""
        if b"\r" in text:
            # Whether a carriage return at the very end ends the line or waits for its line feed is not known yet.
            if text.endswith(b"\r"):
                text, held = text[:-1], b"\r"
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        end = text.rfind(b"\n") + 1
        if end:
            yield valid_utf8(bytes(rest) + text[:end])
            rest.clear()
        rest += text[end:]
        if len(rest) > MAX_LINE_BYTES:
            raise OSError(f"a line is longer than {MAX_LINE_BYTES:,} bytes")
    if rest or held:
        yield valid_utf8(bytes(rest) + b"\n")


def _without_mark(chunks: Iterable[bytes]) -> Iterator[bytes]:
    waiting = iter(chunks)
    start = b""
    for chunk in waiting:
        start += chunk
        if len(start) >= len(_BYTE_ORDER_MARK):
            break
    yield start.removeprefix(_BYTE_ORDER_MARK)
    yield from waiting


def valid_utf8(text: bytes) -> bytes:
    """The text with each malformed character replaced by U+FFFD, as Java's decoder replaces it."""
    if text.isascii():
        return text
    try:
        text.decode()
    except UnicodeDecodeError:
        return _ENCODED_SURROGATE.sub("\ufffd".encode(), text).decode(errors="replace").encode()
    return text


def without_header(chunks: Iterator[bytes], lines: int) -> Iterator[bytes]:
    """The text without an object's first `lines` lines, whatever they say."""
    for chunk in chunks:
        start = 0
        while lines and start < len(chunk):
            start = chunk.index(b"\n", start) + 1
            lines -= 1
        if start < len(chunk):
            yield chunk[start:]


def line_array(text: bytes, required: bytes = b"") -> "pa.StringArray":
    """The lines of a text that ends in ``\\n``, each with its ``\\n``: those that contain what is `required`."""
    import numpy as np
    import pyarrow as pa

    characters = np.frombuffer(text, np.uint8)
    found = _positions(characters, np.frombuffer(required, np.uint8)) if required else None
    if found is not None and not len(found):
        return pa.array([], pa.string())
    ends = np.flatnonzero(characters == 0x0A)
    offsets = np.zeros(len(ends) + 1, np.int32)
    offsets[1:] = ends + 1
    lines = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(text))
    if found is None:
        return lines
    numbers = np.searchsorted(ends, found)
    return lines.take(pa.array(numbers[np.diff(numbers, prepend=-1) != 0]))


def _positions(characters: "np.ndarray[Any, Any]", wanted: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """Where a text occurs in another, by the position of one of its characters: the one that is rarest there."""
    import numpy as np

    counts = np.bincount(characters[:RARITY_SAMPLE], minlength=256)
    rarest = int(np.argmin(counts[wanted]))
    room = len(wanted) - rarest - 1
    found = np.flatnonzero(characters == wanted[rarest])
    found = found[(found >= rarest) & (found < len(characters) - room)]
    for number, character in enumerate(wanted):
        found = found[characters[found + (number - rarest)] == character]
    return found


def decoding_sql(relation: str, table: TableDefinition) -> str:
    """The SELECT that turns a LineScan, registered under the name `relation`, into the table's columns."""
    columns = [
        f"{field_sql(f'fields[{number}]', hive_type)} AS {quoted(column)}"
        for number, (column, hive_type) in enumerate(table.columns, 1)
    ]
    keys = [
        f"{field_sql(quoted(column), hive_type)} AS {quoted(column)}" for column, hive_type in table.partition_columns
    ]
    delimiter = table.delimiter.replace("'", "''")
    split = f"SELECT string_split(left(line, -1), '{delimiter}') AS fields, * FROM {quoted(relation)}"
    return f"SELECT {', '.join(columns + keys)} FROM ({split})"


def field_sql(text: str, hive_type: str) -> str:
    """A field's value, given SQL for its text (LazySimpleSerDe's rules, asked of Hive's reader in 2026)."""
    if hive_type == TEXT_TYPE:
        return f"nullif({text}, '\\N')"
    # DuckDB reads more as a number than Hive does (1e3, 0x1F, 1_000, blanks) and rounds where Hive cuts (7.9). Nearly
    # every number is written as it would be printed: those pass at once, the others are looked at.
    sql_type = INTEGER_TYPES[hive_type]
    number = f"try_cast({text} AS {sql_type})"
    whole = rf"regexp_replace({text}, '^([+-]?)(\d*)(\.\d*)?$', '\10\2')"
    return (
        f"CASE WHEN {number}::VARCHAR = {text} THEN {number} "
        rf"WHEN regexp_full_match({text}, '[+-]?(\d+(\.\d*)?|\.\d+)') THEN try_cast({whole} AS {sql_type}) END"
    )


def quoted(identifier: str) -> str:
    return '"' + identifier.replace('"', '""') + '"'
