"""The errors about a column that is not there: in Trino's words, with the columns that are, by AWS's names too."""

import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches

from sqlglot import exp
from sqlglot.errors import OptimizeError

from flowlogs.fields import FIELD_OF, FIELDS
from flowlogs.statements import TableDefinition, TableName
from resources.embedded.sql.errors import not_supported, position_of
from resources.engine import QueryError

Read = tuple[TableName, TableDefinition]
"""A table that a query reads."""

_HEADERS: Mapping[str, str] = {field.column: field.header for field in FIELDS}

_UNKNOWN = re.compile(
    r"Column '(?P<column>[^']+)' could not be resolved(?: for table: '(?P<table>[^']+)')?"
    r"|Unknown column: (?P<unknown>.+)|Cannot automatically join: (?P<joined>.+)",
)

HIDDEN_COLUMNS = ("$bucket", "$file_size", "$file_modified_time", "$partition")
"""Other hidden columns of Trino's Hive connector than ``$path`` ("Hive connector", Special columns, Trino)."""


def refuse_hidden_columns(tree: exp.Expr, text: str) -> None:
    """Raise QueryError for a hidden column that the embedded engine does not have."""
    for column in tree.find_all(exp.Column):
        if column.name.lower() in HIDDEN_COLUMNS:
            raise not_supported(f'the hidden column "{column.name.lower()}"; "$path" is there', text)


def column_error(error: OptimizeError, tree: exp.Expr, reads: Mapping[str, Read], text: str) -> QueryError:
    """The error about a name in a query, from sqlglot's. `tree` is the query before its names were resolved."""
    found = _UNKNOWN.search(str(error))
    if not found:
        code = "COLUMN_NOT_FOUND" if re.search("resolve|Unknown|join", str(error)) else "SYNTAX_ERROR"
        return QueryError(code, f"{error}.", text)
    name = found["column"] or found["unknown"] or found["joined"]
    nodes = [node for node in tree.find_all(exp.Identifier) if node.name.lower() == name.lower()]
    place = re.search(r"Line: (\d+), Col: (\d+)", str(error))
    at = [node for node in nodes if place and (node.meta.get("line"), node.meta.get("col")) == _numbers(place)]
    node = next(iter([*at, *nodes]), None)
    where = position_of(node) if node else ""
    column = node.parent if node else None
    reads = _directly_read(node, reads) if node else reads
    owners = [definition for _, definition in reads.values() if name.lower() in _columns(definition)]
    if isinstance(column, exp.Column) and not column.table and len(owners) > 1:
        return QueryError("AMBIGUOUS_NAME", f"{where}Column '{name}' is ambiguous.", text)
    written = f"{found['table']}.{name}" if found["table"] else name
    return QueryError("COLUMN_NOT_FOUND", f"{where}Column '{written}' cannot be resolved.{hint(name, reads)}", text)


def _directly_read(node: exp.Expr, reads: Mapping[str, Read]) -> dict[str, Read]:
    """Those tables that the query around a name reads itself, and not in a subquery."""
    select = node.find_ancestor(exp.Select)
    sources = [select.args.get("from_"), *(select.args.get("joins") or [])] if select else []
    names = {source.this.name for source in sources if source and isinstance(source.this, exp.Table)}
    return {name: read for name, read in reads.items() if name in names}


def hint(name: str, reads: Mapping[str, Read]) -> str:
    """What may be meant by a column's name, and the columns that there are."""
    tables: dict[TableName, TableDefinition] = dict(reads.values())
    columns = {column for definition in tables.values() for column in _columns(definition)}
    meant = list(_meant(name.lower(), columns))
    told = f" Did you mean {' or '.join(map(_with_header, meant))}?" if meant else ""
    for table, definition in tables.items():
        own = ", ".join(map(_with_header, _columns(definition)))
        told += f" The columns of {table.table}, with AWS's names in parentheses: {own}."
    return told


def _meant(name: str, columns: set[str]) -> Iterator[str]:
    field = FIELD_OF.get(name.replace("-", "_"))
    if field and field.column in columns:
        yield field.column
        return
    yield from get_close_matches(name, sorted(columns), n=2, cutoff=0.75)


def _with_header(column: str) -> str:
    """A column, with AWS's name of its field where that is another word."""
    header = _HEADERS.get(column, column)
    return column if header.replace("-", "_") == column else f"{column} ({header})"


def _columns(definition: TableDefinition) -> list[str]:
    return [column for column, _ in (*definition.columns, *definition.partition_columns)]


def _numbers(place: re.Match[str]) -> tuple[int, int]:
    return int(place[1]), int(place[2])
