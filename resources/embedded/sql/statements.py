"""The parsed statements: one data class for each kind of statement. parse.py makes them."""

from dataclasses import dataclass

from sqlglot import exp

from flowlogs.statements import TableDefinition, TableName
from resources.embedded.partition import Partition


@dataclass(frozen=True)
class CreateDatabase:
    """CREATE DATABASE."""

    name: str
    if_not_exists: bool


@dataclass(frozen=True)
class CreateTable:
    """CREATE EXTERNAL TABLE."""

    name: TableName
    definition: TableDefinition
    if_not_exists: bool


@dataclass(frozen=True)
class AddPartitions:
    """ALTER TABLE … ADD PARTITION. Each partition's values are those of `partition_columns`, in this order."""

    name: TableName
    partitions: tuple[Partition, ...]
    partition_columns: tuple[str, ...]
    if_not_exists: bool


@dataclass(frozen=True)
class SetPartitionLocation:
    """ALTER TABLE … PARTITION … SET LOCATION. The partition's values are those of `partition_columns`."""

    name: TableName
    partition: Partition
    partition_columns: tuple[str, ...]


@dataclass(frozen=True)
class ShowPartitions:
    """SHOW PARTITIONS."""

    name: TableName


@dataclass(frozen=True)
class DropTable:
    """DROP TABLE."""

    name: TableName
    if_exists: bool


@dataclass(frozen=True)
class Query:
    """A SELECT whose tables and columns are not looked up yet. `text` is the whole statement that it stands in."""

    tree: exp.Query
    text: str


@dataclass(frozen=True)
class Unload:
    """UNLOAD: a query whose rows are written below `destination` as Parquet.

    The columns `partitioned_by` name the folders, if there are any. `compression` is DuckDB's name for it.
    """

    query: Query
    destination: str
    compression: str
    partitioned_by: tuple[str, ...]


@dataclass(frozen=True)
class CreateTableAs:
    """CREATE TABLE AS: `unload` writes the table's rows. Without `with_data`, the table is empty."""

    name: TableName
    unload: Unload
    if_not_exists: bool
    with_data: bool


@dataclass(frozen=True)
class DropPartitions:
    """ALTER TABLE … DROP PARTITION. Each partition's values are those of `partition_columns`, in this order."""

    name: TableName
    partitions: tuple[tuple[str, ...], ...]
    partition_columns: tuple[str, ...]
    if_exists: bool


@dataclass(frozen=True)
class AddColumns:
    """ALTER TABLE … ADD COLUMNS, with the columns' Hive types."""

    name: TableName
    columns: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class RepairTable:
    """MSCK REPAIR TABLE."""

    name: TableName


@dataclass(frozen=True)
class CreateView:
    """CREATE VIEW. `query_text` is the query as it is written in the statement."""

    name: TableName
    query: Query
    query_text: str
    or_replace: bool


@dataclass(frozen=True)
class DropView:
    """DROP VIEW."""

    name: TableName
    if_exists: bool


@dataclass(frozen=True)
class ShowDatabases:
    """SHOW DATABASES, or SHOW SCHEMAS: those that `pattern` matches, if there is one."""

    pattern: str | None


@dataclass(frozen=True)
class ShowTables:
    """SHOW TABLES, or SHOW VIEWS if `only_views`: those that `pattern` matches, if there is one."""

    database: str
    pattern: str | None
    only_views: bool


@dataclass(frozen=True)
class ShowColumns:
    """SHOW COLUMNS."""

    name: TableName


@dataclass(frozen=True)
class ShowCreate:
    """SHOW CREATE TABLE, or SHOW CREATE VIEW if `is_view`."""

    name: TableName
    is_view: bool


@dataclass(frozen=True)
class ShowProperties:
    """SHOW TBLPROPERTIES: all of them, or the `wanted` one."""

    name: TableName
    wanted: str | None


@dataclass(frozen=True)
class Describe:
    """DESCRIBE, with more about the table if `is_formatted`."""

    name: TableName
    is_formatted: bool


@dataclass(frozen=True)
class Explain:
    """EXPLAIN of a query; `only_validates` if its plan is not asked for."""

    query: Query
    only_validates: bool


@dataclass(frozen=True)
class Prepare:
    """PREPARE. `query_text` is the query as it is written in the statement."""

    name: str
    query_text: str


@dataclass(frozen=True)
class Execute:
    """EXECUTE. `values` are the texts of the constants behind USING."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Deallocate:
    """DEALLOCATE PREPARE."""

    name: str


CatalogQuestion = ShowDatabases | ShowTables | ShowColumns | ShowCreate | ShowProperties | Describe
"""Statements that ask the catalog and change nothing. ../catalog_answers.py answers them."""

Statement = (
    CreateDatabase
    | CreateTable
    | CreateTableAs
    | AddPartitions
    | SetPartitionLocation
    | ShowPartitions
    | DropTable
    | DropPartitions
    | AddColumns
    | RepairTable
    | CreateView
    | DropView
    | CatalogQuestion
    | Explain
    | Prepare
    | Execute
    | Deallocate
    | Query
    | Unload
)
