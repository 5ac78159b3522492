"""Escapes names and text constants in SQL for DuckDB. flowlogs/statements.py writes SQL for Athena."""


def quoted_name(name: str) -> str:
    """A name of a column or table: ``a"b`` becomes ``"a""b"``."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """A text constant: ``it's`` becomes ``'it''s'``."""
    return "'" + text.replace("'", "''") + "'"
