"""How the objects of a table are read, by the clauses ROW FORMAT and STORED AS.

For example, ``ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe' WITH SERDEPROPERTIES
('field.delim'=' ')`` says the same as ``ROW FORMAT DELIMITED FIELDS TERMINATED BY ' '`` ("Lazy Simple SerDe", Athena
user guide, 2023).
"""

from sqlglot import exp

from flowlogs.record_format import PARQUET, TEXT
from resources.embedded.sql.errors import not_supported

HIVE_DEFAULT_DELIMITER = "\x01"

_LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
_PARQUET_SERDE = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
_HIVE_IO = "org.apache.hadoop.hive.ql.io"
_INPUT_AND_OUTPUT = {
    ("org.apache.hadoop.mapred.TextInputFormat", f"{_HIVE_IO}.HiveIgnoreKeyTextOutputFormat"): TEXT,
    ("org.apache.hadoop.mapred.TextInputFormat", f"{_HIVE_IO}.IgnoreKeyTextOutputFormat"): TEXT,
    (f"{_HIVE_IO}.parquet.MapredParquetInputFormat", f"{_HIVE_IO}.parquet.MapredParquetOutputFormat"): PARQUET,
}
_FORMS = "a table that is not a TEXTFILE with a ROW FORMAT or PARQUET without one"
_SERDE_PROPERTIES = frozenset({"field.delim", "serialization.format", "line.delim", "collection.delim", "mapkey.delim"})
"""Properties of LazySimpleSerDe. Those of collections and maps change nothing, as no column has such a type."""


def row_format(file_format: exp.Expr | None, rows: exp.Expr | None, text: str) -> tuple[str, str]:
    """The format of the objects, and the delimiter of their fields. `rows` is the clause ROW FORMAT."""
    serde = rows.this.name if isinstance(rows, exp.RowFormatSerdeProperty) else ""
    stored_as = _stored_as(file_format, text)
    if serde not in ("", _LAZY, _PARQUET_SERDE):
        what = f"a table with ROW FORMAT SERDE '{serde}'"
        raise not_supported(f"{what}; flow logs are read with LazySimpleSerDe, or as Parquet", text)
    by_class = isinstance(file_format.this if file_format else None, exp.InputOutputFormat)
    if stored_as == PARQUET:
        if serde == _PARQUET_SERDE or (rows is None and not by_class):
            return PARQUET, HIVE_DEFAULT_DELIMITER
        raise not_supported(_FORMS, text)
    if serde == _PARQUET_SERDE:
        raise not_supported(_FORMS, text)
    if isinstance(rows, exp.RowFormatSerdeProperty):
        return TEXT, _serde_delimiter(rows, text)
    return TEXT, _delimiter(rows, text)


def _stored_as(file_format: exp.Expr | None, text: str) -> str:
    if file_format is None:
        return TEXT
    classes = file_format.this
    if isinstance(classes, exp.InputOutputFormat):
        pair = (classes.args["input_format"].name, classes.args["output_format"].name)
        if pair in _INPUT_AND_OUTPUT:
            return _INPUT_AND_OUTPUT[pair]
    found = {"TEXTFILE": TEXT, "PARQUET": PARQUET}.get(file_format.name.upper())
    if found is None:
        raise not_supported(_FORMS, text)
    return found


def _serde_delimiter(rows: exp.RowFormatSerdeProperty, text: str) -> str:
    written = rows.args.get("serde_properties")
    properties = {one.name: one.args["value"].name for one in written.expressions} if written else {}
    for name, value in properties.items():
        if name not in _SERDE_PROPERTIES or (name == "line.delim" and value != "\n"):
            raise not_supported(f"a table with the SerDe's property '{name}'='{value}'", text)
    # Without field.delim, serialization.format is the delimiter, and "1" is the character with that number.
    if "field.delim" not in properties and properties.get("serialization.format", "1") == "1":
        return HIVE_DEFAULT_DELIMITER
    return _one_character(properties.get("field.delim", properties.get("serialization.format", "")), text)


def _delimiter(rows: exp.Expr | None, text: str) -> str:
    if rows is None:
        return HIVE_DEFAULT_DELIMITER
    others = [name for name, value in rows.args.items() if value and name not in ("fields", "lines")]
    delimiter, lines = rows.args.get("fields"), rows.args.get("lines")
    if others or delimiter is None or (lines is not None and lines.name != "\n"):
        raise not_supported("a row format of anything but FIELDS TERMINATED BY one ASCII character", text)
    return _one_character(delimiter.name, text)


def _one_character(delimiter: str, text: str) -> str:
    """The delimiter. A digit is refused: Hive takes it for the number of a character (LazyUtils.getByte)."""
    if len(delimiter) != 1 or not delimiter.isascii() or delimiter.isdigit():
        raise not_supported("a row format of anything but FIELDS TERMINATED BY one ASCII character", text)
    return delimiter
