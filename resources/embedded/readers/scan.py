"""Scans a table's text objects: threads read and decode them, and DuckDB pulls the rows as it needs them.

../athena.py chooses the objects. lines.py reads lines, and text_serde.py decodes fields.
"""

import os
import queue
import threading
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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


class TextScan:
    """The rows of text objects as an Arrow stream. DuckDB pulls its batches while threads read ahead.

    The stream has the table's columns that are in `columns` (at least one), with their types, and each partition column
    as text. It can be read more than once. `required`: lines without this text are left out, since the query does not
    need them. `scanned_bytes` is the size, as stored, of the objects that were opened; `error` why a stream failed;
    `checks` the findings in the objects, as far as they were read; `beginnings` are digests of their first records.
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
        self.checks: dict[ScannedObject, ObjectCheck] = {}
        self.beginnings: dict[ScannedObject, str] = {}
        self._format = checked_format(table)
        self._lock = threading.Lock()
        self._stopped = threading.Event()

    def stop(self) -> None:
        """Let every stream fail soon."""
        self._stopped.set()

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

        workers = min(os.cpu_count() or 1, MAX_WORKERS, len(self.objects))
        waiting = iter(self.objects)
        # The last item of every thread is None, or the error that ended it. Whoever takes the last item of each thread
        # has all batches, or an error; and no thread waits for room in the queue.
        ready: queue.Queue[pa.RecordBatch | BaseException | None] = queue.Queue(workers * BATCHES_AHEAD)
        stopped = threading.Event()

        def next_object() -> ScannedObject | None:
            with self._lock:
                return next(waiting, None)

        def work() -> None:
            last: BaseException | None = None
            try:
                for batch in self._read(iter(next_object, None), stopped):
                    ready.put(batch)
            except BaseException as error:  # noqa: BLE001 - raised where the stream is read
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

    def _read(self, sources: Iterator[ScannedObject], unneeded: threading.Event) -> "Iterator[pa.RecordBatch]":
        """The rows of objects. Small objects of one partition are decoded together.

        Ends early when `unneeded` is set. Raises InterruptedError when the scan is stopped.
        """
        waiting: list[_Lines] = []
        partition: tuple[str, ...] = ()
        for source in sources:
            if waiting and source.partition != partition:
                yield from self._decoded(waiting, partition)
                waiting = []
            partition = source.partition
            with self._lock:
                self.scanned_bytes += source.size
            for lines, check in self._lines(source):
                if self._stopped.is_set():
                    raise InterruptedError("the scan was stopped")
                if unneeded.is_set():
                    return
                waiting.append(_Lines(source, check, lines))
                if sum(len(lines.text) for lines in waiting) >= DECODED_BYTES:
                    yield from self._decoded(waiting, partition)
                    waiting = []
        if waiting:
            yield from self._decoded(waiting, partition)

    def _lines(self, source: ScannedObject) -> Iterator[tuple[bytes | memoryview, ObjectCheck | None]]:
        """Those of an object's lines below its header that the query may need, in pieces.

        Findings are stored at once, because the reader may need no more of the object.
        """
        chunks = object_text(source.store, source.key)
        check = ObjectCheck(PurePosixPath(source.key).name, self._format) if self._format else None
        for text in without_header(chunks, self.skipped_lines, check.header if check else None):
            ends = numbers = None
            if check:
                ends = line_ends(text)
                check.records(text, ends)
                self._store_findings(source, check)
                numbers = check.lines_of_action(text, ends, self.required)
            yield usable_lines(text, self.required, ends, numbers), check
        if check:
            self._store_findings(source, check)

    def _store_findings(self, source: ScannedObject, check: ObjectCheck) -> None:
        with self._lock:
            if check.found:
                self.checks[source] = check
            if check.beginning:
                self.beginnings[source] = check.beginning

    def _decoded(self, waiting: "Sequence[_Lines]", partition: Sequence[str]) -> "Iterator[pa.RecordBatch]":
        is_inspected = self._format is None
        for piece in pieces_of(b"".join(lines.text for lines in waiting), MAX_LINES):
            rows, regular = self.lines.decode(piece)
            if not regular and not is_inspected:
                is_inspected = True
                for lines in waiting:
                    if lines.check:
                        lines.check.unusual_records(lines.text)
                        self._store_findings(lines.source, lines.check)
            yield self._with_keys(rows, partition)

    def _with_keys(self, rows: "pa.RecordBatch", partition: Sequence[str]) -> "pa.RecordBatch":
        import pyarrow as pa

        keys = [
            pa.DictionaryArray.from_arrays(
                pa.repeat(pa.scalar(0, pa.int8()), len(rows)), pa.array([value], pa.string())
            )
            for value in partition
        ]
        return pa.RecordBatch.from_arrays([*rows.columns, *keys], schema=self.schema)


def rows_sql(relation: str, table: TableDefinition, columns: Iterable[str]) -> str:
    """The SELECT of a TextScan's rows, with typed partition columns. `relation` is the scan's name in DuckDB."""
    keys = [
        f"{field_sql(quoted_name(column), hive_type)} AS {quoted_name(column)}"
        for column, hive_type in table.partition_columns
    ]
    return f"SELECT {', '.join([*map(quoted_name, columns), *keys])} FROM {quoted_name(relation)}"
