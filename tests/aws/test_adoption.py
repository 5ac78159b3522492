"""What is there already is used and never altered: buckets, flow logs, workgroups and tables of somebody else."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import pytest
from support import DAY, SMALL_TOP, with_day

from flowlogs.bucket_policy import delivery_statements, means_the_same, tls_only_statement
from pipelines.targets import build_target

from .double import AwsDouble
from .lineage import (
    BUCKET,
    bucket_settings,
    checks,
    failure,
    make_vpc,
    materialize,
    metadata,
    policy_statements,
    report,
    settings,
    state,
    succeed,
    upload_small_logs,
)

SOMEBODYS_STATEMENT = {
    "Sid": "Auditors",
    "Effect": "Allow",
    "Principal": {"AWS": ["arn:aws:iam::210987654321:root", "arn:aws:iam::310987654321:root"]},
    "Action": ["s3:GetObject"],
    "Resource": f"arn:aws:s3:::{BUCKET}/*",
    "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-example"}},
}


@pytest.fixture
def vpc(aws: AwsDouble) -> str:
    return make_vpc()


@pytest.fixture
def somebodys_bucket(aws: AwsDouble) -> None:
    """A bucket with a policy, tags and a lifecycle of its own, access control lists, and no public access block."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_policy(
        Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [SOMEBODYS_STATEMENT]})
    )
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": "team", "Value": "audit"}]})
    rule = {"ID": "audit", "Status": "Enabled", "Filter": {"Prefix": "old/"}, "Expiration": {"Days": 400}}
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [rule]})
    s3.put_bucket_ownership_controls(
        Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerPreferred"}]}
    )
    s3.delete_public_access_block(Bucket=BUCKET)


def create_flow_log(vpc: str, **others: Any) -> None:
    """A flow log that somebody else made."""
    request = {
        "TrafficType": "ALL",
        "MaxAggregationInterval": 600,
        "LogDestination": f"arn:aws:s3:::{BUCKET}",
        **others,
    }
    answer = boto3.client("ec2").create_flow_logs(
        ResourceIds=[vpc], ResourceType="VPC", LogDestinationType="s3", **request
    )
    assert answer["Unsuccessful"] == []


def flow_logs() -> list[dict[str, Any]]:
    return boto3.client("ec2").describe_flow_logs()["FlowLogs"]


@pytest.mark.usefixtures("somebodys_bucket")
def test_an_adopted_bucket_gets_the_delivery_statements_and_keeps_all_it_has(aws: AwsDouble, vpc: str) -> None:
    before = bucket_settings(BUCKET)
    succeed(settings([vpc]))
    after = bucket_settings(BUCKET)
    assert policy_statements() == [SOMEBODYS_STATEMENT, *delivery_statements(BUCKET, aws.account, "us-east-1")]
    assert {**after, "policy": None} == {**before, "policy": None}


@pytest.mark.usefixtures("somebodys_bucket")
def test_what_an_adopted_bucket_lacks_is_reported(aws: AwsDouble, vpc: str) -> None:
    result = succeed(settings([vpc]))
    passed, found = checks(result)["set_up_as_recommended"]
    assert not passed
    assert metadata(result, "vpc_flow_logs_bucket")["differs"] == found
    assert found.splitlines() == [
        "- public access is not blocked altogether",
        "- object ownership is not enforced, so that access control lists count",
        "- query results under athena-results/ never expire, or unfinished uploads stay for good",
        "- requests without TLS are not denied by the bucket's policy",
    ]


@pytest.mark.usefixtures("somebodys_bucket")
def test_a_statement_that_says_the_same_under_another_name_is_not_added_again(aws: AwsDouble, vpc: str) -> None:
    theirs = [
        {**statement, "Sid": f"Theirs{number}", "Principal": {"Service": ["delivery.logs.amazonaws.com"]}}
        for number, statement in enumerate(delivery_statements(BUCKET, aws.account, "us-east-1"))
    ]
    policy = {"Version": "2012-10-17", "Statement": [SOMEBODYS_STATEMENT, *theirs]}
    boto3.client("s3").put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    succeed(settings([vpc]))
    assert policy_statements() == [SOMEBODYS_STATEMENT, *theirs]


@pytest.mark.usefixtures("somebodys_bucket")
def test_a_policy_that_aws_replaces_with_the_flow_log_is_put_right(aws: AwsDouble, vpc: str) -> None:
    aws.set(replace_bucket_policy=True)
    succeed(settings([vpc]))
    statements = policy_statements()
    assert SOMEBODYS_STATEMENT in statements
    for needed in delivery_statements(BUCKET, aws.account, "us-east-1"):
        assert any(means_the_same(needed, statement) for statement in statements)


def test_a_created_buckets_policy_is_put_right_too(aws: AwsDouble, vpc: str) -> None:
    aws.set(replace_bucket_policy=True)
    succeed(settings([vpc]))
    assert tls_only_statement(BUCKET) in policy_statements()


def test_a_bucket_that_belongs_to_somebody_else_is_a_clear_error(aws: AwsDouble, vpc: str) -> None:
    aws.foreign_bucket(BUCKET)
    message = failure(materialize(settings([vpc])))
    assert BUCKET in message
    assert "belongs to another account" in message


def test_an_adopted_flow_log_stays_the_only_one(aws: AwsDouble, vpc: str) -> None:
    succeed(settings())
    create_flow_log(vpc)
    before = flow_logs()
    result = materialize(settings([vpc]))
    assert result.success
    assert checks(result)["delivers_readable_records"] == (True, "nothing")
    assert flow_logs() == before


def test_a_flow_log_to_another_place_is_no_reason_not_to_create_one(aws: AwsDouble, vpc: str) -> None:
    succeed(settings())
    create_flow_log(vpc, LogDestination=f"arn:aws:s3:::{BUCKET}/elsewhere/")
    succeed(settings([vpc]))
    destinations = sorted(log["LogDestination"] for log in flow_logs())
    assert destinations == [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}/elsewhere/"]


@pytest.mark.parametrize(
    ("others", "told", "blocks"),
    [
        ({"TrafficType": "REJECT"}, "records REJECT traffic; FLOWLAKE_TRAFFIC_TYPE is ALL", False),
        ({"MaxAggregationInterval": 60}, "aggregates over 60 s; FLOWLAKE_AGGREGATION_SECONDS is 600", False),
        ({"LogFormat": "${srcaddr} ${dstaddr}"}, "records the fields ${srcaddr} ${dstaddr}", True),
        (
            {
                "DestinationOptions": {
                    "FileFormat": "parquet",
                    "HiveCompatiblePartitions": False,
                    "PerHourPartition": False,
                }
            },
            "has FileFormat parquet, which the table does not read",
            True,
        ),
    ],
)
def test_a_flow_log_that_differs_is_reported_and_never_deleted(
    aws: AwsDouble, vpc: str, others: dict[str, Any], told: str, blocks: bool
) -> None:
    succeed(settings())
    create_flow_log(vpc, **others)
    before = flow_logs()
    result = materialize(settings([vpc]))
    passed, found = checks(result)["delivers_readable_records"]
    assert (passed, result.success) == (False, not blocks)
    assert told in found
    assert flow_logs() == before


def test_a_flow_log_that_cannot_deliver_stops_what_is_downstream(aws: AwsDouble, vpc: str) -> None:
    aws.set(deliver_logs_status="FAILED", deliver_logs_error_message="Access error")
    result = materialize(settings([vpc]))
    assert not result.success
    passed, found = checks(result)["delivers_readable_records"]
    assert not passed
    assert "cannot deliver: Access error" in found
    assert aws.queries() == [] or not any("PARTITION (dt=" in query["Query"] for query in aws.queries())


def test_a_flow_log_that_aws_refuses_to_create_is_told_with_its_reason(aws: AwsDouble, vpc: str) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    deny = {
        "Effect": "Deny",
        "Principal": {"Service": "delivery.logs.amazonaws.com"},
        "Action": "s3:PutObject",
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": [deny]}))
    message = failure(materialize(settings([vpc])))
    assert flow_logs() == []
    assert f"{vpc}: 400: Access Denied for LogDestination: {BUCKET}" in message
    assert "logs:CreateLogDelivery" in message


def test_an_unknown_vpc_is_named(aws: AwsDouble) -> None:
    message = failure(materialize(settings(["vpc-0123456789abcdef0"])))
    assert "FLOWLAKE_VPC_IDS" in message
    assert "vpc-0123456789abcdef0" in message


def test_without_a_vpc_existing_logs_are_read_and_no_flow_log_is_created(aws: AwsDouble, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    succeed(settings())
    assert flow_logs() == []
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_an_empty_day_is_told_with_the_days_that_the_bucket_holds(
    aws: AwsDouble, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    succeed(settings(), date(2021, 9, 1))
    told = capfd.readouterr().err
    assert "Nothing was delivered on 2021-09-01" in told
    assert "Days that do: 2021-09-02, 2021-09-03." in told


def test_teardown_deletes_our_flow_logs_only_and_says_what_it_leaves(
    aws: AwsDouble, vpc: str, capfd: pytest.CaptureFixture[str]
) -> None:
    from pipelines.definitions import build_definitions

    theirs = make_vpc()
    succeed(settings([vpc]))
    create_flow_log(theirs)
    before = state(aws)
    job = build_definitions(settings([vpc])).resolve_job_def("teardown")
    for _ in range(2):
        assert job.execute_in_process().success
    assert [log["ResourceId"] for log in flow_logs()] == [theirs]
    assert {**state(aws), "flow logs": None} == {**before, "flow logs": None}
    told = capfd.readouterr().err
    for kept in (
        "the bucket and the logs in it",
        "the database, the tables and their partitions",
        "the rejected flows",
        "the reports",
    ):
        assert f"Left as it is: {kept}" in told


def test_a_disabled_workgroup_is_named(aws: AwsDouble, vpc: str) -> None:
    athena = boto3.client("athena")
    athena.create_work_group(Name="vpc-flow-lake", Configuration={})
    athena.update_work_group(WorkGroup="vpc-flow-lake", State="DISABLED")
    assert "FLOWLAKE_WORKGROUP" in failure(materialize(settings([vpc])))


def test_a_table_with_another_shape_is_an_error_that_shows_the_difference(aws: AwsDouble, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    succeed(settings())
    glue = boto3.client("glue")
    table = glue.get_table(DatabaseName="vpc_flow_lake", Name="vpc_flow_logs")["Table"]
    storage = table["StorageDescriptor"]
    storage["Columns"][0]["Type"] = "string"
    storage["Location"] = f"s3://{BUCKET}/AWSLogs/210987654321/vpcflowlogs/us-east-1/"
    changed = {key: table[key] for key in ("Name", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters")}
    glue.update_table(DatabaseName="vpc_flow_lake", TableInput=changed)
    message = failure(materialize(settings()))
    assert "expected version int, account string" in message
    assert "found version string, account string" in message
    assert f"found s3://{BUCKET}/AWSLogs/210987654321/vpcflowlogs/us-east-1/" in message
    assert "DROP TABLE IF EXISTS `vpc_flow_lake`.`vpc_flow_logs`" in message


def test_a_partition_that_points_elsewhere_is_an_error_with_the_statement_that_mends_it(
    aws: AwsDouble, tmp_path: Path
) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    succeed(settings())
    glue = boto3.client("glue")
    where = {"DatabaseName": "vpc_flow_lake", "TableName": "vpc_flow_logs"}
    (partition,) = glue.get_partitions(**where)["Partitions"]
    storage = {**partition["StorageDescriptor"], "Location": f"s3://{BUCKET}/typo/"}
    glue.update_partition(
        **where,
        PartitionValueList=partition["Values"],
        PartitionInput={"Values": partition["Values"], "StorageDescriptor": storage},
    )
    message = failure(materialize(settings()))
    assert f"2021-09-02 points at s3://{BUCKET}/typo/" in message
    (mended,) = [line for line in message.splitlines() if "SET LOCATION" in line]
    build_target(settings()).athena.execute(mended.strip())
    succeed(settings())
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
