"""The data types of columns, with their names in Hive, Trino, DuckDB and Arrow; and SQL that reads a value from text.

The one table of types of the embedded engine. sql/type_checks.py says which types may stand together in a query.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class DataType:
    """One type under each of its names. `arrow` is what `pyarrow.type_for_alias` takes."""

    trino: str
    duckdb: str
    arrow: str
    is_integer: bool = False


BOOLEAN = DataType("boolean", "BOOLEAN", "bool")
TINYINT = DataType("tinyint", "TINYINT", "int8", is_integer=True)
SMALLINT = DataType("smallint", "SMALLINT", "int16", is_integer=True)
INTEGER = DataType("integer", "INTEGER", "int32", is_integer=True)
BIGINT = DataType("bigint", "BIGINT", "int64", is_integer=True)
REAL = DataType("real", "REAL", "float32")
DOUBLE = DataType("double", "DOUBLE", "float64")
DATE = DataType("date", "DATE", "date32")
TEXT = DataType("varchar", "VARCHAR", "string")

RESULT_TYPES = (BOOLEAN, TINYINT, SMALLINT, INTEGER, BIGINT, REAL, DOUBLE, TEXT)
"""The types of a query's result that have a pandas type of their own (`FRAME_TYPES` in resources/engine.py)."""

HIVE_TYPES: Mapping[str, DataType] = {
    "tinyint": TINYINT,
    "smallint": SMALLINT,
    "int": INTEGER,
    "bigint": BIGINT,
    "string": TEXT,
    "boolean": BOOLEAN,
    "float": REAL,
    "double": DOUBLE,
    "date": DATE,
}
"""The types that a column of a table may have, by the names in DDL."""

TEXT_TABLE_TYPES = frozenset({"tinyint", "smallint", "int", "bigint", "string"})
"""The types of columns whose values are read from text as Hive reads them. A partition column may be a date, too."""


def field_sql(text: str, hive_type: str) -> str:
    r"""SQL for the value of a field, given SQL for the field's text.

    The text ``\N`` is NULL. A number that does not parse or does not fit is NULL; a fraction is cut off: 7.9 is 7.
    Partition values are text too, and follow the same rules: LazySimpleSerDe's, as Hive's reader showed in 2026.
    """
    data_type = HIVE_TYPES[hive_type]
    if data_type is DATE:  # of a partition; catalogs take no text for one that is none
        return f"CAST(nullif({text}, '\\N') AS DATE)"
    if not data_type.is_integer:
        return f"nullif({text}, '\\N')"
    # DuckDB takes more texts for a number than Hive does (1e3, 0x1F, 1_000, blanks), and rounds where Hive cuts (7.9).
    # Nearly every number is written as it would be printed. Those pass the first test; others are checked.
    number = f"try_cast({text} AS {data_type.duckdb})"
    whole = rf"regexp_replace({text}, '^([+-]?)(\d*)(\.\d*)?$', '\10\2')"
    return (
        f"CASE WHEN {number}::VARCHAR = {text} THEN {number} "
        rf"WHEN regexp_full_match({text}, '[+-]?(\d+(\.\d*)?|\.\d+)') THEN try_cast({whole} AS {data_type.duckdb}) END"
    )
