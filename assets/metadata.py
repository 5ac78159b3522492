"""Dagster metadata of statements, their cost and a table's columns. tables.py makes the Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date

import dagster as dg

from assets.coverage import Coverage
from assets.tables import code_block
from resources.engine import QueryResult

LINES_SHOWN = 80
"""How many lines of a statement metadata shows. One may name a thousand partitions."""


def query_metadata(result: QueryResult, days: Sequence[date]) -> dict[date, dict[str, object]]:
    """A statement and its cost, by day. Of several days, only the first one has the cost, so that it counts once."""
    cost = {
        "bytes scanned": result.scanned_bytes,
        "seconds": round(result.seconds, 3),
        "query id": result.query_id,
        **{name: _link(value) for name, value in result.details.items()},
    }
    return told_once(days, {"statement": sql_metadata([result.statement]), **cost})


def told_once(days: Sequence[date], metadata: Mapping[str, object]) -> dict[date, dict[str, object]]:
    """Metadata of a statement for several days: the first day has it, and the other days name the first."""
    first, *others = days
    if not others:
        return {first: dict(metadata)}
    place = f"one for {len(days)} days, shown with {first}"
    return {first: {**metadata, "days at once": len(days)}, **{day: {next(iter(metadata)): place} for day in others}}


def _link(value: object) -> object:
    return dg.MetadataValue.url(value) if isinstance(value, str) and value.startswith("https://") else value


def coverage_metadata(covered: Coverage) -> Mapping[str, object]:
    """What was read for a day, as metadata of what was made from it."""
    return {
        "objects covered": covered.count,
        "bytes covered": covered.size,
        **({"newest object": dg.MetadataValue.timestamp(covered.newest)} if covered.newest else {}),
        "coverage": covered.digest,
    }


def sql_metadata(statements: Sequence[str]) -> dg.MetadataValue:
    """Statements as Markdown: the first three, and the first lines of each."""
    more = f"\n\n{len(statements) - 3} more statements like these." if len(statements) > 3 else ""
    return dg.MetadataValue.md("\n\n".join(code_block(_shortened(text)) for text in statements[:3]) + more)


def _shortened(statement: str) -> str:
    lines = statement.splitlines()
    more = [f"-- and {len(lines) - LINES_SHOWN} more lines"] if len(lines) > LINES_SHOWN else []
    return "\n".join(lines[:LINES_SHOWN] + more)


def column_schema(columns: Sequence[tuple[str, str]]) -> dg.TableSchema:
    return dg.TableSchema(list(_table_columns(columns)))


def _table_columns(columns: Sequence[tuple[str, str]]) -> Iterator[dg.TableColumn]:
    for name, hive_type in columns:
        yield dg.TableColumn(name, hive_type)
