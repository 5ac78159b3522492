"""Scans a table's text objects: threads read and decode them, and DuckDB pulls the rows as it needs them.

../athena.py chooses the objects. lines.py reads lines, and text_serde.py decodes fields.
"""

import os
import queue
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from flowlogs.statements import TableDefinition
from resources.bucket import ObjectStore
from resources.embedded.data_types import field_sql
from resources.embedded.quoting import quoted_name
from resources.embedded.readers.lines import line_ends, object_text, pieces_of, usable_lines, without_header
from resources.embedded.readers.object_check import ObjectCheck, checked_format
from resources.embedded.readers.text_serde import LineDecoder

if TYPE_CHECKING:
    import pyarrow as pa

DECODED_BYTES = 4 << 20
"""How many bytes of lines are decoded at a time."""

MAX_LINES = 1 << 17
"""How many lines are decoded at a time, however short they are."""

BATCHES_AHEAD = 4

STOPPED = "the scan was stopped"

SECONDS_BETWEEN_LOOKS = 0.1
"""How often a thread that waits for a slow stream looks whether it is still needed."""

MAX_WORKERS = 8
"""How many threads scan at most. Each holds some 50 MB, and more would be faster than DuckDB."""


@dataclass(frozen=True)
class ScannedObject:
    """An object to scan, and the values of its partition."""

    store: ObjectStore
    key: str
    size: int
    partition: tuple[str, ...]


@dataclass(frozen=True)
class _Lines:
    """Lines of an object that a query may need, and the check of that object."""

    source: ScannedObject
    check: ObjectCheck | None
    text: bytes | memoryview


@dataclass(frozen=True)
class Wanted:
    """What a consumer of a scan needs: columns of the table (at least one), and a text that its lines contain.

    Lines without the text `required` are left out, since the consumer does not need them.
    """

    columns: Collection[str]
    required: str = ""


class _Decoding:
    """The lines with one required text, decoded once for all consumers that need just these."""

    def __init__(self, table: TableDefinition, required: str, columns: Iterable[str], *, inspects: bool) -> None:
        self.required = required.encode()
        self.lines = LineDecoder(table, columns)
        self.inspects = inspects
        self.keys = [(column, _key_type()) for column, _ in table.partition_columns]

    @cached_property
    def schema(self) -> "pa.Schema":
        import pyarrow as pa

        return pa.schema([*self.lines.schema, *self.keys])

    def decoded(self, piece: bytes, partition: Sequence[str]) -> "tuple[pa.RecordBatch, bool]":
        """The rows of lines, with the values of their partition; and whether all lines are regular."""
        import pyarrow as pa

        rows, regular = self.lines.decode(piece)
        keys = [
            pa.DictionaryArray.from_arrays(
                pa.repeat(pa.scalar(0, pa.int8()), len(rows)), pa.array([value], pa.string())
            )
            for value in partition
        ]
        return pa.RecordBatch.from_arrays([*rows.columns, *keys], schema=self.schema), regular


def _key_type() -> "pa.DataType":
    """The type of a partition column in a batch."""
    import pyarrow as pa

    return pa.dictionary(pa.int8(), pa.string())


class TextScan:
    """The rows of text objects as Arrow streams, one for each of `wanted`. Threads read ahead while they are pulled.

    All streams get their rows from one reading of the objects. With one stream, it can be read more than once. Several
    streams can be read once, and have to be read at the same time, since the threads wait for the slowest.

    A stream has the columns that are wanted, with their types, perhaps more of the table's columns, and each partition
    column as text. `scanned_bytes` is the size, as stored, of the objects that were opened; `error` why a stream
    failed; `checks` the findings in the objects, as far as they were read; `beginnings` are digests of their first
    records.
    """

    def __init__(self, objects: Sequence[ScannedObject], table: TableDefinition, wanted: Sequence[Wanted]) -> None:
        self.objects = objects
        self.skipped_lines = int(table.properties.get("skip.header.line.count", "0"))
        by_text = {one.required: [own for own in wanted if own.required == one.required] for one in wanted}
        # An irregular record is inspected once: where all lines are decoded, if that is anywhere.
        self._decodings = [
            _Decoding(
                table,
                required,
                {name for own in same for name in own.columns},
                inspects=not required or "" not in by_text,
            )
            for required, same in by_text.items()
        ]
        places = [list(by_text).index(own.required) for own in wanted]
        self.streams = [_Stream(self, number, self._decodings[place]) for number, place in enumerate(places)]
        self.scanned_bytes = 0
        self.error: BaseException | None = None
        self.checks: dict[ScannedObject, ObjectCheck] = {}
        self.beginnings: dict[ScannedObject, str] = {}
        self._format = checked_format(table)
        self._lock = threading.Lock()
        self._stopped = threading.Event()
        self._shared: _Reading | None = None

    def stop(self) -> None:
        """Let every stream fail soon."""
        self._stopped.set()

    @property
    def is_stopped(self) -> bool:
        return self._stopped.is_set()

    def reading(self, stream: "_Stream") -> "_Reading":
        """The reading of the objects that a stream takes part in: one of its own if it is the only stream."""
        is_again, stream.is_opened = stream.is_opened, True
        if len(self.streams) == 1:
            return _Reading(self, self.streams)
        if is_again:
            raise RuntimeError("a stream of a shared scan is read a second time")
        with self._lock:
            self._shared = self._shared or _Reading(self, self.streams)
        return self._shared

    def batches(
        self, sources: Iterator[ScannedObject], is_unneeded: Callable[[], bool]
    ) -> "Iterator[tuple[_Decoding, pa.RecordBatch]]":
        """The rows of objects, by decoding. Small objects of one partition are decoded together.

        Ends early if `is_unneeded`. Raises InterruptedError when the scan is stopped.
        """
        waiting: dict[_Decoding, list[_Lines]] = {decoding: [] for decoding in self._decodings}
        partition: tuple[str, ...] = ()
        for source in sources:
            if source.partition != partition:
                yield from self._all_decoded(waiting, partition)
            partition = source.partition
            with self._lock:
                self.scanned_bytes += source.size
            for decoding, lines, check in self._lines(source):
                if self._stopped.is_set():
                    raise InterruptedError(STOPPED)
                if is_unneeded():
                    return
                found = waiting[decoding]
                found.append(_Lines(source, check, lines))
                if sum(len(lines.text) for lines in found) >= DECODED_BYTES:
                    yield from self._decoded(decoding, found, partition)
                    found.clear()
        yield from self._all_decoded(waiting, partition)

    def _all_decoded(
        self, waiting: "Mapping[_Decoding, list[_Lines]]", partition: Sequence[str]
    ) -> "Iterator[tuple[_Decoding, pa.RecordBatch]]":
        for decoding, found in waiting.items():
            if found:
                yield from self._decoded(decoding, found, partition)
                found.clear()

    def _lines(self, source: ScannedObject) -> Iterator[tuple[_Decoding, bytes | memoryview, ObjectCheck | None]]:
        """Those of an object's lines below its header that each decoding may need, in pieces.

        Findings are stored at once, because the reader may need no more of the object.
        """
        chunks = object_text(source.store, source.key)
        check = ObjectCheck(PurePosixPath(source.key).name, self._format) if self._format else None
        for text in without_header(chunks, self.skipped_lines, check.header if check else None):
            ends = None
            if check:
                ends = line_ends(text)
                check.records(text, ends)
                self._store_findings(source, check)
            for decoding in self._decodings:
                required = decoding.required
                numbers = check.lines_of_action(text, ends, required) if check and ends is not None else None
                yield decoding, usable_lines(text, required, ends, numbers), check
        if check:
            self._store_findings(source, check)

    def _store_findings(self, source: ScannedObject, check: ObjectCheck) -> None:
        with self._lock:
            if check.found:
                self.checks[source] = check
            if check.beginning:
                self.beginnings[source] = check.beginning

    def _decoded(
        self, decoding: _Decoding, waiting: "Sequence[_Lines]", partition: Sequence[str]
    ) -> "Iterator[tuple[_Decoding, pa.RecordBatch]]":
        is_inspected = self._format is None or not decoding.inspects
        for piece in pieces_of(b"".join(lines.text for lines in waiting), MAX_LINES):
            rows, regular = decoding.decoded(piece, partition)
            if not regular and not is_inspected:
                is_inspected = True
                for lines in waiting:
                    if lines.check:
                        lines.check.unusual_records(lines.text)
                        self._store_findings(lines.source, lines.check)
            yield decoding, rows


class _Stream:
    """One of a scan's streams, which DuckDB pulls."""

    def __init__(self, scan: TextScan, number: int, decoding: _Decoding) -> None:
        self.scan = scan
        self.number = number
        self.decoding = decoding
        self.is_opened = False

    @property
    def columns(self) -> list[str]:
        """The table's columns that it has."""
        return [name for name, _ in self.decoding.lines.columns]

    def __arrow_c_schema__(self) -> object:
        return self.decoding.schema.__arrow_c_schema__()

    def __arrow_c_stream__(self, requested_schema: object = None) -> object:
        import pyarrow as pa

        batches = self.scan.reading(self).batches_of(self)
        return pa.RecordBatchReader.from_batches(self.decoding.schema, batches).__arrow_c_stream__(requested_schema)


class _Reading:
    """One reading of a scan's objects, by several threads, for these streams.

    The last item in each stream's queue, from every thread, is None, or the error that ended the thread. Whoever takes
    the last item of each thread has all batches, or an error.
    """

    def __init__(self, scan: TextScan, streams: Sequence[_Stream]) -> None:
        self.scan = scan
        self.workers = min(os.cpu_count() or 1, MAX_WORKERS, len(scan.objects))
        self._ready: dict[_Stream, queue.Queue[pa.RecordBatch | BaseException | None]] = {
            stream: queue.Queue(self.workers * BATCHES_AHEAD) for stream in streams
        }
        self._closed = {stream: threading.Event() for stream in streams}
        self._waiting = iter(scan.objects)
        self._lock = threading.Lock()
        self._threads: list[threading.Thread] = []

    def batches_of(self, stream: _Stream) -> "Iterator[pa.RecordBatch]":
        """The rows of one stream. The first call starts the threads."""
        import pyarrow as pa

        if self.scan.is_stopped:
            raise InterruptedError(STOPPED)
        running, ready = self.workers, self._ready[stream]
        try:
            self._start()
            while running:
                item = ready.get()
                if isinstance(item, pa.RecordBatch):
                    yield item
                    continue
                running -= 1
                if item is not None:
                    raise item  # noqa: TRY301 - what ended a thread ends the stream
        except (Exception, KeyboardInterrupt) as error:
            self.scan.error = self.scan.error or error
            raise
        finally:
            self._closed[stream].set()
            while running:
                running -= not isinstance(ready.get(), pa.RecordBatch)
            self._join()

    def _start(self) -> None:
        with self._lock:
            if self._threads:
                return
            self._threads = [threading.Thread(target=self._work, name="flow-log-scan") for _ in range(self.workers)]
            for thread in self._threads:
                thread.start()

    def _join(self) -> None:
        """Wait for the threads, if no other stream needs them."""
        if self._is_unneeded():
            for thread in self._threads:
                thread.join()

    def _is_unneeded(self) -> bool:
        return all(closed.is_set() for closed in self._closed.values())

    def _next_object(self) -> ScannedObject | None:
        with self._lock:
            return next(self._waiting, None)

    def _work(self) -> None:
        last: BaseException | None = None
        try:
            for decoding, batch in self.scan.batches(iter(self._next_object, None), self._is_unneeded):
                for stream in self._ready:
                    if stream.decoding is decoding:
                        self._put(stream, batch)
        except BaseException as error:  # noqa: BLE001 - raised where the streams are read
            last = error
        finally:
            for stream in self._ready:
                self._put(stream, last)

    def _put(self, stream: _Stream, item: "pa.RecordBatch | BaseException | None") -> None:
        """Hand an item to a stream. A stream that was closed, or a scan that was stopped, needs no batch any more."""
        import pyarrow as pa

        is_batch = isinstance(item, pa.RecordBatch)
        while not (is_batch and (self._closed[stream].is_set() or self.scan.is_stopped)):
            try:
                self._ready[stream].put(item, timeout=SECONDS_BETWEEN_LOOKS)
            except queue.Full:
                if self.scan.is_stopped and not stream.is_opened:
                    return
            else:
                return


def rows_sql(relation: str, table: TableDefinition, columns: Iterable[str]) -> str:
    """The SELECT of a TextScan's rows, with typed partition columns. `relation` is the scan's name in DuckDB."""
    keys = [
        f"{field_sql(quoted_name(column), hive_type)} AS {quoted_name(column)}"
        for column, hive_type in table.partition_columns
    ]
    return f"SELECT {', '.join([*map(quoted_name, columns), *keys])} FROM {quoted_name(relation)}"
