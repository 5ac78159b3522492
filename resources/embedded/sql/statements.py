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


Statement = (
    CreateDatabase | CreateTable | AddPartitions | SetPartitionLocation | ShowPartitions | DropTable | Query | Unload
)
