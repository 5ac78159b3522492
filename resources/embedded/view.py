"""What a view is: the text of a query, and what the query's result looked like when the view was made."""

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """A query that is read like a table. catalog.py keeps views.

    Tables that `text` names without a database are in `database`. `columns` are pairs of a name and Trino's type.
    """

    database: str
    text: str
    columns: tuple[tuple[str, str], ...]
