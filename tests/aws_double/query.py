"""One run of a statement: executed in its own thread over moto's S3 and Glue, by the engine of the embedded target.

States, results, statistics and failures are Athena's. athena.py has the API that starts a run and reports on it.
"""

import json
import re
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowlogs.errors import FlowLakeError
from flowlogs.statement_kind import StatementKind, first_word
from resources.embedded.athena import EmbeddedAthena
from resources.engine import FRAME_TYPES, QueryError

from . import state
from .glue_catalog import GlueCatalog, QueryRefusedError, Rights, S3Buckets, bucket_and_key
from .permissions import Caller

if TYPE_CHECKING:
    import pandas as pd

# Athena's StatementType and SubstatementType, by the kind of a statement and what follows its first word. Everything
# else is a SELECT. Athena's API reference lists no SubstatementTypes: where none was seen, it is the title of the
# statement's page in the user guide.
_TYPES = (
    (StatementKind.CREATE, "DATABASE|SCHEMA", ("DDL", "CREATE_DATABASE")),
    (StatementKind.CREATE, "(EXTERNAL )?TABLE", ("DDL", "CREATE_TABLE")),
    (StatementKind.DROP, "TABLE", ("DDL", "DROP_TABLE")),
    (StatementKind.ALTER, r"TABLE \S+ DROP", ("DDL", "ALTER_TABLE_DROP_PARTITION")),
    (StatementKind.ALTER, r"TABLE \S+ ADD", ("DDL", "ALTER_TABLE_ADD_PARTITION")),
    (StatementKind.ALTER, r"TABLE \S+ PARTITION .* SET LOCATION", ("DDL", "ALTER_TABLE_SET_LOCATION")),
    (StatementKind.SHOW, "PARTITIONS", ("UTILITY", "SHOW_PARTITIONS")),
    (StatementKind.UNLOAD, ".*", ("DML", "UNLOAD")),
    (StatementKind.OTHER, "REPAIR", ("DDL", "MSCK_REPAIR_TABLE")),
)

_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)

_PRECISIONS = {"tinyint": 3, "smallint": 5, "integer": 10, "bigint": 19, "real": 17, "double": 17, "varchar": 2**31 - 1}


def statement_types(statement: str) -> tuple[str, str]:
    """The StatementType and SubstatementType that Athena gives for a statement."""
    word = first_word(statement)
    rest = " ".join(_COMMENTS.sub(" ", statement[word.end :]).upper().split())
    found = (types for kind, pattern, types in _TYPES if kind is word.kind and re.match(rf"(?:{pattern})(?!\w)", rest))
    return next(found, ("DML", "SELECT"))


@dataclass
class Query:
    """A run of `statement` for `caller` (None: whose rights nobody asks about), from its submission on."""

    statement: str
    workgroup: str
    database: str
    results: str
    owner: str | None
    encryption: dict[str, str] | None
    scan_limit: int | None
    caller: Caller | None
    account: str
    region: str
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: str = "QUEUED"
    reason: str | None = None
    ours: bool = False
    scanned_bytes: int = 0
    engine_seconds: float = 0
    submitted: float = field(default_factory=time.time)
    completed: float | None = None
    columns: list[dict[str, Any]] = field(default_factory=list)
    rows: list[list[str | None]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def types(self) -> tuple[str, str]:
        return statement_types(self.statement)

    @property
    def is_dml(self) -> bool:
        return self.types[0] == "DML"

    @property
    def is_unload(self) -> bool:
        return self.types[1] == "UNLOAD"

    @property
    def location(self) -> str:
        """What the names of the run's files in the result location begin with."""
        return f"{self.results.rstrip('/')}/{self.id}"

    @property
    def output_location(self) -> str:
        """The result; no page tells what it is for an UNLOAD, which has none: here, a CSV that is not there."""
        return f"{self.location}.{'csv' if self.is_dml else 'txt'}"

    def start(self) -> None:
        threading.Thread(target=self._run, daemon=True).start()

    def finish(self, ending: str, reason: str | None = None, *, ours: bool = False) -> None:
        """Move to a last state, once. `ours` says that the fault is the service's, not the user's."""
        with self.lock:
            if self.completed is None:
                self.state, self.reason, self.ours, self.completed = ending, reason, ours, time.time()
                self.stopped.set()

    def describe(self) -> dict[str, Any]:
        """The run as GetQueryExecution tells it."""
        status: dict[str, Any] = {"State": self.state, "SubmissionDateTime": self.submitted}
        if self.completed:
            status["CompletionDateTime"] = self.completed
        if self.reason:
            status["StateChangeReason"] = self.reason
        if self.state == "FAILED":
            # "Athena error catalog", Athena user guide: category 1 is the system's, 2 the user's.
            category, kind = (1, 100) if self.ours else (2, 1000)
            error = {"ErrorCategory": category, "ErrorType": kind, "Retryable": self.ours, "ErrorMessage": self.reason}
            status["AthenaError"] = error
        owner = {"ExpectedBucketOwner": self.owner} if self.owner else {}
        manifest = {"DataManifestLocation": f"{self.location}-manifest.csv"} if self.is_unload else {}
        return {
            "QueryExecutionId": self.id,
            "Query": self.statement,
            "StatementType": self.types[0],
            "SubstatementType": self.types[1],
            "ResultConfiguration": {"OutputLocation": self.output_location, **owner},
            "QueryExecutionContext": {"Database": self.database, "Catalog": "awsdatacatalog"},
            "Status": status,
            "Statistics": {
                "DataScannedInBytes": self.scanned_bytes,
                "EngineExecutionTimeInMillis": int(self.engine_seconds * 1000),
                "TotalExecutionTimeInMillis": int(((self.completed or time.time()) - self.submitted) * 1000),
                **manifest,
            },
            "WorkGroup": self.workgroup,
            "EngineVersion": {"SelectedEngineVersion": "AUTO", "EffectiveEngineVersion": "Athena engine version 3"},
        }

    def _run(self) -> None:
        if self.stopped.wait(state.SETTINGS.queued_seconds):
            return
        self.state = "RUNNING"
        if self.stopped.wait(state.SETTINGS.running_seconds):
            return
        started = time.monotonic()
        try:
            self._execute()
        except QueryError as error:
            reason = str(error).partition("\nThe statement was:")[0]
            # Hive's: "FAILED: SemanticException [Error 10001]: Table not found …".
            self.finish("FAILED", reason if self.is_dml else f"FAILED: {reason.replace(': [', ' [', 1)}")
        except FlowLakeError as error:
            self.finish("FAILED", str(error))
        except Exception as error:  # noqa: BLE001 - whatever it is, the query has failed, as in Athena
            self.finish("FAILED", f"GENERIC_INTERNAL_ERROR: {error!r}", ours=True)
        self.engine_seconds = time.monotonic() - started
        self.finish("SUCCEEDED")

    def _execute(self) -> None:
        failure = state.next_failure()
        if failure and not self.is_unload:
            self.finish(failure["state"], failure["reason"])
            return
        rights = Rights(self.caller, ddl=not self.is_dml)
        # "Configure AWS Glue access to your catalog and database per AWS Region", Athena user guide: for any statement.
        # GetDatabases: a DDL statement was refused for want of it (awsdocs/amazon-athena-user-guide, issue 81).
        rights.glue(["GetDatabase", "GetDatabases"], "default")
        buckets = S3Buckets(self.account, self.region, rights, self.encryption)
        engine = EmbeddedAthena(Path("unused"), buckets, self.database)
        engine.catalog = GlueCatalog(self.account, self.region, rights)
        result = engine.execute(self.statement)
        if failure:
            # "Orphaned data not deleted" ("UNLOAD", Athena user guide): what it has written by then stays.
            self.finish(failure["state"], failure["reason"])
            return
        self.scanned_bytes = result.scanned_bytes
        if self.is_dml and state.SETTINGS.scanned_bytes is not None:
            self.scanned_bytes = state.SETTINGS.scanned_bytes
        if self.scan_limit is not None and self.scanned_bytes > self.scan_limit:
            # CANCELLED, not FAILED, in engine version 3 (public reports, 2026).
            self.finish("CANCELLED", "Bytes scanned limit was exceeded")
        if not self.stopped.is_set():
            self._publish(self._unload_results(buckets) if self.is_unload else self._results(result.frame), buckets)

    def _results(self, frame: "pd.DataFrame") -> dict[str, bytes]:
        """The files with the rows, by what is added to `location`: CSV with a header for a SELECT, else plain text."""
        self.columns = [_column_info(str(name), frame[name].dtype, self.is_dml) for name in frame.columns]
        self.rows = [list(row) for row in zip(*(_texts(frame[name]) for name in frame.columns), strict=True)]
        if self.is_dml:
            self.rows.insert(0, [column["Name"] for column in self.columns])
            lines = [",".join(map(_quoted, row)) for row in self.rows]
        else:
            lines = ["\t".join(text or "" for text in row) for row in self.rows]
        ending = self.output_location.removeprefix(self.location)
        return {ending: _lines(lines), f"{ending}.metadata": self._metadata()}

    def _unload_results(self, buckets: S3Buckets) -> dict[str, bytes]:
        """The files of an UNLOAD: a list of what it wrote, and metadata ("Identify query output files", user guide).

        The metadata's name, and that GetQueryResults tells of columns, are what aws-sdk-pandas counts on when it runs
        an UNLOAD (`_fetch_parquet_result` and `get_query_columns_types`); which column it is is Trino's to say.
        """
        import pandas as pd

        self.columns = [_column_info("rows", pd.Int64Dtype(), True)]
        return {"-manifest.csv": _lines(buckets.added), ".metadata": self._metadata()}

    def _metadata(self) -> bytes:
        return json.dumps(self.columns).encode()  # Athena's are in a binary format that it does not document

    def _publish(self, files: dict[str, bytes], buckets: S3Buckets) -> None:
        """Write the results where they belong."""
        bucket, key = bucket_and_key(self.location)
        try:
            buckets[bucket].replace({f"{key}{ending}": data for ending, data in files.items()})
        except QueryRefusedError as refused:
            raise QueryRefusedError(
                f"Access denied when writing output to url: {self.output_location} . Please ensure you are allowed to "
                "access the S3 bucket. If you are encrypting query results with KMS key, please ensure you are allowed "
                f"to access your KMS key. {str(refused).removeprefix('PERMISSION_DENIED: ')}"
            ) from None


def _column_info(name: str, dtype: Any, trino: bool) -> dict[str, Any]:
    """A column of a result; its type is Trino's, or ``string`` for all that Hive answers."""
    import pandas as pd

    types = {pd.api.types.pandas_dtype(pandas): name for name, pandas in FRAME_TYPES.items()}
    kind = types.get(dtype, "varchar") if trino else "string"
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": kind,
        "Precision": _PRECISIONS.get(kind, 0),
        "Scale": 0,
        "Nullable": "UNKNOWN",
        "CaseSensitive": kind in ("varchar", "string"),
    }


def _texts(values: "pd.Series") -> list[str | None]:
    return [
        None if missing else str(value).lower() if isinstance(value, bool) else str(value)
        for value, missing in zip(values, values.isna(), strict=True)
    ]


def _lines(lines: list[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def _quoted(text: str | None) -> str:
    """A CSV field: every value in quotes, NULL as nothing at all."""
    return "" if text is None else '"' + text.replace('"', '""') + '"'
