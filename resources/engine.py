"""The contract with whatever executes SQL: an Athena statement goes in, a typed frame and what it cost come out.

Assets know only this. Athena itself and the embedded engine are the two that keep it; nothing here knows either.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from flowlogs.errors import FlowLakeError
from flowlogs.printable import MAX_NAMES, first_names
from flowlogs.statements import TableDefinition, TableName
from resources.ensured import Ensured

if TYPE_CHECKING:
    import pandas as pd

FRAME_TYPES: Mapping[str, str] = {
    "boolean": "boolean",
    "tinyint": "Int8",
    "smallint": "Int16",
    "integer": "Int32",
    "bigint": "Int64",
    "real": "Float32",
    "double": "Float64",
    "varchar": "string",
}
"""The pandas type of a result's column, by its Trino type: each of them has room for NULL. Others stay as they come."""


class QueryError(FlowLakeError):
    """A statement that was refused or failed. `code` is Athena's name for the kind of error, as TABLE_NOT_FOUND."""

    def __init__(self, code: str, message: str, statement: str) -> None:
        super().__init__(f"{code}: {message}\nThe statement was:\n{statement}")
        self.code = code
        self.statement = statement


class ScanLimitError(QueryError):
    """A query that was stopped since it scanned more than a single one may. One that asks for less may pass."""


@dataclass(frozen=True)
class QueryResult:
    """What a statement gave and what it cost.

    `frame` has one row a record and the types of FRAME_TYPES; a statement without rows gives an empty frame.
    `scanned_bytes` are those of the stored (compressed) objects that were read, as Athena bills them; `seconds` are
    wall-clock seconds. `written` are the ``s3://`` addresses of the objects that an UNLOAD wrote, none where the
    engine does not tell them; `locations` those of the partitions that a SELECT read, likewise. `more_rows` says that
    the frame has the first rows alone.

    `misread` are objects whose records are not what the rows say, as where one has no header line: by each one's
    address for people, why, in words that follow it. `remarks` is what is to be known of objects that are read right,
    and `empty_partitions` of partitions that point at nothing. An engine that does not look has none of them.
    """

    statement: str
    query_id: str
    frame: "pd.DataFrame"
    scanned_bytes: int
    seconds: float
    details: Mapping[str, object] = field(default_factory=dict)
    written: Sequence[str] | None = None
    locations: tuple[str, ...] = ()
    more_rows: bool = False
    misread: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    empty_partitions: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """What people should know of the objects that were read: whether the rows are what they hold."""
        return (*misread_messages(self.misread), *self.remarks, *self.empty_partitions)


def misread_messages(misread: Mapping[str, str]) -> list[str]:
    """Of objects that are not what their table takes them for: the first few in full, and which others there are."""
    told = [f"{path} {words}" for path, words in list(misread.items())[:MAX_NAMES]]
    others = list(misread)[MAX_NAMES:]
    if others:
        told.append(f"Neither can others be read as they are: {first_names(others)}.")
    return told


class QueryEngine(ABC):
    """Executes Athena's SQL: Hive DDL with backticks, Trino SELECT with double quotes."""

    @property
    @abstractmethod
    def catalog_name(self) -> str:
        """What the catalog of databases is called that this engine looks into: no other one is called so."""

    @property
    @abstractmethod
    def scan_limit_bytes(self) -> int | None:
        """How many bytes of objects, as stored, one query may scan; None where there is no limit."""

    @abstractmethod
    def ensure(self) -> Ensured:
        """Make the engine ready to execute; changes nothing where it is."""

    @abstractmethod
    def execute(self, statement: str, max_rows: int | None = None) -> QueryResult:
        """Run one statement to its end, or until it has given the first `max_rows` rows.

        Raises QueryError, with the statement, where it is refused or fails; also where it gives more than fits into
        memory.
        """

    @abstractmethod
    def find_table(self, name: TableName) -> TableDefinition | None:
        """The table as the catalog has it; None where there is none."""

    @abstractmethod
    def partition_locations(self, name: TableName, days: Sequence[date]) -> dict[date, str]:
        """The location of each day's partition, in a table that is partitioned by day; without days that have none."""
