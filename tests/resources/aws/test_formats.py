"""Every format and layout of flow logs on AWS: created as the settings ask, adopted, and read with the same reports."""

import itertools
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import hypothesis
import pytest
from aws_double.server import AwsDouble
from aws_lineage import (
    BUCKET,
    checks,
    failure,
    make_vpc,
    materialize,
    policy_statements,
    report,
    settings,
    succeed,
    upload,
)
from deliveries import ANY_DELIVERY, as_format, deliver
from support import DAY, MANY_PACKETS, SMALL_DETAILS, SMALL_LOGS, SMALL_TOP, with_day

from flowlogs.bucket_policy import delivery_statements
from flowlogs.delivery import Delivery
from flowlogs.fields import DEFAULT_FIELDS
from flowlogs.record_format import DEFAULT_FORMAT, RecordFormat, parse_log_format
from resources.aws.flow_log import delivery_options
from resources.aws.object_store import S3Store

COMBINATIONS = list(itertools.product(["plain-text", "parquet"], [False, True], [False, True]))
CUSTOM = RecordFormat(tuple(reversed(DEFAULT_FIELDS)))


@pytest.fixture
def vpc(aws: AwsDouble) -> str:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    return make_vpc()


def flow_logs() -> list[dict[str, Any]]:
    return boto3.client("ec2").describe_flow_logs()["FlowLogs"]


def chosen(file_format: str, hive: bool, hourly: bool) -> dict[str, Any]:
    return {"file_format": file_format, "hive_partitions": hive, "hourly_partitions": hourly}


def put_logs(folder: Path, delivery: Delivery) -> None:
    for number, lines in enumerate(SMALL_LOGS[DAY]):
        deliver(folder, delivery, DAY, lines, number=number)
    upload(folder)


@pytest.mark.parametrize(("file_format", "hive", "hourly"), COMBINATIONS)
@pytest.mark.parametrize("prefix", [None, "network/flow"])
def test_a_flow_log_is_created_with_the_options_that_are_set_and_read_with_the_same_reports(
    aws: AwsDouble, vpc: str, tmp_path: Path, file_format: str, hive: bool, hourly: bool, prefix: str | None
) -> None:
    configured = settings([vpc], prefix=prefix, **chosen(file_format, hive, hourly))
    put_logs(tmp_path, configured.delivery)
    assert checks(succeed(configured))["delivers_readable_records"] == (True, "nothing")
    (log,) = flow_logs()
    assert log["LogDestination"].rstrip("/") == f"arn:aws:s3:::{BUCKET}{f'/{prefix}' if prefix else ''}"
    options = log.get("DestinationOptions") or {}
    assert options.get("FileFormat", "plain-text") == file_format
    assert bool(options.get("HiveCompatiblePartitions")) == hive
    assert bool(options.get("PerHourPartition")) == hourly
    required = delivery_statements(
        "aws", BUCKET, aws.account, "us-east-1", prefix=f"{prefix}/" if prefix else "", hive=hive
    )
    assert required[0]["Resource"] in [statement["Resource"] for statement in policy_statements()]
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


@hypothesis.settings(
    max_examples=5, deadline=None, suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture]
)
@hypothesis.given(delivery=ANY_DELIVERY)
def test_any_fields_in_any_order_give_the_reports_of_the_default(aws: AwsDouble, delivery: Delivery) -> None:
    aws.reset()
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    with TemporaryDirectory() as folder:
        put_logs(Path(folder), delivery)
    succeed(settings())
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
    assert report("rejected_flow_details", DAY) == with_day(SMALL_DETAILS[DAY], DAY)


def test_a_custom_format_is_given_to_ec2_and_read(aws: AwsDouble, vpc: str, tmp_path: Path) -> None:
    put_logs(tmp_path, Delivery(CUSTOM))
    succeed(settings([vpc], log_format=CUSTOM.log_format))
    assert flow_logs()[0]["LogFormat"] == CUSTOM.log_format
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_tags_are_named_to_ec2_where_the_format_has_them() -> None:
    options = delivery_options(Delivery(parse_log_format("${action} ${instance-tag} ${asg-tag}")))
    assert options["TagFieldSpecifications"] == [
        {"ResourceType": "instance", "TagKeys": ["Name"]},
        {"ResourceType": "auto-scaling-group", "TagKeys": ["Name"]},
    ]


def test_flow_logs_in_two_formats_are_read_each_in_its_own(aws: AwsDouble, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    put_logs(tmp_path, Delivery())
    other = Delivery(as_format(DEFAULT_FORMAT, parquet=True))
    deliver(tmp_path, other, DAY, [MANY_PACKETS.replace("eni-0a", "eni-0z")], flow_log="fl-0fedcba9876543210")
    upload(tmp_path)
    succeed(settings())
    assert report("top_rejected_pairs", DAY)[0] == [87, "203.0.113.9", "10.0.0.5", str(DAY)]
    unloads = [query["Query"] for query in aws.queries() if query["Query"].startswith("UNLOAD")]
    assert len(unloads) == 1
    assert unloads[0].count('"$path" NOT BETWEEN') == 2


def test_an_archive_of_several_accounts_and_regions_is_one_report(aws: AwsDouble, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    owners = list(itertools.product(["111111111111", "222222222222"], ["eu-west-1", "us-east-1"]))
    for number, (account, region) in enumerate(owners):
        line = MANY_PACKETS.replace("123456789012", account).replace("eni-0a", f"eni-{number}")
        deliver(tmp_path, Delivery(), DAY, [line], account=account, region=region, flow_log=f"fl-0{number}")
    upload(tmp_path)
    succeed(settings(account_id="*", region="*"))
    assert report("top_rejected_pairs", DAY) == [[160, "203.0.113.9", "10.0.0.5", str(DAY)]]
    found = boto3.client("glue").get_partitions(DatabaseName="vpc_flow_lake", TableName="vpc_flow_logs")["Partitions"]
    assert sorted(partition["Values"] for partition in found) == [[str(DAY), *owner] for owner in owners]


def test_no_flow_log_is_created_for_an_account_that_is_not_read(aws: AwsDouble, vpc: str) -> None:
    words = failure(materialize(settings([vpc], account_id="111111111111,222222222222", region="*")))
    assert words.startswith("FLOWLAKE_ACCOUNT_ID is 111111111111,222222222222, and the caller is of 123456789012")
    assert flow_logs() == []


@pytest.mark.parametrize("file_format", ["plain-text", "parquet"])
def test_one_request_looks_at_each_flow_log_of_a_day(
    aws: AwsDouble, vpc: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file_format: str
) -> None:
    delivery = Delivery(CUSTOM if file_format == "plain-text" else RecordFormat(DEFAULT_FIELDS, "parquet"))
    for flow_log in ("fl-0123456789abcdef0", "fl-0123456789abcdef1"):
        for number in range(4):
            line = MANY_PACKETS.replace("eni-0a", f"eni-{flow_log[-1]}{number}")
            deliver(tmp_path, delivery, DAY, [line], number=number, flow_log=flow_log)
    upload(tmp_path)
    looked: list[str] = []
    for name in ("head", "tail"):
        look = getattr(S3Store, name)

        def counted(self: S3Store, what: Any, size: int, look: Any = look) -> bytes:
            looked.append(getattr(what, "key", what))
            return look(self, what, size)

        monkeypatch.setattr(S3Store, name, counted)
    succeed(settings([vpc]))
    of_logs = [key for key in looked if key.startswith("AWSLogs/")]
    assert sorted(key.split("_")[3] for key in of_logs) == ["fl-0123456789abcdef0", "fl-0123456789abcdef1"]
    assert len(report("rejected_flow_details", DAY)) == 8


def test_listed_accounts_and_regions_may_deliver_by_one_statement(aws: AwsDouble, vpc: str) -> None:
    configured = settings([vpc], account_id=f"210987654321,{aws.account}", region="us-east-1,eu-west-1")
    succeed(configured, selection="vpc_flow_logs_bucket,vpc_flow_log")
    (statement,) = (found for found in policy_statements() if found["Sid"] == "AllowFlowLogDelivery")
    before = policy_statements()
    assert statement["Action"] == ["s3:PutObject", "s3:GetBucketAcl"]
    assert statement["Resource"] == [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/AWSLogs/*"]
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": sorted([aws.account, "210987654321"])},
        "ArnLike": {"aws:SourceArn": ["arn:aws:logs:eu-west-1:*:*", "arn:aws:logs:us-east-1:*:*"]},
    }
    succeed(configured, selection="vpc_flow_logs_bucket,vpc_flow_log")
    assert policy_statements() == before


def test_a_policy_that_would_be_too_long_is_not_put(aws: AwsDouble, vpc: str) -> None:
    accounts = ",".join([aws.account, *(f"{number:012}" for number in range(1500))])
    message = failure(materialize(settings([vpc], account_id=accounts), selection="vpc_flow_logs_bucket"))
    assert "and S3 takes 20,480. Name fewer accounts in FLOWLAKE_ACCOUNT_ID" in message
    assert policy_statements() == []


def test_flow_logs_behind_another_prefix_are_told_on_aws_too(aws: AwsDouble, vpc: str, tmp_path: Path) -> None:
    deliver(tmp_path, Delivery(DEFAULT_FORMAT), DAY, [MANY_PACKETS])
    deliver(tmp_path / "archive/2020", Delivery(DEFAULT_FORMAT), DAY, [MANY_PACKETS])
    upload(tmp_path)
    for configured in (settings(), settings([vpc])):
        _, found = checks(succeed(configured, selection="vpc_flow_logs_bucket"))["set_up_as_recommended"]
        assert "also holds flow logs behind another prefix (archive/2020/AWSLogs/): their records are in no" in found
    _, found = checks(succeed(settings(prefix="archive/2020"), selection="vpc_flow_logs_bucket"))[
        "set_up_as_recommended"
    ]
    assert "another prefix" not in found
