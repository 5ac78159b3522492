"""Frames as people and programs read them: Markdown, Parquet, CSV. Plain functions, no Dagster and no I/O."""

import io
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING

from flowlogs.fields import TIME_COLUMNS
from flowlogs.printable import printable, shortened

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

CELL_LENGTH = 100
"""How many characters of a cell people see; files hold all of it. The longest value that AWS writes is an ARN."""

_FORMULA = frozenset("=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u2212")
"""How a formula begins: these characters, and others that a spreadsheet may read as one of them."""

_CELL = re.compile("[^;\t\r\n\v\f\x1c\x1d\x1e\x85\u2028\u2029]+")
"""A part of a text that a spreadsheet may take for a cell: many of them separate cells by semicolons or tabs."""

_WORD_OR_MARK = re.compile("[^ |`]+|[|`]")
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)

_MARKS = re.compile(r"[\\`*~|\[\]]|(?<![^\W_])_|_(?![^\W_])")  # within a word, "_" is not a mark
_BLOCK = re.compile(r"[#>+=-](?=.)|\d{1,9}[.)](?= )")
_FRACTIONS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
_LINKED = re.compile("://|www\\.|@", re.IGNORECASE)


SHOWN_AT_ONCE = 999
"""How many characters of Markdown Dagster's UI (1.13) shows at once. More is behind a link."""


def markdown_table(frame: "pd.DataFrame", rows: int | None = None, characters: int | None = None) -> str:
    """The frame's first `rows` rows (all of them by default) as a Markdown table; NULL is an empty cell.

    With `characters`, it has only as many rows as fit, but one at least. It has no extra blanks.
    """
    lines = [_markdown_row(map(markdown_text, frame.columns)), _markdown_row("-" for _ in frame.columns)]
    head = len(lines)
    room = None if characters is None else characters - sum(map(len, lines)) - head - len(_more_rows(len(frame))) - 1
    for row in plain_rows(frame if rows is None else frame.head(rows)):
        line = _markdown_row(markdown_text(cell_text(cell)) for cell in row)
        if room is not None:
            room -= len(line) + 1
            if room < 0 and len(lines) > head:
                break
        lines.append(line)
    left = len(frame) - (len(lines) - head)
    return "\n".join([*lines, *([_more_rows(left)] if left else [])])


def _more_rows(count: int) -> str:
    return f"\nMore rows in the files: {count}."


def with_times(frame: "pd.DataFrame", time_columns: Collection[str] = TIME_COLUMNS) -> "pd.DataFrame":
    """The frame as people are shown it: these columns, if they hold seconds since 1970, hold times (UTC) as text."""
    columns = [column for column in frame.select_dtypes("integer") if column in time_columns]
    times = {column: frame[column].map(_time, na_action="ignore").astype("string") for column in columns}
    shown: pd.DataFrame = frame.assign(**times)
    return shown


def plain_rows(frame: "pd.DataFrame") -> list[list[object]]:
    """The rows as Python values, NULL as None."""
    series = [frame.iloc[:, number] for number in range(len(frame.columns))]
    columns = [one.to_numpy(dtype=object, na_value=None) for one in series]  # type: ignore[call-overload] # None is one
    return [list(row) for row in zip(*columns, strict=True)]


def parquet_bytes(frame: "pd.DataFrame", metadata: Mapping[str, str] | None = None) -> bytes:
    """The frame as a Parquet file (ZSTD), with this metadata: the same bytes for the same rows and metadata."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    fields = [(column, pa.type_for_alias(ARROW_TYPES[str(dtype)])) for column, dtype in frame.dtypes.items()]
    table = pa.Table.from_pandas(frame, schema=pa.schema(fields), preserve_index=False)
    table = table.replace_schema_metadata(dict(metadata) if metadata else None)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    written: bytes = sink.getvalue().to_pybytes()
    return written


def csv_bytes(frame: "pd.DataFrame") -> bytes:
    """The frame as CSV with a header line; NULL is an empty field.

    A text that a spreadsheet would take for a formula gets an apostrophe. The Parquet file has it unchanged.
    """
    lines = _Lines()
    texts = {name: frame[name].map(_without_formulas, na_action="ignore") for name in frame.select_dtypes("string")}
    # With "\r\n" as the end of a line, what holds either is quoted: a spreadsheet ends lines at both.
    frame.assign(**texts).to_csv(lines, index=False, lineterminator="\r\n")
    return lines.getvalue().encode()


def cell_text(value: object) -> str:
    """A value as one line of printable text, cut where it is long; NULL is empty."""
    if value is None:
        return ""
    return shortened(printable(_beginning(value, CELL_LENGTH + 1)), CELL_LENGTH)


def markdown_text(text: str) -> str:
    """The text as Markdown that shows just that, on one line.

    GitHub's Markdown turns bare addresses into links, even escaped ones, everywhere but in code. Therefore a word with
    an address in it becomes code.
    """
    line = printable(text.replace("\n", " ")).strip()
    begins_a_block = _BLOCK.match(line)
    words = _WORD_OR_MARK.sub(lambda word: _markdown_word(word[0]), line)
    if begins_a_block and not words.startswith("`"):
        words = f"{words[: begins_a_block.end() - 1]}\\{words[begins_a_block.end() - 1 :]}"
    return words


def markdown_list(texts: Iterable[str]) -> str:
    """A list of texts in Markdown; empty without any."""
    return "\n".join(f"- {markdown_text(text)}" for text in texts)


def code_block(sql: str) -> str:
    """Lines of SQL as Markdown that shows just those."""
    text = printable(sql, keep_newlines=True)
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}sql\n{text}\n{fence}"


def _markdown_word(word: str) -> str:
    if _LINKED.search(word):
        return f"`{word}`"
    return _MARKS.sub(r"\\\g<0>", word).replace("&", "&amp;").replace("<", "&lt;")


class _Lines(io.StringIO):
    """Takes lines that end in ``\\r\\n``, one at a time, and ends them in ``\\n``."""

    def write(self, line: str) -> int:
        return super().write(line.removesuffix("\r\n") + "\n")


def _without_formulas(text: str) -> str:
    """The text with an apostrophe before each part that a spreadsheet may take for a formula."""
    if text == "-":  # flow logs write it for a missing value
        return text
    cells = _CELL.sub(lambda cell: f"'{cell[0]}" if _first_visible(cell[0], ' "') in _FORMULA else cell[0], text)
    is_live = text[:1] in ("\t", "\r", "\n") or _first_visible(text, ' ";') in _FORMULA
    return f"'{cells}" if is_live and not cells.startswith("'") else cells


def _first_visible(text: str, skipped: str) -> str:
    """The first visible character that is not one of `skipped`. Characters that are not printable are invisible."""
    return next((character for character in text if character.isprintable() and character not in skipped), "")


def _beginning(value: object, most: int) -> str:
    """The first characters of a value's text. The whole text may be very long, and is not built for this."""
    if isinstance(value, str):
        return value[:most]
    if isinstance(value, bytes | bytearray):
        return str(bytes(value[:most]))
    if isinstance(value, Mapping):
        return _joined((f"{_beginning(key, most)}={_beginning(item, most)}" for key, item in value.items()), "{}", most)
    if isinstance(value, Iterable):
        return _joined(("null" if item is None else _beginning(item, most) for item in value), "[]", most)
    if isinstance(value, Decimal):
        return f"{value:f}"[:most]
    return _FRACTIONS.get(text := str(value), text)[:most]


def _joined(parts: Iterable[str], brackets: str, most: int) -> str:
    text = brackets[0]
    for number, part in enumerate(parts):
        text += f"{', ' if number else ''}{part}"
        if len(text) > most:
            return text
    return text + brackets[1]


def _time(seconds: int) -> str:
    """The time that so many seconds since 1970 are; the number itself if it is out of range."""
    try:
        return (_EPOCH + timedelta(seconds=int(seconds))).isoformat().replace("+00:00", "Z")
    except OverflowError:
        return str(seconds)


def _markdown_row(cells: Iterable[str]) -> str:
    return "|" + "|".join(cells) + "|"
