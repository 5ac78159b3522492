"""Partitions that Glue describes otherwise than their table, on the aws target: Athena reads each by its own."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_double.server import AwsDouble
from aws_lineage import (
    BUCKET,
    DAILY,
    REPORTS,
    SETUP,
    failure,
    materialize,
    partitions,
    report,
    settings,
    succeed,
    upload_small_logs,
)
from support import DAY, NEXT_DAY, SMALL_TOP, with_day

from flowlogs.statements import TableName
from pipelines.targets import build_target
from resources.engine import day_values

RAW = TableName("vpc_flow_lake", "vpc_flow_logs")
REJECTED = TableName("vpc_flow_lake", "rejected_flows")
OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"


@pytest.fixture
def filled(aws: AwsDouble, tmp_path: Path) -> AwsDouble:
    """The account with two days of records, all done."""
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    succeed(settings(), selection=SETUP)
    succeed(settings(), DAY, NEXT_DAY, selection=DAILY)
    return aws


def describe_otherwise(name: TableName, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the storage descriptor of DAY's partition, as somebody who calls Glue may."""
    glue = boto3.client("glue")
    where = {"DatabaseName": name.database, "TableName": name.table}
    storage = glue.get_partition(**where, PartitionValues=[str(DAY)])["Partition"]["StorageDescriptor"]
    change(storage)
    changed = {"Values": [str(DAY)], "StorageDescriptor": storage}
    glue.update_partition(**where, PartitionValueList=[str(DAY)], PartitionInput=changed)


def with_serde(library: str) -> Callable[[dict[str, Any]], object]:
    return lambda storage: storage["SerdeInfo"].update(SerializationLibrary=library)


def swap_addresses(storage: dict[str, Any]) -> None:
    columns = storage["Columns"]
    columns[3], columns[4] = columns[4], columns[3]


def told(name: TableName, listing: str) -> str:
    """The error about DAY's partition."""
    return (
        f"Partitions of {name.hive} are read otherwise than the table, as each has a description of its own: {DAY}.\n"
        f"  {listing}\nDrop them, and materialize vpc_flow_logs, which adds them again without a scan (make sql "
        "WRITE=1 takes the statements; on AWS an administrator runs them, as they take glue:DeletePartition, which the "
        f"policies in deploy/ do not grant):\nALTER TABLE {name.hive} DROP PARTITION (dt='{DAY}')"
    )


@pytest.mark.parametrize("asset", ["vpc_flow_logs_partition", "rejected_flows"])
def test_a_day_of_flow_logs_that_is_read_otherwise_fails_and_the_others_are_done(filled: AwsDouble, asset: str) -> None:
    describe_otherwise(RAW, with_serde(OPEN_CSV))
    before = len(filled.queries())
    result = materialize(settings(), DAY, NEXT_DAY, selection=asset)
    assert failure(result).startswith(told(RAW, f"SerDe: the table has {LAZY}; the partition has {OPEN_CSV}"))
    assert f"Not done: {DAY}. Done: 1 other day." in failure(result)
    scans = [query["Query"] for query in filled.queries()[before:] if query["SubstatementType"] == "UNLOAD"]
    assert [f"BETWEEN '{NEXT_DAY}' AND '{NEXT_DAY}'" in text for text in scans] == [True] * (asset == "rejected_flows")


@pytest.mark.parametrize("selection", ["rejected_flows", *REPORTS.split(",")])
def test_a_day_of_rejected_flows_that_is_read_otherwise_fails_before_a_query(filled: AwsDouble, selection: str) -> None:
    parquet = "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat"
    describe_otherwise(REJECTED, lambda storage: storage.update(InputFormat=TEXT_INPUT))
    before = len(filled.queries())
    result = materialize(settings(), selection=selection)
    assert failure(result) == told(REJECTED, f"input format: the table has {parquet}; the partition has {TEXT_INPUT}")
    assert filled.queries()[before:] == []


@pytest.mark.parametrize("name", [RAW, REJECTED])
def test_what_the_error_says_mends_it(filled: AwsDouble, name: TableName) -> None:
    describe_otherwise(name, swap_addresses)
    assert "columns: the table has version int" in failure(materialize(settings(), selection=DAILY))
    before = partitions(name.table)
    boto3.client("glue").delete_partition(DatabaseName=name.database, TableName=name.table, PartitionValues=[str(DAY)])
    scans = len(filled.queries())
    succeed(settings(), selection="vpc_flow_logs")
    assert partitions(name.table) == before
    assert "UNLOAD" not in [query["SubstatementType"] for query in filled.queries()[scans:]]
    succeed(settings(), selection=DAILY)
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_each_difference_in_what_objects_are_read_by_is_a_line(filled: AwsDouble) -> None:
    def change(storage: dict[str, Any]) -> None:
        storage["Columns"] = [{"Name": "version", "Type": "bigint"}]
        storage["SerdeInfo"]["Parameters"] = {"field.delim": ",", "escape.delim": "\\"}

    describe_otherwise(RAW, change)
    found = build_target(settings()).athena.partition_differences(RAW, [day_values(DAY), day_values(NEXT_DAY)])
    assert list(found) == [day_values(DAY)]
    columns, parameters = found[day_values(DAY)]
    assert columns.startswith("columns: the table has version int, account string, ")
    assert columns.endswith("; the partition has version bigint")
    assert parameters == (
        "parameters of the SerDe: the table has field.delim=' '; the partition has escape.delim='\\\\', field.delim=','"
    )


def test_what_objects_are_not_read_by_may_differ(filled: AwsDouble) -> None:
    def change(storage: dict[str, Any]) -> None:
        storage["Columns"][0]["Comment"] = "the version"
        storage["OutputFormat"] = "org.apache.hadoop.mapred.TextOutputFormat"
        storage["SerdeInfo"]["Parameters"]["serialization.format"] = "1"

    describe_otherwise(RAW, change)
    assert build_target(settings()).athena.partition_differences(RAW, [day_values(DAY), day_values(NEXT_DAY)]) == {}
    succeed(settings(), selection=DAILY)


def test_a_table_that_is_not_there_has_no_differences(aws: AwsDouble) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    assert build_target(settings()).athena.partition_differences(RAW, [day_values(DAY)]) == {}
