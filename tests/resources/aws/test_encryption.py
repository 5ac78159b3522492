"""Buckets with keys of KMS, locks and versions: what keeps flow logs out is told, and what is written uses the key."""

import json
from pathlib import Path
from typing import Any

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
    policy,
    report,
    settings,
    succeed,
    upload_small_logs,
)
from support import DAY, SMALL_TOP, with_day

from assets.day_objects import inspect_days
from flowlogs.bucket_policy import delivery_statements, key_statement
from pipelines.targets import build_target


@pytest.fixture
def vpc(aws: AwsDouble) -> str:
    return make_vpc()


def make_key(*statements: dict[str, Any], **others: str) -> str:
    """A key that its account manages, with these statements in its policy; returns its ARN."""
    root = {"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::123456789012:root"}, "Action": "kms:*"}
    document = {"Version": "2012-10-17", "Statement": [{**root, "Resource": "*"}, *statements], **others}
    return str(boto3.client("kms").create_key(Policy=json.dumps(document))["KeyMetadata"]["Arn"])


def make_bucket(key: str | None, with_bucket_key: bool = False, **others: Any) -> None:
    """A bucket of somebody else's that flow logs may be delivered to, but for its key."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET, **others)
    default = {"SSEAlgorithm": "aws:kms", **({"KMSMasterKeyID": key} if key else {})}
    rule = {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": with_bucket_key}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration={"Rules": [rule]})
    statements = delivery_statements("aws", BUCKET, "123456789012", "us-east-1")
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))


def warnings(vpc: str) -> list[str]:
    """What the bucket's check tells of its key, and of what it keeps."""
    found = checks(succeed(settings([vpc]), selection="vpc_flow_logs_bucket"))["set_up_as_recommended"][1]
    lines = [line.removeprefix("- ").replace("\\", "") for line in found.splitlines()]
    return [line for line in lines if "key" in line or "versions" in line]


NEEDED = f"The key's policy needs the statement {json.dumps(key_statement())}"


def test_a_key_that_lets_the_delivery_service_in_is_fine(aws: AwsDouble, vpc: str) -> None:
    make_bucket(make_key(key_statement()))
    assert warnings(vpc) == []


def test_a_key_that_keeps_delivery_out_is_told_with_the_statement(aws: AwsDouble, vpc: str) -> None:
    key = make_key()
    make_bucket(key)
    assert warnings(vpc) == [
        f"flow logs may not use the key of KMS that objects are encrypted with, {key}: nothing is delivered. {NEEDED}"
    ]


@pytest.mark.parametrize("key", [None, "alias/aws/s3", "arn:aws:kms:us-east-1:123456789012:alias/aws/s3"])
def test_a_key_that_aws_manages_is_told(aws: AwsDouble, vpc: str, key: str | None) -> None:
    make_bucket(key)
    (found,) = warnings(vpc)
    assert found.startswith("objects are encrypted with alias/aws/s3, a key that AWS manages: no flow log is delivered")
    assert found.endswith(NEEDED)


def test_a_key_that_aws_manages_is_told_also_by_its_arn(aws: AwsDouble, vpc: str) -> None:
    in_the_account = {
        "StringEquals": {"kms:CallerAccount": "123456789012", "kms:ViaService": "s3.us-east-1.amazonaws.com"}
    }
    key = make_key({**key_statement(), "Principal": {"AWS": "*"}, "Condition": in_the_account}, Id="auto-s3-2")
    make_bucket(key)
    assert warnings(vpc) == [
        f"objects are encrypted with {key}, a key that AWS manages, whose policy cannot be changed: no flow log is "
        "delivered into such a bucket. Let its default encryption be SSE-S3, or a key of KMS that you manage, given by "
        f"its ARN. {NEEDED}"
    ]


@pytest.mark.parametrize("name", ["id", "alias"])
def test_a_key_not_given_by_its_arn_is_told(aws: AwsDouble, vpc: str, name: str) -> None:
    key = make_key(key_statement()).rpartition("/")[2] if name == "id" else "alias/logs"
    make_bucket(key)
    assert warnings(vpc) == [
        f"the key of KMS that objects are encrypted with is given as {key}: flow logs are delivered where it is given "
        f"by its ARN (arn:…:key/…). {NEEDED}"
    ]


def test_a_key_that_may_not_be_looked_at_is_told(aws: AwsDouble, vpc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    make_bucket(make_key(key_statement()))
    become(aws, monkeypatch, policy("iam-policy.json", without="kms:GetKeyPolicy"))
    (found,) = warnings(vpc)
    assert found.startswith(
        "whether flow logs may use the key of KMS that objects are encrypted with is not known: Acc"
    )
    assert "grant kms:GetKeyPolicy" in found and found.endswith(NEEDED)


@pytest.mark.parametrize("with_bucket_key", [True, False], ids=["bucket key", "no bucket key"])
def test_all_that_is_written_uses_the_key_by_policies_alone(
    aws: AwsDouble, vpc: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, with_bucket_key: bool
) -> None:
    key = make_key(key_statement())
    make_bucket(key, with_bucket_key)
    upload_small_logs(tmp_path)
    become(aws, monkeypatch, policy("iam-policy.json"))
    succeed(settings([vpc]))
    aws.set(enforce_iam=False)
    s3 = boto3.client("s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]]
    names = {name.split("/")[0] for name in keys if not name.endswith("_$folder$")}
    assert names == {"AWSLogs", "athena-results", "datasets", "reports", "source"}
    heads = [s3.head_object(Bucket=BUCKET, Key=name) for name in keys]
    assert {(head["ServerSideEncryption"], head.get("SSEKMSKeyId")) for head in heads} == {("aws:kms", key)}
    group = boto3.client("athena").get_work_group(WorkGroup="vpc-flow-lake")["WorkGroup"]["Configuration"]
    assert group["ResultConfiguration"]["EncryptionConfiguration"] == {"EncryptionOption": "SSE_KMS", "KmsKey": key}
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


@pytest.mark.parametrize("part", ["read", "daily"])
def test_other_policies_are_enough_for_a_key_too(
    aws: AwsDouble, vpc: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, part: str
) -> None:
    make_bucket(make_key(key_statement()))
    upload_small_logs(tmp_path)
    if part == "daily":
        succeed(settings())
    become(aws, monkeypatch, policy(f"iam-policy-{part}.json"))
    succeed(
        settings(), selection="vpc_flow_logs_partition,rejected_flows,top_rejected_pairs" if part == "daily" else "*"
    )
    aws.set(enforce_iam=False)
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


@pytest.mark.parametrize("action", ["kms:GenerateDataKey", "kms:Decrypt"])
def test_without_the_rights_to_the_key_it_fails_by_name(
    aws: AwsDouble, vpc: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, action: str
) -> None:
    make_bucket(make_key(key_statement()))
    upload_small_logs(tmp_path)
    become(aws, monkeypatch, policy("iam-policy.json", without=action))
    assert action in failure(materialize(settings([vpc])))


def test_without_a_key_of_ones_own_the_default_encrypts_results(aws: AwsDouble, vpc: str) -> None:
    make_bucket(None)
    succeed(settings([vpc]))
    group = boto3.client("athena").get_work_group(WorkGroup="vpc-flow-lake")["WorkGroup"]["Configuration"]
    assert "EncryptionConfiguration" not in group["ResultConfiguration"]


@pytest.mark.parametrize("locked", [False, True], ids=["versions", "lock"])
def test_versions_of_what_is_replaced_are_told(aws: AwsDouble, vpc: str, locked: bool) -> None:
    make_bucket(make_key(key_statement()), ObjectLockEnabledForBucket=locked)
    if not locked:
        boto3.client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    assert warnings(vpc) == [
        "the bucket keeps versions: reports and datasets that are replaced stay, and are paid, as older "
        "versions until a lifecycle rule removes those (NoncurrentVersionExpiration), and what Object Lock holds at "
        "least as long as that. Results in a bucket of their own (FLOWLAKE_RESULTS) are recommended"
    ]


def test_where_results_are_elsewhere_versions_of_logs_are_not_told(aws: AwsDouble, vpc: str) -> None:
    make_bucket(make_key(key_statement()))
    boto3.client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    elsewhere = settings([vpc], results="s3://company-flow-lake")
    boto3.client("s3").create_bucket(Bucket="company-flow-lake")
    found = checks(succeed(elsewhere, selection="vpc_flow_logs_bucket"))["set_up_as_recommended"][1]
    assert "versions" not in found


@pytest.mark.parametrize("allowed", [True, False], ids=["allowed", "not allowed"])
def test_versions_of_results_elsewhere_are_told_where_they_may_be_looked_at(
    aws: AwsDouble, vpc: str, monkeypatch: pytest.MonkeyPatch, allowed: bool
) -> None:
    make_bucket(make_key(key_statement()))
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket="company-flow-lake")
    s3.put_bucket_versioning(Bucket="company-flow-lake", VersioningConfiguration={"Status": "Enabled"})
    document = policy("iam-policy.json")
    for statement in document["Statement"]:
        if statement["Sid"] in ("FindLogs", *(["Bucket"] if allowed else [])):
            statement["Resource"] = [statement["Resource"], "arn:aws:s3:::company-flow-lake"]
    become(aws, monkeypatch, document)
    elsewhere = settings([vpc], results="s3://company-flow-lake")
    found = checks(succeed(elsewhere, selection="vpc_flow_logs_bucket"))["set_up_as_recommended"][1]
    told = [line for line in found.splitlines() if "versions" in line]
    assert told == (
        [
            "- the bucket of results, company-flow-lake, keeps versions: reports and datasets that are "
            "replaced stay, and are paid, as older versions until a lifecycle rule removes those "
            "(NoncurrentVersionExpiration), and what Object Lock holds at least as long as that. A bucket without "
            "versions is recommended"
        ]
        if allowed
        else []
    )


def test_copies_are_told_where_kms_encrypts_them(aws: AwsDouble, tmp_path: Path) -> None:
    make_bucket(make_key(key_statement()))
    upload_small_logs(tmp_path)
    s3 = boto3.client("s3")
    keys = [item["Key"] for item in s3.list_objects_v2(Bucket=BUCKET, Prefix="AWSLogs/")["Contents"]]
    first = next(key for key in keys if f"/{DAY:%Y/%m/%d}/" in key)
    copy = first.rsplit("_", 1)[0] + "_abcdef01.log.gz"
    s3.put_object(Bucket=BUCKET, Key=copy, Body=s3.get_object(Bucket=BUCKET, Key=first)["Body"].read())
    (found,) = inspect_days(build_target(settings()).bucket, [DAY])[DAY].warnings
    assert found.startswith("Some objects hold the same records under different names, so that these count twice: ")
    assert first in found and copy in found
