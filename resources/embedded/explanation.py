"""What EXPLAIN tells: the tables that a query reads, with the columns, predicates, partitions and objects.

Athena's plan has other words, operators and costs, so that the first line says whose plan this is. What both have in
common is what a query is tuned by: which predicates choose partitions, and how many of these are read.
"""

from collections.abc import Iterator, Sequence

from sqlglot import exp

from flowlogs.printable import first_names
from resources.embedded.partition import Partition
from resources.embedded.readers.scan import ScannedObject
from resources.embedded.sql.errors import athena_sql
from resources.embedded.sql.names import CATALOG
from resources.embedded.sql.plan import QueryPlan, TableRead

_PLAIN = (
    *(exp.And, exp.Or, exp.Not, exp.Paren, exp.Between, exp.In, exp.Is, exp.Null, exp.Like),
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Column, exp.Identifier, exp.Literal),
    *(exp.Cast, exp.DataType),
)
"""The parts of predicates that are shown as they are. Others may be written otherwise by the embedded engine."""


def explanation(
    plan: QueryPlan,
    known: Sequence[int],
    selected: Sequence[Sequence[Partition]],
    objects_read: Sequence[Sequence[ScannedObject]],
) -> list[str]:
    """The lines. For each table, `known` is how many partitions it has; `selected` and `objects_read` would be read."""
    lines = ["What the embedded engine would read; Athena's plan has other words."]
    lines.append(f"- Output[{', '.join(plan.names)}]")
    if not plan.reads:
        lines.append("    - Values: no table is read")
    for read, of_table, partitions, objects in zip(plan.reads, known, selected, objects_read, strict=True):
        lines += [f"    {line}" for line in _table_lines(read, of_table, partitions)]
        if not read.catalog_columns or partitions:
            lines.append(
                f"        objects: {len(objects):,}, {sum(stored.size for stored in objects):,} bytes as stored"
            )
    return lines


def unmatched_text(read: TableRead, known: Sequence[Partition], *, is_projected: bool) -> str:
    """Why no row of a table is read, where no partition of it is. `known` are all that it has."""
    table = read.name.table
    if is_projected:
        return f"No partition that the projection of {table} gives is asked for, so that no row of it is read."
    if not known:
        return f"{table} has no partitions yet, so that no row of it is read."
    columns = [column for column, _ in read.catalog_columns]
    first, last = ("/".join(map("{}={}".format, columns, known[at].values)) for at in (0, -1))
    there = f"{len(known):,}, from {first} to {last}" if len(known) > 1 else f"one: {first}"
    predicates = " AND ".join(map(_predicate_text, read.partition_predicates))
    return f"No partition of {table} meets {predicates}, so that no row of it is read. It has {there}."


def _table_lines(read: TableRead, known: int, partitions: Sequence[Partition]) -> Iterator[str]:
    yield f"- TableScan[{CATALOG}:{read.name.database}.{read.name.table}]"
    yield f"    columns: {', '.join(read.columns) or 'none'}"
    columns = [column for column, _ in read.catalog_columns]
    if not columns:
        return
    predicates = [_predicate_text(predicate) for predicate in read.partition_predicates]
    yield f"    predicates on partitions: {' AND '.join(predicates) or 'none, so that all partitions are read'}"
    values = ["/".join(map("{}={}".format, columns, partition.values)) for partition in partitions]
    yield f"    partitions: {len(partitions):,} of {known:,}{f' ({first_names(values)})' if values else ''}"


def _predicate_text(predicate: exp.Expr) -> str:
    if all(isinstance(node, _PLAIN) for node in predicate.walk()):
        return athena_sql(predicate)
    columns = sorted({column.name for column in predicate.find_all(exp.Column)})
    return f"(a computed condition on {', '.join(columns)})"
