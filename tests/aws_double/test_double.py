"""The double answers as AWS does, to the clients that the project uses: boto3, PyAthena's cursors, and its own."""

import json
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from pyathena import connect
from pyathena.error import DatabaseError, OperationalError
from pyathena.pandas.cursor import PandasCursor
from support import DAY, KnownAnswers, day_locations, default_table, known_answers, with_day

from aws_double.server import AwsDouble
from flowlogs import statements
from flowlogs.datasets import REJECTED_FLOWS
from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource, find_source
from flowlogs.record_format import DEFAULT_FORMAT
from flowlogs.unload import RawRead, unload_datasets
from resources.aws.athena import Athena
from resources.aws.clients import AwsClients
from resources.aws.object_store import S3Store
from resources.bucket import ObjectStore, StoredObject
from resources.embedded.athena import EmbeddedAthena
from resources.embedded.folder_store import FolderStore

BUCKET = "lake"
TABLE = statements.TableName("vpc_flow_lake", "vpc_flow_logs")
RESULTS = f"s3://{BUCKET}/results/"
REJECTS = f"SELECT * FROM {TABLE.trino} WHERE action = 'REJECT' AND dt = '{{day}}' ORDER BY starttime, sourceport"
TOP = f"""
SELECT sum(numpackets) AS packetcount, sourceaddress, destinationaddress, dt
FROM {TABLE.trino}
WHERE action = 'REJECT' AND dt = '{{day}}'
GROUP BY sourceaddress, destinationaddress, dt
ORDER BY packetcount DESC NULLS LAST, sourceaddress NULLS LAST, destinationaddress NULLS LAST
LIMIT 20
"""


def cursor(aws: AwsDouble, **options: Any) -> PandasCursor:
    options = {"schema_name": TABLE.database, "s3_staging_dir": RESULTS, "poll_interval": 0.02, **options}
    return connect(region_name=aws.region, cursor_class=PandasCursor, **options).cursor()


def upload(aws: AwsDouble, folder: Path) -> LogSource:
    """Put a folder's logs into a new bucket."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    keys = [
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if "AWSLogs" in path.parts and path.is_file()
    ]
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=(folder / key).read_bytes())
    source = find_source(BUCKET, keys[0])
    assert source
    return source


def lake_statements(source: LogSource, *days: date) -> list[str]:
    return [
        statements.create_database(TABLE.database),
        statements.create_table(TABLE, default_table(source)),
        *statements.add_partitions(TABLE, day_locations(source, days)),
    ]


def create_lake(aws: AwsDouble, source: LogSource, *days: date) -> PandasCursor:
    running = cursor(aws)
    for statement in lake_statements(source, *days):
        running.execute(statement)
    return running


def athena(aws: AwsDouble) -> Athena:
    """The project's own client."""
    return Athena(
        AwsClients(aws.region),
        database=TABLE.database,
        workgroup="primary",
        results=RESULTS,
        scan_limit_bytes=10_000_000,
        timeout_seconds=60,
    )


def unload(day: date, destination: str) -> str:
    read = RawRead(TABLE, DEFAULT_FORMAT, ("123456789012", "eu-west-1"))
    return unload_datasets([read], [REJECTED_FLOWS], day, day, destination)


def parquet_rows(store: ObjectStore, prefix: str) -> list[dict[str, object]]:
    """What the Parquet objects below the prefix hold, in an order that does not depend on who wrote it."""
    rows = []
    for found in store.list(prefix):
        with store.open(found.key) as body:
            rows += pq.read_table(pa.BufferReader(body.read())).to_pylist()
    return sorted(rows, key=repr)


def rows(frame: pd.DataFrame) -> list[list[object]]:
    return [[None if pd.isna(value) else value for value in row] for row in frame.astype(object).to_numpy().tolist()]


def error_of(call: Callable[..., Any], **arguments: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


@pytest.fixture
def lake(aws: AwsDouble, small_logs: Path) -> PandasCursor:
    """A cursor on a lake with a day of the small logs."""
    return create_lake(aws, upload(aws, small_logs), DAY)


# The day with the most records of each folder.
ONE_DAY_OF_EACH = {
    answers.folder: answers for answers in sorted(known_answers(), key=lambda answers: len(answers.details))
}.values()


@pytest.mark.parametrize("answers", ONE_DAY_OF_EACH, ids=str)
def test_the_rows_are_those_of_hives_reader(aws: AwsDouble, small_logs: Path, answers: KnownAnswers) -> None:
    running = create_lake(aws, upload(aws, answers.folder or small_logs), answers.day)
    top = running.execute(TOP.format(day=answers.day)).as_pandas()
    assert rows(top) == with_day(answers.top, answers.day)
    details = rows(running.execute(REJECTS.format(day=answers.day)).as_pandas())
    expected = with_day(answers.details, answers.day)
    assert len(details) >= len(expected)
    assert all(row in details for row in expected)


@pytest.mark.parametrize("answers", ONE_DAY_OF_EACH, ids=str)
def test_an_unload_writes_what_the_embedded_engine_writes(
    aws: AwsDouble, small_logs: Path, tmp_path: Path, answers: KnownAnswers
) -> None:
    logs = answers.folder or small_logs
    source = upload(aws, logs)
    results = FolderStore(tmp_path, "FLOWLAKE_RESULTS", "results")
    buckets = {source.bucket: FolderStore(logs, "FLOWLAKE_BUCKET", source.bucket), results.name: results}
    embedded = EmbeddedAthena(tmp_path / "catalog.sqlite", buckets, TABLE.database)
    create_lake(aws, source, answers.day)
    for statement in lake_statements(source, answers.day):
        embedded.execute(statement)
    there = athena(aws).execute(unload(answers.day, f"s3://{BUCKET}/rejected/"))
    here = embedded.execute(unload(answers.day, results.sql_location("rejected/")))
    assert there.frame.empty and list(there.frame.columns) == []
    assert there.scanned_bytes == here.scanned_bytes > 0
    assert there.details["cost in US dollars"] == pytest.approx(10 * 2**20 / 2**40 * 5)
    stored = S3Store(AwsClients(aws.region), BUCKET)
    read = {
        store: parquet_rows(store, f"rejected/dt={answers.day}/dataset=rejected_flows/") for store in (stored, results)
    }
    assert len(read[stored]) >= len(answers.details)
    assert read[stored] == read[results]


def test_an_unload_tells_where_it_wrote(aws: AwsDouble, lake: PandasCursor) -> None:
    done = athena(aws).execute(unload(DAY, f"s3://{BUCKET}/rejected/"))
    told = aws.client("athena").get_query_execution(QueryExecutionId=done.query_id)["QueryExecution"]
    assert (told["StatementType"], told["SubstatementType"]) == ("DML", "UNLOAD")
    assert told["Statistics"]["DataManifestLocation"] == f"{RESULTS}{done.query_id}-manifest.csv"
    stored = S3Store(AwsClients(aws.region), BUCKET)
    written = [stored.display_path(found.key) for found in stored.list("rejected/")]
    manifest = stored.open(f"results/{done.query_id}-manifest.csv").read().decode()
    assert len(written) == 1 and manifest.splitlines() == written == done.written
    names = [found.key.removeprefix("results/") for found in stored.list("results/")]
    assert sorted(name for name in names if name.startswith(done.query_id)) == [
        f"{done.query_id}-manifest.csv",
        f"{done.query_id}.metadata",
    ]


def test_a_parquet_table_is_in_glue_as_it_was_asked_for(aws: AwsDouble, lake: PandasCursor) -> None:
    name = statements.TableName(TABLE.database, "rejected_flows")
    definition = statements.dataset_table(REJECTED_FLOWS, f"s3://{BUCKET}/")
    lake.execute(statements.create_table(name, definition))
    found = athena(aws).find_table(name)
    assert definition.differences(found) == []
    assert found.stored_as == statements.PARQUET
    text = athena(aws).find_table(TABLE)
    assert f"format: expected {statements.PARQUET}; found {statements.TEXT}" in definition.differences(text)
    glue = aws.client("glue")
    table = glue.get_table(DatabaseName=TABLE.database, Name=name.table)["Table"]
    table["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"] = "org.openx.data.jsonserde.JsonSerDe"
    theirs = {key: table[key] for key in ("Name", "StorageDescriptor", "Parameters", "PartitionKeys")}
    glue.update_table(DatabaseName=TABLE.database, TableInput=theirs)
    told = definition.differences(athena(aws).find_table(name))
    assert told == ["format: expected parquet; found org.openx.data.jsonserde.JsonSerDe"]


def test_objects_are_listed_and_removed_where_that_is_allowed(aws: AwsDouble) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    keys = [f"below/{folder}/{name}" for folder in ("a", "b", "c") for name in ("1", "2")]
    store = S3Store(AwsClients(aws.region), BUCKET, "root/")
    store.replace(dict.fromkeys([*keys, "beside/1"], b"text"))
    assert [found.key for found in store.list("below/")] == keys
    mine = {"Effect": "Allow", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{BUCKET}/root/below/b/*"}
    user = aws.user("remover", {"Version": "2012-10-17", "Statement": [mine]})
    aws.set(enforce_iam=True)
    session = boto3.Session(user["AccessKeyId"], user["SecretAccessKey"])
    asked = {"Objects": [{"Key": f"root/{key}"} for key in keys]}
    answer = session.client("s3").delete_objects(Bucket=BUCKET, Delete=asked)
    aws.set(enforce_iam=False)
    assert [found["Key"] for found in answer["Deleted"]] == [f"root/{key}" for key in keys[2:4]]
    assert {(found["Key"], found["Code"]) for found in answer["Errors"]} == {
        (f"root/{key}", "AccessDenied") for key in (*keys[:2], *keys[4:])
    }
    store.delete([*keys, "beside/never"])
    assert [found.key for found in store.list("")] == ["beside/1"]


@pytest.mark.parametrize(
    ("storage_class", "archived"),
    [("STANDARD", False), ("GLACIER_IR", False), ("GLACIER", True), ("DEEP_ARCHIVE", True)],
)
def test_objects_that_athena_passes_over_are_listed_as_archived(
    aws: AwsDouble, storage_class: str, archived: bool
) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.client("s3").put_object(Bucket=BUCKET, Key="a", Body=b"text", StorageClass=storage_class)
    assert list(S3Store(AwsClients(aws.region), BUCKET).list("")) == [StoredObject("a", 4, archived)]


def test_an_object_that_is_replaced_has_another_version(aws: AwsDouble) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    store = S3Store(AwsClients(aws.region), BUCKET)
    versions = []
    for body in (b"123", b"123", b"456"):
        store.replace({"a": body})
        versions += [found.version for found in store.list("")]
    assert versions[0] == versions[1] != versions[2]


def test_archived_objects_are_passed_over_by_queries(aws: AwsDouble, lake: PandasCursor) -> None:
    keys = [item["Key"] for item in aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="AWSLogs/")["Contents"]]
    for key in keys:
        source = {"Bucket": BUCKET, "Key": key}
        aws.client("s3").copy_object(Bucket=BUCKET, Key=key, CopySource=source, StorageClass="GLACIER")
    assert rows(lake.execute(REJECTS.format(day=DAY)).as_pandas()) == []


@pytest.mark.parametrize(("data", "head"), [(b"0123456789", b"0123"), (b"012", b"012"), (b"", b"")])
def test_the_head_of_an_object_is_one_ranged_read(aws: AwsDouble, data: bytes, head: bytes) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    store = S3Store(AwsClients(aws.region), BUCKET, "root/")
    store.replace({"a": data})
    assert store.head("a", 4) == head
    assert len(aws.calls("s3:GetObject")) == 1


def test_the_head_of_an_object_that_vanished_is_an_error(aws: AwsDouble) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    with pytest.raises(FlowLakeError, match=f"GetObject while reading s3://{BUCKET}/gone: NoSuchKey"):
        S3Store(AwsClients(aws.region), BUCKET).head("gone", 4)


def test_results_are_typed_paged_and_stored_as_athena_stores_them(aws: AwsDouble, lake: PandasCursor) -> None:
    lake.execute(TOP.format(day=DAY))
    assert [column[:2] for column in lake.description] == [
        ("packetcount", "bigint"),
        ("sourceaddress", "varchar"),
        ("destinationaddress", "varchar"),
        ("dt", "varchar"),
    ]
    assert lake.output_location == f"{RESULTS}{lake.query_id}.csv"
    stored = aws.client("s3").get_object(Bucket=BUCKET, Key=f"results/{lake.query_id}.csv")["Body"].read().decode()
    assert stored.splitlines()[0] == '"packetcount","sourceaddress","destinationaddress","dt"'
    assert stored.splitlines()[3] == ',"198.51.100.6","10.0.0.6","2021-09-02"'
    logs = aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="AWSLogs/")["Contents"]
    assert lake.data_scanned_in_bytes == sum(log["Size"] for log in logs if f"/{DAY:%Y/%m/%d}/" in log["Key"])
    pages = aws.client("athena").get_paginator("get_query_results")
    pages = list(pages.paginate(QueryExecutionId=lake.query_id, PaginationConfig={"PageSize": 3}))
    texts = [[c.get("VarCharValue") for c in row["Data"]] for page in pages for row in page["ResultSet"]["Rows"]]
    assert [len(page["ResultSet"]["Rows"]) for page in pages] == [3, 1]
    assert texts[0][0] == "packetcount" and texts[3][0] is None


def test_ddl_and_glue_are_two_sides_of_one_catalog(aws: AwsDouble, lake: PandasCursor) -> None:
    glue = aws.client("glue")
    table = glue.get_table(DatabaseName=TABLE.database, Name=TABLE.table)["Table"]
    assert table["PartitionKeys"] == [{"Name": "dt", "Type": "string"}]
    assert table["Parameters"]["skip.header.line.count"] == "1"
    assert table["StorageDescriptor"]["SerdeInfo"]["Parameters"]["field.delim"] == " "
    partition = glue.get_partition(DatabaseName=TABLE.database, TableName=TABLE.table, PartitionValues=[str(DAY)])
    location = f"s3://{BUCKET}/AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/02"
    assert partition["Partition"]["StorageDescriptor"]["Location"] == location

    theirs = {key: table[key] for key in ("StorageDescriptor", "Parameters", "PartitionKeys")} | {"Name": "theirs"}
    glue.create_table(DatabaseName=TABLE.database, TableInput=theirs)
    added = {"Values": [str(DAY)], "StorageDescriptor": {**table["StorageDescriptor"], "Location": location}}
    glue.create_partition(DatabaseName=TABLE.database, TableName="theirs", PartitionInput=added)
    count = lake.execute("SELECT count(*) AS records FROM theirs WHERE action = 'REJECT'").as_pandas()
    assert rows(count) == [[4]]
    lake.execute("SHOW PARTITIONS theirs")
    assert rows(lake.as_pandas()) == [[f"dt={DAY}"]]


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("SELECT * FORM t", "line 1:10"),
        ("SELECT `action` FROM vpc_flow_logs", "line 1:8"),
        ("SELECT 1; SELECT 2", "Only one sql statement is allowed"),
        ('CREATE DATABASE "lake"', "line 1:17: mismatched input"),
        ("ALTER TABLE t ADD PARTITION dt='2021-09-02'", "line 1:29"),
        ("UNLOAD (SELECT * FORM t) TO 's3://lake/' WITH (format = 'PARQUET')", "line 1:18"),
        ("UNLOAD (SELECT 1 AS one) TO 's3://lake/' WITH format = 'PARQUET'", "line 1:47"),
        (f"SELECT '{'x' * 262_144}'", "less than or equal to 262144"),
    ],
)
def test_what_does_not_parse_is_refused_at_once(aws: AwsDouble, statement: str, message: str) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    with pytest.raises(DatabaseError, match=f"InvalidRequestException.*{message}"):
        cursor(aws).execute(statement)
    assert aws.queries() == []


@pytest.mark.parametrize("comment", ["-- a comment\n", "/* a\ncomment */ ", " -- one\n-- two\n"])
@pytest.mark.parametrize(
    "statement",
    [
        "CREATE DATABASE IF NOT EXISTS lake",
        "ALTER TABLE t ADD PARTITION (dt='2021-09-02')",
        "DROP TABLE t",
        "SHOW PARTITIONS t",
        "MSCK REPAIR TABLE t",
        "VACUUM t",
        "UNLOAD (SELECT 1 AS one) TO 's3://lake/' WITH (format = 'PARQUET')",
    ],
)
def test_a_comment_in_front_is_refused_but_for_queries(aws: AwsDouble, comment: str, statement: str) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    word = statement.split()[0]
    with pytest.raises(DatabaseError, match=f"InvalidRequestException.*line \\d:\\d+: mismatched input '{word}'"):
        cursor(aws).execute(f"{comment}{statement}")
    assert aws.queries() == []
    assert rows(cursor(aws).execute(f"{comment}SELECT 1 AS one").as_pandas()) == [[1]]


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("SELECT nothing FROM vpc_flow_logs", "COLUMN_NOT_FOUND: "),
        ("SELECT 1 FROM nothing", "TABLE_NOT_FOUND: .*Table 'awsdatacatalog.vpc_flow_lake.nothing' does not exist"),
        (
            "ALTER TABLE nothing ADD PARTITION (dt='2021-09-02')",
            "FAILED: SemanticException \\[Error 10001\\]: Table not",
        ),
    ],
)
def test_what_has_no_meaning_fails(aws: AwsDouble, lake: PandasCursor, statement: str, reason: str) -> None:
    with pytest.raises(OperationalError, match=reason):
        lake.execute(statement)
    status = aws.client("athena").get_query_execution(QueryExecutionId=lake.query_id)["QueryExecution"]["Status"]
    assert (status["State"], status["AthenaError"]["ErrorCategory"]) == ("FAILED", 2)


def test_a_running_query_can_be_stopped(aws: AwsDouble, lake: PandasCursor) -> None:
    aws.set(queued_seconds=0.1, running_seconds=30)
    states: list[str] = []
    slow = cursor(aws, on_poll=lambda execution: states.append(execution.state))
    stopping = threading.Timer(0.5, slow.cancel)
    stopping.start()
    with pytest.raises(OperationalError, match="Query cancelled by user"):
        slow.execute(TOP.format(day=DAY))
    assert sorted(set(states), key=states.index) == ["QUEUED", "RUNNING", "CANCELLED"]
    listed = aws.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=f"results/{slow.query_id}")
    assert listed["KeyCount"] == 0


def test_a_query_beyond_the_workgroups_limit_is_cancelled(aws: AwsDouble, lake: PandasCursor) -> None:
    results = {"OutputLocation": f"s3://{BUCKET}/enforced/"}
    limits = {"BytesScannedCutoffPerQuery": 10_000_000, "ResultConfiguration": results}
    aws.client("athena").create_work_group(Name="limited", Configuration=limits)
    limited = cursor(aws, work_group="limited")
    limited.execute(TOP.format(day=DAY))
    assert limited.output_location.startswith(results["OutputLocation"])
    aws.set(scanned_bytes=10_000_001)
    with pytest.raises(OperationalError, match="Bytes scanned limit was exceeded"):
        limited.execute(TOP.format(day=DAY))
    assert aws.queries()[-1]["Status"]["State"] == "CANCELLED"


def test_workgroups_must_exist_and_be_enabled(aws: AwsDouble) -> None:
    athena = aws.client("athena")
    assert error_of(athena.get_work_group, WorkGroup="w") == ("InvalidRequestException", "WorkGroup w is not found.")
    athena.create_work_group(Name="w")
    assert "already created" in error_of(athena.create_work_group, Name="w")[1]
    athena.update_work_group(WorkGroup="w", State="DISABLED")
    assert "is disabled" in error_of(athena.start_query_execution, QueryString="SELECT 1", WorkGroup="w")[1]
    location = {"OutputLocation": "s3://nobodys/"}
    _, message = error_of(athena.start_query_execution, QueryString="SELECT 1", ResultConfiguration=location)
    assert message == "Unable to verify/create output bucket nobodys"


def test_a_repeated_request_token_starts_no_second_query(aws: AwsDouble, lake: PandasCursor) -> None:
    before = len(aws.queries())
    request = {"QueryString": "SELECT 1", "ResultConfiguration": {"OutputLocation": RESULTS}}
    ids = {
        aws.client("athena").start_query_execution(**request, ClientRequestToken="t" * 32)["QueryExecutionId"]
        for _ in range(2)
    }
    assert len(ids) == 1 and len(aws.queries()) == before + 1


def test_errors_are_injected_in_the_services_own_format(aws: AwsDouble, lake: PandasCursor) -> None:
    throttled = [
        ("athena", "StartQueryExecution", "TooManyRequestsException"),
        ("ec2", "DescribeVpcs", "RequestLimitExceeded"),
    ]
    aws.set(errors=[{"service": s, "action": a, "code": c, "count": 1} for s, a, c in throttled])
    once = Config(retries={"total_max_attempts": 1})
    assert error_of(boto3.client("ec2", config=once).describe_vpcs)[0] == "RequestLimitExceeded"
    assert rows(lake.execute("SELECT 1 AS one").as_pandas()) == [[1]]
    assert [q["Query"] for q in aws.queries()].count("SELECT 1 AS one") == 1
    aws.set(fail_queries=[{"state": "FAILED", "reason": "GENERIC_INTERNAL_ERROR: no luck"}])
    with pytest.raises(OperationalError, match="no luck"):
        lake.execute("SELECT 1 AS one")


def test_calls_are_counted(aws: AwsDouble) -> None:
    assert aws.calls() == []
    aws.client("s3").create_bucket(Bucket=BUCKET)
    aws.client("sts").get_caller_identity()
    assert [(c["service"], c["action"]) for c in aws.calls()] == [("s3", "CreateBucket"), ("sts", "GetCallerIdentity")]
    assert len(aws.calls("sts:GetCallerIdentity")) == 1


# What a reader of the lake needs, an action at a time, and what it is told without it.
NEEDED = {
    "athena:StartQueryExecution": "not authorized to perform: athena:StartQueryExecution on the resource",
    "athena:GetQueryExecution": "not authorized to perform: athena:GetQueryExecution on the resource",
    "athena:GetQueryResults": "not authorized to perform: athena:GetQueryResults on the resource",
    "glue:GetDatabase": "Insufficient permissions to execute the query. User: .* glue:GetDatabase on resource",
    "glue:GetDatabases": "Insufficient permissions to execute the query. User: .* glue:GetDatabases on resource",
    "glue:GetTables": "Insufficient permissions to execute the query. User: .* glue:GetTables on resource",
    "glue:GetTable": "Insufficient permissions to execute the query. User: .* glue:GetTable on resource",
    "glue:GetPartitions": "Insufficient permissions to execute the query. User: .* glue:GetPartitions on resource",
    "glue:GetPartition": "Insufficient permissions to execute the query. User: .* glue:GetPartition on resource",
    "s3:GetBucketLocation": "Unable to verify/create output bucket",
    "s3:ListBucket": "PERMISSION_DENIED: User: .* s3:ListBucket on resource",
    "s3:GetObject": "PERMISSION_DENIED: User: .* s3:GetObject on resource",
    "s3:PutObject": "Access denied when writing output to url",
    "s3:ListBucketMultipartUploads": "Access denied when writing output to url",
    "s3:AbortMultipartUpload": "Access denied when writing output to url",
    "s3:ListMultipartUploadParts": "Access denied when writing output to url",
}


def reading(aws: AwsDouble, *without: str) -> dict[str, Any]:
    resources = {
        "athena": f"arn:aws:athena:{aws.region}:{aws.account}:workgroup/primary",
        "glue": [
            f"arn:aws:glue:{aws.region}:{aws.account}:{resource}"
            for resource in ("catalog", "database/default", "database/vpc_flow_lake", "table/vpc_flow_lake/*")
        ],
        "s3": [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/*"],
    }
    allowed = [
        {"Effect": "Allow", "Action": action, "Resource": resources[action.partition(":")[0]]}
        for action in NEEDED
        if action not in without
    ]
    return {"Version": "2012-10-17", "Statement": allowed}


def test_athena_acts_with_its_callers_rights_and_no_others(
    aws: AwsDouble, lake: PandasCursor, monkeypatch: pytest.MonkeyPatch
) -> None:
    aws.set(enforce_iam=True)
    for number, (action, refusal) in enumerate([("", ""), *NEEDED.items()]):
        for name, value in aws.environment_of(aws.user(f"reader-{number}", reading(aws, action))).items():
            monkeypatch.setenv(name, value)
        reader = cursor(aws)
        if action:
            with pytest.raises(DatabaseError, match=refusal):
                reader.execute(TOP.format(day=DAY))
        else:
            assert rows(reader.execute(TOP.format(day=DAY)).as_pandas())[0][0] == 47
            with pytest.raises(OperationalError, match="FAILED: .*MetaException.*glue:CreateDatabase on resource"):
                reader.execute("CREATE DATABASE vpc_flow_lake")


def test_policies_count_with_their_resources_and_conditions(aws: AwsDouble) -> None:
    region = {"StringEquals": {"aws:RequestedRegion": "us-east-1"}}
    keys = aws.user(
        "somebody",
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::mine*"},
                {"Effect": "Deny", "Action": "s3:PutEncryptionConfiguration", "Resource": "*"},
                {"Effect": "Allow", "Action": "ec2:Describe*", "Resource": "*", "Condition": region},
            ],
        },
    )
    aws.set(enforce_iam=True)
    session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"])
    s3 = session.client("s3")
    s3.create_bucket(Bucket="mine", ObjectOwnership="BucketOwnerEnforced")
    s3.put_object(Bucket="mine", Key="a folder/a key", Body=b"text")
    assert 's3:CreateBucket on resource: "arn:aws:s3:::theirs"' in error_of(s3.create_bucket, Bucket="theirs")[1]
    encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    denied = error_of(s3.put_bucket_encryption, Bucket="mine", ServerSideEncryptionConfiguration=encryption)
    assert denied[0] == "AccessDenied" and "explicit deny" in denied[1]
    session.client("ec2").describe_vpcs()
    code, message = error_of(session.client("ec2", region_name="eu-west-1").describe_vpcs)
    assert code == "UnauthorizedOperation" and "ec2:DescribeVpcs" in message


def test_buckets_are_as_aws_makes_them_and_as_others_own_them(aws: AwsDouble) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"Tags": [{"Key": "made", "Value": "here"}]})
    assert s3.get_bucket_tagging(Bucket=BUCKET)["TagSet"] == [{"Key": "made", "Value": "here"}]
    assert all(s3.get_public_access_block(Bucket=BUCKET)["PublicAccessBlockConfiguration"].values())
    tls_only = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Statement": tls_only}))
    s3.put_object(Bucket=BUCKET, Key="key", Body=b"text")
    assert s3.get_object(Bucket=BUCKET, Key="key")["Body"].read() == b"text"
    aws.foreign_bucket("theirs")
    assert error_of(s3.head_bucket, Bucket="theirs")[0] == "403"
    assert error_of(s3.create_bucket, Bucket="theirs")[0] == "BucketAlreadyExists"


def test_flow_logs_need_a_bucket_that_lets_them_in(aws: AwsDouble) -> None:
    s3, ec2 = aws.client("s3"), aws.client("ec2")
    s3.create_bucket(Bucket=BUCKET)
    aws.set(replace_bucket_policy=False)
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    request = {
        "ResourceIds": [vpc],
        "ResourceType": "VPC",
        "TrafficType": "ALL",
        "LogDestinationType": "s3",
        "LogDestination": f"arn:aws:s3:::{BUCKET}",
    }
    refused = ec2.create_flow_logs(**request)
    assert refused["FlowLogIds"] == []
    assert refused["Unsuccessful"][0]["Error"]["Message"].startswith(f"Access Denied for LogDestination: {BUCKET}.")
    assert (
        "not applicable"
        in error_of(ec2.create_flow_logs, **request, DeliverLogsPermissionArn="arn:aws:iam::1:role/r")[1]
    )
    aws.set(replace_bucket_policy=True, deliver_logs_status="FAILED", deliver_logs_error_message="Access error")
    created = ec2.create_flow_logs(**request)["FlowLogIds"]
    [flow_log] = ec2.describe_flow_logs(FlowLogIds=created)["FlowLogs"]
    assert (flow_log["FlowLogStatus"], flow_log["DeliverLogsStatus"]) == ("ACTIVE", "FAILED")
    assert (flow_log["DeliverLogsErrorMessage"], flow_log["MaxAggregationInterval"]) == ("Access error", 600)
    assert flow_log["DestinationOptions"]["FileFormat"] == "plain-text"
    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert [statement["Sid"] for statement in policy["Statement"]] == ["AWSLogDeliveryWrite", "AWSLogDeliveryAclCheck"]
    assert error_of(ec2.create_flow_logs, **request)[0] == "FlowLogAlreadyExists"


def test_a_reset_leaves_nothing(aws: AwsDouble, lake: PandasCursor) -> None:
    aws.set(running_seconds=30)
    aws.client("athena").start_query_execution(QueryString="SELECT 1", ResultConfiguration={"OutputLocation": RESULTS})
    started = time.monotonic()
    aws.reset()
    assert (aws.calls(), aws.queries()) == ([], [])
    assert aws.client("s3").list_buckets()["Buckets"] == []
    assert aws.client("glue").get_databases()["DatabaseList"] == []
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("most", [1, 2, 3])
def test_the_first_rows_are_read_and_more_are_told(aws: AwsDouble, most: int) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    result = athena(aws).execute("SELECT a, b FROM (VALUES (1, 'x'), (2, NULL)) t (a, b) ORDER BY a", max_rows=most)
    assert (
        result.frame.astype(object).where(result.frame.notna(), None).to_numpy().tolist()
        == [[1, "x"], [2, None]][:most]
    )
    assert [str(dtype) for dtype in result.frame.dtypes] == ["Int32", "string"]
    assert result.more_rows == (most == 1)


def test_a_result_without_rows_has_no_more_rows(aws: AwsDouble) -> None:
    aws.client("s3").create_bucket(Bucket=BUCKET)
    result = athena(aws).execute("SELECT a FROM (VALUES 1) t (a) WHERE a > 1", max_rows=5)
    assert (list(result.frame.columns), len(result.frame), result.more_rows) == (["a"], 0, False)
