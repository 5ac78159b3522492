"""What Athena's engine reads and writes, with its caller's rights: Glue as the catalog, S3 as the place of the objects.

`GlueCatalog` has the methods of `resources.embedded.catalog.Catalog` over moto's Glue, so that a table that somebody
made through Glue's API is seen, and one that DDL makes is there for Glue's API. Each method asks for the Glue actions
that AWS documents for its statement ("Configure access to databases and tables in the AWS Glue Data Catalog", examples,
Athena user guide); each access to S3 for what "Control access to Amazon S3 from Athena" there names.
"""

import base64
import io
import json
import threading
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

from moto.glue.exceptions import EntityNotFoundException
from moto.glue.models import GlueBackend, glue_backends
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, S3Backend, s3_backends
from moto.utilities.utils import get_partition

from flowlogs.errors import FlowLakeError
from flowlogs.record_format import PARQUET, TEXT
from flowlogs.statements import TableDefinition, TableName
from resources.bucket import ObjectStore, StoredObject
from resources.embedded.catalog import Partition
from resources.embedded.view import View

from .permissions import AccessDeniedError, Caller, glue_arns, key_needs

ON_ATHENAS_BEHALF = {"aws:ViaAWSService": "true", "aws:CalledVia": ["athena.amazonaws.com"]}

FOLDER_MARKER = "_$folder$"

_lock = threading.Lock()


class QueryRefusedError(FlowLakeError):
    """A query that its caller lacks a right for, in Athena's words."""


class Rights:
    """What the caller of a query may do; everything, when `caller` is None."""

    def __init__(self, caller: Caller | None, ddl: bool = False) -> None:
        self.caller = caller
        self.ddl = ddl

    def glue(self, actions: Sequence[str], database: str, table: str | None = None) -> None:
        for action in actions if self.caller else ():
            try:
                self.caller.require(f"glue:{action}", glue_arns(self.caller, database, table), ON_ATHENAS_BEHALF)
            except AccessDeniedError as denied:
                # As reported to awsdocs/amazon-athena-user-guide (issue 81) for DDL, and for SELECT to
                # aws-solutions-library-samples/cloud-intelligence-dashboards-framework (issue 705).
                raise QueryRefusedError(
                    "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
                    f"MetaException(message:{denied} (Service: AmazonDataCatalog; Status Code: 400; "
                    "Error Code: AccessDeniedException; Request ID: 1; Proxy: null))"
                    if self.ddl
                    else f"Insufficient permissions to execute the query. {denied}"
                ) from None

    def s3(
        self,
        action: str,
        bucket: str,
        key: str = "",
        context: Mapping[str, str] | None = None,
        encryption: Mapping[str, str] | None = None,
    ) -> None:
        if self.caller is None:
            return
        arn = f"arn:{self.caller.partition}:s3:::{bucket}{f'/{key}' if key else ''}"
        try:
            self.caller.require(f"s3:{action}", arn, {**ON_ATHENAS_BEHALF, **(context or {})})
            for needed, resource, why in key_needs(action, bucket, key, encryption):
                self.caller.require(needed, resource, {**ON_ATHENAS_BEHALF, **why})
        except AccessDeniedError as denied:
            raise QueryRefusedError(
                f"PERMISSION_DENIED: {denied} (Service: S3, Status Code: 403, Request ID: 1)"
            ) from None


class GlueCatalog:
    """The databases, tables and partitions of one account and region."""

    def __init__(self, account: str, region: str, rights: Rights) -> None:
        self.glue: GlueBackend = glue_backends[account][region]
        self.s3: S3Backend = s3_backends[account][get_partition(region)]
        self.rights = rights

    def create_database(self, name: str) -> bool:
        self.rights.glue(["GetDatabase", "CreateDatabase"], name)
        with _lock:
            if name in self.glue.databases:
                return False
            self.glue.create_database(name, {"Name": name})
        return True

    def has_database(self, name: str) -> bool:
        self.rights.glue(["GetDatabase"], name)
        return name in self.glue.databases

    def create_table(self, name: TableName, definition: TableDefinition) -> bool:
        self.rights.glue(["GetDatabase"], name.database)
        self.rights.glue(["GetTable", "CreateTable"], name.database, name.table)
        with _lock:
            if self._table(name):
                return False
            self._make_folder(definition.location)
            self.glue.create_table(name.database, name.table, _table_input(name.table, definition))
        return True

    def drop_table(self, name: TableName) -> bool:
        self.rights.glue(["GetDatabase"], name.database)
        actions = ["GetTable", "DeleteTable", "GetPartitions", "GetPartition", "DeletePartition"]
        self.rights.glue(actions, name.database, name.table)
        with _lock:
            if not self._table(name):
                return False
            self.glue.delete_table(name.database, name.table)
        return True

    def find_table(self, name: TableName) -> TableDefinition | None:
        self.rights.glue(["GetDatabase"], name.database)
        # GetTables is in the examples of "Configure access to databases and tables in the AWS Glue Data Catalog", 2026.
        self.rights.glue(["GetTable", "GetTables"], name.database, name.table)
        table = self._table(name)
        return _definition(table.as_dict()) if table and not _is_view(table.as_dict()) else None

    def databases(self) -> list[str]:
        return sorted(self.glue.databases)

    def tables(self, database: str) -> dict[str, TableDefinition]:
        self.rights.glue(["GetTables"], database)
        stored = self.glue.get_tables(database, "") if database in self.glue.databases else []
        tables = [table.as_dict() for table in stored]
        return {table["Name"]: _definition(table) for table in tables if not _is_view(table)}

    def change_table(self, name: TableName, definition: TableDefinition) -> bool:
        self.rights.glue(["GetTable", "UpdateTable"], name.database, name.table)
        with _lock:
            if not self._table(name):
                return False
            self.glue.update_table(name.database, name.table, _table_input(name.table, definition))
        return True

    def create_view(self, name: TableName, view: View, *, replace: bool) -> bool:
        self.rights.glue(["GetTable", "UpdateTable" if replace else "CreateTable"], name.database, name.table)
        with _lock:
            present = self._table(name)
            if present and not replace:
                return False
            if present:
                self.glue.delete_table(name.database, name.table)
            self.glue.create_table(name.database, name.table, _view_input(name.table, view))
        return True

    def drop_view(self, name: TableName) -> bool:
        self.rights.glue(["GetTable", "DeleteTable"], name.database, name.table)
        if not self.find_view(name):
            return False
        self.glue.delete_table(name.database, name.table)
        return True

    def find_view(self, name: TableName) -> View | None:
        """The view; whoever asks for it asks for the table of its name, too, whose rights it takes."""
        table = self._table(name)
        return _view(table.as_dict()) if table and _is_view(table.as_dict()) else None

    def views(self, database: str) -> dict[str, View]:
        stored = self.glue.get_tables(database, "") if database in self.glue.databases else []
        tables = [table.as_dict() for table in stored]
        return {table["Name"]: _view(table) for table in tables if _is_view(table)}

    def drop_partitions(
        self, name: TableName, partitions: Sequence[tuple[str, ...]], *, skip_missing: bool
    ) -> tuple[str, ...] | None:
        # The client of Glue that is named at `_as_path` deletes one at a time. AmazonAthenaFullAccess has both actions:
        # which of them Athena asks for is not known.
        self.rights.glue(["GetPartition", "DeletePartition", "BatchDeletePartition"], name.database, name.table)
        with _lock:
            present = {tuple(partition.values) for partition in self._table(name).partitions.values()}
            missing = [values for values in partitions if values not in present]
            if missing and not skip_missing:
                return missing[0]
            for values in partitions:
                if values in present:
                    self._table(name).delete_partition(list(values))
        return None

    def add_partitions(self, name: TableName, partitions: Sequence[Partition], skip_present: bool) -> Partition | None:
        # "MSCK REPAIR TABLE", troubleshooting, Athena user guide, names BatchCreatePartition for adding partitions.
        self.rights.glue(["BatchCreatePartition"], name.database, name.table)
        with _lock:
            table = self._table(name)
            storage = table.as_dict()["StorageDescriptor"]
            present = {tuple(partition.values) for partition in table.partitions.values()}
            if not skip_present:
                for partition in partitions:
                    if partition.values in present:
                        return partition
            for partition in partitions:
                self._make_folder(partition.location)
                here = {**storage, "Location": _as_path(partition.location)}
                added = {"Values": list(partition.values), "StorageDescriptor": here, "Parameters": _now()}
                if partition.values not in present:
                    table.create_partition(added)
        return None

    def set_partition_location(self, name: TableName, partition: Partition) -> bool:
        self.rights.glue(["GetPartition", "UpdatePartition"], name.database, name.table)
        with _lock:
            for stored in self._table(name).partitions.values():
                if tuple(stored.values) == partition.values:
                    stored.partition_input["StorageDescriptor"]["Location"] = partition.location
                    return True
        return False

    def partitions(self, name: TableName, first: str | None = None, last: str | None = None) -> list[Partition]:
        # A SELECT has been seen to be refused for want of GetPartition (see Rights.glue).
        self.rights.glue(["GetPartitions", "GetPartition"], name.database, name.table)
        table = self._table(name)
        if table.as_dict()["Parameters"].get("projection.enabled", "").lower() == "true":
            return _projected(table.as_dict(), first, last)
        stored = list(table.partitions.values())
        found = [Partition(tuple(p.values), p.partition_input["StorageDescriptor"]["Location"]) for p in stored]
        chosen = [p for p in found if (first is None or p.values[0] >= first) and (last is None or p.values[0] <= last)]
        return sorted(chosen, key=lambda partition: partition.values)

    def _make_folder(self, location: str) -> None:
        """Write the marker of a folder where no object is, an empty object beside it, with the caller's rights.

        Sources: "ALTER TABLE ADD PARTITION", Considerations, Athena user guide (2026), which tells of markers where a
        partition is there already; in the client that is named at `_as_path`, `validateNewTableAndCreateDirectory` and
        `batchCreatePartitions`, which make the folder first, and fail where they cannot. Whether Athena does is not
        known.
        """
        bucket, key = bucket_and_key(location.rstrip("/"))
        marker = f"{key}{FOLDER_MARKER}"
        if bucket not in self.s3.buckets:
            return
        there = self.s3.get_bucket(bucket).keys
        if marker not in there and not any(name.startswith(f"{key}/") for name in there):
            self.rights.s3("PutObject", bucket, marker)
            self.s3.put_object(bucket, marker, b"")

    def _table(self, name: TableName) -> Any:
        try:
            return self.glue.get_table(name.database, name.table)
        except EntityNotFoundException:
            return None


_HIVE = "org.apache.hadoop.hive.ql.io"

_FORMATS = {
    TEXT: {
        "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
        "OutputFormat": f"{_HIVE}.HiveIgnoreKeyTextOutputFormat",
        "SerdeInfo": {"SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"},
    },
    PARQUET: {
        "InputFormat": f"{_HIVE}.parquet.MapredParquetInputFormat",
        "OutputFormat": f"{_HIVE}.parquet.MapredParquetOutputFormat",
        "SerdeInfo": {"SerializationLibrary": f"{_HIVE}.parquet.serde.ParquetHiveSerDe"},
    },
}
"""What a table's STORED AS stands for ("Parquet SerDe" and "Lazy Simple SerDe", Athena user guide)."""


def _table_input(name: str, definition: TableDefinition) -> dict[str, Any]:
    """The table as Athena's DDL leaves it in Glue."""
    described = _FORMATS[definition.stored_as]
    parameters = {"serialization.format": "1"}
    if definition.stored_as == TEXT:
        parameters = {"field.delim": definition.delimiter, "serialization.format": definition.delimiter}
    return {
        "Name": name,
        "Owner": "hadoop",
        "Retention": 0,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": column, "Type": kind} for column, kind in definition.partition_columns],
        "Parameters": {"EXTERNAL": "TRUE", **definition.properties, **_now()},
        "StorageDescriptor": {
            "Columns": [{"Name": column, "Type": kind} for column, kind in definition.columns],
            "Location": _as_path(definition.location),
            **described,
            "Compressed": False,
            "NumberOfBuckets": -1,
            "SerdeInfo": {**described["SerdeInfo"], "Parameters": parameters},
            "SortColumns": [],
            "StoredAsSubDirectories": False,
        },
    }


def _is_view(table: Mapping[str, Any]) -> bool:
    return table.get("TableType") == "VIRTUAL_VIEW"


def _view_input(name: str, view: View) -> dict[str, Any]:
    """A view as Trino's Hive connector leaves it in Glue: its JSON in base 64, in a comment (ViewReaderUtil.java)."""
    columns = [{"name": column, "type": kind} for column, kind in view.columns]
    stored = {"originalSql": view.text, "catalog": "awsdatacatalog", "schema": view.database, "columns": columns}
    encoded = base64.b64encode(json.dumps(stored).encode()).decode()
    return {
        "Name": name,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "ViewOriginalText": f"/* Presto View: {encoded} */",
        "ViewExpandedText": "/* Presto View */",
        "PartitionKeys": [],
        "StorageDescriptor": {"Columns": [{"Name": column, "Type": "string"} for column, _ in view.columns]},
    }


def _view(table: Mapping[str, Any]) -> View:
    encoded = table["ViewOriginalText"].removeprefix("/* Presto View: ").removesuffix(" */")
    stored = json.loads(base64.b64decode(encoded))
    columns = tuple((column["name"], column["type"]) for column in stored["columns"])
    return View(stored["schema"], stored["originalSql"], columns)


def _definition(table: Mapping[str, Any]) -> TableDefinition:
    storage = table["StorageDescriptor"]
    serde = storage.get("SerdeInfo", {})
    library = _FORMATS[PARQUET]["SerdeInfo"]["SerializationLibrary"]
    return TableDefinition(
        columns=tuple((column["Name"], column["Type"]) for column in storage["Columns"]),
        partition_columns=tuple((column["Name"], column["Type"]) for column in table.get("PartitionKeys", [])),
        location=storage["Location"],
        stored_as=PARQUET if serde.get("SerializationLibrary") == library else TEXT,
        delimiter=serde.get("Parameters", {}).get("field.delim", "\x01"),
        properties=dict(table.get("Parameters", {})),
    )


def _projected(table: Mapping[str, Any], first: str | None, last: str | None) -> list[Partition]:
    """What a query sees of a table whose partitions are projected: days where Hive would have them, Glue's nowhere.

    Source: "Use partition projection with Amazon Athena", user guide (2026): "Athena ignores any partition metadata".
    Of its kinds, just days are known here, and those of a query that says from which to which.
    """
    if first is None or last is None:
        return []
    (column,) = table["PartitionKeys"]
    begin, end = date.fromisoformat(first).toordinal(), date.fromisoformat(last).toordinal()
    days = [date.fromordinal(number).isoformat() for number in range(begin, end + 1)]
    root = table["StorageDescriptor"]["Location"].rstrip("/")
    return [Partition((day,), f"{root}/{column['Name']}={day}/") for day in days]


def _as_path(location: str) -> str:
    """A location in CREATE and ADD as Hive leaves it in Glue: a path, without the closing slash that it may be given.

    Source: `getPartitionLocation` and `validateNewTableAndCreateDirectory`, GlueMetastoreClientDelegate.java, in
    awslabs/aws-glue-data-catalog-client-for-apache-hive-metastore. What SET LOCATION is given stays as it is.
    """
    return location.rstrip("/")


def _now() -> dict[str, str]:
    return {"transient_lastDdlTime": str(int(time.time()))}


class S3Store(ObjectStore):
    """A bucket's objects, as the query's caller may see them; the addresses of those that it adds go to `added`.

    They are encrypted as the query's results are ("UNLOAD", Athena user guide), or by the bucket's default.
    """

    def __init__(
        self, s3: S3Backend, bucket: str, rights: Rights, added: list[str], encryption: Mapping[str, str] | None
    ) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.rights = rights
        self.added = added
        self.encryption = encryption

    def display_path(self, key: str = "") -> str:
        return f"s3://{self.bucket}/{key}"

    def sql_location(self, key: str = "") -> str:
        return self.display_path(key)

    def list(self, prefix: str) -> Iterator[StoredObject]:
        self.rights.s3("GetBucketLocation", self.bucket)
        self.rights.s3("ListBucket", self.bucket, context={"s3:prefix": prefix})
        for name, key in sorted(self._backend(prefix).keys.items()):
            # "Query restored Amazon S3 Glacier objects", Athena user guide: any other of these is passed over.
            if name.startswith(prefix) and key.storage_class not in ("GLACIER", "DEEP_ARCHIVE"):
                yield StoredObject(name, key.size)

    def open(self, key: str) -> BinaryIO:
        self.rights.s3("GetObject", self.bucket, key)
        found = self.s3.get_object(self.bucket, key)
        if found is None:
            raise FlowLakeError(f"HIVE_CANNOT_OPEN_SPLIT: Error opening Hive split {self.display_path(key)}: NoSuchKey")
        return io.BytesIO(found.value)

    def head(self, key: str, size: int) -> bytes:
        return self.open(key).read(size)

    def replace(self, files: Mapping[str, bytes]) -> None:
        """Write objects, in several parts where they are large.

        The actions are those that AmazonAthenaFullAccess grants where results go ("AWS managed policies for Athena").
        """
        for key, data in files.items():
            self.rights.s3("ListBucketMultipartUploads", self.bucket)
            for action in ("PutObject", "ListMultipartUploadParts", "AbortMultipartUpload"):
                self.rights.s3(action, self.bucket, key, encryption=self.encryption)
            how = {"SSE_S3": "AES256", "SSE_KMS": "aws:kms"}
            chosen = self.encryption or {}
            algorithm = how.get(chosen.get("EncryptionOption", ""))
            self.s3.put_object(self.bucket, key, data, encryption=algorithm, kms_key_id=chosen.get("KmsKey"))

    @contextmanager
    def staging_folder(self) -> Iterator[Path]:
        """Where an UNLOAD writes: the location is looked at first, as that policy's rights on the bucket say."""
        self.rights.s3("GetBucketLocation", self.bucket)
        self.rights.s3("ListBucket", self.bucket)
        self._backend("")
        with super().staging_folder() as folder:
            yield folder
            self.added += [
                self.display_path(path.relative_to(folder).as_posix())
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            ]

    def delete(self, keys: Iterable[str]) -> None:
        raise NotImplementedError("no statement that is executed here removes objects")

    def _backend(self, prefix: str) -> FakeBucket:
        try:
            return self.s3.get_bucket(self.bucket)
        except S3ClientError as error:
            raise FlowLakeError(f"HIVE_FILESYSTEM_ERROR: {self.display_path(prefix)}: {error.message}") from error


class S3Buckets(Mapping[str, ObjectStore]):
    """Every bucket there is, by its name: what `EmbeddedAthena` takes. `added` is what it wrote there, as addresses."""

    def __init__(self, account: str, region: str, rights: Rights, encryption: Mapping[str, str] | None = None) -> None:
        self.encryption = encryption
        self.s3: S3Backend = s3_backends[account][get_partition(region)]
        self.rights = rights
        self.added: list[str] = []

    def __getitem__(self, bucket: str) -> S3Store:
        return S3Store(self.s3, bucket, self.rights, self.added, self.encryption)

    def __iter__(self) -> Iterator[str]:
        return iter(self.s3.buckets)

    def __len__(self) -> int:
        return len(self.s3.buckets)

    def __contains__(self, bucket: object) -> bool:
        return True


def bucket_and_key(location: str) -> tuple[str, str]:
    bucket, _, key = location.removeprefix("s3://").partition("/")
    return bucket, key
