"""Trino's and Hive's names for the types of a result's columns: of views, and of tables made from queries."""

import re

from resources.engine import QueryError

_TRINO: dict[str, str] = {
    "BIT": "boolean",
    "BLOB": "varbinary",
    "DOUBLE": "double",
    "FLOAT": "real",
    "HUGEINT": "bigint",  # of sums, which are bigint in Trino
    "INTERVAL": "interval day to second",
    "TIME": "time(3)",
    "TIMESTAMP": "timestamp(3)",
    "TIMESTAMP WITH TIME ZONE": "timestamp(3) with time zone",
    "VARCHAR": "varchar",
    '"NULL"': "unknown",
}


def trino_type(duckdb_type: str) -> str:
    """For example, ``VARCHAR[]`` is ``array(varchar)`` in Trino."""
    if duckdb_type.endswith("[]"):
        return f"array({trino_type(duckdb_type.removesuffix('[]'))})"
    if found := re.fullmatch(r"DECIMAL\((\d+),(\d+)\)", duckdb_type):
        return "bigint" if found[2] == "0" and found[1] == "38" else f"decimal({found[1]},{found[2]})"
    return _TRINO.get(duckdb_type, duckdb_type.lower())


_HIVE: dict[str, str] = {
    **{name: name for name in ("boolean", "tinyint", "smallint", "bigint", "double", "date")},
    "integer": "int",
    "real": "float",
    "varchar": "string",
}


def hive_type(trino: str, column: str, statement: str) -> str:
    """The Hive type of a table's column that holds values of a Trino type. Raises QueryError where there is none."""
    if trino == "unknown":
        raise QueryError("COLUMN_TYPE_UNKNOWN", f"Column type is unknown: {column}.", statement)
    if trino not in _HIVE:
        problem = f"the embedded Athena does not execute a new table with a column of type {trino}: {column}."
        raise QueryError("NOT_SUPPORTED", problem, statement)
    return _HIVE[trino]
