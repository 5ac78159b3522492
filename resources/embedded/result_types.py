"""Trino's names for the types of DuckDB's columns, as DESCRIBE of a view tells them."""

import re

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
