"""`make sql` on the aws target, in this process: whose rows it gives, and what it warns of."""

from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from aws_double.server import AwsDouble
from aws_lineage import (
    BUCKET,
    DAILY,
    SETUP,
    become,
    partitions,
    policy,
    settings,
    succeed,
    upload_small_logs,
)
from click.testing import CliRunner, Result
from support import DAY, NEXT_DAY

from pipelines.commands.__main__ import main

EMPTY_DAY = NEXT_DAY + timedelta(days=1)
"""A day on which nothing was delivered."""

COUNT = "SELECT count(*) AS flows FROM {}"


@pytest.fixture
def filled(aws: AwsDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AwsDouble:
    """The account with two days of records and an empty one, all done, as the settings in the environment name it."""
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    succeed(settings(), selection=SETUP)
    succeed(settings(), DAY, EMPTY_DAY, selection=DAILY)
    monkeypatch.setenv("FLOWLAKE_TARGET", "aws")
    monkeypatch.setenv("FLOWLAKE_BUCKET", BUCKET)
    return aws


def sql(statement: str) -> Result:
    return CliRunner().invoke(main, ["sql", "--", statement])


def day_folder() -> str:
    """The key prefix of DAY's rejected flows."""
    return f"{partitions('rejected_flows')[str(DAY)].removeprefix(f's3://{BUCKET}/').rstrip('/')}/"


def files_of_day() -> list[str]:
    answer = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=day_folder())
    return [item["Key"] for item in answer["Contents"]]


@pytest.mark.parametrize("table", ["rejected_flows", "vpc_flow_logs"])
@pytest.mark.parametrize("other", ["account", "region"])
def test_rows_of_other_flow_logs_results_are_not_given(
    filled: AwsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, table: str, other: str
) -> None:
    if other == "account":
        upload_small_logs(tmp_path, account="210987654321")
        monkeypatch.setenv("FLOWLAKE_ACCOUNT_ID", "210987654321")
    else:
        upload_small_logs(tmp_path, region="eu-west-1")
        monkeypatch.setenv("FLOWLAKE_REGION", "eu-west-1")
    before = len(filled.queries())
    found = sql(COUNT.format(table))
    assert (found.exit_code, found.stdout) == (1, "")
    assert f"The results in s3://{BUCKET}/ were made from the flow logs in s3://{BUCKET}/AWSLogs/1234" in found.stderr
    assert len(filled.queries()) == before


def test_days_that_are_as_runs_left_them_are_no_warning(filled: AwsDouble) -> None:
    found = sql("SELECT r.dt FROM rejected_flows r JOIN vpc_flow_logs l ON r.dt = l.dt")
    assert (found.exit_code, found.stderr) == (0, "")


@pytest.mark.parametrize("statement", [COUNT.format("rejected_flows"), 'SELECT dt FROM "REJECTED_FLOWS"'])
def test_a_file_that_no_run_wrote_is_warned_of(filled: AwsDouble, statement: str) -> None:
    folder, (file,) = day_folder(), files_of_day()
    boto3.client("s3").copy_object(Bucket=BUCKET, Key=f"{folder}mine.parquet", CopySource=f"{BUCKET}/{file}")
    found = sql(statement)
    assert found.exit_code == 0
    assert found.stderr == (
        "\nWarning: Where the statement reads these days, the rows of rejected_flows may not be those that were "
        f"written: s3://{BUCKET}/{folder} holds other files than were written there (mine.parquet). Move away what is "
        "not the table's, or materialize rejected_flows for these days again.\n"
    )


@pytest.mark.parametrize("marker_too", [False, True])
def test_a_day_whose_files_are_gone_is_warned_of(filled: AwsDouble, marker_too: bool) -> None:
    folder = day_folder()
    keys = [*files_of_day(), *([marker_of(folder)] if marker_too else [])]
    for key in keys:
        boto3.client("s3").delete_object(Bucket=BUCKET, Key=key)
    assert (
        f"may not be those that were written: s3://{BUCKET}/{folder} holds no files. Move"
        in sql(COUNT.format("rejected_flows")).stderr
    )


def marker_of(folder: str) -> str:
    """The key of a day's completion marker."""
    datasets, attempt, day = folder.split("/", 2)
    prefix = f"{datasets}/{attempt}/_complete/{day}"
    (marker,) = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix=prefix)["Contents"]
    return str(marker["Key"])


def test_what_other_tables_have_is_not_warned_of(filled: AwsDouble) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"{day_folder()}mine.parquet", Body=b"x")
    before = len(filled.calls("glue:BatchGetPartition"))
    assert sql("SELECT 1 AS one").stderr == ""
    assert len(filled.calls("glue:BatchGetPartition")) == before
    assert sql(COUNT.format("vpc_flow_logs")).stderr == ""


@pytest.mark.parametrize("table", ["rejected_flows", "vpc_flow_logs"])
def test_a_partition_that_is_read_otherwise_than_its_table_is_warned_of(filled: AwsDouble, table: str) -> None:
    glue, where = boto3.client("glue"), {"DatabaseName": "vpc_flow_lake", "TableName": table}
    storage = glue.get_partition(**where, PartitionValues=[str(DAY)])["Partition"]["StorageDescriptor"]
    changed = {"Values": [str(DAY)], "StorageDescriptor": {**storage, "InputFormat": "theirs"}}
    glue.update_partition(**where, PartitionValueList=[str(DAY)], PartitionInput=changed)
    found = sql(COUNT.format(table))
    assert found.exit_code == 0
    assert found.stderr.startswith(
        f"\nWarning: Partitions of `vpc_flow_lake`.`{table}` are read otherwise than the table, as each has a "
        f"description of its own: {DAY}.\n  input format: the table has "
    )


def test_rows_are_given_also_where_the_days_cannot_be_looked_at(
    filled: AwsDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(filled, monkeypatch, policy("iam-policy-read.json", without="glue:BatchGetPartition"))
    found = sql(COUNT.format("rejected_flows"))
    assert found.exit_code == 0
    assert "1 row, " in found.stdout
    assert found.stderr.startswith("\nWarning: Whether the days are as runs have left them is not known: ")
    assert "grant glue:BatchGetPartition" in found.stderr
