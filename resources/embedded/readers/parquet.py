"""SQL that reads the needed columns of a table's Parquet objects. DuckDB itself opens the files."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowlogs.errors import FlowLakeError
from flowlogs.printable import first_names, printable
from flowlogs.record_format import parquet_format
from flowlogs.statements import TableDefinition
from resources.embedded.data_types import HIVE_TYPES, field_sql
from resources.embedded.quoting import quoted_name, quoted_text
from resources.parquet_facts import columns_of

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq


@dataclass(frozen=True)
class ParquetFile:
    """A file to read, and the values of the partition that it belongs to."""

    path: Path
    partition: tuple[str, ...]


@dataclass(frozen=True)
class StoredColumns:
    """Those of the wanted columns that some file has, and their size in the files in bytes."""

    names: frozenset[str]
    size: int


def read_metadata(path: Path) -> "pq.FileMetaData":
    """A file's metadata. Raises FlowLakeError, with its name, for a file that is no Parquet."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_metadata(path)
    except (OSError, pa.ArrowException) as error:
        raise FlowLakeError(f"{printable(str(path))} cannot be read as Parquet: {printable(str(error))}") from error


def stored_columns(metadata: "Iterable[pq.FileMetaData]", columns: Iterable[str]) -> StoredColumns:
    """Which of these columns the files with this metadata have."""
    wanted = set(columns)
    names: set[str] = set()
    size = 0
    for found in metadata:
        for group in range(found.num_row_groups):
            chunks = [found.row_group(group).column(number) for number in range(found.num_columns)]
            size += sum(chunk.total_compressed_size for chunk in chunks if chunk.path_in_schema in wanted)
        names |= wanted & set(found.schema.names)
    return StoredColumns(frozenset(names), size)


def other_columns_problem(metadata: "pq.FileMetaData", table: TableDefinition) -> str | None:
    """Why a table of flow logs reads an object of theirs wrongly: it has other columns; None where it has the same."""
    if parquet_format(table.columns) is None:
        return None
    expected, found = dict(table.columns), dict(columns_of(metadata))
    names = [name for name in {**expected, **found} if expected.get(name) != found.get(name)]
    if not names:
        return None
    listed = [f"{name}: {found.get(name, 'none')}, and the table has {expected.get(name, 'none')}" for name in names]
    return f"has other columns than its table ({printable(first_names(listed))}). Move it away"


def find_damaged(paths: Iterable[Path]) -> list[tuple[Path, str]]:
    """The files that cannot be read to their end, and why. All of them are read."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    damaged = []
    for path in paths:
        try:
            with pq.ParquetFile(path) as file:
                for _ in file.iter_batches():
                    pass
        except (OSError, pa.ArrowException) as error:
            damaged.append((path, " ".join(str(error).split())))
    return damaged


def partitions_of(files: Sequence[ParquetFile], table: TableDefinition) -> "pa.Table":
    """A table of each file's name and its partition's values, as text."""
    import pyarrow as pa

    columns = {"filename": [str(file.path) for file in files]}
    for number, (column, _) in enumerate(table.partition_columns):
        columns[column] = [file.partition[number] for file in files]
    return pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})


def rows_sql(
    files: Sequence[ParquetFile], stored: StoredColumns, table: TableDefinition, columns: Iterable[str], partitions: str
) -> str:
    """The SELECT of these columns and of the partition columns, with their types.

    `partitions` is the name of the table from `partitions_of`, which gives a file's rows to each of its partitions.
    A column that a file does not have is NULL in its rows, as in Athena.
    """
    types: Mapping[str, str] = dict(table.columns)
    values = [
        f"CAST({f'rows.{quoted_name(name)}' if name in stored.names else 'NULL'} AS "
        f"{HIVE_TYPES[types[name]].duckdb}) AS {quoted_name(name)}"
        for name in columns
    ]
    keys = [
        f"{field_sql(f'partitions.{quoted_name(column)}', kind)} AS {quoted_name(column)}"
        for column, kind in table.partition_columns
    ]
    source = _source(file.path for file in files) if files else "(SELECT NULL AS filename WHERE false)"
    return (
        f"SELECT {', '.join([*values, *keys]) or '1'} FROM {source} AS rows "
        f"JOIN {quoted_name(partitions)} AS partitions USING (filename)"
    )


def odd_actions_sql(paths: Iterable[Path]) -> str:
    """The SELECT of the files with records whose action is none of a flow log's, each with one such action."""
    return (
        f"SELECT filename, coalesce(any_value(action), 'none') FROM {_source(paths)} "
        "WHERE action IS NULL OR action NOT IN ('ACCEPT', 'REJECT', '-') GROUP BY filename"
    )


def _source(paths: Iterable[Path]) -> str:
    """The rows of these files, with `filename`. A file that is named twice, for several partitions, is read once."""
    patterns = ", ".join(map(quoted_text, dict.fromkeys(map(as_pattern, paths))))
    return f"read_parquet([{patterns}], filename = true, union_by_name = true, hive_partitioning = false)"


def as_pattern(path: Path) -> str:
    """A pattern that matches this path alone: read_parquet takes every path for a pattern."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in str(path))
