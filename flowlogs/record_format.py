"""Which fields the records of a flow log have, in which order, and whether its objects are text or Parquet.

A flow log's format cannot be changed after it was created. A text object says it in its header line, a Parquet object
in its schema, EC2 in ``LogFormat`` ("CreateFlowLogs", Amazon EC2 API reference). The fields are in fields.py.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from flowlogs.errors import FlowLakeError
from flowlogs.fields import ACCOUNT_COLUMN, DEFAULT_FIELDS, FIELD_OF, PARTITION_COLUMN, REGION_COLUMN, Field

TEXT, PARQUET = "text", "parquet"
"""The formats of a table's objects: lines of delimited text, or Parquet."""

FILE_FORMATS: Mapping[str, str] = {"plain-text": TEXT, "parquet": PARQUET}
"""EC2's names for them (``FileFormat`` in DestinationOptions)."""

TRANSIT_GATEWAY_FIELDS = re.compile(r"tgw[-_].+|resource[-_]type")
"""Names of fields that only flow logs of transit gateways have."""

TYPES = frozenset({"int", "bigint", "string"})
"""The Hive types of fields."""

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_KEYS = frozenset({PARTITION_COLUMN, ACCOUNT_COLUMN, REGION_COLUMN})
_KNOWN_ENOUGH = 4
"""Words with so many known fields among them are a header line, however many others there are."""


@dataclass(frozen=True)
class RecordFormat:
    """The fields of a flow log's records, in order, and what its objects are: TEXT or PARQUET."""

    fields: tuple[Field, ...]
    stored_as: str = TEXT

    @cached_property
    def header_line(self) -> str:
        """The first line of each text object."""
        return " ".join(field.header for field in self.fields)

    @cached_property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """The columns of a table over such objects, with their Hive types.

        A text table is read by position, so that columns can have this project's names. A Parquet table is read by
        name, so that its columns have the objects' names.
        """
        return tuple((self.column_of(field), field.type) for field in self.fields)

    def column_of(self, field: Field) -> str:
        """The name of a field's column."""
        return field.underscored if self.stored_as == PARQUET else field.column

    @property
    def unknown(self) -> list[str]:
        """The names of fields that fields.py does not have. They are text, and in no derived table."""
        return [field.header for field in self.fields if field.header not in FIELD_OF]

    @property
    def has_times(self) -> bool:
        """Whether its records say when they were made: no two of one interface are then the same."""
        return self.position("start") is not None or self.position("end") is not None

    def position(self, header: str) -> int | None:
        """The position of a field in a record, from 0; None where the format lacks it."""
        return next((number for number, field in enumerate(self.fields) if field.header == header), None)

    @cached_property
    def digest(self) -> str:
        """A short name of the format, for the name of its table."""
        return hashlib.sha256(f"{self.stored_as} {self.header_line}".encode()).hexdigest()[:8]

    @property
    def log_format(self) -> str:
        """The format as EC2 writes it: ``${version} ${account-id} …``."""
        return " ".join(f"${{{field.header}}}" for field in self.fields)

    @property
    def in_words(self) -> str:
        """The format for people."""
        kind = "Parquet" if self.stored_as == PARQUET else "text"
        return f"{kind}, {'default format' if self.fields == DEFAULT_FIELDS else self.header_line}"


DEFAULT_FORMAT = RecordFormat(DEFAULT_FIELDS)


def parse_log_format(text: str, stored_as: str = TEXT) -> RecordFormat:
    """The format that EC2's ``LogFormat`` or a setting asks for. Raises FlowLakeError, with what is wrong."""
    words = text.split()
    names = [match[1] for word in words if (match := re.fullmatch(r"\$\{([^{}]+)\}", word))]
    if not words or len(names) != len(words):
        raise FlowLakeError(
            f"{text!r} is no format of flow logs. It is written as AWS writes it, with blanks between the fields: "
            "${version} ${account-id} ${srcaddr} ${action}"
        )
    if problem := names_problem(names):
        raise FlowLakeError(f"{text!r} is no format of flow logs: {problem}.")
    return RecordFormat(_fields(names), stored_as)


def header_format(line: str) -> RecordFormat | None:
    """The format that a text object's first line names; None where the line is no header line of a flow log."""
    names = line.strip(" ").split(" ")
    return RecordFormat(_fields(names)) if _are_names(names) and names_problem(names) is None else None


def is_header_of(line: str, record_format: RecordFormat) -> bool:
    """Whether a line is the header line of this format."""
    return line.strip(" ").replace("_", "-") == record_format.header_line


def parquet_format(columns: Sequence[tuple[str, str]]) -> RecordFormat | None:
    """The format that the columns of a Parquet object name, with their types; None where they are not a flow log's.

    A column that is not known has the type that it has there.
    """
    names = [name for name, _ in columns]
    if not _are_names(names) or names_problem(names) is not None:
        return None
    types = dict(columns)
    fields = [
        field if field.header in FIELD_OF or types[name] not in TYPES else replace(field, type=types[name])
        for name, field in zip(names, _fields(names), strict=True)
    ]
    return RecordFormat(tuple(fields), PARQUET)


def format_text(record_format: RecordFormat) -> str:
    """The format as one line of text, which `parse_format_text` reads."""
    words = [
        field.header if field.header in FIELD_OF else f"{field.header}:{field.type}" for field in record_format.fields
    ]
    return " ".join([record_format.stored_as, *words])


def parse_format_text(text: str) -> RecordFormat | None:
    """What `format_text` wrote; None for any other text."""
    stored_as, *words = text.split(" ")
    pairs = [(name, kind or "string") for name, _, kind in (word.partition(":") for word in words)]
    if stored_as == TEXT:
        return header_format(" ".join(name for name, _ in pairs))
    return parquet_format([(name.replace("-", "_"), kind) for name, kind in pairs]) if stored_as == PARQUET else None


def column_format(columns: Iterable[str], stored_as: str) -> RecordFormat | None:
    """The format of the flow logs that a table with these columns reads; None where they are no fields."""
    names = [_HEADER_OF_COLUMN.get(column, column) if stored_as == TEXT else column for column in columns]
    return RecordFormat(_fields(names), stored_as) if names and names_problem(names) is None else None


def names_problem(names: Sequence[str]) -> str | None:
    """Why these names of fields make no table; None where they do."""
    for name in names:
        if not _NAME.fullmatch(name):
            return f"{name!r} is no name of a field"
    columns = [column for column, _ in RecordFormat(_fields(names)).columns]
    for name, column in zip(names, columns, strict=True):
        if columns.count(column) > 1:
            return f"it names the field {name} twice"
        if column in _KEYS:
            return f"the field {name} has the name of a partition column"
    return None


def _are_names(names: Sequence[str]) -> bool:
    """Whether the fields of flow logs are among these names, and the rest could be such fields."""
    known = sum(name in FIELD_OF for name in names)
    if any(map(TRANSIT_GATEWAY_FIELDS.fullmatch, names)):
        return False
    return (known >= _KNOWN_ENOUGH or known > len(names) / 2) and all(map(_NAME.fullmatch, names))


def _fields(names: Iterable[str]) -> tuple[Field, ...]:
    """The fields with these names, written with dashes or underscores. One that is not known is text."""
    return tuple(
        FIELD_OF.get(name) or Field(name.replace("-", "_"), name.replace("_", "-"), "string") for name in names
    )


_HEADER_OF_COLUMN = {field.column: field.header for field in FIELD_OF.values()}
