"""The contract of a query engine: an Athena statement goes in, a typed frame and its cost come out.

Assets use only this contract. The engines are in aws/athena.py and embedded/athena.py.
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
"""The pandas type of a result's column, by its Trino type. All of them can hold NULL. Other types stay as they are."""


class QueryError(FlowLakeError):
    """A statement that was refused or failed. `code` is Athena's name for the kind of error, as TABLE_NOT_FOUND."""

    def __init__(self, code: str, message: str, statement: str) -> None:
        super().__init__(f"{code}: {message}\nThe statement was:\n{statement}")
        self.code = code
        self.statement = statement


class ScanLimitError(QueryError):
    """A query that was stopped at the scan limit. A query that reads less may succeed."""


@dataclass(frozen=True)
class QueryResult:
    """The result of a statement, and its cost.

    `frame` has one row a record and the types of FRAME_TYPES; a statement without rows gives an empty frame.
    `scanned_bytes` is the size of the objects that were read, as stored (compressed): what Athena bills. `seconds` is
    wall-clock time. `written` are the ``s3://`` addresses of the objects that an UNLOAD wrote; None if the engine
    does not report them. `locations` are those of the partitions that a SELECT read, `tables` the
    tables, also those behind views; None likewise. `more_rows`: the frame has only the first rows.

    `misread` are objects that the table reads wrongly, such as one without a header line. Its keys are their paths,
    its values say why: each continues a sentence that begins with the path. `remarks` are warnings about objects that
    are read right, `partition_warnings` about partitions that point at no objects, or at objects that no run wrote. An
    engine that does not check leaves all three empty. `unmatched` are sentences about tables of which no partition is
    asked for, which is why they give no row.
    """

    statement: str
    query_id: str
    frame: "pd.DataFrame"
    scanned_bytes: int
    seconds: float
    details: Mapping[str, object] = field(default_factory=dict)
    written: Sequence[str] | None = None
    locations: tuple[str, ...] | None = None
    tables: tuple[TableName, ...] | None = None
    more_rows: bool = False
    misread: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()
    partition_warnings: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """Everything in the objects and partitions that may make the rows wrong or incomplete."""
        return (*misread_messages(self.misread), *self.remarks, *self.partition_warnings)


def misread_messages(misread: Mapping[str, str]) -> list[str]:
    """The problems of misread objects: the first few in full, then the names of others."""
    messages = [f"{path} {words}" for path, words in list(misread.items())[:MAX_NAMES]]
    others = list(misread)[MAX_NAMES:]
    if others:
        messages.append(f"Other objects cannot be read as they are, too: {first_names(others)}.")
    return messages


def day_values(day: date) -> tuple[str, ...]:
    """The values of a day's partition, in a table that is partitioned by day."""
    return (day.isoformat(),)


class QueryEngine(ABC):
    """Executes Athena's SQL: Hive DDL with backticks, Trino SELECT with double quotes."""

    @property
    @abstractmethod
    def catalog_name(self) -> str:
        """A unique name of the catalog that holds this engine's databases."""

    @property
    @abstractmethod
    def scan_limit_bytes(self) -> int | None:
        """How many bytes, as stored, one query may scan; None if there is no limit."""

    @property
    def prepared_only_read(self) -> bool:
        """Whether nothing but queries can be prepared, so that EXECUTE changes nothing."""
        return False

    def cost_in_dollars(self, scanned_bytes: int) -> float | None:
        """What a query costs that scans so many bytes; None if nobody sends a bill."""
        return None

    @abstractmethod
    def ensure(self) -> Ensured:
        """Make the engine ready to execute statements. Changes nothing where it is ready."""

    @abstractmethod
    def execute(self, statement: str, max_rows: int | None = None) -> QueryResult:
        """Run one statement to its end, or until it has given the first `max_rows` rows.

        Raises QueryError, with the statement, where it is refused or fails, or where the result does not fit into
        memory.
        """

    @abstractmethod
    def find_table(self, name: TableName) -> TableDefinition | None:
        """The table as the catalog has it; None if there is none."""

    @abstractmethod
    def locations_of(self, name: TableName, partitions: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
        """The location of each of these partitions, by its values; without those that are not there.

        A table that is not there has none.
        """

    def partition_locations(self, name: TableName, days: Sequence[date]) -> dict[date, str]:
        """The location of each day's partition, in a table that is partitioned by day; without days that have none."""
        by_values = {day_values(day): day for day in days}
        return {by_values[values]: location for values, location in self.locations_of(name, list(by_values)).items()}

    def partition_differences(
        self, name: TableName, partitions: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], list[str]]:
        """How each of these partitions is read otherwise than its table, a line for each difference.

        Partitions that are read as the table are left out. So are all of an engine that reads each partition as its
        table says.
        """
        return {}
