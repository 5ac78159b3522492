"""The plan of a query: SQL for DuckDB, and the tables that it reads, with their predicates. planner.py makes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlglot import exp

from flowlogs.statements import TableDefinition, TableName


@dataclass(frozen=True)
class TableRead:
    """One place where a query reads a table.

    `relation` is the name under which the plan's SQL reads the table's rows. `columns` are the table's columns that
    the query uses. `partition_predicates` are the pushed-down predicates on the partition columns alone: they choose
    the partitions to read. `required_text` is in the line of every row that the query can use; it may be empty.
    `reads_path`: the query uses the hidden column of objects' addresses, which is then one more partition column of
    `definition`. `object_predicates` are those on it and on partition columns: they choose the objects to read.
    """

    relation: str
    name: TableName
    definition: TableDefinition
    columns: tuple[str, ...]
    partition_predicates: tuple[exp.Expr, ...]
    required_text: str
    reads_path: bool = False
    object_predicates: tuple[exp.Expr, ...] = ()

    @property
    def catalog_columns(self) -> tuple[tuple[str, str], ...]:
        """The partition columns that the catalog has values of: all but the addresses."""
        columns = self.definition.partition_columns
        return columns[:-1] if self.reads_path else columns


@dataclass(frozen=True)
class QueryPlan:
    """What DuckDB runs, and what it reads.

    `columns` are the names of the result's columns, `names` the same as the query writes them. `partition_columns` has
    the result's columns that hold a partition column, with that column: each has one value in all rows from one
    partition. It is empty if a row of the result may come from several partitions. `addresses` are the columns that
    hold IP addresses, and are shown as texts. `zones` has the time zones other than UTC that times are shown in, by the
    column's position.
    """

    sql: str
    reads: tuple[TableRead, ...]
    columns: tuple[str, ...]
    names: tuple[str, ...]
    partition_columns: Mapping[str, str]
    addresses: tuple[str, ...] = ()
    zones: Mapping[int, str] = field(default_factory=dict)
