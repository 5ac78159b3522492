"""Athena in the process: takes the statements that Athena takes and executes them on DuckDB.

The catalog remembers tables and partitions; the dialect says what a statement asks; the scan reads objects; here they
are put together: which partitions a query needs, which objects those hold, what came out and what it cost.
"""

import re
import time
import uuid
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from flowlogs.errors import FlowLakeError
from flowlogs.layout import is_visible
from flowlogs.statements import TableDefinition, TableName
from resources.bucket import ObjectStore
from resources.embedded.catalog import Catalog, Partition
from resources.engine import FRAME_TYPES, QueryEngine, QueryError, QueryResult
from resources.ensured import Ensured

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

    from resources.embedded import dialect
    from resources.embedded.scan import ScannedObject

_TRINO_TYPES = {
    "bool_": "boolean",
    "int8": "tinyint",
    "int16": "smallint",
    "int32": "integer",
    "int64": "bigint",
    "float32": "real",
    "float64": "double",
    "string": "varchar",
}


_SETTINGS = ("TimeZone = 'UTC'", "python_enable_replacements = false", "autoinstall_known_extensions = false")
"""Athena's time zone; and no name means a variable of this process, nor does any make DuckDB fetch something."""


class EmbeddedAthena(QueryEngine):
    """An engine over the objects of `buckets`: by each bucket's name, the store that holds its keys.

    The catalog is the SQLite file `catalog_path`; unqualified tables are looked for in `database`.
    """

    def __init__(self, catalog_path: Path, buckets: Mapping[str, ObjectStore], database: str) -> None:
        self.catalog = Catalog(catalog_path)
        self.buckets = buckets
        self.database = database

    def ensure(self) -> Ensured:
        return Ensured({"engine": "DuckDB, in this process", "catalog": str(self.catalog.path)})

    def execute(self, statement: str) -> QueryResult:
        from resources.embedded import dialect

        started = time.monotonic()
        parsed = dialect.parse(statement, self.database)
        if isinstance(parsed, dialect.Query):
            rows, scanned_bytes = self._select(parsed)
        else:
            rows, scanned_bytes = self._define(parsed, statement), 0
        return QueryResult(
            statement=statement,
            query_id=str(uuid.uuid4()),
            frame=_frame(rows),
            scanned_bytes=scanned_bytes,
            seconds=time.monotonic() - started,
        )

    def find_table(self, name: TableName) -> TableDefinition | None:
        return self.catalog.find_table(name)

    def partition_locations(self, name: TableName, values: Sequence[str]) -> dict[str, str]:
        wanted = set(values)
        found = self.catalog.partitions(name, min(wanted, default=""), max(wanted, default=""))
        return {partition.values[0]: partition.location for partition in found if partition.values[0] in wanted}

    def _define(self, parsed: "dialect.Statement", statement: str) -> "pa.Table":
        import pyarrow as pa

        from resources.embedded import dialect

        nothing = pa.table({})
        match parsed:
            case dialect.CreateDatabase(name, if_not_exists):
                if not self.catalog.create_database(name) and not if_not_exists:
                    raise QueryError("AlreadyExistsException", f"Database {name} already exists.", statement)
                return nothing
            case dialect.CreateTable(name, definition, if_not_exists):
                if not self.catalog.has_database(name.database):
                    raise QueryError("SCHEMA_NOT_FOUND", f"Database {name.database} does not exist.", statement)
                if not self.catalog.create_table(name, definition) and not if_not_exists:
                    raise QueryError("AlreadyExistsException", f"Table {name.hive} already exists.", statement)
                return nothing
            case dialect.DropTable(name, if_exists):
                if not self.catalog.drop_table(name) and not if_exists:
                    raise _no_table(name, statement)
                return nothing
            case dialect.ShowPartitions(name):
                table = self._table(name, statement)
                columns = [column for column, _ in table.partition_columns]
                if not columns:
                    raise QueryError("SemanticException", f"Table {name.hive} is not a partitioned table.", statement)
                partitions = self.catalog.partitions(name)
                names = ["/".join(f"{c}={v}" for c, v in zip(columns, p.values, strict=True)) for p in partitions]
                return pa.table({"partition": pa.array(names, pa.string())})
            case dialect.MovePartition(name, partition, partition_columns):
                values = self._ordered(name, partition, partition_columns, statement)
                if not self.catalog.move_partition(name, Partition(values, partition.location)):
                    raise QueryError("SemanticException", f"Partition not found: {', '.join(values)}.", statement)
                return nothing
            case dialect.AddPartitions():
                self._add_partitions(parsed, statement)
                return nothing
        raise AssertionError(f"an unknown kind of statement: {parsed}")

    def _add_partitions(self, parsed: "dialect.AddPartitions", statement: str) -> None:
        table = self._table(parsed.name, statement)
        partitions = []
        for partition in parsed.partitions:
            values = self._ordered(parsed.name, partition, parsed.partition_columns, statement)
            named = zip(table.partition_columns, values, strict=True)
            folder = "/".join(f"{column}={value}" for (column, _), value in named)
            partitions.append(Partition(values, partition.location or f"{table.location.rstrip('/')}/{folder}"))
        present = self.catalog.add_partitions(parsed.name, partitions, skip_present=parsed.if_not_exists)
        if present:
            raise QueryError(
                "AlreadyExistsException", f"Partition already exists: {', '.join(present.values)}.", statement
            )

    def _ordered(
        self, name: TableName, partition: Partition, columns: Sequence[str], statement: str
    ) -> tuple[str, ...]:
        """A partition's values, given for `columns`, in the order of the table's own partition columns."""
        own = [column for column, _ in self._table(name, statement).partition_columns]
        if sorted(own) != sorted(columns):
            raise QueryError(
                "SemanticException",
                f"the partition names {', '.join(columns)}; the table is partitioned by {', '.join(own) or 'nothing'}.",
                statement,
            )
        return tuple(partition.values[columns.index(column)] for column in own)

    def _select(self, query: "dialect.Query") -> "tuple[pa.Table, int]":
        import duckdb

        from resources.embedded import dialect
        from resources.embedded.scan import LineScan, decoding_sql, quoted

        plan = dialect.plan(query, self.database, self.catalog.find_table)
        with closing(duckdb.connect()) as connection:
            for setting in _SETTINGS:
                connection.execute(f"SET {setting}")
            scans = []
            for read in plan.reads:
                partitions = self._partitions(read, connection)
                scan = LineScan(list(self._objects(partitions)), read.definition, read.required)
                connection.register(f"{read.relation}_lines", scan)
                decoding = decoding_sql(f"{read.relation}_lines", read.definition)
                connection.execute(f"CREATE TEMP VIEW {quoted(read.relation)} AS {decoding}")
                scans.append(scan)
            # From here on the statement reads what was registered, and nothing else on this machine.
            connection.execute("SET enable_external_access = false")
            try:
                rows = connection.sql(plan.sql).to_arrow_table()
            except duckdb.Error as error:
                for scan in scans:
                    if scan.error:
                        raise scan.error from None
                raise _failure(error, query.text) from error
        return _with_trino_integers(rows, query.text), sum(scan.scanned_bytes for scan in scans)

    def _partitions(self, read: "dialect.TableRead", connection: "duckdb.DuckDBPyConnection") -> list[Partition]:
        """The partitions that the query's conditions leave, looked up in the catalog."""
        import duckdb
        import pyarrow as pa

        from resources.embedded.pruning import bounds, choosing_sql

        if not read.definition.partition_columns:
            return [Partition((), read.definition.location)]
        columns = read.definition.partition_columns
        first, last = bounds(read.conditions, columns[0][0])
        partitions = self.catalog.partitions(read.name, first, last)
        if not read.conditions or not partitions:
            return partitions
        values = {column: [p.values[i] for p in partitions] for i, (column, _) in enumerate(columns)}
        connection.register("partitions", pa.table({"position": range(len(partitions)), **values}))
        try:
            chosen = connection.execute(choosing_sql(read.conditions, columns, "partitions")).fetchall()
        except duckdb.Error:
            # A condition that fails on some partition's value fails the query, if it has a row there to fail on.
            return partitions
        finally:
            connection.unregister("partitions")
        return [partitions[position] for (position,) in chosen]

    def _objects(self, partitions: Iterable[Partition]) -> "Iterable[ScannedObject]":
        from resources.embedded.scan import ScannedObject

        for partition in partitions:
            bucket, prefix = _split_location(partition.location)
            if bucket not in self.buckets:
                raise FlowLakeError(f"{partition.location} lies in a bucket that this engine does not read.")
            store = self.buckets[bucket]
            for stored in store.list(prefix):
                if is_visible(stored.key, prefix):
                    yield ScannedObject(store, stored.key, stored.size, partition.values)

    def _table(self, name: TableName, statement: str) -> TableDefinition:
        table = self.catalog.find_table(name)
        if table is None:
            raise _no_table(name, statement)
        return table


def _no_table(name: TableName, statement: str) -> QueryError:
    return QueryError("SemanticException", f"[Error 10001]: Table not found {name.database}.{name.table}.", statement)


def _split_location(location: str) -> tuple[str, str]:
    """The bucket and the key prefix (none, or with a closing slash) of an ``s3://`` location."""
    match = re.fullmatch("s3://([^/]+)(?:/(.*?))?/?", location)
    names = match[2].split("/") if match and match[2] else []
    if not match or {"", ".", ".."} & set(names):
        raise FlowLakeError(f"{location!r} is no location of objects: s3://<bucket>/<folder>/…/ is.")
    return match[1], "".join(f"{name}/" for name in names)


def _failure(error: "duckdb.Error", statement: str) -> QueryError:
    """What DuckDB says of a statement that it could not execute, under Trino's name for it."""
    import duckdb

    message = str(error).partition("\n\nLINE ")[0]
    if ours := re.fullmatch("Invalid Input Error: ([A-Z_]+): (.*)", message, re.DOTALL):
        return QueryError(ours[1], f"{ours[2]}.", statement)
    if isinstance(error, duckdb.ConversionException):
        return QueryError("INVALID_CAST_ARGUMENT", message, statement)
    if isinstance(error, duckdb.OutOfRangeException):
        return QueryError("NUMERIC_VALUE_OUT_OF_RANGE", message, statement)
    if "GROUP BY clause" in message:
        return QueryError("EXPRESSION_NOT_AGGREGATE", message, statement)
    return QueryError("GENERIC_USER_ERROR", message, statement)


def _with_trino_integers(rows: "pa.Table", statement: str) -> "pa.Table":
    """The rows with DuckDB's 128-bit sums as bigint, which is what Trino sums to."""
    import pyarrow as pa

    fields = [
        field.with_type(pa.int64()) if pa.types.is_decimal(field.type) and field.type.scale == 0 else field
        for field in rows.schema
    ]
    try:
        return rows.cast(pa.schema(fields))
    except pa.ArrowInvalid as error:
        raise QueryError("NUMERIC_VALUE_OUT_OF_RANGE", f"a sum does not fit bigint: {error}.", statement) from error


def _frame(rows: "pa.Table") -> "pd.DataFrame":
    import pandas as pd
    import pyarrow as pa

    types = {
        getattr(pa, arrow)(): pd.api.types.pandas_dtype(FRAME_TYPES[trino]) for arrow, trino in _TRINO_TYPES.items()
    }
    frame: pd.DataFrame = rows.to_pandas(types_mapper=types.get)
    return frame
