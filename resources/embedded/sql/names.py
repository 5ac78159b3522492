"""Names of databases and tables in a statement. planner.py looks tables up."""

from sqlglot import exp

from flowlogs.errors import FlowLakeError
from flowlogs.statements import IDENTIFIER, TableName
from resources.embedded.sql.errors import not_supported
from resources.engine import QueryError

CATALOG = "awsdatacatalog"
"""The only catalog: Athena's name for Glue."""


def table_name(database: str, table: str, text: str) -> TableName:
    try:
        return TableName(database, table)
    except FlowLakeError as error:
        raise QueryError("SYNTAX_ERROR", str(error), text) from None


def table_name_of(node: exp.Expr, database: str, text: str) -> TableName:
    """The table that a node of the tree names; in `database` where it does not name one.

    As in Athena, backticks may stand around the table and its database together: `lake.flows`.
    """
    if not isinstance(node, exp.Table):
        raise QueryError("SYNTAX_ERROR", "a table's name is expected.", text)
    if node.catalog and node.catalog.lower() != CATALOG:
        raise not_supported(f"the catalog {node.catalog}", text)
    if "$" in node.name:
        raise not_supported(f"the metadata table {node.name}; SHOW PARTITIONS lists partitions", text)
    named, _, table = node.name.lower().rpartition(".")
    return table_name((node.db or named or database).lower(), table, text)


def database_name_of(node: exp.Expr, text: str) -> str:
    # sqlglot takes the name for that of a table after DATABASE, and for that of a database after SCHEMA.
    names = [part.name.lower() for part in node.find_all(exp.Identifier)]
    if len(names) != 1 or not IDENTIFIER.fullmatch(names[0]):
        raise QueryError("SYNTAX_ERROR", f"{node.sql('hive')} is not a name for a database.", text)
    return names[0]
