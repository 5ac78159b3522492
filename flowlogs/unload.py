"""The UNLOAD that makes datasets from the records of some days: one statement, and one scan of their objects.

The datasets are defined in datasets.py. The embedded engine splits the statement by dataset
(``resources/embedded/sql/unload_parts.py``).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from flowlogs.datasets import DATASET_COLUMN, Dataset, Key
from flowlogs.fields import ACCOUNT_COLUMN, DERIVED_COLUMNS, FIELD_OF, PARTITION_COLUMN, REGION_COLUMN, Field
from flowlogs.record_format import RecordFormat
from flowlogs.statements import PATH_COLUMN, TRINO_TYPES, TableName, quoted_column, text_literal

RECORD_COLUMN = "record"
"""A column with another value in each row of a dataset of records, so that equal records stay as many rows."""


@dataclass(frozen=True)
class RawRead:
    """What an UNLOAD reads of one table of flow logs: all records in `record_format`, but those of some objects.

    `owner` is the account and region of all of its sources; None where the table is partitioned by them. `excluded` are
    ranges of addresses (``s3://…``), each with the first and the last, of objects that are not read.
    """

    name: TableName
    record_format: RecordFormat
    owner: tuple[str, str] | None = None
    excluded: Sequence[tuple[str, str]] = ()


def dataset_location(destination: str, dataset: str, day: date) -> str:
    """The folder of a dataset's rows of a day, in the destination of an UNLOAD."""
    return f"{destination}{PARTITION_COLUMN}={day}/{DATASET_COLUMN}={dataset}/"


def unload_datasets(
    reads: Sequence[RawRead], datasets: Sequence[Dataset], first: date, last: date, destination: str, comment: str = ""
) -> str:
    """Writes these datasets of these days as Parquet.

    A field that a table's format lacks is NULL. One that all of them lack is no column of a file, since Parquet is read
    by the columns' names ("Handle schema updates", Athena user guide): to write columns of NULLs would take a third of
    the scan's time. Each day with rows gets a folder for each dataset below the destination (see `dataset_location`).
    The `comment` stands behind the SELECT, because Athena takes none in front of UNLOAD.
    """
    behind = f"\n  {comment}" if comment else ""
    fields = {field for read in reads for field in read.record_format.fields}
    select = _select_one if len(datasets) == 1 else _select_all
    selects = "\n  UNION ALL\n  ".join(select(read, datasets, fields, first, last) for read in reads)
    return (
        f"UNLOAD (\n  {selects}{behind}\n)\n"
        f"TO {text_literal(destination)}\n"
        "WITH (format = 'PARQUET', compression = 'ZSTD', "
        f"partitioned_by = ARRAY['{PARTITION_COLUMN}', '{DATASET_COLUMN}'])"
    )


def _select_one(read: RawRead, datasets: Sequence[Dataset], fields: set[Field], first: date, last: date) -> str:
    """One dataset alone."""
    (dataset,) = datasets
    keys = {key.column: _expression(read.record_format, key) for key in _present(dataset, fields)}
    owner = _owner(read)
    where = _where(read, first, last)
    if dataset.action:
        where.insert(0, _is_action(read.record_format, dataset))
    last_columns = f"{PARTITION_COLUMN}, {text_literal(dataset.name)} AS {DATASET_COLUMN}"
    if not dataset.sums:
        columns = ", ".join([*_named(keys), *_named(owner), last_columns])
        return f"SELECT {columns}\n  FROM {read.name.trino}\n  WHERE {_joined(where)}"
    summed = {found.column: _raw(read.record_format, found.field) for found in dataset.sums if found.field}
    inner = ", ".join([*_named(owner | keys | summed), PARTITION_COLUMN])
    group = ", ".join([*map(quoted_column, owner | keys), PARTITION_COLUMN])
    sums = [f"{found.aggregate} AS {found.column}" for found in dataset.sums]
    columns = ", ".join([*map(quoted_column, owner | keys), *sums, last_columns])
    return (
        f"SELECT {columns}\n  FROM (\n    SELECT {inner}\n    FROM {read.name.trino}\n    WHERE {_joined(where)}\n  )\n"
        f"  GROUP BY {group}"
    )


def _select_all(read: RawRead, datasets: Sequence[Dataset], fields: set[Field], first: date, last: date) -> str:
    """Several datasets: each record is taken once for each of them, and the columns of the others are NULL."""
    wanted: dict[str, dict[str, list[str]]] = {}
    sums = {found.column: found for dataset in datasets for found in dataset.sums}
    for dataset in datasets:
        for key in _present(dataset, fields):
            # A dataset of records gets these from the sums, as each of its records is a group.
            if key.column not in sums:
                expression = _expression(read.record_format, key)
                wanted.setdefault(key.column, {}).setdefault(expression, []).append(dataset.name)
    for found in sums.values():
        if found.field:
            having = [one.name for one in datasets if found in one.sums or (not one.sums and found.field in fields)]
            wanted[found.column] = {_raw(read.record_format, found.field): having}
    names = [dataset.name for dataset in datasets]
    chosen = {column: _chosen(of_column, names) for column, of_column in wanted.items()}
    owner = _owner(read)
    keys = {column: value for column, value in chosen.items() if column not in sums}
    of_records = [dataset.name for dataset in datasets if not dataset.sums]
    record = {RECORD_COLUMN: f"CASE WHEN {_is_any(of_records)} THEN uuid() END"} if of_records else {}
    where = _where(read, first, last)
    where += [
        f"({DATASET_COLUMN} <> '{dataset.name}' OR {_is_action(read.record_format, dataset)})"
        for dataset in datasets
        if dataset.action
    ]
    inner = ",\n      ".join([*_named(record | owner | chosen), PARTITION_COLUMN, DATASET_COLUMN])
    group = ", ".join([*map(quoted_column, record | owner | keys), PARTITION_COLUMN, DATASET_COLUMN])
    found_columns = {column: quoted_column(column) for column in keys | owner}
    found_columns |= {found.column: f"{found.aggregate} AS {found.column}" for found in sums.values()}
    in_order = [column for column, _ in DERIVED_COLUMNS if column in found_columns]
    in_order += [column for column in found_columns if column not in in_order]
    columns = ", ".join([*(found_columns[column] for column in in_order), PARTITION_COLUMN, DATASET_COLUMN])
    array = ", ".join(map(text_literal, names))
    return (
        f"SELECT {columns}\n  FROM (\n    SELECT\n      {inner}\n    FROM {read.name.trino}\n"
        f"    CROSS JOIN UNNEST(ARRAY[{array}]) AS datasets ({DATASET_COLUMN})\n    WHERE {_joined(where)}\n  )\n"
        f"  GROUP BY {group}"
    )


def _chosen(expressions: dict[str, list[str]], names: list[str]) -> str:
    """The expression of a column: for each of several expressions, it is that of these datasets, and else NULL."""
    first, *others = expressions
    if not others and expressions[first] == names:
        return first
    cases = " ".join(f"WHEN {_is_any(of)} THEN {expression}" for expression, of in expressions.items())
    return f"CASE {cases} END"


def _present(dataset: Dataset, fields: set[Field]) -> Iterator[Key]:
    """The keys of a dataset, without fields that no table has."""
    return (key for key in dataset.keys if not isinstance(key, Field) or key in fields)


def _owner(read: RawRead) -> dict[str, str]:
    """The expressions of the account and the region in whose folder an object lies."""
    if read.owner is None:
        return {ACCOUNT_COLUMN: ACCOUNT_COLUMN, REGION_COLUMN: REGION_COLUMN}
    account, region = map(text_literal, read.owner)
    return {ACCOUNT_COLUMN: account, REGION_COLUMN: region}


def _expression(record_format: RecordFormat, key: Key) -> str:
    if isinstance(key, Field):
        return _raw(record_format, key)
    names = {field.underscored: _raw(record_format, field) for field in FIELD_OF.values()}
    return key.expression.format_map(names)


def _raw(record_format: RecordFormat, field: Field) -> str:
    """The column of a field in a raw table, or NULL where its format lacks the field."""
    if field not in record_format.fields:
        return f"CAST(NULL AS {TRINO_TYPES[field.type]})"
    return quoted_column(record_format.column_of(field))


def _is_action(record_format: RecordFormat, dataset: Dataset) -> str:
    return f"{_raw(record_format, FIELD_OF['action'])} = '{dataset.action}'"


def _is_any(names: Sequence[str]) -> str:
    return " OR ".join(f"{DATASET_COLUMN} = {text_literal(name)}" for name in names)


def _where(read: RawRead, first: date, last: date) -> list[str]:
    # Ranges, and no LIKE: Trino passes over objects by ranges of their addresses, and opens none of them
    # (`InternalHiveSplitFactory`).
    return [
        f"{PARTITION_COLUMN} BETWEEN '{first}' AND '{last}'",
        *(
            f'"{PATH_COLUMN}" NOT BETWEEN {_select_literal(low)} AND {_select_literal(high)}'
            for low, high in read.excluded
        ),
    ]


def _joined(conditions: Sequence[str]) -> str:
    return "\n    AND ".join(conditions)


def _named(expressions: dict[str, str]) -> list[str]:
    """Each expression with the name of its column."""
    return [
        quoted_column(column) if value == quoted_column(column) else f"{value} AS {quoted_column(column)}"
        for column, value in expressions.items()
    ]


def _select_literal(text: str) -> str:
    """A text constant in SELECT, which may hold quotes."""
    return "'" + text.replace("'", "''") + "'"
