"""Where buckets, VPCs and Athena are, and whose the buckets are: other regions, archives, a stranger's look-alike."""

from pathlib import Path

import boto3
import pytest
from aws_double.server import AwsDouble
from aws_lineage import (
    BUCKET,
    become,
    checks,
    failure,
    make_vpc,
    materialize,
    metadata,
    policy,
    policy_statements,
    report,
    settings,
    succeed,
    upload_small_logs,
)
from support import DAY, SMALL_TOP, with_day

from flowlogs.errors import FlowLakeError
from pipelines.settings import Settings
from pipelines.targets import build_target

ARCHIVE = "eu-west-1"
LOGGED = "ap-northeast-1"
RESULTS = "company-flow-lake"
OTHER_ACCOUNT = "210987654321"


@pytest.fixture
def archive(aws: AwsDouble, tmp_path: Path) -> Settings:
    """A bucket in one region that holds the logs of another; no other region is set anywhere but for those."""
    make_bucket(BUCKET, ARCHIVE)
    upload_small_logs(tmp_path, LOGGED)
    return settings(region=LOGGED)


def make_bucket(name: str, region: str) -> None:
    boto3.client("s3").create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": region})


def work_in(monkeypatch: pytest.MonkeyPatch, region: str | None) -> None:
    """Let boto3 have this region, or none at all."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        if region:
            monkeypatch.setenv(name, region)
        else:
            monkeypatch.delenv(name)
    boto3.DEFAULT_SESSION = None


def regions_of_queries(aws: AwsDouble) -> set[str]:
    return {call["region"] for call in aws.calls("athena:StartQueryExecution")}


def test_an_archive_of_another_regions_logs_is_read_there(
    aws: AwsDouble, archive: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_in(monkeypatch, ARCHIVE)
    result = succeed(archive)
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
    assert regions_of_queries(aws) == {ARCHIVE}
    assert checks(result)["set_up_as_recommended"] == (True, "nothing")


def test_a_readers_policy_is_enough_for_an_archive_elsewhere(
    aws: AwsDouble, archive: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aws, "region", ARCHIVE)
    become(aws, monkeypatch, policy("iam-policy-read.json", REGION=ARCHIVE))
    for _ in range(2):
        succeed(archive)
    aws.set(enforce_iam=False)
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_without_a_region_clients_work_where_the_bucket_is(
    aws: AwsDouble, archive: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    work_in(monkeypatch, None)
    result = succeed(archive)
    assert regions_of_queries(aws) == {ARCHIVE}
    assert metadata(result, "vpc_flow_logs_bucket")["region"] == ARCHIVE


def test_without_a_region_a_bucket_is_created_near_the_vpcs(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    work_in(monkeypatch, LOGGED)
    vpc = make_vpc()
    work_in(monkeypatch, None)
    succeed(settings([vpc], region=LOGGED))
    assert aws.client("s3").get_bucket_location(Bucket=BUCKET)["LocationConstraint"] == LOGGED
    assert regions_of_queries(aws) == {LOGGED}


def test_without_a_region_or_a_bucket_is_an_error(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    work_in(monkeypatch, None)
    message = failure(materialize(settings(["vpc-0123456789abcdef0"])))
    assert message.startswith("No AWS region is set: set AWS_REGION")


def test_results_in_another_region_are_an_error_beforehand(aws: AwsDouble, archive: Settings) -> None:
    before = len(aws.calls())
    message = failure(materialize(archive, selection="vpc_flow_logs"))
    assert message == (
        f"Query results go to s3://{BUCKET}/athena-results/, which is in {ARCHIVE}, and Athena works in us-east-1: it "
        f"writes no results into another region. Set AWS_REGION={ARCHIVE}; or name a bucket in us-east-1 in "
        "FLOWLAKE_RESULTS."
    )
    assert {call["action"] for call in aws.calls()[before:]} == {"HeadBucket"}


def test_a_statement_with_results_in_another_region_is_not_sent(aws: AwsDouble, archive: Settings) -> None:
    with pytest.raises(FlowLakeError, match=f"Set AWS_REGION={ARCHIVE}"):
        build_target(archive).athena.execute("SELECT 1")
    assert aws.queries() == []


def test_logs_in_another_region_are_read_with_a_warning(aws: AwsDouble, archive: Settings, tmp_path: Path) -> None:
    aws.client("s3").create_bucket(Bucket=RESULTS)
    result = succeed(archive.model_copy(update={"results": f"s3://{RESULTS}"}))
    passed, found = checks(result)["set_up_as_recommended"]
    assert not passed
    assert found.startswith(f"- the bucket is in {ARCHIVE}, and Athena works in us-east-1: AWS bills the transfer")
    assert regions_of_queries(aws) == {"us-east-1"}


def test_flow_logs_are_created_where_the_vpcs_are(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    work_in(monkeypatch, LOGGED)
    vpc = make_vpc()
    work_in(monkeypatch, ARCHIVE)
    succeed(settings([vpc], region=LOGGED))
    (log,) = boto3.client("ec2", region_name=LOGGED).describe_flow_logs()["FlowLogs"]
    assert log["ResourceId"] == vpc
    assert policy_statements()[0]["Condition"]["ArnLike"] == {"aws:SourceArn": f"arn:aws:logs:{LOGGED}:{aws.account}:*"}
    assert regions_of_queries(aws) == {ARCHIVE}


@pytest.mark.parametrize("with_vpc", [True, False], ids=["created into", "read"])
def test_a_strangers_bucket_that_is_open_is_not_adopted(aws: AwsDouble, with_vpc: bool) -> None:
    vpcs = [make_vpc()] if with_vpc else []
    aws.foreign_bucket(BUCKET, open_to=aws.account)
    message = failure(materialize(settings(vpcs)))
    assert message.startswith(
        f"The bucket {BUCKET} (FLOWLAKE_BUCKET) cannot be used: either it belongs to another account than {aws.account}"
    )
    assert aws.calls("s3:PutObject", "s3:PutBucketPolicy", "ec2:CreateFlowLogs") == []


def test_results_in_a_strangers_bucket_are_not_written(aws: AwsDouble, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    aws.foreign_bucket(RESULTS, open_to=aws.account)
    before = len(aws.calls("s3:PutObject"))
    failure(materialize(settings(results=f"s3://{RESULTS}")))
    assert aws.queries() == []
    assert {call["owner"] for call in aws.calls("s3:PutObject")[before:]} <= {aws.account}
    assert boto3.client("s3").list_objects_v2(Bucket=RESULTS)["KeyCount"] == 0


def test_an_archive_of_the_logs_own_account_is_read(aws: AwsDouble, tmp_path: Path) -> None:
    aws.foreign_bucket(BUCKET, account=OTHER_ACCOUNT, open_to=aws.account)
    boto3.client("s3").create_bucket(Bucket=RESULTS)
    upload_small_logs(tmp_path, account=OTHER_ACCOUNT)
    succeed(settings(account_id=OTHER_ACCOUNT, results=f"s3://{RESULTS}"))
    assert report("top_rejected_pairs", DAY, bucket=RESULTS) == with_day(SMALL_TOP[DAY], DAY)


def test_an_archive_of_our_own_may_hold_others_logs(aws: AwsDouble, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path, account=OTHER_ACCOUNT)
    succeed(settings(account_id=OTHER_ACCOUNT))
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_every_request_to_a_bucket_names_its_owner(aws: AwsDouble, tmp_path: Path) -> None:
    vpc = make_vpc()
    succeed(settings([vpc]))
    upload_small_logs(tmp_path)
    before = len(aws.calls())
    succeed(settings([vpc]))
    made = [call for call in aws.calls()[before:] if call["service"] == "s3"]
    assert {call["action"] for call in made if not call["owner"]} == {"HeadBucket"}  # where it is; whose, comes next
    assert {call["owner"] for call in made} == {"", aws.account}
    assert any(call["action"] == "HeadBucket" and call["owner"] for call in made)


def test_athena_is_told_whose_bucket_results_go_to(aws: AwsDouble, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    succeed(settings(), selection="vpc_flow_logs")
    group = boto3.client("athena").get_work_group(WorkGroup="vpc-flow-lake")["WorkGroup"]["Configuration"]
    assert group["ResultConfiguration"]["ExpectedBucketOwner"] == aws.account
    assert {query["ResultConfiguration"]["ExpectedBucketOwner"] for query in aws.queries()} == {aws.account}
