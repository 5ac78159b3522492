"""Runs statements in Athena, through PyAthena, in a workgroup of the project's own, and reports what each one cost.

boto3 repeats throttled calls with backoff and jitter, and never a statement that Athena refused. Here are the time
limit, the polling, and the stopping of statements. Clients are made in clients.py.
"""

import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable
from flowlogs.record_format import PARQUET, TEXT
from flowlogs.statement_kind import StatementKind, first_word
from flowlogs.statements import TableDefinition, TableName
from resources.aws.clients import (
    CREATED_BY,
    AccessDeniedError,
    AwsClients,
    as_flow_lake_error,
    aws_errors,
    error_code,
)
from resources.aws.encryption import default_encryption
from resources.engine import FRAME_TYPES, QueryEngine, QueryError, QueryResult, ScanLimitError
from resources.ensured import Ensured
from resources.interrupts import signals_as_interrupts

if TYPE_CHECKING:
    import pandas as pd
    from pyathena.connection import Connection
    from pyathena.cursor import Cursor
    from pyathena.model import AthenaQueryExecution
    from pyathena.pandas.cursor import PandasCursor

FIRST_POLL_SECONDS = 0.1
LONGEST_POLL_SECONDS = 5.0
"""The state of a statement is polled at growing intervals: DDL takes under a second, a scan may take ten minutes."""

PARTITIONS_PER_REQUEST = 100
"""How many partitions one request asks Glue for (BatchGetPartition takes 1,000, but pages its answer by size)."""

DOLLARS_PER_TERABYTE = 5.0
"""What a scan costs in most regions ("Amazon Athena pricing", 2026), with the minimum below. DDL is free."""

ENGINE = "Athena engine version 3"
"""What the statements are written for ("Athena engine versioning", Athena user guide, 2026)."""

MINIMUM_BYTES_BILLED = 10 << 20

CONSOLES: Mapping[str, str] = {
    "aws": "{region}.console.aws.amazon.com",
    "aws-us-gov": "console.amazonaws-us-gov.com",
    "aws-cn": "console.amazonaws.cn",
}
"""Where AWS's console is, by partition ("Service endpoints", AWS General Reference, 2026). Others have no link."""

FORMATS: Mapping[str, str] = {"LazySimpleSerDe": TEXT, "ParquetHiveSerDe": PARQUET}
"""The format of a table's objects, by the class that Hive reads them with ("Choose a SerDe", Athena user guide)."""

_CODE = re.compile(r"(?:FAILED: )?([A-Z][A-Z_]{3,}|\w+Exception)\b:?\s*(.*)", re.DOTALL)


class Athena(QueryEngine):
    """The engine of one workgroup. `results` is the ``s3://…/`` address under which query results are written.

    `scan_limit_bytes` is what one query may scan at most, and the limit of a workgroup that is created.
    `timeout_seconds` is how long a statement may take before it is stopped. `reads_settings`: whether the settings of
    the results' bucket may be read.
    """

    def __init__(
        self,
        clients: AwsClients,
        *,
        database: str,
        workgroup: str,
        results: str,
        scan_limit_bytes: int,
        timeout_seconds: float,
        reads_settings: bool = True,
    ) -> None:
        self.clients = clients
        self.database = database
        self.workgroup = workgroup
        self.results = results
        self._scan_limit_bytes = scan_limit_bytes
        self.timeout_seconds = timeout_seconds
        self.reads_settings = reads_settings
        self._connection: Connection[Any] | None = None

    @property
    def scan_limit_bytes(self) -> int | None:
        """The setting, or the workgroup's own limit where that is lower: Athena cancels what is above it, and bills it.

        Where the caller may not look at the workgroup, it is the setting.
        """
        of_workgroup = self._known_workgroup.get("Configuration", {}).get("BytesScannedCutoffPerQuery")
        return min(self._scan_limit_bytes, of_workgroup) if of_workgroup else self._scan_limit_bytes

    @property
    def catalog_name(self) -> str:
        return f"AWS Glue of account {self.clients.account} in {self.clients.region}"

    def cost_in_dollars(self, scanned_bytes: int) -> float:
        return dollars(scanned_bytes, billed=True)

    def ensure(self) -> Ensured:
        from botocore.exceptions import ClientError

        self._require_same_region(self.results)
        athena, ours = self.clients.client("athena"), self._configuration()
        found = self._find_workgroup()
        if found is None:
            with aws_errors(f"creating the workgroup {self.workgroup} with its tags (athena:TagResource)"):
                try:
                    athena.create_work_group(
                        Name=self.workgroup,
                        Description="VPC Flow Lake: daily partitions and reports of VPC flow logs.",
                        Configuration=ours,
                        Tags=[{"Key": key, "Value": value} for key, value in CREATED_BY.items()],
                    )
                except ClientError as error:
                    # A run beside this one was faster.
                    if "already" not in str(error):
                        raise
            found = self._find_workgroup() or {}
        self._require_usable(found)
        return Ensured(
            {"workgroup": self.workgroup, "query results": self.results},
            warnings=tuple(self._differences(found.get("Configuration", {}), ours)),
        )

    def _find_workgroup(self) -> Mapping[str, Any] | None:
        """The workgroup as Athena describes it ("WorkGroup", Athena API reference); None where there is none."""
        from botocore.exceptions import ClientError

        with aws_errors(f"looking for the workgroup {self.workgroup}"):
            try:
                answer = self.clients.client("athena").get_work_group(WorkGroup=self.workgroup)
            except ClientError as error:
                # Athena has no error of its own for a workgroup that is not there.
                if error_code(error) != "InvalidRequestException":
                    raise
                return None
        found: Mapping[str, Any] = answer["WorkGroup"]
        return found

    @cached_property
    def _known_workgroup(self) -> Mapping[str, Any]:
        """The workgroup that statements run in; empty where there is none, or where the caller may not look at it."""
        try:
            return self._find_workgroup() or {}
        except AccessDeniedError:
            return {}

    def _require_usable(self, found: Mapping[str, Any]) -> None:
        """Raise FlowLakeError, with what to do, where statements cannot be run in the workgroup as it is."""
        who = f"The workgroup {self.workgroup} (FLOWLAKE_WORKGROUP)"
        another = "Or name another one in FLOWLAKE_WORKGROUP: one that does not exist is created."
        configuration = found.get("Configuration", {})
        if found.get("State") == "DISABLED":
            raise FlowLakeError(f"{who} is disabled: enable it in Athena. {another}")
        if configuration.get("ManagedQueryResultsConfiguration", {}).get("Enabled"):
            raise FlowLakeError(
                f"{who} keeps query results in storage of Athena's own (managed query results), which is not read from "
                f"here: let it have a location in S3. {another}"
            )
        engine = configuration.get("EngineVersion", {}).get("EffectiveEngineVersion", ENGINE)
        if "spark" in engine.lower():
            raise FlowLakeError(f"{who} is of {engine}, which runs no SQL. {another}")
        location = configuration.get("ResultConfiguration", {}).get("OutputLocation")
        if location and configuration.get("EnforceWorkGroupConfiguration"):
            self._require_same_region(location)

    def execute(self, statement: str, max_rows: int | None = None) -> QueryResult:
        from pyathena.error import Error

        started = time.monotonic()
        # One row more than the limit shows whether there are more rows.
        reading: dict[str, Any] = {} if max_rows is None else {"chunksize": max_rows + 1}
        cursor = self._connect().cursor(cursor_class(statement), on_poll=self._wait_between_polls(started))
        try:
            # A run that is cancelled must leave no query running, which would cost: PyAthena stops a query that is
            # interrupted, even while it starts.
            with signals_as_interrupts():
                cursor.execute(statement, **reading)
            frame = rows_of(cursor)
        except Error as error:
            raise self._failure(error, cursor.query_id, statement) from error
        except FlowLakeError as error:
            raise FlowLakeError(f"{error} {self._stop(cursor.query_id)}") from error
        scanned = cursor.data_scanned_in_bytes or 0
        link = self._console_link(cursor.query_id)
        return QueryResult(
            statement=statement,
            query_id=str(cursor.query_id),
            frame=frame.iloc[:max_rows],
            more_rows=max_rows is not None and len(frame) > max_rows,
            scanned_bytes=scanned,
            seconds=time.monotonic() - started,
            details={
                **({"console": link} if link else {}),
                "cost in US dollars": dollars(scanned, billed=cursor.statement_type == "DML"),
            },
            written=self._manifest(cursor.data_manifest_location),
        )

    def find_table(self, name: TableName) -> TableDefinition | None:
        table = self._find_glue_table(name)
        return table_definition(table) if table else None

    def locations_of(self, name: TableName, partitions: Sequence[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
        found = self._glue_partitions(name, partitions)
        return {values: partition["StorageDescriptor"]["Location"] for values, partition in found.items()}

    def partition_differences(
        self, name: TableName, partitions: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], list[str]]:
        table = self._find_glue_table(name)
        if table is None:
            return {}
        found = {
            values: descriptor_differences(table["StorageDescriptor"], partition["StorageDescriptor"])
            for values, partition in self._glue_partitions(name, partitions).items()
        }
        return {values: differences for values, differences in found.items() if differences}

    def _find_glue_table(self, name: TableName) -> Mapping[str, Any] | None:
        """The table as Glue describes it; None where there is none."""
        from botocore.exceptions import ClientError

        with aws_errors(f"looking for the table {name.hive}"):
            try:
                answer = self.clients.client("glue").get_table(DatabaseName=name.database, Name=name.table)
            except ClientError as error:
                if error_code(error) == "EntityNotFoundException":
                    return None
                raise
        table: Mapping[str, Any] = answer["Table"]
        return table

    def _glue_partitions(
        self, name: TableName, partitions: Sequence[tuple[str, ...]]
    ) -> dict[tuple[str, ...], Mapping[str, Any]]:
        """Each of these partitions as Glue describes it; without those that are not there. No table has none."""
        from botocore.exceptions import ClientError

        glue = self.clients.client("glue")
        found = {}
        with aws_errors(f"looking for partitions of {name.hive}"):
            for start in range(0, len(partitions), PARTITIONS_PER_REQUEST):
                asked = [{"Values": list(values)} for values in partitions[start : start + PARTITIONS_PER_REQUEST]]
                while asked:
                    try:
                        answer = glue.batch_get_partition(
                            DatabaseName=name.database, TableName=name.table, PartitionsToGet=asked
                        )
                    except ClientError as error:
                        if error_code(error) == "EntityNotFoundException":
                            return {}
                        raise
                    for partition in answer["Partitions"]:
                        found[tuple(partition["Values"])] = partition
                    # Partitions that Glue did not look up yet. Missing partitions are not among them.
                    left = answer.get("UnprocessedKeys", [])
                    if len(left) == len(asked):
                        raise FlowLakeError(f"Glue does not answer which partitions {name.hive} has. Run again later.")
                    asked = left
        return found

    def _connect(self) -> "Connection[Any]":
        """PyAthena's connection on this session, made once."""
        from pyathena import connect
        from pyathena.util import RetryConfig

        if self._connection is None:
            self._require_same_region(self.results)
            self._require_usable(self._known_workgroup)
            self.clients.session.events.register(
                "provide-client-params.athena.StartQueryExecution", self._add_bucket_owner
            )
            # It logs a traceback of each error that it raises. Here, the error's text is enough.
            logging.getLogger("pyathena").setLevel(logging.CRITICAL)
            self._connection = connect(
                session=self.clients.session,
                region_name=self.clients.region,
                config=self.clients.config,
                s3_config=self.clients.config,
                schema_name=self.database,
                work_group=self.workgroup,
                s3_staging_dir=self.results,
                poll_interval=0,
                retry_config=RetryConfig(attempt=1),  # boto3 retries already
            )
        return self._connection

    def _add_bucket_owner(self, params: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: ANN401
        """A hook of botocore before a statement is sent.

        PyAthena has no option for the owner of the results' bucket.
        """
        results = {**params.get("ResultConfiguration", {}), "ExpectedBucketOwner": self._results_owner}
        return {**params, "ResultConfiguration": results}

    @property
    def _results_bucket(self) -> str:
        return bucket_of(self.results)

    @property
    def _results_owner(self) -> str:
        return self.clients.owner_of(self._results_bucket)

    def _require_same_region(self, results: str) -> None:
        """Raise FlowLakeError where results are in another region than Athena, which then refuses every statement.

        "The S3 location provided to save your query results is invalid. Please check your S3 location is correct and is
        in the same region and try again", it says (public reports, 2018 to 2026).
        """
        there, here = self.clients.region_of(bucket_of(results)), self.clients.region
        if there not in (None, here):
            raise FlowLakeError(
                f"Query results go to {results}, which is in {there}, and Athena works in {here}: it writes no results "
                f"into another region. Set AWS_REGION={there}; or name a bucket in {here} in FLOWLAKE_RESULTS."
            )

    def _manifest(self, location: str | None) -> list[str] | None:
        """The addresses of the objects that an UNLOAD wrote, from its manifest."""
        if location is None:
            return None
        bucket, _, key = location.removeprefix("s3://").partition("/")
        with aws_errors(f"reading {location}, which tells what was written"):
            body = self.clients.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
            return [line.strip('"') for line in body.read().decode().splitlines() if line]

    def _wait_between_polls(self, started: float) -> "Callable[[AthenaQueryExecution], None]":
        """A function that waits between two polls of a statement, and raises FlowLakeError at the time limit."""
        wait = FIRST_POLL_SECONDS

        def on_poll(execution: "AthenaQueryExecution") -> None:
            nonlocal wait
            if execution.state in ("SUCCEEDED", "FAILED", "CANCELLED"):
                return
            if time.monotonic() - started > self.timeout_seconds:
                raise FlowLakeError(
                    f"The query {execution.query_id} took longer than {self.timeout_seconds:g} s "
                    "(FLOWLAKE_QUERY_TIMEOUT_SECONDS)."
                )
            time.sleep(wait)
            wait = min(wait * 1.5, LONGEST_POLL_SECONDS)

        return on_poll

    def _stop(self, query_id: str | None) -> str:
        """Stop a query; returns a sentence about the outcome."""
        try:
            with aws_errors("stopping it"):
                self.clients.client("athena").stop_query_execution(QueryExecutionId=query_id)
        except FlowLakeError as error:
            return f"It still runs, and costs: {error}"
        return "It was stopped."

    def _failure(self, error: Exception, query_id: str | None, statement: str) -> FlowLakeError:
        from botocore.exceptions import ClientError

        cause = error.__cause__
        if isinstance(cause, ClientError) and error_code(cause) != "InvalidRequestException":
            return as_flow_lake_error(cause, "running a statement in Athena")
        # A statement that does not parse is refused at once; every other fault is found while it runs.
        code, message = error_parts(
            # It may quote a record's field.
            printable(cause.response["Error"]["Message"] if isinstance(cause, ClientError) else str(error))
        )
        if "Unable to verify/create output bucket" in message:
            message += f". Does the bucket of {self.results} exist, and is s3:GetBucketLocation on it granted?"
        console = self._console_link(query_id)
        link = f"\nThe query: {console}" if console else ""
        if "Bytes scanned limit" in message:
            advice = (
                f". One query may scan no more than the workgroup {self.workgroup} allows, where that can be raised"
            )
            return ScanLimitError(code, message + advice + link, statement)
        return QueryError(code, message + link, statement)

    def _console_link(self, query_id: str | None) -> str | None:
        """The address of the query in AWS's console, if it was started."""
        console = CONSOLES.get(self.clients.partition)
        if console is None or query_id is None:
            return None
        region = self.clients.region
        page = f"athena/home?region={region}#/query-editor/history/{query_id}"
        return f"https://{console.format(region=region)}/{page}"

    def _configuration(self) -> dict[str, Any]:
        """The configuration of a workgroup that is created. Without encryption in it, the bucket's default applies."""
        found = default_encryption(self.clients, self._results_bucket) if self.reads_settings else None
        encryption = found.of_results if found else None
        return {
            "ResultConfiguration": {
                "OutputLocation": self.results,
                "ExpectedBucketOwner": self._results_owner,
                **({"EncryptionConfiguration": encryption} if encryption else {}),
            },
            "EnforceWorkGroupConfiguration": True,
            "PublishCloudWatchMetricsEnabled": True,
            "BytesScannedCutoffPerQuery": self._scan_limit_bytes,
        }

    def _differences(self, found: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[str]:
        """How a workgroup that exists differs from the one that would be created."""
        for name in ("EnforceWorkGroupConfiguration", "PublishCloudWatchMetricsEnabled", "BytesScannedCutoffPerQuery"):
            if found.get(name) != ours[name]:
                yield f"the workgroup's {name} is {found.get(name)}; recommended is {ours[name]}"
        engine = found.get("EngineVersion", {}).get("EffectiveEngineVersion", ENGINE)
        if engine != ENGINE:
            yield f"the workgroup is of {engine}; the statements are written for {ENGINE}"
        theirs, our = found.get("ResultConfiguration", {}), ours["ResultConfiguration"]
        location = theirs.get("OutputLocation")
        if location and location.rstrip("/") != self.results.rstrip("/"):
            yield f"the workgroup writes query results to {location}; recommended is {self.results}"
        elif theirs.get("ExpectedBucketOwner", our["ExpectedBucketOwner"]) != our["ExpectedBucketOwner"]:
            yield (
                f"the workgroup expects the bucket of its results to be of account {theirs['ExpectedBucketOwner']}; "
                f"it is of {our['ExpectedBucketOwner']}"
            )
        encrypted, recommended = (_encryption(one.get("EncryptionConfiguration")) for one in (theirs, our))
        if encrypted != recommended:
            yield f"the workgroup's results are encrypted by {encrypted}; recommended is {recommended}"


def _encryption(configuration: Mapping[str, str] | None) -> str:
    """A workgroup's EncryptionConfiguration in words."""
    return " ".join(filter(None, (configuration or {}).values())) or "the default of their bucket"


def bucket_of(address: str) -> str:
    """The bucket of an ``s3://`` address."""
    return address.removeprefix("s3://").partition("/")[0]


def cursor_class(statement: str) -> "type[Cursor | PandasCursor]":
    """The cursor for a statement: PyAthena's PandasCursor, and for UNLOAD its plain Cursor.

    The rows of an UNLOAD are in its destination. Its result is a manifest and no CSV ("UNLOAD", Athena user guide), but
    PandasCursor would look for a CSV.
    """
    from pyathena.cursor import Cursor
    from pyathena.pandas.cursor import PandasCursor

    return Cursor if first_word(statement).kind is StatementKind.UNLOAD else PandasCursor


def rows_of(cursor: "Cursor | PandasCursor") -> "pd.DataFrame":
    """The rows of a statement that has ended, with their types; only the first chunk if the cursor reads in chunks.

    An UNLOAD gives no rows.
    """
    import pandas as pd
    from pyathena.pandas.cursor import PandasCursor

    frame = pd.DataFrame()
    types: dict[str, str] = {}
    if isinstance(cursor, PandasCursor):
        frame = next(iter(cursor.iter_chunks()), frame)
        types = {column[0]: column[1] for column in cursor.description or []}
    return typed(frame, types)


def typed(frame: "pd.DataFrame", types: Mapping[str, str]) -> "pd.DataFrame":
    """The frame with the pandas types of FRAME_TYPES, by its columns' Athena types."""
    known = {column: FRAME_TYPES[kind] for column, kind in types.items() if kind in FRAME_TYPES}
    result: pd.DataFrame = frame.astype(known)
    return result


def table_definition(table: Mapping[str, Any]) -> TableDefinition:
    """A table as Glue describes it (AWS Glue API reference, Table)."""
    storage = table.get("StorageDescriptor", {})
    serde = storage.get("SerdeInfo", {})
    library = str(serde.get("SerializationLibrary", "nothing"))
    return TableDefinition(
        columns=tuple((column["Name"], column["Type"]) for column in storage.get("Columns", [])),
        partition_columns=tuple((column["Name"], column["Type"]) for column in table.get("PartitionKeys", [])),
        location=storage.get("Location", ""),
        stored_as=FORMATS.get(library.rpartition(".")[2], library),
        delimiter=serde.get("Parameters", {}).get("field.delim", "\x01"),
        properties=dict(table.get("Parameters", {})),
    )


def descriptor_differences(table: Mapping[str, Any], partition: Mapping[str, Any]) -> list[str]:
    """How a partition's storage descriptor differs from its table's in what its objects are read by.

    Athena reads each partition by its own descriptor ("Update tables with partitions", Athena user guide), also after
    the table's was changed.
    """
    ours, theirs = _read_by(table), _read_by(partition)
    return [
        f"{what}: the table has {expected}; the partition has {theirs[what]}"
        for what, expected in ours.items()
        if theirs[what] != expected
    ]


def _read_by(descriptor: Mapping[str, Any]) -> dict[str, str]:
    """What objects are read by, of a storage descriptor (AWS Glue API reference, StorageDescriptor), in words.

    The parameter ``serialization.format`` is left out: it says no more than ``field.delim``, which our tables have.
    """
    serde = descriptor.get("SerdeInfo", {})
    parameters = {name: text for name, text in serde.get("Parameters", {}).items() if name != "serialization.format"}
    columns = [f"{column['Name']} {column.get('Type')}" for column in descriptor.get("Columns", [])]
    return {
        "columns": ", ".join(columns) or "none",
        "input format": descriptor.get("InputFormat") or "none",
        "SerDe": serde.get("SerializationLibrary") or "none",
        "parameters of the SerDe": ", ".join(f"{name}={parameters[name]!r}" for name in sorted(parameters)) or "none",
    }


def dollars(scanned_bytes: int, *, billed: bool) -> float:
    """What Athena bills for a query, in US dollars at the price of most regions."""
    if not billed:
        return 0.0
    return max(scanned_bytes, MINIMUM_BYTES_BILLED) / (1 << 40) * DOLLARS_PER_TERABYTE


def error_parts(reason: str) -> tuple[str, str]:
    """Athena's name for the kind of error, and what it says."""
    match = _CODE.match(reason)
    if match:
        return match[1], match[2]
    return ("SYNTAX_ERROR" if reason.startswith("line ") else "FAILED"), reason
