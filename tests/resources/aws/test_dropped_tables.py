"""Tables that were dropped, and the markers of folders that DDL leaves in S3, on the aws target."""

import gzip
import re
from datetime import date, timedelta
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
    become,
    make_vpc,
    metadata,
    partitions,
    policy,
    rejected_flows,
    report,
    settings,
    succeed,
    upload_small_logs,
)
from support import DAY, FEW_PACKETS, MANY_PACKETS, NEXT_DAY, PING, SMALL_DETAILS, SMALL_TOP, with_day

from flowlogs.datasets import DATASETS
from flowlogs.fields import HEADER_LINE

EMPTY_DAY = NEXT_DAY + timedelta(days=1)
LOGS = "AWSLogs/123456789012/vpcflowlogs/us-east-1"


def keys(prefix: str = "") -> set[str]:
    """The keys in the bucket below a prefix, in pages or not."""
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return {item["Key"] for page in pages for item in page.get("Contents", [])}


def markers() -> set[str]:
    return {key for key in keys() if key.endswith("_$folder$")}


def put(key: str, body: bytes = b"") -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)


@pytest.fixture
def filled(aws: AwsDouble, tmp_path: Path) -> AwsDouble:
    """The account with two days of records and one, delivered too, on which nothing was rejected."""
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    accepted = "2 123456789012 eni-0a 10.0.0.5 10.0.0.6 443 50000 6 9 900 1630713600 1630713660 ACCEPT OK"
    name = "123456789012_vpcflowlogs_us-east-1_fl-0a_20210904T0000Z_0a.log.gz"
    put(f"{LOGS}/2021/09/04/{name}", gzip.compress(f"{HEADER_LINE}\n{accepted}\n".encode()))
    succeed(settings(), selection=SETUP)
    succeed(settings(), DAY, EMPTY_DAY, selection=DAILY)
    return aws


def drop() -> None:
    for table in ("vpc_flow_logs", *DATASETS):
        boto3.client("glue").delete_table(DatabaseName="vpc_flow_lake", Name=table)


def test_dropped_tables_have_each_day_again_where_it_was(filled: AwsDouble) -> None:
    before, found = [partitions(table) for table in ("vpc_flow_logs", "rejected_flows")], rejected_flows()
    assert [len(days) for days in before] == [3, 3]
    drop()
    made = metadata(succeed(settings(), selection="vpc_flow_logs"), "vpc_flow_logs")
    assert (made["days of datasets added again"], made["days of flow logs added again"]) == (3, 3)
    assert [partitions(table) for table in ("vpc_flow_logs", "rejected_flows")] == before
    assert rejected_flows() == found


def test_days_are_restored_with_one_statement_a_table_and_no_scan(filled: AwsDouble) -> None:
    drop()
    before = len(filled.queries())
    succeed(settings(), selection="vpc_flow_logs")
    kinds = [query["SubstatementType"] for query in filled.queries()[before:]]
    assert kinds == ["CREATE_DATABASE", *["CREATE_TABLE"] * 4, *["ALTER_TABLE_ADD_PARTITION"] * 4]


def test_reports_of_days_that_were_restored_are_made_without_a_scan(filled: AwsDouble) -> None:
    drop()
    succeed(settings(), selection="vpc_flow_logs")
    before = len(filled.queries())
    succeed(settings(), DAY, EMPTY_DAY, selection=REPORTS)
    assert [query["SubstatementType"] for query in filled.queries()[before:]] == ["SELECT" for _ in REPORTS.split(",")]
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
    assert report("top_rejected_pairs", EMPTY_DAY) == []


def test_what_tables_that_are_there_take_is_a_few_requests(filled: AwsDouble) -> None:
    calls = ("s3:ListBucket", "s3:ListObjectsV2", "glue:BatchGetPartition", "s3:GetObject", "s3:PutObject")
    before = {call: len(filled.calls(call)) for call in calls}
    succeed(settings(), selection="vpc_flow_logs")
    added = {call: len(filled.calls(call)) - count for call, count in before.items()}
    assert added["glue:BatchGetPartition"] == 4
    assert added["s3:ListBucket"] + added["s3:ListObjectsV2"] <= 9


def test_the_policies_are_enough_where_the_tables_were_dropped(
    filled: AwsDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = partitions("rejected_flows")
    drop()
    become(filled, monkeypatch, policy("iam-policy-read.json"))
    succeed(settings(), selection="vpc_flow_logs")
    filled.set(enforce_iam=False)
    assert partitions("rejected_flows") == before


def places(table: str) -> dict[str, str]:
    """Where each day of a table lies, without the closing slash that SET LOCATION leaves and ADD PARTITION does not."""
    return {day: location.rstrip("/") for day, location in partitions(table).items()}


@pytest.mark.parametrize("dropped", ["side table", "all tables", "database"])
def test_a_side_table_that_was_dropped_comes_back_by_policies_alone_and_without_a_scan(
    filled: AwsDouble, monkeypatch: pytest.MonkeyPatch, dropped: str
) -> None:
    name = f"123456789012_vpcflowlogs_us-east-1_fl-0fffffffffffffff1_{DAY:%Y%m%d}T0005Z_aaaaaaaa.log.gz"
    text = b"srcaddr dstaddr action packets\n192.0.2.77 10.0.0.1 REJECT 987654\n"
    put(f"{LOGS}/{DAY:%Y/%m/%d}/{name}", gzip.compress(text))
    succeed(settings(), selection=DAILY)
    glue = boto3.client("glue")
    names = [table["Name"] for table in glue.get_tables(DatabaseName="vpc_flow_lake")["TableList"]]
    (side,) = [name for name in names if name.startswith("vpc_flow_logs_")]
    before = {name: places(name) for name in names}
    assert list(before[side]) == [str(DAY)]
    for table in [side] if dropped == "side table" else names:
        glue.delete_table(DatabaseName="vpc_flow_lake", Name=table)
    if dropped == "database":
        glue.delete_database(Name="vpc_flow_lake")
    sent = len(filled.queries())
    become(filled, monkeypatch, policy("iam-policy-read.json"))
    succeed(settings(), selection="vpc_flow_logs")
    filled.set(enforce_iam=False)
    assert {query["StatementType"] for query in filled.queries()[sent:]} == {"DDL"}
    assert {name: places(name) for name in names} == before


# What has changed since


def objects_of(day: date) -> list[str]:
    return sorted(keys(f"{LOGS}/{day:%Y/%m/%d}/"))


def copy(key: str, to: str) -> None:
    boto3.client("s3").copy_object(Bucket=BUCKET, Key=to, CopySource=f"{BUCKET}/{key}")


def restore(capfd: pytest.CaptureFixture[str]) -> tuple[dict[str, Any], list[str]]:
    """The metadata of vpc_flow_logs, which adds days again, and its warnings."""
    capfd.readouterr()
    made = metadata(succeed(settings(), selection="vpc_flow_logs"), "vpc_flow_logs")
    return made, warnings(capfd)


def warnings(capfd: pytest.CaptureFixture[str]) -> list[str]:
    """The texts of warnings, each of which may have several lines."""
    found = re.split(r"^\d{4}-\d\d-\d\d [^\n]*? - dagster - ", capfd.readouterr().err, flags=re.MULTILINE)
    return [text.split(" - ", 4)[-1].strip() for text in found if text.startswith("WARNING - ")]


@pytest.mark.parametrize(
    ("what", "why"),
    [("gone", "Their folders hold no objects."), ("without an action", "is of a flow log without the field action")],
)
def test_a_day_that_is_gone_or_would_be_read_wrongly_stays_out_by_name(
    filled: AwsDouble, capfd: pytest.CaptureFixture[str], what: str, why: str
) -> None:
    for key in objects_of(NEXT_DAY):
        if what == "gone":
            boto3.client("s3").delete_object(Bucket=BUCKET, Key=key)
        else:
            put(key, gzip.compress(b"version account-id interface-id\n2 123456789012 eni-0a\n"))
    before = partitions("rejected_flows")
    drop()
    made, (told,) = restore(capfd)
    assert (made["days of datasets added again"], made["days of flow logs added again"]) == (3, 2)
    assert told.startswith(f"Not added again to the table of flow logs: {NEXT_DAY}. Their datasets and reports stay.")
    assert why in told
    assert list(partitions("vpc_flow_logs")) == [str(DAY), str(EMPTY_DAY)]
    assert partitions("rejected_flows") == before


def test_objects_that_were_doubled_since_are_told_when_their_day_comes_back_and_by_its_check(
    filled: AwsDouble, capfd: pytest.CaptureFixture[str]
) -> None:
    first = objects_of(DAY)[0]
    copy(first, first.replace(f"{DAY:%Y/%m/%d}/", f"{DAY:%Y/%m/%d}/00/"))
    drop()
    _, told = restore(capfd)
    (doubled,) = told
    assert doubled.startswith(f"Some objects are there twice, so that their records count twice: s3://{BUCKET}/{LOGS}/")
    result = succeed(settings(), selection="vpc_flow_logs_partition")
    (check,) = [one for one in result.get_asset_check_evaluations() if one.check_name == "objects_understood"]
    assert not check.passed and "there twice, so that their records count twice" in str(check.description)


def test_copies_under_other_names_that_came_since_are_told_when_their_day_comes_back(
    filled: AwsDouble, capfd: pytest.CaptureFixture[str]
) -> None:
    first = objects_of(DAY)[0]
    copy(first, first.rsplit("_", 1)[0] + "_abcdef01.log.gz")
    drop()
    _, told = restore(capfd)
    assert [text.partition(":")[0] for text in told] == [
        "Some objects are copies under another name, byte for byte",
        f"Objects of {DAY} came, went or changed after they were read for {', '.join(DATASETS)}, and these are as they "
        "were read then. Materialize them for these days again, then their reports.",
    ]


def test_an_object_that_was_changed_since_is_told_when_its_day_comes_back_and_by_its_reports(
    filled: AwsDouble, capfd: pytest.CaptureFixture[str]
) -> None:
    put(objects_of(DAY)[1], gzip.compress("\n".join([HEADER_LINE, PING, FEW_PACKETS, MANY_PACKETS, ""]).encode()))
    drop()
    made, told = restore(capfd)
    assert made["days of flow logs added again"] == 3
    assert [text.partition(" came")[0] for text in told] == [f"Objects of {DAY}"]
    succeed(settings(), selection=REPORTS)
    late = [text for text in warnings(capfd) if text.startswith(f"Objects of {DAY} arrived or changed after ")]
    assert len(late) == len(REPORTS.split(","))
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
    succeed(settings(), selection=DAILY)
    assert report("top_rejected_pairs", DAY) == with_day([[94, *SMALL_TOP[DAY][0][1:]], SMALL_TOP[DAY][1]], DAY)


# Markers of folders


def test_the_double_leaves_a_marker_where_a_place_holds_no_object(aws: AwsDouble) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    succeed(settings())
    day = f"{LOGS}/{DAY:%Y/%m/%d}_$folder$"
    assert markers() == {f"{LOGS}_$folder$", "datasets_$folder$", day}


def test_markers_are_no_objects_no_days_and_no_attempts(
    aws: AwsDouble, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    succeed(settings())
    upload_small_logs(tmp_path)
    for key in (f"{LOGS}/2021/09/02/00_$folder$", f"{LOGS}/2021/09/02/", f"{LOGS}/2021/09/03_$folder$"):
        put(key)
    capfd.readouterr()
    result = succeed(settings(), selection=DAILY)
    assert "WARNING" not in capfd.readouterr().err
    assert metadata(result, "vpc_flow_logs_partition")["objects"] == 2
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
    assert rejected_flows().days == {DAY.isoformat(): (1, sorted(SMALL_DETAILS[DAY], key=repr))}


def test_markers_beside_attempts_take_nothing_from_a_dropped_table(filled: AwsDouble) -> None:
    before = partitions("rejected_flows")
    for location in before.values():
        put(f"{location.removeprefix(f's3://{BUCKET}/').rstrip('/')}_$folder$")
    drop()
    succeed(settings(), selection="vpc_flow_logs")
    assert partitions("rejected_flows") == before
    succeed(settings(), DAY, EMPTY_DAY, selection=REPORTS)


def test_a_day_without_objects_is_added_with_the_policies_alone(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    vpc = make_vpc()
    become(aws, monkeypatch, policy("iam-policy.json"))
    succeed(settings([vpc]))
    aws.set(enforce_iam=False)
    assert len(markers()) == 3
