"""The statements that are sent to Athena, and the definition of a table that they create.

DDL is Hive's (backticks), SELECT is Trino's (double quotes): Athena sends each to another parser. Everything here is
text in, text out; who runs it is no concern of this module.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from flowlogs.errors import FlowLakeError
from flowlogs.fields import DEFAULT_FIELDS, PARTITION_COLUMN
from flowlogs.layout import LogSource

MAX_STATEMENT_BYTES = 262_144
"""Source: "Service Quotas", Amazon Athena user guide (2026)."""

MAX_PARTITIONS_PER_STATEMENT = 1_000

MAX_UNLOADED_PARTITIONS = 100
"""How many partitions an UNLOAD may write. Source: "UNLOAD", Considerations, Amazon Athena user guide (2026)."""

TEXT, PARQUET = "text", "parquet"
"""What a table's objects can be: lines of delimited text, or Parquet."""

REJECTED_FLOWS = "rejected_flows"
"""The table of the REJECT records alone, and the folder below the results root that its files are in."""

PROJECTION = "projection.enabled"
"""With this property, Athena works out partitions and reads none of Glue's ("Partition projection", user guide)."""

IDENTIFIER = re.compile(r"[a-z_][a-z0-9_]{0,127}")


@dataclass(frozen=True)
class TableName:
    """A table in a database; both are plain identifiers, so that neither ever needs escaping."""

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
        """As DDL writes it."""
        return f"`{self.database}`.`{self.table}`"

    @property
    def trino(self) -> str:
        """As SELECT writes it."""
        return f'"{self.database}"."{self.table}"'


@dataclass(frozen=True)
class TableDefinition:
    """What a table is, apart from its name: (column, Hive type) pairs, where and what its objects are, its properties.

    The delimiter is that of a text table's fields, and means nothing in a Parquet table.
    """

    columns: tuple[tuple[str, str], ...]
    partition_columns: tuple[tuple[str, str], ...]
    location: str
    stored_as: str = TEXT
    delimiter: str = " "
    properties: dict[str, str] = field(default_factory=dict)

    def differences(self, actual: "TableDefinition") -> list[str]:
        """Every way in which an `actual` table differs from this one, one line each; none when it serves."""
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


def flow_logs_table(source: LogSource) -> TableDefinition:
    """The table over one source's flow logs in the default format (AWS's Athena instructions, VPC user guide)."""
    return TableDefinition(
        columns=tuple((field.column, field.type) for field in DEFAULT_FIELDS),
        partition_columns=((PARTITION_COLUMN, "string"),),
        location=source.location,
        properties={"skip.header.line.count": "1"},
    )


def rejected_flows_name(flow_logs: TableName) -> TableName:
    """The table of REJECT records that is made from a table of flow logs: beside it, in the same database."""
    return TableName(flow_logs.database, REJECTED_FLOWS)


def rejected_flows_table(root: str) -> TableDefinition:
    """The table over the REJECT records below the results root, an ``s3://…/`` address: every column of the logs."""
    return TableDefinition(
        columns=tuple((field.column, field.type) for field in DEFAULT_FIELDS),
        partition_columns=((PARTITION_COLUMN, "string"),),
        location=f"{root}{REJECTED_FLOWS}/",
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
    """The statements that register days where they lie: as few as Athena's limits allow."""
    head = f"ALTER TABLE {name.hive} ADD IF NOT EXISTS"
    clauses: list[str] = []
    size = len(head)
    for day, location in locations.items():
        clause = f"PARTITION ({PARTITION_COLUMN}='{day:%Y-%m-%d}') LOCATION {text_literal(location)}"
        length = len(clause.encode()) + len("\n  ")
        if clauses and (len(clauses) == MAX_PARTITIONS_PER_STATEMENT or size + length > MAX_STATEMENT_BYTES):
            yield f"{head} {_one_per_line(clauses)}"
            clauses, size = [], len(head)
        clauses.append(clause)
        size += length
    if clauses:
        yield f"{head} {_one_per_line(clauses)}"


def unload_rejected(name: TableName, first: date, last: date, destination: str, comment: str = "") -> str:
    """Writes the REJECT records of these days (at most MAX_UNLOADED_PARTITIONS), all columns, as Parquet.

    Each day has a folder of its own below the destination (see `unloaded_location`), if it has such records at all.
    The `comment` goes behind the SELECT: in front of UNLOAD it may not stand.
    """
    behind = f"\n  {comment}" if comment else ""
    columns = ", ".join([*(field.column for field in DEFAULT_FIELDS), PARTITION_COLUMN])
    return (
        f"UNLOAD (\n  SELECT {columns}\n  FROM {name.trino}\n"
        f"  WHERE action = 'REJECT' AND {PARTITION_COLUMN} BETWEEN '{first}' AND '{last}'{behind}\n)\n"
        f"TO {text_literal(destination)}\n"
        f"WITH (format = 'PARQUET', compression = 'ZSTD', partitioned_by = ARRAY['{PARTITION_COLUMN}'])"
    )


def unloaded_location(destination: str, day: date) -> str:
    """Where an UNLOAD that is partitioned by day leaves a day's records."""
    return f"{destination}{PARTITION_COLUMN}={day}/"


def move_partition(name: TableName, day: date, location: str) -> str:
    """Points a day's partition at another folder, in one step."""
    return f"ALTER TABLE {name.hive} PARTITION ({PARTITION_COLUMN}='{day}') SET LOCATION {text_literal(location)}"


def show_partitions(name: TableName) -> str:
    return f"SHOW PARTITIONS {name.hive}"


def drop_table(name: TableName) -> str:
    """Forgets an external table and its partitions; its objects stay where they are."""
    return f"DROP TABLE IF EXISTS {name.hive}"


def text_literal(text: str) -> str:
    """A text constant that both of Athena's parsers read alike: they disagree on quotes and backslashes inside one."""
    if "\\" in text or "'" in text:
        raise FlowLakeError(f"{text!r} holds a quote or a backslash, which Hive and Trino read differently.")
    return f"'{text}'"


def _one_per_line(clauses: Sequence[str]) -> str:
    return "\n  ".join(clauses)


def _columns_text(columns: Sequence[tuple[str, str]]) -> str:
    return ", ".join(f"{column} {hive_type}" for column, hive_type in columns) or "none"
