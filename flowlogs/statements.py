"""The statements that are sent to Athena, and the definition of a table that they create.

DDL is Hive's (backticks), SELECT is Trino's (double quotes): Athena sends each to another parser. Statements are only
written here. Engines that execute them are in resources/.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from flowlogs.datasets import Dataset
from flowlogs.errors import FlowLakeError
from flowlogs.fields import PARTITION_COLUMN
from flowlogs.record_format import PARQUET, TEXT, RecordFormat
from flowlogs.sources import Layout, LogSources

MAX_STATEMENT_BYTES = 262_144
"""Source: "Service Quotas", Amazon Athena user guide (2026)."""

MAX_PARTITIONS_PER_STATEMENT = 1_000

MAX_PARTITIONS_PER_DROP = 100
"""How many partitions one statement drops here. Athena names no limit; 100 stay far below a statement's length."""

MAX_PARTITIONS_PER_UNLOAD = 100
"""How many partitions an UNLOAD may write. Source: "UNLOAD", Considerations, Amazon Athena user guide (2026)."""

DATASETS_FOLDER = "datasets/"
"""The folder of all datasets below the results root."""

PROJECTION = "projection.enabled"
"""With this property, Athena works out partitions and reads none of Glue's ("Partition projection", user guide)."""

PATH_COLUMN = "$path"
"""Athena's hidden column of the object that a row comes from ("Get the file locations", Athena user guide)."""

TRINO_TYPES: Mapping[str, str] = {"string": "varchar", "int": "integer", "bigint": "bigint"}
"""The types of fields: Hive's names, and Trino's."""

RESERVED_WORDS = frozenset({"start", "end", "type", "region", "bytes", "protocol", "version"})
"""Columns' names that are written in quotes in SELECT, as they are, or may become, words of the language."""

IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,127}")


@dataclass(frozen=True)
class TableName:
    """A table in a database. Both names are plain identifiers, which need no escaping."""

    database: str
    table: str

    def __post_init__(self) -> None:
        for name in (self.database, self.table):
            if not IDENTIFIER.fullmatch(name):
                raise FlowLakeError(
                    f"{name!r} is no name for an Athena database or table: use lower-case letters, digits and _."
                )

    @property
    def hive(self) -> str:
        """The name in DDL."""
        return f"`{self.database}`.`{self.table}`"

    @property
    def trino(self) -> str:
        """The name in SELECT."""
        return f'"{self.database}"."{self.table}"'


@dataclass(frozen=True)
class TableDefinition:
    """A table without its name: (column, Hive type) pairs, location, format of the objects, properties.

    `delimiter` separates the fields of a text table. It does not apply to Parquet.
    """

    columns: tuple[tuple[str, str], ...]
    partition_columns: tuple[tuple[str, str], ...]
    location: str
    stored_as: str = TEXT
    delimiter: str = " "
    properties: dict[str, str] = field(default_factory=dict)

    def differences(self, actual: "TableDefinition") -> list[str]:
        """How an `actual` table differs from this one, a line for each difference; none where it can be used."""
        found = []
        for what, ours, theirs in (
            ("columns", self.columns, actual.columns),
            ("partition columns", self.partition_columns, actual.partition_columns),
        ):
            if ours != theirs:
                found.append(f"{what}: expected {_columns_text(ours)}; found {_columns_text(theirs)}")
        if self.location.rstrip("/") != actual.location.rstrip("/"):
            found.append(f"location: expected {self.location}; found {actual.location}")
        if self.stored_as != actual.stored_as:
            found.append(f"format: expected {self.stored_as}; found {actual.stored_as}")
        elif self.stored_as == TEXT and self.delimiter != actual.delimiter:
            found.append(f"field delimiter: expected {self.delimiter!r}; found {actual.delimiter!r}")
        if actual.properties.get(PROJECTION, "").lower() == "true":
            found.append(f"property {PROJECTION}: expected 'false' or none, as Athena then passes over each partition")
        for name, value in self.properties.items():
            if actual.properties.get(name) != value:
                found.append(f"property {name}: expected {value!r}; found {actual.properties.get(name)!r}")
        return found


def flow_logs_table(sources: LogSources, layout: Layout, record_format: RecordFormat) -> TableDefinition:
    """The table over those sources that lie in a layout, for records in a format.

    For text in the default format, this is the table of AWS's Athena instructions (Amazon VPC user guide).
    """
    is_text = record_format.stored_as == TEXT
    return TableDefinition(
        columns=record_format.columns,
        partition_columns=sources.partition_columns,
        location=sources.location(layout),
        stored_as=record_format.stored_as,
        properties={"skip.header.line.count": "1"} if is_text else {},
    )


def side_table_name(main: TableName, layout: Layout, record_format: RecordFormat) -> TableName:
    """The name of the table of flow logs that are in another format, or another layout, than the main table's."""
    place = hashlib.sha256(f"{layout.root} {layout.service}".encode()).hexdigest()[:4]
    return TableName(main.database, f"{main.table}_{record_format.digest}{place}")


def dataset_table(dataset: Dataset, root: str) -> TableDefinition:
    """The table of a dataset, which has its name. `root` is the results root's ``s3://…/`` address.

    Days' folders lie below its location, and each partition names its own: tables of several datasets share one.
    """
    return TableDefinition(
        columns=dataset.columns,
        partition_columns=((PARTITION_COLUMN, "string"),),
        location=f"{root}{DATASETS_FOLDER}",
        stored_as=PARQUET,
    )


def create_database(database: str) -> str:
    return f"CREATE DATABASE IF NOT EXISTS `{database}`"


def create_table(name: TableName, definition: TableDefinition) -> str:
    columns = ",\n  ".join(f"`{column}` {hive_type}" for column, hive_type in definition.columns)
    clauses = [f"CREATE EXTERNAL TABLE IF NOT EXISTS {name.hive} (\n  {columns}\n)"]
    if definition.partition_columns:
        partitions = ", ".join(f"`{column}` {hive_type}" for column, hive_type in definition.partition_columns)
        clauses.append(f"PARTITIONED BY ({partitions})")
    if definition.stored_as == PARQUET:
        clauses.append("STORED AS PARQUET")
    else:
        clauses.append(f"ROW FORMAT DELIMITED FIELDS TERMINATED BY {text_literal(definition.delimiter)}")
    clauses.append(f"LOCATION {text_literal(definition.location)}")
    if definition.properties:
        properties = ", ".join(f"{text_literal(k)}={text_literal(v)}" for k, v in definition.properties.items())
        clauses.append(f"TBLPROPERTIES ({properties})")
    return "\n".join(clauses)


def add_partitions(name: TableName, locations: Mapping[date, str]) -> Iterator[str]:
    """The statements that add days' partitions at these locations: as few as Athena's limits allow."""
    by_values: dict[tuple[str, ...], str] = {(day.isoformat(),): location for day, location in locations.items()}
    return add_keyed_partitions(name, (PARTITION_COLUMN,), by_values)


def add_keyed_partitions(
    name: TableName, columns: Sequence[str], locations: Mapping[tuple[str, ...], str]
) -> Iterator[str]:
    """The statements that add partitions at these locations, by the values of the partition columns."""
    head = f"ALTER TABLE {name.hive} ADD IF NOT EXISTS"
    clauses: list[str] = []
    size = len(head)
    for values, location in locations.items():
        clause = f"{_partition(columns, values)} LOCATION {text_literal(location)}"
        length = len(clause.encode()) + len("\n  ")
        if clauses and (len(clauses) == MAX_PARTITIONS_PER_STATEMENT or size + length > MAX_STATEMENT_BYTES):
            yield f"{head} {_one_per_line(clauses)}"
            clauses, size = [], len(head)
        clauses.append(clause)
        size += length
    if clauses:
        yield f"{head} {_one_per_line(clauses)}"


def quoted_column(column: str) -> str:
    """A column's name in SELECT, in quotes where it is a word of the language."""
    return f'"{column}"' if column in RESERVED_WORDS else column


def set_partition_location(name: TableName, day: date, location: str) -> str:
    """Points a day's partition at another folder."""
    return set_keyed_partition_location(name, [PARTITION_COLUMN], [day.isoformat()], location)


def set_keyed_partition_location(name: TableName, columns: Sequence[str], values: Sequence[str], location: str) -> str:
    """Points a partition, given by the values of the partition columns, at another folder."""
    return f"ALTER TABLE {name.hive} {_partition(columns, values)} SET LOCATION {text_literal(location)}"


def drop_partition(name: TableName, columns: Sequence[str], values: Sequence[str]) -> str:
    """Drops a partition, given by the values of the partition columns. Its objects stay where they are."""
    return f"ALTER TABLE {name.hive} DROP {_partition(columns, values)}"


def drop_partitions(name: TableName, columns: Sequence[str], partitions: Sequence[Sequence[str]]) -> Iterator[str]:
    """The statements that drop partitions, those of them that are there. Their objects stay where they are."""
    for start in range(0, len(partitions), MAX_PARTITIONS_PER_DROP):
        clauses = [_partition(columns, values) for values in partitions[start : start + MAX_PARTITIONS_PER_DROP]]
        yield f"ALTER TABLE {name.hive} DROP IF EXISTS\n  " + ",\n  ".join(clauses)


def show_partitions(name: TableName) -> str:
    return f"SHOW PARTITIONS {name.hive}"


def drop_table(name: TableName) -> str:
    """Drops an external table and its partitions. Its objects stay where they are."""
    return f"DROP TABLE IF EXISTS {name.hive}"


def text_literal(text: str) -> str:
    """A text constant that both of Athena's parsers read alike.

    Quotes and backslashes, which they do not, are refused.
    """
    if "\\" in text or "'" in text:
        raise FlowLakeError(f"{text!r} holds a quote or a backslash, which Hive and Trino read differently.")
    return f"'{text}'"


def _partition(columns: Sequence[str], values: Sequence[str]) -> str:
    keys = ", ".join(f"{column}={text_literal(value)}" for column, value in zip(columns, values, strict=True))
    return f"PARTITION ({keys})"


def _one_per_line(clauses: Sequence[str]) -> str:
    return "\n  ".join(clauses)


def _columns_text(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{column} {hive_type}" for column, hive_type in columns) or "none"
