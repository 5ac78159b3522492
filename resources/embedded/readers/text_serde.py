"""Decodes lines of text into typed columns, as Hive's LazySimpleSerDe does. lines.py splits text into lines.

The rules were checked with Hive's own reader: a number that does not parse or does not fit is NULL, a missing field is
NULL, an extra one is ignored, and ``\\N`` is NULL.
"""

import re
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING

from flowlogs.statements import TableDefinition
from resources.embedded.data_types import HIVE_TYPES, field_sql
from resources.embedded.quoting import quoted_name, quoted_text
from resources.embedded.readers.byte_search import positions

if TYPE_CHECKING:
    import pyarrow as pa
    from pyarrow import csv

MUCH_TEXT = 12 << 20
"""Only a very long line gives so many bytes at a time. Then extra fields of such lines are cut off first."""

LONG_LINE = 1 << 20

_HEXADECIMAL = re.compile(b"0[xX]")


class LineDecoder:
    """Decodes lines into some of a table's columns, or into its first column if `columns` names none.

    Nearly all lines are regular: as many fields as the table has columns, integers in decimal digits, ``-`` for a
    missing value, no backslash. Regular lines are decoded by Arrow's CSV reader. If any line of a text is not regular,
    the whole text is decoded by DuckDB, with the SQL of `field_sql`.
    """

    def __init__(self, table: TableDefinition, columns: Iterable[str]) -> None:
        self.table = table
        wanted = set(columns)
        self.columns = [(name, kind) for name, kind in table.columns if name in wanted] or [*table.columns[:1]]

    @cached_property
    def schema(self) -> "pa.Schema":
        import pyarrow as pa

        return pa.schema([(name, pa_type(kind)) for name, kind in self.columns])

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
        import pyarrow as pa
        from pyarrow import csv

        # Arrow also ends lines at "\r", skips a byte order mark, and takes blanks around numbers and hexadecimal ones.
        if any(character in lines for character in self._unusual) or lines.startswith(BOM_UTF8):
            return None
        if (b"x" in lines or b"X" in lines) and _HEXADECIMAL.search(lines):
            return None
        try:
            rows = csv.read_csv(pa.py_buffer(lines), self._reading(len(lines)), self._parsing, self._conversion)
        except pa.ArrowInvalid:
            return None
        if any(map(_is_unusual, rows.columns)):
            return None
        (batch,) = rows.select(self.schema.names).combine_chunks().to_batches() or [None]
        return batch

    def _reading(self, size: int) -> "csv.ReadOptions":
        from pyarrow import csv

        names = [name for name, _ in self.table.columns]
        return csv.ReadOptions(column_names=names, use_threads=False, block_size=size + 1)

    @cached_property
    def _unusual(self) -> list[bytes]:
        blanks = {b" ", b"\t"} - {self.table.delimiter.encode()}
        return [b"\\", b"\r", *sorted(blanks)]

    @cached_property
    def _parsing(self) -> "csv.ParseOptions":
        from pyarrow import csv

        return csv.ParseOptions(
            delimiter=self.table.delimiter, quote_char=False, escape_char=False, ignore_empty_lines=False
        )

    @cached_property
    def _conversion(self) -> "csv.ConvertOptions":
        from pyarrow import csv

        types = dict(self.table.columns)
        wanted = [*self.schema.names, *self._outermost]
        return csv.ConvertOptions(
            include_columns=list(dict.fromkeys(wanted)),
            column_types={name: pa_type(types[name]) for name in wanted},
            null_values=["-"],
            strings_can_be_null=False,
            check_utf8=False,
        )

    @cached_property
    def _outermost(self) -> list[str]:
        """The first and the last column: a line that begins or ends with a delimiter is irregular."""
        return [self.table.columns[0][0], self.table.columns[-1][0]]

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


def pa_type(hive_type: str) -> "pa.DataType":
    """The Arrow type of a column's values."""
    import pyarrow as pa

    return pa.type_for_alias(HIVE_TYPES[hive_type].arrow)


def _is_unusual(column: "pa.ChunkedArray") -> bool:
    """Whether a column has an empty text, or a negative number."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_string(column.type):
        return bool(pc.min(pc.binary_length(column)).as_py() == 0)
    least = pc.min(column).as_py() if pa.types.is_integer(column.type) else None
    return least is not None and least < 0
