"""Athena's API for queries and workgroups, in the place of moto's, which runs no SQL.

What does not parse is refused by StartQueryExecution itself, as Athena does ("InvalidRequestException … line 1:8:
mismatched input", many public reports): SELECT and UNLOAD by trino-sql-validator, DDL by the embedded dialect, which
also knows what it does not support (that ends as FAILED, NOT_SUPPORTED). Double quotes are refused anywhere in DDL;
Hive takes them around text constants, though not around names. A comment in front of anything but a query
is refused too: Athena chooses the parser by how a statement begins, and users of dbt-athena had statements broken by
one (its pull requests 52, 54 and 56; Tomme/dbt-athena, 64).
"""

import json
import re
import uuid
from typing import Any

from moto.athena import urls
from moto.athena.responses import AthenaResponse
from trino_sql_validator import validate

from flowlogs.statement_kind import StatementKind, first_word
from flowlogs.statements import MAX_STATEMENT_BYTES
from resources.embedded.sql.parse import parse
from resources.engine import QueryError

from . import state
from .glue_catalog import QueryRefusedError, Rights, bucket_and_key
from .permissions import AccessDeniedError, Caller, bucket_of, caller_of
from .query import Query, statement_types
from .wire import Refusal

_BEFORE_A_DOUBLE_QUOTE = re.compile(r"""(?:[^'"`]|'[^']*'|`[^`]*`)*(?=")""")


class AthenaDouble(AthenaResponse):
    """Handlers for queries, and what moto's for workgroups lack."""

    def start_query_execution(self) -> str:
        statement = self._get_param("QueryString")
        token = self._get_param("ClientRequestToken") or str(uuid.uuid4())
        if token in state.TOKENS:
            query = state.QUERIES[state.TOKENS[token]]
            if query.statement != statement:
                raise _invalid("Idempotent parameters do not match")
            return json.dumps({"QueryExecutionId": query.id})
        workgroup = self._work_group(self._get_param("WorkGroup") or "primary")
        if workgroup.state != "ENABLED":
            raise _invalid(f"WorkGroup {workgroup.name} is disabled.")
        _require_syntax(statement)
        caller = caller_of(self)
        query = Query(
            statement=statement,
            workgroup=workgroup.name,
            database=(self._get_param("QueryExecutionContext") or {}).get("Database", "default"),
            results=self._result_location(workgroup.configuration, caller),
            owner=self._of_results(workgroup.configuration, "ExpectedBucketOwner"),
            encryption=self._of_results(workgroup.configuration, "EncryptionConfiguration"),
            scan_limit=workgroup.configuration.get("BytesScannedCutoffPerQuery"),
            caller=caller,
            account=self.current_account,
            region=self.region,
        )
        state.QUERIES[query.id] = query
        state.TOKENS[token] = query.id
        query.start()
        return json.dumps({"QueryExecutionId": query.id})

    def get_query_execution(self) -> str:
        return json.dumps({"QueryExecution": self._query().describe()})

    def batch_get_query_execution(self) -> str:
        asked = self._get_param("QueryExecutionIds")
        found = [state.QUERIES[query_id].describe() for query_id in asked if query_id in state.QUERIES]
        missing = [{"QueryExecutionId": query_id} for query_id in asked if query_id not in state.QUERIES]
        return json.dumps({"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing})

    def list_query_executions(self) -> str:
        workgroup = self._get_param("WorkGroup") or "primary"
        newest_first = reversed(list(state.QUERIES.values()))
        ids, more = self._page([query.id for query in newest_first if query.workgroup == workgroup], 50)
        return json.dumps({"QueryExecutionIds": ids, **more})

    def stop_query_execution(self) -> str:
        self._query().finish("CANCELLED", "Query cancelled by user")
        return "{}"

    def get_query_results(self) -> str:
        query = self._query()
        if query.state in ("QUEUED", "RUNNING"):
            raise _invalid(f"Query has not yet finished. Current state: {query.state}")
        if query.state != "SUCCEEDED":
            raise _invalid(f"Query did not finish successfully. Final query state: {query.state}")
        try:
            # "GetQueryResults", Athena API reference: the caller needs s3:GetObject on the query results location.
            Rights(caller_of(self)).s3("GetObject", *bucket_and_key(query.output_location))
        except QueryRefusedError as refused:
            raise Refusal("athena", "AccessDeniedException", str(refused)) from None
        page, more = self._page(query.rows, 1000)
        rows = [{"Data": [{} if text is None else {"VarCharValue": text} for text in row]} for row in page]
        results = {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": query.columns}}
        return json.dumps({"ResultSet": results, "UpdateCount": 0, **more})

    def get_work_group(self) -> str:
        self._work_group(self._get_param("WorkGroup"))
        return super().get_work_group()

    def create_work_group(self) -> Any:
        name, configuration = self._get_param("Name"), self._get_param("Configuration") or {}
        if name in self.athena_backend.work_groups:
            raise _invalid(f"WorkGroup {name} is already created")
        # "ManagedQueryResultsConfiguration", Athena API reference: a workgroup has either of the two.
        if configuration.get("ManagedQueryResultsConfiguration", {}).get("Enabled") and configuration.get(
            "ResultConfiguration", {}
        ).get("OutputLocation"):
            raise _invalid("A workgroup with managed query results cannot have an output location")
        return super().create_work_group()

    def update_work_group(self) -> str:
        workgroup = self._work_group(self._get_param("WorkGroup"))
        updates = self._get_param("ConfigurationUpdates", {})
        results = updates.pop("ResultConfigurationUpdates", {})
        workgroup.configuration.setdefault("ResultConfiguration", {}).update(results)
        workgroup.configuration.update(updates)
        workgroup.state = self._get_param("State") or workgroup.state
        return "{}"

    def _page(self, items: list[Any], most: int) -> tuple[list[Any], dict[str, str]]:
        start, size = int(self._get_param("NextToken") or 0), min(self._get_param("MaxResults") or most, most)
        return items[start : start + size], {"NextToken": str(start + size)} if start + size < len(items) else {}

    def _query(self) -> Query:
        query_id = self._get_param("QueryExecutionId")
        if query_id not in state.QUERIES:
            raise _invalid(f"QueryExecution {query_id} was not found")
        return state.QUERIES[query_id]

    def _work_group(self, name: str) -> Any:
        if name not in self.athena_backend.work_groups:
            raise _invalid(f"WorkGroup {name} is not found.")
        return self.athena_backend.work_groups[name]

    def _of_results(self, configuration: dict[str, Any], name: str) -> Any:
        """A setting of the results: the workgroup's, if it is enforced, comes before the client's."""
        workgroups = configuration.get("ResultConfiguration", {}).get(name)
        clients = (self._get_param("ResultConfiguration") or {}).get(name)
        return (workgroups or clients) if configuration["EnforceWorkGroupConfiguration"] else (clients or workgroups)

    def _result_location(self, configuration: dict[str, Any], caller: Caller | None) -> str:
        """Where results go."""
        location = self._of_results(configuration, "OutputLocation")
        if configuration.get("ManagedQueryResultsConfiguration", {}).get("Enabled") or not location:
            # Nothing here runs in a workgroup of managed results: whoever uses one finds out beforehand.
            raise _invalid(
                "No output location provided. An output location is required either through the Workgroup result "
                "configuration setting or as an API input."
            )
        bucket, _ = bucket_and_key(location)
        unusable = _invalid(f"Unable to verify/create output bucket {bucket}")
        found = bucket_of(bucket)
        if found is None:
            raise unusable
        if found.region_name != self.region:
            # As reported to airbnb/streamalert (issue 848) and many others.
            raise _invalid(
                "The S3 location provided to save your query results is invalid. Please check your S3 location is "
                "correct and is in the same region and try again. If you continue to see the issue, contact customer "
                "support for further assistance."
            )
        # "ResultConfiguration", Athena API reference: with another owner than that, "the call fails with a permissions
        # error".
        if (self._of_results(configuration, "ExpectedBucketOwner") or found.account_id) != found.account_id:
            raise unusable
        try:
            if caller:
                caller.require("s3:GetBucketLocation", f"arn:{self.partition}:s3:::{bucket}")
        except AccessDeniedError:
            raise unusable from None
        return location


def queries() -> list[dict[str, Any]]:
    """Every statement since the last reset, for tests."""
    return [{**q.describe(), "Caller": q.caller.arn if q.caller else None} for q in state.QUERIES.values()]


def install() -> None:
    """Put this module in the place of moto's Athena."""
    urls.url_paths = {"{0}/$": AthenaDouble.dispatch}


def _require_syntax(statement: str) -> None:
    """Refuse what Athena's parsers would refuse."""
    if len(statement.encode()) > MAX_STATEMENT_BYTES:
        raise _invalid(
            "1 validation error detected: Value at 'queryString' failed to satisfy constraint: Member must have length "
            f"less than or equal to {MAX_STATEMENT_BYTES}"
        )
    word = first_word(statement)
    begin = word.end - len(word.text)
    if statement[:begin].strip() and word.kind not in (StatementKind.QUERY, StatementKind.EXPLAIN):
        found = statement[begin:].partition(" ")[0]
        raise _invalid(f"line {_place(statement[:begin])}: mismatched input '{found}'. Expecting: <query>")
    if statement_types(statement)[0] == "DML":
        result = validate(statement, jinja="reject", function_arguments="off")
        if result.error:
            message = result.error.message.removeprefix("sql parser error: ")
            raise _invalid(f"line {result.error.line}:{result.error.column}: {message}")
        if result.statement_count != 1:
            raise _invalid(f"Only one sql statement is allowed. Got: {statement}")
    elif before := _BEFORE_A_DOUBLE_QUOTE.match(statement):
        raise _invalid(f"line {_place(before[0])}: mismatched input '\"'. Expecting: <identifier>")
    else:
        try:
            parse(statement, "default")
        except QueryError as error:
            if error.code == "SYNTAX_ERROR":
                raise _invalid(str(error).partition("\n")[0].removeprefix("SYNTAX_ERROR: ")) from None


def _place(before: str) -> str:
    """Line and column, as Athena's errors tell them, of what follows a text."""
    *lines, last = before.split("\n")
    return f"{len(lines) + 1}:{len(last) + 1}"


def _invalid(message: str) -> Refusal:
    return Refusal("athena", "InvalidRequestException", message)
