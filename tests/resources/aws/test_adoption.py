"""What is there already is used and never altered: buckets, flow logs, workgroups and tables of somebody else."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
from aws_double.server import AwsDouble
from aws_lineage import (
    BUCKET,
    bucket_settings,
    checks,
    create_flow_log,
    failure,
    interface_of,
    make_vpc,
    materialize,
    metadata,
    policy_statements,
    report,
    settings,
    state,
    subnet_of,
    succeed,
    upload,
    upload_small_logs,
)
from support import DAY, SMALL_TOP, with_day, write_small_logs

from flowlogs.bucket_policy import delivery_statements, is_equivalent, tls_only_statement
from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource
from flowlogs.statements import TableName
from pipelines.build import build_definitions
from pipelines.targets import build_target
from resources.aws.bucket import S3Bucket
from resources.aws.flow_log import Ec2FlowLog

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


@pytest.fixture
def ready_bucket(aws: AwsDouble) -> None:
    """A bucket of somebody else's that flow logs may be delivered to."""
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    statements = delivery_statements("aws", BUCKET, aws.account, "us-east-1")
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps({"Version": "2012-10-17", "Statement": statements}))


def flow_logs() -> list[dict[str, Any]]:
    return boto3.client("ec2").describe_flow_logs()["FlowLogs"]


@pytest.mark.usefixtures("somebodys_bucket")
def test_an_adopted_bucket_gets_the_delivery_statements_and_keeps_all_it_has(aws: AwsDouble, vpc: str) -> None:
    aws.set(replace_bucket_policy=False)
    before = bucket_settings(BUCKET)
    succeed(settings([vpc]))
    after = bucket_settings(BUCKET)
    assert policy_statements() == [SOMEBODYS_STATEMENT, *delivery_statements("aws", BUCKET, aws.account, "us-east-1")]
    assert {**after, "policy": None} == {**before, "policy": None}


@pytest.mark.usefixtures("somebodys_bucket")
def test_what_an_adopted_bucket_lacks_is_reported(aws: AwsDouble, vpc: str) -> None:
    result = succeed(settings([vpc]))
    passed, found = checks(result)["set_up_as_recommended"]
    assert not passed
    assert metadata(result, "vpc_flow_logs_bucket")["found"] == found
    assert found.splitlines() == [
        "- public access is not blocked altogether",
        "- object ownership is not enforced, so that access control lists count",
        "- objects under athena-results/ or dagster-logs/ never expire, or unfinished uploads stay for good",
        "- requests without TLS are not denied by the bucket's policy",
    ]


@pytest.mark.usefixtures("somebodys_bucket")
@pytest.mark.parametrize(("chosen", "enough"), [({"Prefix": ""}, True), ({"Tag": {"Key": "a", "Value": "b"}}, False)])
def test_a_lifecycle_of_tagged_objects_alone_is_reported(
    aws: AwsDouble, vpc: str, chosen: dict[str, Any], enough: bool
) -> None:
    expire = {"ID": "1", "Status": "Enabled", "Filter": chosen, "Expiration": {"Days": 30}}
    abort = {"ID": "2", "Status": "Enabled", "Filter": {}, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    boto3.client("s3").put_bucket_lifecycle_configuration(
        Bucket=BUCKET, LifecycleConfiguration={"Rules": [expire, abort]}
    )
    _, found = checks(succeed(settings([vpc]), selection="vpc_flow_logs_bucket"))["set_up_as_recommended"]
    assert ("never expire" not in found) is enough


@pytest.mark.usefixtures("somebodys_bucket")
def test_a_statement_that_says_the_same_under_another_name_is_not_added_again(aws: AwsDouble, vpc: str) -> None:
    theirs = [
        {**statement, "Sid": f"Theirs{number}", "Principal": {"Service": ["delivery.logs.amazonaws.com"]}}
        for number, statement in enumerate(delivery_statements("aws", BUCKET, aws.account, "us-east-1"))
    ]
    policy = {"Version": "2012-10-17", "Statement": [SOMEBODYS_STATEMENT, *theirs]}
    boto3.client("s3").put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    aws.set(replace_bucket_policy=False)
    succeed(settings([vpc]))
    assert policy_statements() == [SOMEBODYS_STATEMENT, *theirs]


def require_whole_policy(aws: AwsDouble) -> None:
    """The policy has somebody's statement, what delivery needs, and each of these once."""
    statements = policy_statements()
    for needed in (SOMEBODYS_STATEMENT, *delivery_statements("aws", BUCKET, aws.account, "us-east-1")):
        assert sum(is_equivalent(needed, statement) for statement in statements) == 1


def note_of_policy() -> bytes:
    """What is noted of the bucket's policy; empty when it is put right."""
    key = f"source/_bucket_policy.{BUCKET}.json"
    return bytes(boto3.client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read())


@pytest.mark.usefixtures("somebodys_bucket")
def test_a_policy_that_aws_replaces_with_the_flow_log_is_put_right(aws: AwsDouble, vpc: str) -> None:
    succeed(settings([vpc]))
    require_whole_policy(aws)
    assert note_of_policy() == b""


@pytest.mark.usefixtures("somebodys_bucket")
def test_a_policy_keeps_its_version_and_id(aws: AwsDouble, vpc: str) -> None:
    theirs = {"Version": "2008-10-17", "Id": "theirs", "Statement": [SOMEBODYS_STATEMENT]}
    boto3.client("s3").put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(theirs))
    succeed(settings([vpc]))
    found = json.loads(boto3.client("s3").get_bucket_policy(Bucket=BUCKET)["Policy"])
    assert (found["Version"], found["Id"], found["Statement"][0]) == ("2008-10-17", "theirs", SOMEBODYS_STATEMENT)


def test_a_created_buckets_policy_is_put_right_too(aws: AwsDouble, vpc: str) -> None:
    succeed(settings([vpc]))
    assert tls_only_statement("aws", BUCKET) in policy_statements()


@pytest.mark.usefixtures("somebodys_bucket")
def test_a_policy_is_put_right_where_a_flow_log_fails(aws: AwsDouble, vpc: str) -> None:
    full = make_vpc()
    for name in (f"{BUCKET}-2", f"{BUCKET}-3"):
        boto3.client("s3").create_bucket(Bucket=name)
        create_flow_log(full, LogDestination=f"arn:aws:s3:::{name}")
    aws.set(most_flow_logs=2)
    message = failure(materialize(settings([vpc, full])))
    assert message.startswith(f"No flow log is created for {full}: there are as many already as AWS allows")
    assert vpc in [log["ResourceId"] for log in flow_logs()]
    require_whole_policy(aws)


def killed_while_created(monkeypatch: pytest.MonkeyPatch, vpc: str) -> None:
    """A run that is killed when the flow log is there and AWS has replaced the policy."""
    with monkeypatch.context() as patched:
        patched.setattr(S3Bucket, "_ensure_policy", lambda *_: None)
        note = S3Bucket._note_policy
        patched.setattr(S3Bucket, "_note_policy", lambda self, policy: note(self, policy) if policy else None)
        build_target(settings([vpc])).flow_log.ensure()
    assert [statement["Sid"] for statement in policy_statements()] == ["AWSLogDeliveryWrite", "AWSLogDeliveryAclCheck"]


@pytest.mark.usefixtures("somebodys_bucket")
@pytest.mark.parametrize("asset", ["vpc_flow_logs_bucket", "vpc_flow_log"])
def test_a_policy_that_a_killed_run_noted_is_put_back(
    aws: AwsDouble, vpc: str, monkeypatch: pytest.MonkeyPatch, asset: str
) -> None:
    killed_while_created(monkeypatch, vpc)
    result = succeed(settings([vpc]), selection=asset)
    assert SOMEBODYS_STATEMENT in policy_statements()
    assert note_of_policy() == b""
    (told,) = [found for _, found in checks(result).values() if "the bucket's policy lacked statements" in found]
    assert f"s3://{BUCKET}/source/_bucket_policy.{BUCKET}.json" in told


@pytest.mark.usefixtures("somebodys_bucket")
def test_a_policy_that_was_noted_is_kept_by_a_second_creation(
    aws: AwsDouble, vpc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed_while_created(monkeypatch, vpc)
    bucket = build_target(settings([vpc])).bucket
    assert isinstance(bucket, S3Bucket)
    with bucket.policy_preserved():
        pass
    assert SOMEBODYS_STATEMENT in policy_statements()


@pytest.mark.usefixtures("somebodys_bucket")
def test_a_note_of_a_policy_that_is_damaged_is_told(aws: AwsDouble, vpc: str) -> None:
    boto3.client("s3").put_object(Bucket=BUCKET, Key=f"source/_bucket_policy.{BUCKET}.json", Body=b'{"Version"')
    message = failure(materialize(settings([vpc])))
    assert message.startswith(f"s3://{BUCKET}/source/_bucket_policy.{BUCKET}.json is no JSON")


def replaced_behind_our_back(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Somebody else's policy replaces ours as soon as it is put, so many times."""
    left = [*range(times)]
    put = S3Bucket._put_policy

    def put_and_lose(self: S3Bucket, policy: dict[str, Any]) -> None:
        put(self, policy)
        if left:
            left.pop()
            theirs = {"Version": "2012-10-17", "Statement": [SOMEBODYS_STATEMENT]}
            boto3.client("s3").put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(theirs))

    monkeypatch.setattr(S3Bucket, "_put_policy", put_and_lose)


@pytest.mark.usefixtures("somebodys_bucket")
def test_statements_that_are_replaced_at_once_are_put_again(
    aws: AwsDouble, vpc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replaced_behind_our_back(monkeypatch, 1)
    build_target(settings([vpc])).bucket.ensure()
    require_whole_policy(aws)


@pytest.mark.usefixtures("somebodys_bucket")
def test_statements_that_never_stay_are_an_error(aws: AwsDouble, vpc: str, monkeypatch: pytest.MonkeyPatch) -> None:
    replaced_behind_our_back(monkeypatch, 10)
    with pytest.raises(FlowLakeError, match="lacks statements that were put 3 times: somebody else changes it"):
        build_target(settings([vpc])).bucket.ensure()


@pytest.mark.usefixtures("somebodys_bucket")
def test_flow_logs_one_by_one_add_no_statement_twice(aws: AwsDouble, vpc: str) -> None:
    vpcs = [vpc, make_vpc(), make_vpc()]
    for count in (1, 2, 3):
        succeed(settings(vpcs[:count]), selection="vpc_flow_logs_bucket,vpc_flow_log")
    require_whole_policy(aws)
    # The check of the bucket's list is the same in AWS's policy and in ours.
    assert len(policy_statements()) == 4


@pytest.mark.parametrize("how", ["whole", "each"])
def test_every_vpc_has_a_flow_log_where_one_was_faster(
    aws: AwsDouble, vpc: str, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    other = make_vpc()
    if how == "whole":
        exists = {"service": "ec2", "action": "CreateFlowLogs", "code": "FlowLogAlreadyExists", "count": 1}
        aws.set(errors=[{**exists, "status": "400 Bad Request"}])
    create_each = Ec2FlowLog._create_each

    def beside_another_run(self: Ec2FlowLog, *arguments: Any) -> None:
        if how == "each":
            create_flow_log(vpc)
        create_each(self, *arguments)

    monkeypatch.setattr(Ec2FlowLog, "_create_each", beside_another_run)
    succeed(settings([vpc, other]), selection="vpc_flow_logs_bucket,vpc_flow_log")
    assert sorted(log["ResourceId"] for log in flow_logs()) == sorted([vpc, other])


def test_a_flow_log_that_is_said_to_exist_and_does_not_is_an_error(aws: AwsDouble, vpc: str) -> None:
    exists = {"service": "ec2", "action": "CreateFlowLogs", "code": "FlowLogAlreadyExists", "count": 9}
    aws.set(errors=[{**exists, "status": "400 Bad Request"}])
    message = failure(materialize(settings([vpc])))
    assert message.startswith(f"AWS says that {vpc} has a flow log to arn:aws:s3:::{BUCKET} already")


@pytest.mark.parametrize("asset", ["vpc_flow_logs_bucket", "vpc_flow_log"])
def test_another_accounts_flow_logs_are_not_created(aws: AwsDouble, vpc: str, asset: str) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    message = failure(materialize(settings([vpc], account_id="210987654321"), selection=asset))
    assert message.startswith("FLOWLAKE_ACCOUNT_ID is 210987654321, and the caller is of 123456789012")
    assert (flow_logs(), policy_statements()) == ([], [])


def test_a_bucket_that_belongs_to_somebody_else_is_a_clear_error(aws: AwsDouble, vpc: str) -> None:
    aws.foreign_bucket(BUCKET)
    message = failure(materialize(settings([vpc])))
    assert BUCKET in message
    assert "belongs to another account" in message


@pytest.mark.usefixtures("somebodys_bucket")
def test_a_statement_of_more_actions_is_enough(aws: AwsDouble, vpc: str) -> None:
    write, check = delivery_statements("aws", BUCKET, aws.account, "us-east-1")
    # As AWS's user guide had it until 2025.
    theirs = [write, {**check, "Action": ["s3:GetBucketAcl", "s3:ListBucket"]}]
    policy = {"Version": "2012-10-17", "Statement": theirs}
    boto3.client("s3").put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(policy))
    aws.set(replace_bucket_policy=False)
    succeed(settings([vpc]))
    assert policy_statements() == theirs


@pytest.mark.usefixtures("ready_bucket")
def test_an_adopted_flow_log_stays_the_only_one(aws: AwsDouble, vpc: str) -> None:
    create_flow_log(vpc)
    before = flow_logs()
    result = materialize(settings([vpc]))
    assert result.success
    assert checks(result)["delivers_readable_records"] == (True, "nothing")
    assert flow_logs() == before


def test_a_flow_log_to_another_bucket_is_no_reason_not_to_create_one(aws: AwsDouble, vpc: str) -> None:
    boto3.client("s3").create_bucket(Bucket=f"{BUCKET}-2")
    statements = delivery_statements("aws", f"{BUCKET}-2", aws.account, "us-east-1")
    boto3.client("s3").put_bucket_policy(Bucket=f"{BUCKET}-2", Policy=json.dumps({"Statement": statements}))
    create_flow_log(vpc, LogDestination=f"arn:aws:s3:::{BUCKET}-2")
    succeed(settings([vpc]))
    destinations = sorted(log["LogDestination"] for log in flow_logs())
    assert destinations == [f"arn:aws:s3:::{BUCKET}", f"arn:aws:s3:::{BUCKET}-2"]


def require_refused(vpcs: list[str], told: str) -> None:
    """No flow log is created for the first of these VPCs, and none for any other: what is there is told."""
    before = flow_logs()
    message = failure(materialize(settings(vpcs)))
    assert message.startswith("No flow log is created, since there is one already")
    assert f"\n  {told}\nThe choices: read what is there, by FLOWLAKE_VPC_IDS without that VPC; or delete" in message
    assert flow_logs() == before


@pytest.mark.usefixtures("ready_bucket")
@pytest.mark.parametrize("folder", ["elsewhere", "elsewhere/"])
def test_a_flow_log_to_a_prefix_is_told_before_a_second(aws: AwsDouble, vpc: str, folder: str) -> None:
    there = create_flow_log(vpc, LogDestination=f"arn:aws:s3:::{BUCKET}/{folder}")
    where = f"arn:aws:s3:::{BUCKET}/{folder}, behind another prefix than FLOWLAKE_PREFIX names"
    require_refused([vpc, make_vpc()], f"{there} of {vpc} delivers to {where}")


@pytest.mark.usefixtures("ready_bucket")
@pytest.mark.parametrize(("kind", "of"), [("Subnet", subnet_of), ("NetworkInterface", interface_of)])
def test_a_flow_log_of_a_part_is_told_before_a_second(aws: AwsDouble, vpc: str, kind: str, of: Any) -> None:
    part = of(vpc)
    there = create_flow_log(part, ResourceType=kind)
    require_refused([vpc], f"{there} of {part}, which is in {vpc}, delivers to arn:aws:s3:::{BUCKET}")


@pytest.mark.usefixtures("ready_bucket")
@pytest.mark.parametrize(("kind", "of"), [("Subnet", subnet_of), ("NetworkInterface", interface_of)])
def test_a_part_behind_a_prefix_is_told_before_a_second(aws: AwsDouble, vpc: str, kind: str, of: Any) -> None:
    part, where = of(vpc), f"arn:aws:s3:::{BUCKET}/elsewhere"
    there = create_flow_log(part, ResourceType=kind, LogDestination=where)
    require_refused([vpc], f"{there} of {part}, which is in {vpc}, delivers to {where}")


@pytest.mark.usefixtures("ready_bucket")
def test_a_second_flow_log_is_created_where_that_is_set(aws: AwsDouble, vpc: str) -> None:
    create_flow_log(vpc, LogDestination=f"arn:aws:s3:::{BUCKET}/elsewhere")
    result = succeed(settings([vpc], second_flow_log=True))
    assert checks(result)["delivers_readable_records"] == (True, "nothing")
    assert [log["LogDestination"] for log in flow_logs()] == [
        f"arn:aws:s3:::{BUCKET}/elsewhere",
        f"arn:aws:s3:::{BUCKET}",
    ]


@pytest.mark.usefixtures("ready_bucket")
def test_a_second_flow_log_to_the_same_place_is_no_choice(aws: AwsDouble, vpc: str) -> None:
    create_flow_log(subnet_of(vpc), ResourceType="Subnet")
    for second in (False, True):
        message = failure(materialize(settings([vpc], second_flow_log=second)))
        assert message.startswith("No flow log is created, since there is one already")
        assert "FLOWLAKE_SECOND_FLOW_LOG" not in message and "by hand" not in message
    assert vpc not in [log["ResourceId"] for log in flow_logs()]


def repeated(vpc: str) -> str:
    """What the check tells as an error, which stops what is downstream, and nothing is changed."""
    before = flow_logs()
    result = materialize(settings([vpc]))
    passed, found = checks(result)["delivers_readable_records"]
    assert (passed, result.success, flow_logs()) == (False, False, before)
    return found


@pytest.mark.usefixtures("ready_bucket")
def test_a_subnets_flow_log_beside_its_vpcs_is_an_error(aws: AwsDouble, vpc: str) -> None:
    subnet = subnet_of(vpc)
    first, there = create_flow_log(vpc), create_flow_log(subnet, ResourceType="Subnet")
    assert repeated(vpc) == (
        f"- {there} of {subnet} delivers to this bucket too, as {first} of its {vpc} does: its records are there "
        "twice. Delete one of them"
    )


@pytest.mark.usefixtures("ready_bucket")
def test_a_subnets_flow_log_beside_its_vpcs_is_an_error_whichever_vpc_it_is(aws: AwsDouble, vpc: str) -> None:
    create_flow_log(vpc)
    other = make_vpc()
    subnet = subnet_of(other)
    there, first = create_flow_log(subnet, ResourceType="Subnet"), create_flow_log(other)
    assert repeated(vpc) == (
        f"- {there} of {subnet} delivers to this bucket too, as {first} of its {other} does: its records are there "
        "twice. Delete one of them"
    )


@pytest.mark.usefixtures("ready_bucket")
def test_an_interfaces_flow_log_beside_its_subnets_is_an_error(aws: AwsDouble, vpc: str) -> None:
    interface = interface_of(vpc)
    described = boto3.client("ec2").describe_network_interfaces(NetworkInterfaceIds=[interface])
    subnet = described["NetworkInterfaces"][0]["SubnetId"]
    create_flow_log(vpc, TrafficType="ACCEPT")
    of_subnet = create_flow_log(subnet, ResourceType="Subnet", TrafficType="REJECT")
    of_interface = create_flow_log(interface, ResourceType="NetworkInterface", TrafficType="REJECT")
    result = materialize(settings([vpc], traffic_type="ACCEPT"))
    assert not result.success
    assert checks(result)["delivers_readable_records"] == (
        False,
        f"- {of_interface} of {interface} delivers to this bucket too, as {of_subnet} of its {subnet} does: its "
        "records are there twice. Delete one of them",
    )


@pytest.mark.usefixtures("ready_bucket")
@pytest.mark.parametrize("where", ["", "/elsewhere"])
def test_a_flow_log_of_other_records_is_no_reason_not_to_create_one(aws: AwsDouble, vpc: str, where: str) -> None:
    there = {"ResourceType": "Subnet", "TrafficType": "ACCEPT", "LogDestination": f"arn:aws:s3:::{BUCKET}{where}"}
    create_flow_log(subnet_of(vpc), **there)
    result = succeed(settings([vpc], traffic_type="REJECT"))
    assert checks(result)["delivers_readable_records"] == (True, "nothing")
    assert [log["TrafficType"] for log in flow_logs()] == ["ACCEPT", "REJECT"]


@pytest.mark.usefixtures("ready_bucket")
def test_two_flow_logs_of_one_vpc_are_an_error(aws: AwsDouble, vpc: str) -> None:
    first = create_flow_log(vpc)
    second = create_flow_log(vpc, TrafficType="REJECT", LogDestination=f"arn:aws:s3:::{BUCKET}/")
    assert f"- {first} and {second} of {vpc} both deliver to this bucket: records are there twice." in repeated(vpc)


@pytest.mark.usefixtures("ready_bucket")
def test_flow_logs_of_accepted_and_of_rejected_records_are_no_error(aws: AwsDouble, vpc: str) -> None:
    create_flow_log(vpc, TrafficType="ACCEPT")
    create_flow_log(vpc, TrafficType="REJECT", LogDestination=f"arn:aws:s3:::{BUCKET}/")
    assert "twice" not in checks(succeed(settings([vpc])))["delivers_readable_records"][1]


@pytest.mark.parametrize("how", ["whole", "each"])
def test_a_limit_of_flow_logs_is_told_in_words(aws: AwsDouble, vpc: str, how: str) -> None:
    boto3.client("s3").create_bucket(Bucket=f"{BUCKET}-2")
    statements = delivery_statements("aws", f"{BUCKET}-2", aws.account, "us-east-1")
    boto3.client("s3").put_bucket_policy(Bucket=f"{BUCKET}-2", Policy=json.dumps({"Statement": statements}))
    there = create_flow_log(vpc, LogDestination=f"arn:aws:s3:::{BUCKET}-2")
    if how == "whole":
        limited = {"service": "ec2", "action": "CreateFlowLogs", "code": "FlowLogsLimitExceeded"}
        aws.set(errors=[{**limited, "count": 1, "status": "400 Bad Request"}])
    else:
        aws.set(most_flow_logs=1)
    message = failure(materialize(settings([vpc])))
    assert message.startswith(
        f"No flow log is created for {vpc}: there are as many already as AWS allows (FlowLogsLimitExceeded):\n  "
        f"{there} of {vpc} delivers to arn:aws:s3:::{BUCKET}-2\nThe choices: "
    )


def nightly(vpc: str) -> dg.ExecuteInProcessResult:
    """A run of the daily job."""
    job = build_definitions(settings([vpc])).resolve_job_def("daily_reject_reports")
    return job.execute_in_process(
        instance=dg.DagsterInstance.ephemeral(), partition_key=DAY.isoformat(), raise_on_error=False
    )


def test_every_night_flow_logs_are_looked_at(aws: AwsDouble, vpc: str) -> None:
    succeed(settings([vpc]))
    result = nightly(vpc)
    assert result.success
    assert checks(result)["delivers_readable_records"] == (True, "nothing")
    assert "vpc_flow_log" not in [
        event.asset_key.to_user_string() for event in result.get_asset_materialization_events()
    ]


def test_a_deleted_flow_log_is_told_at_night_and_not_created(aws: AwsDouble, vpc: str) -> None:
    succeed(settings([vpc]))
    boto3.client("ec2").delete_flow_logs(FlowLogIds=[log["FlowLogId"] for log in flow_logs()])
    result = nightly(vpc)
    passed, found = checks(result)["delivers_readable_records"]
    assert (passed, result.success, flow_logs()) == (False, True, [])
    assert found == (
        f"- no flow log of {vpc} delivers to arn:aws:s3:::{BUCKET} any more: materialize vpc_flow_log, which creates "
        "one, or take the VPC out of FLOWLAKE_VPC_IDS"
    )


def test_a_flow_log_that_cannot_deliver_is_told_at_night(aws: AwsDouble, vpc: str) -> None:
    succeed(settings([vpc]))
    aws.set(deliver_logs_status="FAILED", deliver_logs_error_message="Access error")
    assert "cannot deliver: Access error" in checks(nightly(vpc))["delivers_readable_records"][1]


@pytest.mark.usefixtures("ready_bucket")
def test_flow_logs_of_another_vpcs_subnets_are_no_reason(aws: AwsDouble, vpc: str) -> None:
    create_flow_log(subnet_of(make_vpc()), ResourceType="Subnet")
    assert checks(succeed(settings([vpc])))["delivers_readable_records"] == (True, "nothing")
    assert vpc in [log["ResourceId"] for log in flow_logs()]


@pytest.mark.usefixtures("ready_bucket")
def test_a_flow_log_of_a_subnet_that_is_gone_is_no_error(aws: AwsDouble, vpc: str) -> None:
    subnet = subnet_of(vpc)
    create_flow_log(subnet, ResourceType="Subnet")
    boto3.client("ec2").delete_subnet(SubnetId=subnet)
    succeed(settings([vpc]))
    assert vpc in [log["ResourceId"] for log in flow_logs()]


def test_subnets_are_asked_for_only_where_they_have_flow_logs(aws: AwsDouble, vpc: str) -> None:
    succeed(settings([vpc]), selection="vpc_flow_logs_bucket,vpc_flow_log")
    assert aws.calls("ec2:DescribeSubnets", "ec2:DescribeNetworkInterfaces") == []


OPTIONS = {"FileFormat": "plain-text", "HiveCompatiblePartitions": False, "PerHourPartition": False}


@pytest.mark.usefixtures("ready_bucket")
@pytest.mark.parametrize(
    ("kind", "others", "told"),
    [
        (
            "TransitGateway",
            {},
            "records other fields than a VPC's flow log does, and no action, so that no report counts them",
        ),
        (
            "VPC",
            {"LogFormat": "${srcaddr}"},
            "records the fields ${srcaddr}, without action: nobody can tell what was rejected",
        ),
    ],
)
def test_other_flow_logs_that_cannot_be_read_are_told(
    aws: AwsDouble, vpc: str, kind: str, others: dict[str, Any], told: str
) -> None:
    resource = "tgw-0123456789abcdef0" if kind == "TransitGateway" else make_vpc()
    there = create_flow_log(resource, ResourceType=kind, **others)
    result = succeed(settings([vpc]))
    passed, found = checks(result)["delivers_readable_records"]
    assert (passed, found) == (False, f"- {there} of {resource} {told}. It delivers to this bucket too")


@pytest.mark.usefixtures("ready_bucket")
def test_other_flow_logs_elsewhere_or_readable_are_not_told(aws: AwsDouble, vpc: str) -> None:
    create_flow_log(make_vpc())
    create_flow_log(make_vpc(), LogFormat="${srcaddr}", LogDestination=f"arn:aws:s3:::{BUCKET}/elsewhere")
    assert checks(succeed(settings([vpc])))["delivers_readable_records"] == (True, "nothing")


@pytest.mark.usefixtures("ready_bucket")
def test_a_flow_log_with_hourly_folders_serves(aws: AwsDouble, vpc: str, tmp_path: Path) -> None:
    create_flow_log(vpc, DestinationOptions={**OPTIONS, "PerHourPartition": True})
    for path in list(write_small_logs(tmp_path).rglob("*.gz")):
        hour = path.parent / path.name.split("T")[1][:2]
        hour.mkdir(exist_ok=True)
        path.rename(hour / path.name)
    upload(tmp_path)
    assert checks(succeed(settings([vpc])))["delivers_readable_records"] == (True, "nothing")
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


@pytest.mark.usefixtures("ready_bucket")
@pytest.mark.parametrize(
    ("others", "told", "blocks"),
    [
        ({"TrafficType": "REJECT"}, "records REJECT traffic; FLOWLAKE_TRAFFIC_TYPE is ALL", False),
        ({"MaxAggregationInterval": 60}, "aggregates over 60 s; FLOWLAKE_AGGREGATION_SECONDS is 600", False),
        ({"LogFormat": "${srcaddr} ${dstaddr}"}, "records the fields ${srcaddr} ${dstaddr}", True),
    ],
)
def test_a_flow_log_that_differs_is_reported_and_never_deleted(
    aws: AwsDouble, vpc: str, others: dict[str, Any], told: str, blocks: bool
) -> None:
    create_flow_log(vpc, **others)
    before = flow_logs()
    result = materialize(settings([vpc]))
    passed, found = checks(result)["delivers_readable_records"]
    assert (passed, result.success) == (False, not blocks)
    assert told in found
    assert flow_logs() == before


@pytest.mark.usefixtures("ready_bucket")
@pytest.mark.parametrize(
    ("chosen", "others", "told"),
    [
        (
            {"file_format": "parquet"},
            {},
            "delivers text, default format; FLOWLAKE_LOG_FORMAT and FLOWLAKE_FILE_FORMAT ask",
        ),
        ({"log_format": "${action} ${srcaddr}"}, {}, "ask for text, action srcaddr. It is read as it is"),
        ({"hive_partitions": True}, {}, "has not HiveCompatiblePartitions, which the settings ask for"),
        ({"hourly_partitions": True}, {}, "has not PerHourPartition, which the settings ask for"),
        ({}, {"DestinationOptions": {**OPTIONS, "FileFormat": "parquet"}}, "nothing"),
        ({}, {"LogFormat": "${srcaddr} ${action}"}, "nothing"),
        ({}, {"DestinationOptions": {**OPTIONS, "HiveCompatiblePartitions": True}}, "nothing"),
    ],
)
def test_a_flow_log_in_another_format_is_adopted_and_told_where_the_settings_ask_for_one(
    aws: AwsDouble, vpc: str, chosen: dict[str, Any], others: dict[str, Any], told: str
) -> None:
    create_flow_log(vpc, **others)
    before = flow_logs()
    passed, found = checks(succeed(settings([vpc], **chosen)))["delivers_readable_records"]
    assert told in found and passed == (told == "nothing")
    assert flow_logs() == before


@pytest.mark.parametrize("named", [None, "${action} ${srcaddr} ${dstaddr}"], ids=["not set", "set"])
def test_the_table_has_the_format_that_ec2_tells_before_anything_is_delivered(
    aws: AwsDouble, vpc: str, named: str | None
) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    create_flow_log(vpc, LogFormat="${srcaddr} ${action}")
    succeed(settings([vpc], **({"log_format": named} if named else {})))
    table = build_target(settings()).athena.find_table(TableName("vpc_flow_lake", "vpc_flow_logs"))
    expected = ["action", "sourceaddress", "destinationaddress"] if named else ["sourceaddress", "action"]
    assert [column for column, _ in table.columns] == expected


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
    aws.set(replace_bucket_policy=False)
    message = failure(materialize(settings([vpc])))
    assert flow_logs() == []
    assert f"{vpc}: 400: Access Denied for LogDestination: {BUCKET}" in message
    assert "logs:CreateLogDelivery" in message


def test_an_unknown_vpc_is_named(aws: AwsDouble) -> None:
    message = failure(materialize(settings(["vpc-0123456789abcdef0"])))
    assert "FLOWLAKE_VPC_IDS" in message
    assert "vpc-0123456789abcdef0" in message


@pytest.mark.usefixtures("somebodys_bucket")
def test_without_a_vpc_existing_logs_are_read_and_nothing_changed(aws: AwsDouble, tmp_path: Path) -> None:
    upload_small_logs(tmp_path)
    before, calls = bucket_settings(BUCKET), len(aws.calls())
    result = succeed(settings())
    made = {f"{call['service']}:{call['action']}" for call in aws.calls()[calls:]}
    objects = {f"s3:{name}" for name in ("ListObjectsV2", "HeadObject", "GetObject", "PutObject", "DeleteObjects")}
    names = {f"ec2:Describe{what}" for what in ("NetworkInterfaces", "Vpcs", "Subnets", "Instances")}
    assert {name for name in made if name.startswith(("s3:", "ec2:"))} <= {"s3:HeadBucket", *objects, *names}
    assert bucket_settings(BUCKET) == before
    assert checks(result)["set_up_as_recommended"] == (True, "nothing")
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_without_a_vpc_a_missing_bucket_is_not_created(aws: AwsDouble) -> None:
    message = failure(materialize(settings()))
    assert message.startswith(f"The bucket {BUCKET} (FLOWLAKE_BUCKET) does not exist, and none is created")
    assert boto3.client("s3").list_buckets()["Buckets"] == []


ACCOUNT_FOLDER = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/02/a.log.gz"
HIVE_FOLDER = "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2021/a.log.gz"


@pytest.mark.parametrize(
    ("key", "root", "service"),
    [
        (f"a/{ACCOUNT_FOLDER}", "a/AWSLogs/", ""),
        (f"a/b/c/{ACCOUNT_FOLDER}", "a/b/c/AWSLogs/", ""),
        (HIVE_FOLDER, "AWSLogs/", "aws-service"),
        (f"a/{HIVE_FOLDER}", "a/AWSLogs/", "aws-service"),
        (HIVE_FOLDER.replace("aws-service", "service"), "AWSLogs/", "service"),
        (ACCOUNT_FOLDER.replace("AWSLogs/", "AWSLogs/o-a1b2c3d4e5/"), "AWSLogs/o-a1b2c3d4e5/", ""),
    ],
)
def test_flow_logs_in_any_layout_are_found(aws: AwsDouble, key: str, root: str, service: str) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for name in ("0/1/2/3/4/x", "AWSLogs/123456789012/CloudTrail/us-east-1/x", "b/AWSLogs/123456789012/Config/x", key):
        s3.put_object(Bucket=BUCKET, Key=name, Body=b"")
    expected = (LogSource(BUCKET, "123456789012", "us-east-1", root, service),)
    for configured in (settings(), settings(account_id="123456789012", region="us-east-1")):
        assert build_target(configured).bucket.sources().sources == expected


def test_a_bucket_of_other_logs_is_looked_into_a_few_times(aws: AwsDouble) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for number in range(150):
        s3.put_object(Bucket=BUCKET, Key=f"{number:03}/x/y", Body=b"")
    build_target(settings()).bucket.sources().sources[0]
    assert len(aws.calls("s3:ListObjectsV2")) <= 102


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
        "the datasets",
        "the reports",
    ):
        assert f"Left as it is: {kept}" in told


def test_a_disabled_workgroup_is_named(aws: AwsDouble, vpc: str) -> None:
    athena = boto3.client("athena")
    athena.create_work_group(Name="vpc-flow-lake", Configuration={})
    athena.update_work_group(WorkGroup="vpc-flow-lake", State="DISABLED")
    assert "FLOWLAKE_WORKGROUP" in failure(materialize(settings([vpc])))


def workgroup(**configuration: Any) -> None:
    """A workgroup of somebody else's, which this project would have made so but for this."""
    results = {
        "OutputLocation": f"s3://{BUCKET}/athena-results/",
        "ExpectedBucketOwner": "123456789012",
        "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"},
    }
    ours = {
        "ResultConfiguration": {**results, **configuration.pop("ResultConfiguration", {})},
        "EnforceWorkGroupConfiguration": True,
        "PublishCloudWatchMetricsEnabled": True,
        "BytesScannedCutoffPerQuery": 100_000_000_000,
    }
    boto3.client("athena").create_work_group(Name="vpc-flow-lake", Configuration={**ours, **configuration})


def test_managed_query_results_are_an_error_beforehand(aws: AwsDouble, vpc: str) -> None:
    boto3.client("athena").create_work_group(
        Name="vpc-flow-lake", Configuration={"ManagedQueryResultsConfiguration": {"Enabled": True}}
    )
    assert failure(materialize(settings([vpc]))) == (
        "The workgroup vpc-flow-lake (FLOWLAKE_WORKGROUP) keeps query results in storage of Athena's own (managed "
        "query results), which is not read from here: let it have a location in S3. Or name another one in "
        "FLOWLAKE_WORKGROUP: one that does not exist is created."
    )
    assert aws.queries() == []


def test_managed_query_results_are_an_error_before_any_statement(aws: AwsDouble) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    boto3.client("athena").create_work_group(
        Name="vpc-flow-lake", Configuration={"ManagedQueryResultsConfiguration": {"Enabled": True}}
    )
    with pytest.raises(FlowLakeError, match="keeps query results in storage of Athena's own"):
        build_target(settings()).athena.execute("SELECT 1")
    assert aws.queries() == []


def test_a_workgroup_of_spark_is_an_error_beforehand(aws: AwsDouble, vpc: str) -> None:
    workgroup(EngineVersion={"EffectiveEngineVersion": "PySpark engine version 3"})
    assert "is of PySpark engine version 3, which runs no SQL" in failure(materialize(settings([vpc])))
    assert aws.queries() == []


def test_a_workgroup_with_results_in_another_region_is_an_error(aws: AwsDouble, vpc: str) -> None:
    boto3.client("s3").create_bucket(Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    workgroup(ResultConfiguration={"OutputLocation": "s3://elsewhere/"})
    assert "Query results go to s3://elsewhere/, which is in eu-west-1" in failure(materialize(settings([vpc])))


@pytest.mark.parametrize(
    ("configuration", "told"),
    [
        ({}, ""),
        (
            {"EngineVersion": {"EffectiveEngineVersion": "Athena engine version 2"}},
            "the workgroup is of Athena engine version 2; the statements are written for Athena engine version 3",
        ),
        (
            {"ResultConfiguration": {"EncryptionConfiguration": {"EncryptionOption": "SSE_KMS", "KmsKey": "key"}}},
            "the workgroup's results are encrypted by SSE_KMS key; recommended is SSE_S3",
        ),
        (
            {"EnforceWorkGroupConfiguration": False},
            "the workgroup's EnforceWorkGroupConfiguration is False; recommended is True",
        ),
    ],
    ids=["none", "engine", "encryption", "override"],
)
def test_what_differs_in_a_workgroup_is_told(
    aws: AwsDouble, vpc: str, capfd: pytest.CaptureFixture[str], configuration: dict[str, Any], told: str
) -> None:
    workgroup(**configuration)
    succeed(settings([vpc]), selection="vpc_flow_logs_bucket,vpc_flow_logs")
    found = [line.partition(" - ")[2] for line in capfd.readouterr().err.splitlines() if " WARNING " in line]
    assert [line.rpartition(" - ")[2] for line in found if "the workgroup" in line] == ([told] if told else [])


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


def test_objects_in_no_days_folder_are_told(aws, tmp_path):
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    key = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/9/2/"
    name = "123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20210902T0005Z_00000000.log.gz"
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key + name, Body=b"")
    result = succeed(settings(), DAY, selection="vpc_flow_logs_bucket")
    passed, found = checks(result)["set_up_as_recommended"]
    assert not passed
    assert f"s3://{BUCKET}/AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/9/" in found


def test_a_copy_under_another_valid_name_is_told(aws, tmp_path):
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    (first, *_) = boto3.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    copy = first["Key"].replace("T0005Z_00000000", "T0010Z_ffffffff")
    boto3.client("s3").copy_object(Bucket=BUCKET, Key=copy, CopySource={"Bucket": BUCKET, "Key": first["Key"]})
    result = succeed(settings(), DAY)
    (check,) = [c for c in result.get_asset_check_evaluations() if c.check_name == "objects_understood"]
    assert "copies under another name, byte for byte" in check.description
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
