"""Frames as people and programs read them: Markdown, Parquet, CSV. Plain functions, no Dagster and no I/O."""

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

ARROW_TYPES: Mapping[str, str] = {
    "boolean": "bool",
    "Int8": "int8",
    "Int16": "int16",
    "Int32": "int32",
    "Int64": "int64",
    "Float32": "float",
    "Float64": "double",
    "string": "string",
}
"""The Arrow type that a column is stored with, by its pandas type: an empty column is as typed as a full one."""


def markdown_table(frame: "pd.DataFrame", rows: int | None = None) -> str:
    """The frame's first `rows` rows (all of them by default) as a Markdown table; NULL is an empty cell.

    Without a blank too many: Dagster's UI (1.13) shows up to 999 characters at once, and more behind a link.
    """
    lines = [_markdown_row(frame.columns), _markdown_row("-" for _ in frame.columns)]
    shown = frame if rows is None else frame.head(rows)
    lines += [_markdown_row("" if cell is None else cell for cell in row) for row in plain_rows(shown)]
    if len(shown) < len(frame):
        lines.append(f"\nMore rows in the files: {len(frame) - len(shown)}.")
    return "\n".join(lines)


def plain_rows(frame: "pd.DataFrame") -> list[list[object]]:
    """The rows as Python values, NULL as None."""
    rows: list[list[object]] = frame.astype(object).where(frame.notna(), None).to_numpy().tolist()
    return rows


def parquet_bytes(frame: "pd.DataFrame") -> bytes:
    """The frame as a Parquet file (ZSTD): the same bytes for the same rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [(column, pa.type_for_alias(ARROW_TYPES[str(dtype)])) for column, dtype in frame.dtypes.items()]
    table = pa.Table.from_pandas(frame, schema=pa.schema(fields), preserve_index=False).replace_schema_metadata()
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    written: bytes = sink.getvalue().to_pybytes()
    return written


def csv_bytes(frame: "pd.DataFrame") -> bytes:
    """The frame as CSV with a header line; NULL is an empty field."""
    return frame.to_csv(index=False, lineterminator="\n").encode()


def _markdown_row(cells: Iterable[object]) -> str:
    return "|" + "|".join(_escaped(str(cell)) for cell in cells) + "|"


def _escaped(cell: str) -> str:
    # A record may hold anything, also a link or a picture as Markdown writes them.
    marks = re.sub(r"([\\`*_~|\[\]])", r"\\\1", cell.replace("\n", " "))
    return marks.replace("&", "&amp;").replace("<", "&lt;")
