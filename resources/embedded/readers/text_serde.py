"""Decodes lines of text into typed columns, as Hive's LazySimpleSerDe does. lines.py splits text into lines.

The rules were checked with Hive's own reader: a number that does not parse or does not fit is NULL, a missing field is
NULL, an extra one is ignored, and ``\\N`` is NULL.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flowlogs.statements import TableDefinition
from resources.embedded.data_types import HIVE_TYPES, field_sql
from resources.embedded.quoting import quoted_name, quoted_text
from resources.embedded.readers.byte_search import WORD, positions, slices, words_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

MUCH_TEXT = 12 << 20
"""Only a very long line gives so many bytes at a time. Then extra fields of such lines are cut off first."""

LONG_LINE = 1 << 20


class LineDecoder:
    """Decodes lines into some of a table's columns, or into its first column if `columns` names none.

    Nearly all lines are regular: as many fields as the table has columns, integers in decimal digits, ``-`` for a
    missing value, no backslash. Regular lines are decoded a column at a time, with array operations. If any line of a
    text is not regular, the whole text is decoded by DuckDB, with the SQL of `field_sql`.
    """

    def __init__(self, table: TableDefinition, columns: Iterable[str]) -> None:
        self.table = table
        wanted = set(columns)
        self.columns = [(name, kind) for name, kind in table.columns if name in wanted] or [*table.columns[:1]]

    @cached_property
    def schema(self) -> "pa.Schema":
        import pyarrow as pa

        return pa.schema([(name, pa.type_for_alias(HIVE_TYPES[kind].arrow)) for name, kind in self.columns])

    def decode(self, lines: bytes) -> "tuple[pa.RecordBatch, bool]":
        """The rows of lines, each of which ends in ``\\n``; and whether all inspected lines are regular."""
        import pyarrow as pa

        if not lines:
            return pa.RecordBatch.from_pylist([], schema=self.schema), True
        if len(lines) > MUCH_TEXT:
            lines = b"".join(self._without_extra_fields(lines))
            return self._regular(lines) or self._any(lines), False
        rows = self._regular(lines)
        return (self._any(lines), False) if rows is None else (rows, True)

    def _without_extra_fields(self, lines: bytes) -> Iterator[memoryview | bytes]:
        delimiter, text = self.table.delimiter.encode(), memoryview(lines)
        start = 0
        while start < len(lines):
            end = lines.index(b"\n", start)
            place = start - 1
            for _ in self.table.columns if end - start > LONG_LINE else ():
                place = lines.find(delimiter, place + 1, end)
                if place < 0:
                    break
            yield text[start : place if place > start else end]
            yield b"\n"
            start = end + 1

    def _regular(self, lines: bytes) -> "pa.RecordBatch | None":
        """The rows, if all lines are regular."""
        import numpy as np
        import pyarrow as pa

        # Bytes before the first field, so that a whole word ends where that field ends.
        text = b"".join((bytes(WORD), lines))
        characters = np.frombuffer(text, np.uint8)
        ends = positions(characters, 0x0A)
        gaps = np.flatnonzero(characters == ord(self.table.delimiter))
        count = len(self.table.columns)
        if len(gaps) != (count - 1) * len(ends) or b"\\" in lines:
            return None
        bounds = np.empty((count + 1, len(ends)), np.int64)
        bounds[0, 0], bounds[0, 1:] = WORD - 1, ends[:-1]
        bounds[1:count] = gaps.reshape(len(ends), count - 1).T
        bounds[count] = ends
        if (bounds[1] <= bounds[0]).any() or (bounds[count] <= bounds[count - 1]).any():
            return None
        numbers = {column: number for number, (column, _) in enumerate(self.table.columns)}
        arrays = []
        for name, kind in self.columns:
            start, end = bounds[numbers[name]] + 1, bounds[numbers[name] + 1]
            if not HIVE_TYPES[kind].is_integer:
                arrays.append(slices(text, start, end))
                continue
            values = _integers(text, start, end, HIVE_TYPES[kind].arrow)
            if values is None:
                return None
            arrays.append(values)
        return pa.RecordBatch.from_arrays(arrays, schema=self.schema)

    def _any(self, lines: bytes) -> "pa.RecordBatch":
        import duckdb
        import numpy as np
        import pyarrow as pa

        ends = positions(np.frombuffer(lines, np.uint8), 0x0A)
        offsets = np.zeros(len(ends) + 1, np.int32)
        offsets[1:] = ends + 1
        texts = pa.StringArray.from_buffers(len(ends), pa.py_buffer(offsets), pa.py_buffer(lines))
        numbers = {column: number for number, (column, _) in enumerate(self.table.columns, 1)}
        fields = [
            f"{field_sql(f'fields[{numbers[name]}]', kind)} AS {quoted_name(name)}" for name, kind in self.columns
        ]
        split = f"SELECT string_split(left(line, -1), {quoted_text(self.table.delimiter)}) AS fields FROM lines"
        with duckdb.connect(config={"threads": 1}) as connection:
            connection.register("lines", pa.table({"line": texts}))
            rows = connection.sql(f"SELECT {', '.join(fields)} FROM ({split})").to_arrow_table()
        (batch,) = rows.cast(self.schema).combine_chunks().to_batches()
        return batch


def _integers(
    text: bytes, start: "np.ndarray[Any, Any]", end: "np.ndarray[Any, Any]", arrow_type: str
) -> "pa.Array | None":
    """The integers in parts of a text, NULL for ``-``; None if a part has other characters, or too many.

    The parser works on 64-bit numbers, each of which holds the last eight characters of a part (`_digits`). Longer
    parts have a second number: ``1234567890`` is 12 * 10**8 + 34567890.
    """
    import numpy as np
    import pyarrow as pa

    size = end - start
    longest = int(size.max())
    if not size.min() or longest > 2 * WORD:
        return None
    words = words_of(text)
    last = words[end - WORD]
    values, valid = _digits(last, size if longest <= WORD else np.minimum(size, WORD))
    if longest > WORD:
        # The characters before the last eight. A shorter part has no such characters (size 0).
        high, high_valid = _digits(words[np.maximum(end - 2 * WORD, 0)], np.maximum(size - WORD, 0))
        values, valid = values + high * np.uint64(10**WORD), valid & high_valid
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
    """The values of each word's last `size` characters (at most eight), and whether all of them are digits.

    All words are handled at once, in a few steps ("Parsing series of integers with SIMD", Wojciech Muła, 2018). For the
    characters ``00001234``: an XOR with eight ``0`` gives the digits 0 0 0 0 1 2 3 4, one in each byte. Multiplying by
    10 and adding the next byte gives pairs: 0 0 12 34. Two multiplications then add the pairs, times 10**6, 10**4, 100
    and 1.
    """
    import numpy as np

    every = np.uint64(0x0101010101010101)
    last = np.array([2**64 - 2 ** (8 * (WORD - kept)) for kept in range(WORD + 1)], np.uint64)
    digits = (words ^ (every * np.uint64(ord("0")))) & last[size]
    wrong = (digits | (digits + every * np.uint64(0x80 - 10))) & (every * np.uint64(0x80))
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8))
    low = np.uint64(0x000000FF000000FF)
    quarters = (pairs & low) * np.uint64(0x000F424000000064)
    quarters += ((pairs >> np.uint64(16)) & low) * np.uint64(0x0000271000000001)
    return quarters >> np.uint64(32), wrong == 0
