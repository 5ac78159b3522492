"""Reads a table's text objects as Hive's and Athena's readers do: from bytes to lines, from lines to typed columns.

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
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO

from flowlogs.errors import FlowLakeError
from flowlogs.statements import TableDefinition
from resources.bucket import ObjectStore

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

CHUNK_BYTES = 4 << 20
"""Text looked at a time, per thread: enough that threads do not wait for each other's Python, and no more."""

DECODED_BYTES = 4 << 20
"""Lines turned into columns at a time."""

BATCHES_AHEAD = 4

RARITY_SAMPLE = 1 << 13
"""How many characters of a text are looked at to tell which of a few is rare in it."""

MAX_LINE_BYTES = 100 << 20
"""A longer line stops the query, as in Trino (``hive.text.max-line-length``): each has to fit into memory."""

UNREADABLE_SUFFIXES = (".bz2", ".deflate", ".lz4", ".lzo", ".snappy", ".xz", ".zst")
"""By these Hive and Athena know objects that are compressed otherwise than with gzip."""

INTEGER_TYPES: Mapping[str, str] = {"tinyint": "TINYINT", "smallint": "SMALLINT", "int": "INTEGER", "bigint": "BIGINT"}
TEXT_TYPE = "string"

ARROW_TYPES: Mapping[str, str] = {"tinyint": "int8", "smallint": "int16", "int": "int32", "bigint": "int64"}
"""Arrow's names for Hive's types; any other is a text."""

_BYTE_ORDER_MARK = "\ufeff".encode()

_WORD = 8

_PLACES = sum(place << (61 - 8 * place) for place in range(_WORD))

# What Java's decoder takes for one malformed character and Python's for two or three.
_ENCODED_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]?")


@dataclass(frozen=True)
class ScannedObject:
    """An object to read: where it is, and the values of the partition that it belongs to."""

    store: ObjectStore
    key: str
    size: int
    partition: tuple[str, ...]


class TextScan:
    """Rows of text objects, as an Arrow stream that DuckDB pulls batch by batch while threads read ahead.

    Columns: those of the table that are in `columns` (at least one), typed, and each partition column as text. It may
    be streamed more than once. `scanned_bytes` is the sum of the stored sizes of the objects that were opened; `error`
    the reason why a stream broke off. Lines without the text `required`, which the query has no use for, are left out.
    """

    def __init__(
        self, objects: Sequence[ScannedObject], table: TableDefinition, columns: Iterable[str], required: str = ""
    ) -> None:
        self.objects = objects
        self.required = required.encode()
        self.skipped_lines = int(table.properties.get("skip.header.line.count", "0"))
        self.lines = LineDecoder(table, columns)
        self.partition_columns = [column for column, _ in table.partition_columns]
        self.scanned_bytes = 0
        self.error: BaseException | None = None
        self._lock = threading.Lock()

    @cached_property
    def schema(self) -> "pa.Schema":
        import pyarrow as pa

        keys = [(column, pa.dictionary(pa.int8(), pa.string())) for column in self.partition_columns]
        return pa.schema([*self.lines.schema, *keys])

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
                for batch in self._read(iter(next_object, None)):
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

    def _read(self, sources: Iterator[ScannedObject]) -> "Iterator[pa.RecordBatch]":
        """The rows of objects, those of small ones together as long as they are of one partition."""
        waiting: list[bytes | memoryview] = []
        partition: tuple[str, ...] = ()
        for source in sources:
            if waiting and source.partition != partition:
                yield self._batch(waiting, partition)
                waiting = []
            partition = source.partition
            with self._lock:
                self.scanned_bytes += source.size
            for text in without_header(object_text(source.store, source.key), self.skipped_lines):
                waiting.append(lines_with(text, self.required))
                if sum(map(len, waiting)) >= DECODED_BYTES:
                    yield self._batch(waiting, partition)
                    waiting = []
        if waiting:
            yield self._batch(waiting, partition)

    def _batch(self, lines: "Sequence[bytes | memoryview]", partition: Sequence[str]) -> "pa.RecordBatch":
        import pyarrow as pa

        rows = self.lines.decode(b"".join(lines))
        keys = [
            pa.DictionaryArray.from_arrays(
                pa.repeat(pa.scalar(0, pa.int8()), len(rows)), pa.array([value], pa.string())
            )
            for value in partition
        ]
        return pa.RecordBatch.from_arrays([*rows.columns, *keys], schema=self.schema)


def object_text(store: ObjectStore, key: str) -> "Iterator[bytes | memoryview]":
    """An object's text as `whole_lines` gives it.

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
    from isal import igzip, isal_zlib

    with store.open(key) as stored:
        try:
            yield from whole_lines(igzip.open(stored, "rb") if key.endswith(".gz") else stored)  # type: ignore[no-untyped-call]
        except (OSError, EOFError, isal_zlib.error) as error:  # type: ignore[misc]
            raise FlowLakeError(
                f"{store.uri(key)} cannot be read to its end: {error}. It is damaged, cut off or not what its name "
                "says; fetch it again (or move it away, and its records with it), then run again."
            ) from error


def whole_lines(stream: BinaryIO) -> "Iterator[bytes | memoryview]":
    """A text in pieces of whole lines, each ended by one ``\\n`` (also for ``\\r\\n`` and ``\\r``), all valid UTF-8.

    A piece is good until the next one is asked for: memory is used again, since to get more costs more than to fill it.
    A byte order mark in front of the first line is left out. Raises OSError at a line longer than MAX_LINE_BYTES.
    """
    buffer = bytearray(2 * CHUNK_BYTES + len(_BYTE_ORDER_MARK))
    got = _fill(stream, buffer, 0, least=len(_BYTE_ORDER_MARK))
    if buffer.startswith(_BYTE_ORDER_MARK):
        got -= len(_BYTE_ORDER_MARK)
        buffer[:got] = bytes(memoryview(buffer)[len(_BYTE_ORDER_MARK) :][:got])
        got = got or _fill(stream, buffer, 0)
    kept = 0  # characters of a line that has not ended yet, at the buffer's beginning
    while got:
        size = kept + got
        # Of what is kept, only the last character can be a carriage return: its line feed may follow.
        if buffer.find(b"\r", max(kept - 1, 0), size) >= 0:
            text = bytes(memoryview(buffer)[:size])
            text, held = (text[:-1], b"\r") if text.endswith(b"\r") else (text, b"")
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            end = text.rfind(b"\n") + 1
            if end:
                yield valid_utf8(text[:end])
            rest = text[end:] + held
        else:
            end = buffer.rfind(b"\n", kept, size) + 1
            if end:
                yield valid_utf8(memoryview(buffer)[:end])
            rest = bytes(memoryview(buffer)[end:size]) if end else b""
        kept = len(rest) if end or rest else size
        buffer[: len(rest)] = rest
        if kept > MAX_LINE_BYTES:
            raise OSError(f"a line is longer than {MAX_LINE_BYTES:,} bytes")
        if len(buffer) - kept < CHUNK_BYTES:
            buffer = bytearray().join((memoryview(buffer)[:kept], bytes(kept + 2 * CHUNK_BYTES)))
        got = _fill(stream, buffer, kept)
    if kept:
        yield valid_utf8(bytes(memoryview(buffer)[:kept]).removesuffix(b"\r") + b"\n")


def _fill(stream: BinaryIO, buffer: bytearray, start: int, least: int = 1) -> int:
    """Read a chunk into the buffer; returns how many bytes came: fewer than `least` only at the end."""
    filled = 0
    end = start + max(CHUNK_BYTES, least)
    while filled < least:
        got = stream.readinto(memoryview(buffer)[start + filled : end])  # type: ignore[attr-defined]
        if not got:
            break
        filled += got
    return filled


def valid_utf8(text: bytes | memoryview) -> bytes | memoryview:
    """The text with each malformed character replaced by U+FFFD, as Java's decoder replaces it."""
    import numpy as np

    if not len(text) or np.frombuffer(text, np.uint8).max() < 0x80:
        return text
    text = bytes(text)
    try:
        text.decode()
    except UnicodeDecodeError:
        return _ENCODED_SURROGATE.sub("\ufffd".encode(), text).decode(errors="replace").encode()
    return text


def without_header(chunks: "Iterator[bytes | memoryview]", lines: int) -> "Iterator[bytes | memoryview]":
    """The text without an object's first `lines` lines, whatever they say."""
    for chunk in chunks:
        text = chunk
        while lines and len(text):
            text = memoryview(text)[bytes(text).index(b"\n") + 1 :]
            lines -= 1
        if len(text):
            yield text


def lines_with(text: bytes | memoryview, required: bytes) -> bytes | memoryview:
    """Of a text whose lines all end in ``\\n``: those lines that contain what is `required`, which holds no ``\\n``."""
    import numpy as np

    if not required:
        return bytes(text)
    characters = np.frombuffer(text, np.uint8)
    found = _occurrences(text, characters, required)
    ends = _positions(characters, 0x0A)
    numbers = np.searchsorted(ends, found)
    numbers = numbers[np.diff(numbers, prepend=-1) != 0]
    if not len(numbers):
        return b""
    starts = np.where(numbers > 0, ends[numbers - 1] + 1, 0)
    return memoryview(_slices(text, starts, ends[numbers] + 1).buffers()[2])


def _occurrences(
    text: bytes | memoryview, characters: "np.ndarray[Any, Any]", required: bytes
) -> "np.ndarray[Any, Any]":
    """Where a text begins in another. Looked for by the one of its characters that is rarest there."""
    import numpy as np

    if len(text) < _WORD:
        return np.array([at for at in range(len(text)) if bytes(text).startswith(required, at)], np.int64)
    counts = np.bincount(characters[:RARITY_SAMPLE], minlength=256)
    rarest = min(range(len(required)), key=lambda number: counts[required[number]])
    found = _positions(characters, required[rarest]) - rarest
    found = found[(found >= 0) & (found <= len(text) - len(required))]
    words = _words(text)
    for start in range(0, len(required), _WORD):
        part = required[start : start + _WORD]
        # Near the end of the text, the word that ends with it, without the characters in front.
        begin = np.minimum(found + start, len(words) - 1)
        ahead = ((found + start - begin) * 8).astype(np.uint64)
        wanted, mask = (int.from_bytes(bits, "little") for bits in (part, b"\xff" * len(part)))
        found = found[(words[begin] >> ahead) & np.uint64(mask) == np.uint64(wanted)]
    return found


def _positions(characters: "np.ndarray[Any, Any]", wanted: int) -> "np.ndarray[Any, Any]":
    """Where a character occurs that is rare: first in which eight of them, since most eights hold none.

    The only mark in an eight is a bit; multiplied by it, _PLACES has the mark's place in its three highest bits.
    """
    import numpy as np

    marks = np.equal(characters, wanted, out=_marks(len(characters)))
    whole = len(marks) // _WORD * _WORD
    words = marks[:whole].view(np.uint64)
    hits = np.flatnonzero(words != 0)
    marked = words[hits]
    if (marked & (marked - np.uint64(1))).any():  # an eight with several marks
        inside = np.flatnonzero(marked.view(np.bool_))
        found = hits[inside >> 3] * _WORD + (inside & 7)
    else:
        found = hits * _WORD + (marked * _PLACES >> np.uint64(61)).view(np.int64)
    return np.concatenate([found, whole + np.flatnonzero(marks[whole:])])


def _marks(size: int) -> "np.ndarray[Any, Any]":
    """Room for as many truth values, the same for each call of a thread."""
    import numpy as np

    if len(getattr(_reused, "marks", b"")) < size:
        _reused.marks = np.empty(size, np.bool_)
    return _reused.marks[:size]  # type: ignore[no-any-return]


_reused = threading.local()


class LineDecoder:
    """Turns lines into a table's `columns`, or into its first one if there are none.

    Nearly all lines are regular: as many fields as the table has columns, numbers as they are printed, ``-`` for what
    is missing, no backslash (``\\N`` is NULL). Those are taken apart a column at a time; a piece of text with any other
    line goes through `field_sql`.
    """

    def __init__(self, table: TableDefinition, columns: Iterable[str]) -> None:
        self.table = table
        wanted = set(columns)
        self.columns = [(name, kind) for name, kind in table.columns if name in wanted] or [*table.columns[:1]]

    @cached_property
    def schema(self) -> "pa.Schema":
        import pyarrow as pa

        return pa.schema([(name, pa.type_for_alias(ARROW_TYPES.get(kind, "string"))) for name, kind in self.columns])

    def decode(self, lines: bytes) -> "pa.RecordBatch":
        """The rows of lines, each of which ends in ``\\n``."""
        import pyarrow as pa

        if not lines:
            return pa.RecordBatch.from_pylist([], schema=self.schema)
        return self._regular(lines) or self._any(lines)

    def _regular(self, lines: bytes) -> "pa.RecordBatch | None":
        """The rows, if all lines are regular."""
        import numpy as np
        import pyarrow as pa

        # With room in front of the first field for the word that ends where the field does.
        text = b"".join((bytes(_WORD), lines))
        characters = np.frombuffer(text, np.uint8)
        ends = _positions(characters, 0x0A)
        gaps = np.flatnonzero(characters == ord(self.table.delimiter))
        count = len(self.table.columns)
        if len(gaps) != (count - 1) * len(ends) or b"\\" in lines:
            return None
        bounds = np.empty((count + 1, len(ends)), np.int64)
        bounds[0, 0], bounds[0, 1:] = _WORD - 1, ends[:-1]
        bounds[1:count] = gaps.reshape(len(ends), count - 1).T
        bounds[count] = ends
        if (bounds[1] <= bounds[0]).any() or (bounds[count] <= bounds[count - 1]).any():
            return None
        numbers = {column: number for number, (column, _) in enumerate(self.table.columns)}
        arrays = []
        for name, kind in self.columns:
            start, end = bounds[numbers[name]] + 1, bounds[numbers[name] + 1]
            if kind == TEXT_TYPE:
                arrays.append(_slices(text, start, end))
                continue
            values = _integers(text, start, end, ARROW_TYPES[kind])
            if values is None:
                return None
            arrays.append(values)
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _any(self, lines: bytes) -> "pa.RecordBatch":
        import duckdb
        import numpy as np
        import pyarrow as pa

        ends = _positions(np.frombuffer(lines, np.uint8), 0x0A)
        offsets = np.zeros(len(ends) + 1, np.int32)
        offsets[1:] = ends + 1
        texts = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(lines))
        numbers = {column: number for number, (column, _) in enumerate(self.table.columns, 1)}
        fields = [f"{field_sql(f'fields[{numbers[name]}]', kind)} AS {quoted(name)}" for name, kind in self.columns]
        delimiter = self.table.delimiter.replace("'", "''")
        split = f"SELECT string_split(left(line, -1), '{delimiter}') AS fields FROM lines"
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.register("lines", pa.table({"line": texts}))
            rows = connection.sql(f"SELECT {', '.join(fields)} FROM ({split})").to_arrow_table()
        (batch,) = rows.cast(self.schema).combine_chunks().to_batches()
        return batch


def _slices(text: bytes | memoryview, start: "np.ndarray[Any, Any]", end: "np.ndarray[Any, Any]") -> "pa.StringArray":
    """Parts of a text that follow one another."""
    import numpy as np
    import pyarrow as pa

    # Every second of these is a part that is wanted, every other what lies in between.
    offsets = np.empty(2 * len(start), np.int32)
    offsets[0::2], offsets[1::2] = start, end
    pieces = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(text))
    return pieces.take(pa.array(np.arange(0, len(pieces), 2)))


def _integers(
    text: bytes, start: "np.ndarray[Any, Any]", end: "np.ndarray[Any, Any]", arrow_type: str
) -> "pa.Array | None":
    """The integers that parts of a text say, NULL for a mere ``-``; nothing if one is not of digits alone, or too long.

    Eight characters are a number of 64 bits; a few steps turn eight digits in it into their value, for all parts at
    once ("Parsing series of integers with SIMD", Wojciech Muła, 2018, tells of the steps).
    """
    import numpy as np
    import pyarrow as pa

    size = end - start
    longest = int(size.max())
    if not size.min() or longest > 2 * _WORD:
        return None
    words = _words(text)
    last = words[end - _WORD]
    values, valid = _digits(last, size if longest <= _WORD else np.minimum(size, _WORD))
    if longest > _WORD:
        # What stands in front of the last eight; of a part without such, the word in front of the text's first.
        high, high_valid = _digits(words[np.maximum(end - 2 * _WORD, 0)], np.maximum(size - _WORD, 0))
        values, valid = values + high * np.uint64(10**_WORD), valid & high_valid
    missing = None
    if not valid.all():
        missing = (size == 1) & (last >> np.uint64(56) == ord("-"))
        if not (valid | missing).all():
            return None
        values[missing] = 0
    if int(values.max()) > np.iinfo(arrow_type).max:
        return None
    return pa.array(values.astype(arrow_type), mask=missing)


def _digits(
    words: "np.ndarray[Any, Any]", size: "np.ndarray[Any, Any]"
) -> "tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]":
    """The values of each word's last `size` characters (at most eight), and whether those are digits."""
    import numpy as np

    every = np.uint64(0x0101010101010101)
    last = np.array([2**64 - 2 ** (8 * (_WORD - kept)) for kept in range(_WORD + 1)], np.uint64)
    digits = (words ^ (every * np.uint64(ord("0")))) & last[size]
    wrong = (digits | (digits + every * np.uint64(0x80 - 10))) & (every * np.uint64(0x80))
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
    low = np.uint64(0x000000FF000000FF)
    quarters = (pairs & low) * np.uint64(0x000F424000000064)
    quarters += ((pairs >> np.uint64(16)) & low) * np.uint64(0x0000271000000001)
    return quarters >> np.uint64(32), wrong == 0


def _words(text: bytes | memoryview) -> "np.ndarray[Any, Any]":
    """The eight characters that begin at each of a text's, as a number whose lowest byte is the first of them."""
    import numpy as np

    words: np.ndarray[Any, Any] = np.ndarray((len(text) - _WORD + 1,), "<u8", text, 0, (1,))
    return words


def rows_sql(relation: str, table: TableDefinition, columns: Iterable[str]) -> str:
    """The SELECT that gives a TextScan's rows, registered under the name `relation`, typed partition columns."""
    keys = [
        f"{field_sql(quoted(column), hive_type)} AS {quoted(column)}" for column, hive_type in table.partition_columns
    ]
    return f"SELECT {', '.join([*map(quoted, columns), *keys])} FROM {quoted(relation)}"


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
