"""Least privilege: the policies in deploy/ are enough, and each of their actions is needed.

The double evaluates actions, resources and conditions, also those that Athena asks for in its caller's name.
"""

import gzip
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_double.authorization import ARNS, CONDITION_KEYS, RESOURCES
from aws_double.permissions import verdict
from aws_double.server import AwsDouble
from aws_lineage import (
    BUCKET,
    DAILY,
    NAMES,
    become,
    checks,
    create_flow_log,
    failure,
    interface_of,
    make_vpc,
    materialize,
    partitions,
    policy,
    rejected_flows,
    report,
    settings,
    subnet_of,
    succeed,
    upload,
    upload_small_logs,
)
from botocore.exceptions import ClientError
from support import DAY, PING, ROOT, SMALL_DETAILS, SMALL_TOP, record, with_day, write_object, write_small_logs

from pipelines.build import build_definitions

ONLY_WITH_A_KEY = ("kms:GenerateDataKey", "kms:Decrypt", "kms:GetKeyPolicy")
"""What nobody needs without a key of KMS: see test_encryption.py."""

ONLY_AWS_ASKS: Mapping[str, str] = {
    "logs:CreateLogDelivery": "Publish flow logs to Amazon S3: IAM policy for the principal that publishes (VPC guide)",
    "logs:DeleteLogDelivery": "Publish flow logs to Amazon S3: IAM policy for the principal that publishes (VPC guide)",
}
"""Actions that AWS asks for in ways that no server on this machine does, with the page that says so."""


ONLY_WITH_RECORDS = ("s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts")
"""Actions on rejected_flows/ that nobody needs on a day without records."""

ONLY_AGAIN = ("glue:UpdatePartition",)
"""What nobody needs before a day with records is run once more."""

ONLY_WITH_PARTS: Mapping[str, Callable[[str], str]] = {
    "ec2:DescribeSubnets": subnet_of,
    "ec2:DescribeNetworkInterfaces": interface_of,
}
"""What nobody needs but where these have flow logs of their own to the bucket."""


def actions(name: str) -> list[str]:
    document = policy(name)
    return sorted({action for statement in document["Statement"] for action in statement["Action"]})


def test_the_policy_is_its_two_parts() -> None:
    whole, setup, daily = (policy(f"iam-policy{part}.json") for part in ("", "-setup", "-daily"))
    # What the first part allows already is not said twice: there is little room (see below).
    assert whole["Statement"] == setup["Statement"] + [s for s in daily["Statement"] if s["Sid"] not in OF_SETUP_TOO]


OF_SETUP_TOO = ("LookAtFlowLogs", "LookAtWorkgroup", "NoteDays", "SideTables")
"""The daily policy's statements that allow what the setup's allow already."""

OF_A_READER = ("Workgroup", "Catalog", "NoteSource")


def test_the_policy_of_a_reader_has_no_part_in_buckets_and_flow_logs() -> None:
    read, setup, daily = (policy(f"iam-policy-{part}.json") for part in ("read", "setup", "daily"))
    ours = [statement for statement in setup["Statement"] if statement["Sid"] in OF_A_READER]
    days = [statement for statement in daily["Statement"] if statement["Sid"] not in OF_SETUP_TOO]
    assert read["Statement"] == ours + days
    of_buckets = {action for action in actions("iam-policy-read.json") if action.startswith(("s3:", "ec2:", "logs:"))}
    objects = {"s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"}
    uploads = {"s3:ListBucketMultipartUploads", "s3:ListMultipartUploadParts"}
    assert of_buckets == {"s3:ListBucket", "s3:GetBucketLocation", *uploads, *objects}


@pytest.mark.parametrize(
    ("part", "database", "room"),
    [("", 128, -551), ("", 60, 61), ("-read", 128, 754), ("-setup", 128, 3_257), ("-daily", 128, 1_059)],
)
def test_a_policy_of_the_longest_names_leaves_so_many_characters_of_what_iam_takes(
    part: str, database: int, room: int
) -> None:
    longest = dict.fromkeys(NAMES, "x" * 128)
    longest |= {"BUCKET": "x" * 63, "ACCOUNT_ID": "1" * 12, "DATABASE": "x" * database}
    shorter = {"REGION": "ap-northeast-1", "PARTITION": "aws-us-gov"}
    document = policy(f"iam-policy{part}.json", **longest | shorter)
    # "IAM and AWS STS quotas", IAM user guide: of a managed policy, without its white space.
    assert 6_144 - len("".join(json.dumps(document).split())) == room


@pytest.mark.parametrize(
    ("region", "partition"), [("us-east-1", "aws"), ("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn")]
)
def test_with_the_policy_alone_everything_passes(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, region: str, partition: str
) -> None:
    monkeypatch.setattr(aws, "region", region)
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    vpc = make_vpc()
    become(aws, monkeypatch, policy("iam-policy.json", REGION=region, PARTITION=partition))
    succeed(settings([vpc]))
    aws.set(enforce_iam=False)
    upload_small_logs(tmp_path, region)
    aws.set(enforce_iam=True)
    succeed(settings([vpc]))
    aws.set(enforce_iam=False)
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_with_the_policy_of_a_reader_logs_of_others_are_read(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    become(aws, monkeypatch, policy("iam-policy-read.json"))
    for _ in range(2):
        succeed(settings())
    aws.set(enforce_iam=False)
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_flow_logs_without_our_tag_may_not_be_deleted(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc = make_vpc()
    succeed(settings([vpc]))
    theirs = create_flow_log(make_vpc())
    become(aws, monkeypatch, policy("iam-policy.json"))
    with pytest.raises(ClientError, match="UnauthorizedOperation.*ec2:DeleteFlowLogs"):
        boto3.client("ec2").delete_flow_logs(FlowLogIds=[theirs])
    teardown = build_definitions(settings([vpc])).resolve_job_def("teardown")
    assert teardown.execute_in_process().success
    aws.set(enforce_iam=False)
    assert [log["FlowLogId"] for log in boto3.client("ec2").describe_flow_logs()["FlowLogs"]] == [theirs]


def test_who_may_not_ask_for_subnets_has_a_flow_log(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc = make_vpc()
    succeed(settings([vpc]))
    create_flow_log(subnet_of(make_vpc()), ResourceType="Subnet")
    become(aws, monkeypatch, policy("iam-policy.json", without="ec2:DescribeSubnets"))
    passed, found = checks(succeed(settings([vpc])))["delivers_readable_records"]
    assert not passed
    assert found.startswith(
        "- there are flow logs of subnets or network interfaces that deliver to this bucket, and it "
    )
    assert "grant ec2:DescribeSubnets" in found


def test_only_our_two_tables_are_created_and_get_partitions(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    glue: dict[str, Any] = {"DatabaseName": "vpc_flow_lake"}
    added = [{"Values": ["2021-09-02"]}]
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    succeed(settings())
    boto3.client("glue").create_table(**glue, TableInput={"Name": "theirs"})
    become(aws, monkeypatch, policy("iam-policy.json"))
    with pytest.raises(ClientError, match="AccessDenied.*glue:CreateTable"):
        boto3.client("glue").create_table(**glue, TableInput={"Name": "others"})
    with pytest.raises(ClientError, match="AccessDenied.*glue:BatchCreatePartition"):
        boto3.client("glue").batch_create_partition(**glue, TableName="theirs", PartitionInputList=added)


def test_once_all_is_set_up_the_daily_policy_alone_runs_the_daily_job(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configured = settings([make_vpc()])
    succeed(configured)
    upload_small_logs(tmp_path)
    become(aws, monkeypatch, policy("iam-policy-daily.json"))
    job = build_definitions(configured).resolve_job_def("daily_reject_reports")
    for _ in range(2):
        assert job.execute_in_process(partition_key=DAY.isoformat()).success
    aws.set(enforce_iam=False)
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
    assert rejected_flows().left_behind == []


@pytest.mark.parametrize(
    ("action", "statement"),
    [
        *((action, "") for action in actions("iam-policy.json") if action not in (*ONLY_AWS_ASKS, *ONLY_WITH_A_KEY)),
        *((action, "Datasets") for action in ONLY_WITH_RECORDS),
        ("s3:PutObject", "Markers"),
    ],
)
def test_without_an_action_something_fails_or_warns_and_names_it(
    aws: AwsDouble,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    action: str,
    statement: str,
) -> None:
    vpc = make_vpc()
    if action in ONLY_WITH_RECORDS + ONLY_AGAIN:
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        upload_small_logs(tmp_path)
    if action in ONLY_WITH_PARTS:
        succeed(settings([make_vpc()]))
        part = ONLY_WITH_PARTS[action](make_vpc())
        create_flow_log(part, ResourceType="Subnet" if part.startswith("subnet-") else "NetworkInterface")
    become(aws, monkeypatch, policy("iam-policy.json", without=action, of=statement))
    stopping = action == "athena:StopQueryExecution"
    if stopping:
        aws.set(running_seconds=3)
    if action in ONLY_AGAIN:
        succeed(settings([vpc]))
    result = materialize(settings([vpc], query_timeout_seconds=0.3 if stopping else 60))
    if action == "ec2:DeleteFlowLogs":
        assert result.success
        job = build_definitions(settings([vpc])).resolve_job_def("teardown")
        result = job.execute_in_process(raise_on_error=False)
    if action == "s3:DeleteObject":
        assert result.success and f"grant {action} there" in capfd.readouterr().err
    else:
        assert action in failure(result)


def test_a_day_whose_replaced_files_cannot_be_removed_is_served_as_it_is_now(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    configured = settings()
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    succeed(configured)
    before = partitions("rejected_flows")[DAY.isoformat()]
    write_object(tmp_path / "late", DAY, [PING], number=5)
    upload(tmp_path / "late")
    become(aws, monkeypatch, policy("iam-policy-daily.json", without="s3:DeleteObject"))
    succeed(configured, selection=DAILY)
    aws.set(enforce_iam=False)
    message = capfd.readouterr().err
    assert f"Files of no use are left, which a later run will remove: {before.rstrip('/')}/" in message
    assert "cannot be removed: AccessDenied" in message and "s3:DeleteObject" in message
    assert record(PING) in [row[:-1] for row in report("rejected_flow_details", DAY)]
    found = rejected_flows()
    assert found.days[DAY.isoformat()] == (1, sorted([*SMALL_DETAILS[DAY], record(PING)], key=repr))
    notes = [key for key in found.left_behind if key.startswith("datasets/_unfinished/")]
    left = set(found.left_behind) - set(notes)
    # The file, and the marker that says that it is all.
    assert len(left) == 2 and all(f"s3://{BUCKET}/{key}".replace("/_complete/", "/").startswith(before) for key in left)
    assert len(notes) == 2


def test_the_actions_that_only_aws_asks_for_are_granted() -> None:
    assert set(ONLY_AWS_ASKS) <= set(actions("iam-policy.json"))


POLICIES = [f"iam-policy{part}.json" for part in ("", "-setup", "-daily", "-read")]
ALL_POLICIES = [*POLICIES, *(f"iam-policy-{part}.json" for part in ("names", "alerts", "retention"))]


def statements(name: str) -> list[dict[str, Any]]:
    """The statements of a policy, each with lists."""
    found: list[dict[str, Any]] = policy(name)["Statement"]
    for statement in found:
        if isinstance(statement["Resource"], str):
            statement["Resource"] = [statement["Resource"]]
    return found


@pytest.mark.parametrize("name", ALL_POLICIES)
def test_a_statements_resources_are_of_types_that_its_actions_have(name: str) -> None:
    for statement in statements(name):
        kinds = {kind for action in statement["Action"] for kind in RESOURCES[action]}
        for arn in statement["Resource"]:
            # On `*`, what can be granted on nothing else; and what is made of VPCs whose ids nobody knows here.
            everything = arn == "*" and {a for a in statement["Action"] if RESOURCES[a]} <= {"ec2:CreateFlowLogs"}
            assert everything or any(re.fullmatch(ARNS.get(kind, "-"), arn) for kind in kinds), (statement["Sid"], arn)


@pytest.mark.parametrize("name", ALL_POLICIES)
def test_each_action_is_granted_on_all_that_it_needs(name: str) -> None:
    granted: dict[str, set[str]] = {}
    for statement in statements(name):
        for action in statement["Action"]:
            granted.setdefault(action, set()).update(statement["Resource"])
    for action, arns in granted.items():
        kinds = [] if "*" in arns else RESOURCES[action]
        assert all(any(re.fullmatch(ARNS[kind], arn) for arn in arns) for kind in kinds), action
        assert arns == {"*"} or kinds, action


@pytest.mark.parametrize("name", ALL_POLICIES)
def test_conditions_are_of_keys_that_each_action_knows(name: str) -> None:
    for statement in statements(name):
        keys = [key for values in statement.get("Condition", {}).values() for key in values]
        for action in statement["Action"]:
            assert all(key.startswith(CONDITION_KEYS.get(action, "-")) for key in keys), (action, keys)


def elsewhere(document: dict[str, Any], bucket: str, folder: str) -> dict[str, Any]:
    """A policy for results elsewhere, changed as docs/aws.md says."""
    told = (ROOT / "docs" / "aws.md").read_text(encoding="utf-8").partition("With `FLOWLAKE_RESULTS` elsewhere")[2]
    names = set(re.findall(r"`(\w+)`", told.partition("`RunOutput`")[0]))
    for statement in document["Statement"]:
        arns = [statement["Resource"]] if isinstance(statement["Resource"], str) else statement["Resource"]
        if statement["Sid"] not in names:
            continue
        if statement["Sid"] == "FindLogs":
            statement["Resource"] = [*arns, f"arn:aws:s3:::{bucket}"]
        else:
            logs = f"arn:aws:s3:::{BUCKET}/"
            moved = [
                arn if "AWSLogs/" in arn else arn.replace(logs, f"arn:aws:s3:::{bucket}/{folder}/") for arn in arns
            ]
            statement["Resource"] = [*moved, *(arns if statement["Sid"] == "Markers" else [])]
    return document


@pytest.mark.parametrize("part", ["", "-read"])
def test_results_elsewhere_take_the_policies_as_the_docs_change_them(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, part: str
) -> None:
    for name in (BUCKET, "company-results"):
        boto3.client("s3").create_bucket(Bucket=name)
    upload_small_logs(tmp_path)
    configured = settings([] if part else [make_vpc()], results="s3://company-results/lake")
    become(aws, monkeypatch, elsewhere(policy(f"iam-policy{part}.json"), "company-results", "lake"))
    for _ in range(2):
        succeed(configured)
    aws.set(enforce_iam=False)
    assert report("top_rejected_pairs", DAY, "lake/", "company-results") == with_day(SMALL_TOP[DAY], DAY)


def test_results_elsewhere_leave_the_output_of_runs_in_the_logs_bucket() -> None:
    changed = elsewhere(policy("iam-policy-daily.json"), "company-results", "lake")["Statement"]
    (output,) = [statement["Resource"] for statement in changed if statement["Sid"] == "RunOutput"]
    assert output == f"arn:aws:s3:::{BUCKET}/dagster-logs/*"


def test_the_daily_policy_looks_at_flow_logs_of_subnets(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    vpc = make_vpc()
    succeed(settings([vpc]))
    create_flow_log(subnet_of(make_vpc()), ResourceType="Subnet")
    become(aws, monkeypatch, policy("iam-policy-daily.json"))
    job = build_definitions(settings([vpc])).resolve_job_def("daily_reject_reports")
    result = job.execute_in_process(partition_key=DAY.isoformat())
    assert checks(result)["delivers_readable_records"] == (True, "nothing")


def test_who_may_not_look_at_flow_logs_at_night_is_told_and_has_the_reports(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configured = settings([make_vpc()])
    succeed(configured)
    upload_small_logs(tmp_path)
    become(aws, monkeypatch, policy("iam-policy-daily.json", without="ec2:DescribeFlowLogs"))
    job = build_definitions(configured).resolve_job_def("daily_reject_reports")
    passed, found = checks(job.execute_in_process(partition_key=DAY.isoformat()))["delivers_readable_records"]
    assert not passed
    assert found.startswith(
        "- whether the flow logs are there and deliver is not known: Access denied while looking for flow logs: grant "
        "ec2:DescribeFlowLogs to the caller"
    )
    aws.set(enforce_iam=False)
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


GLUE = "arn:aws:glue:us-east-1:123456789012"


@pytest.mark.parametrize("name", POLICIES)
@pytest.mark.parametrize(
    "action", ["CreateTable", "GetTable", "GetPartitions", "BatchGetPartition", "BatchCreatePartition"]
)
def test_side_tables_are_created_and_get_partitions(name: str, action: str) -> None:
    side_table = f"{GLUE}:table/vpc_flow_lake/vpc_flow_logs_a7ed1b651e51"
    needed = [f"{GLUE}:catalog", f"{GLUE}:database/vpc_flow_lake", side_table]
    allowed = [verdict(policy(name)["Statement"], f"glue:{action}", arn, {}) for arn in needed]
    # The first part creates tables, and adds no partition to any.
    assert allowed == ([None] * 3 if name == "iam-policy-setup.json" and action != "CreateTable" else [True] * 3)


@pytest.mark.parametrize("without", ["", "glue:CreateTable"])
def test_with_the_daily_policy_a_new_format_behind_a_prefix_is_read(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, without: str
) -> None:
    configured = settings([make_vpc()], prefix="network/flow")
    succeed(configured)
    write_small_logs(tmp_path / "bucket" / "network" / "flow")
    upload(tmp_path / "bucket")
    folder = f"network/flow/AWSLogs/{aws.account}/vpcflowlogs/us-east-1/{DAY:%Y/%m/%d}/"
    name = f"{aws.account}_vpcflowlogs_us-east-1_fl-0fffffffffffffff1_{DAY:%Y%m%d}T0005Z_aaaaaaaa.log.gz"
    text = b"srcaddr dstaddr action packets\n192.0.2.77 10.0.0.1 REJECT 987654\n"
    boto3.client("s3").put_object(Bucket=BUCKET, Key=folder + name, Body=gzip.compress(text))
    become(aws, monkeypatch, policy("iam-policy-daily.json", without=without))
    job = build_definitions(configured).resolve_job_def("daily_reject_reports")
    result = job.execute_in_process(partition_key=DAY.isoformat(), raise_on_error=False)
    if without:
        assert without in failure(result)
        return
    assert result.success
    aws.set(enforce_iam=False)
    first, *others = report("top_rejected_pairs", DAY)
    assert first == [987654, "192.0.2.77", "10.0.0.1", DAY.isoformat()]
    assert others == with_day(SMALL_TOP[DAY], DAY)


def test_the_daily_policy_creates_side_tables_alone() -> None:
    found = policy("iam-policy-daily.json")["Statement"]
    names = ("vpc_flow_logs_a7ed1b651e51", "vpc_flow_logs", "rejected_flows", "theirs")
    allowed = [verdict(found, "glue:CreateTable", f"{GLUE}:table/vpc_flow_lake/{name}", {}) for name in names]
    assert allowed == [True, None, None, None]


@pytest.mark.parametrize("name", ["iam-policy.json", "iam-policy-daily.json", "iam-policy-read.json"])
def test_objects_are_read_behind_a_prefix_and_in_any_layout(name: str) -> None:
    found = policy(name)["Statement"]
    for prefix in ("", "network/", "network/flow/"):
        for folder in (
            "123456789012/vpcflowlogs",
            "o-0a1b2c3d4e/123456789012/vpcflowlogs",
            "aws-account-id=123456789012",
        ):
            key = f"arn:aws:s3:::{BUCKET}/{prefix}AWSLogs/{folder}/x.log.gz"
            assert verdict(found, "s3:GetObject", key, {}) is True
            assert verdict(found, "s3:PutObject", key, {}) is None


def test_the_daily_policy_writes_what_a_day_gives_alone() -> None:
    written = [
        arn.partition(f"{BUCKET}/")[2]
        for statement in statements("iam-policy-daily.json")
        if "s3:PutObject" in statement["Action"]
        for arn in statement["Resource"]
    ]
    assert written == [
        *("athena-results/*", "datasets/*", "reports/*", "source/days/*", "dagster-logs/*"),
        "*_?folder?",
    ]
