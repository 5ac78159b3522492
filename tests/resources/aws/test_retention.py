"""How long things are kept on AWS: lifecycle rules of a bucket of ours, and a job that drops partitions.

S3 lets logs expire by itself; a test takes them away in its place.
"""

from datetime import date, datetime, timezone
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
from aws_double.server import AwsDouble
from aws_lineage import (
    BUCKET,
    DAILY,
    become,
    bucket_settings,
    checks,
    failure,
    make_vpc,
    materialize,
    partitions,
    policy,
    report,
    settings,
    succeed,
    upload_small_logs,
)
from lake import CHOSEN_REPORTS
from support import DAY, NEXT_DAY, SMALL_TOP, with_day

from flowlogs.bucket_lifecycle import keep_rules
from flowlogs.datasets import DATASETS
from pipelines.build import build_definitions
from pipelines.settings import Settings

LOGS = "AWSLogs/123456789012/vpcflowlogs/us-east-1/"
REMOVE = {"ops": {"remove_expired_days": {"config": {"dry_run": False}}}}
THEIRS: list[dict[str, Any]] = [
    {"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "theirs/"}, "Expiration": {"Days": 3}},
    {
        "ID": "colder",
        "Status": "Enabled",
        "Filter": {"And": {"Prefix": "AWSLogs/", "Tags": [{"Key": "tier", "Value": "cold"}]}},
        "Transitions": [{"Days": 90, "StorageClass": "STANDARD_IA"}],
    },
]


def rules() -> list[dict[str, Any]]:
    """The bucket's lifecycle rules."""
    found = bucket_settings(BUCKET)["lifecycle_configuration"]
    return found["Rules"] if found else []


def kept_since(day: date) -> int:
    """The number of days that keeps this day and none before it."""
    return (datetime.now(timezone.utc).date() - day).days


def remove(configured: Settings, config: dict[str, Any] = REMOVE) -> dg.ExecuteInProcessResult:
    """Run the job `retention`."""
    job = build_definitions(configured, CHOSEN_REPORTS).resolve_job_def("retention")
    return job.execute_in_process(run_config=config, raise_on_error=False)


def keys(prefix: str) -> list[str]:
    """The keys below a prefix."""
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
    return [item["Key"] for page in pages for item in page.get("Contents", [])]


def expire(prefix: str) -> None:
    """What a lifecycle rule of S3 does some day."""
    for key in keys(prefix):
        boto3.client("s3").delete_object(Bucket=BUCKET, Key=key)


@pytest.fixture
def made(aws: AwsDouble, tmp_path: Path) -> str:
    """A bucket of ours with two days that were reported; the id of the VPC."""
    vpc = make_vpc()
    succeed(settings([vpc]), selection="vpc_flow_logs_bucket,vpc_flow_log,vpc_flow_logs")
    upload_small_logs(tmp_path)
    succeed(settings([vpc]), DAY, NEXT_DAY, selection=f"{DAILY},daily_page")
    return vpc


def test_a_bucket_that_is_created_has_the_rules_of_the_settings(aws: AwsDouble) -> None:
    succeed(settings([make_vpc()], keep_logs_days=90, keep_reports_days=400), selection="vpc_flow_logs_bucket")
    assert [(rule["Filter"]["Prefix"], rule.get("Expiration")) for rule in rules()] == [
        ("athena-results/", {"Days": 30}),
        ("dagster-logs/", {"Days": 90}),
        ("", None),
        (LOGS, {"Days": 90}),
        ("reports/", {"Days": 400}),
    ]
    assert rules()[3:] == keep_rules({LOGS: 90, "reports/": 400})


def test_rules_follow_the_settings_and_those_of_others_stay_as_they_are(aws: AwsDouble) -> None:
    vpc, s3 = make_vpc(), boto3.client("s3")
    succeed(settings([vpc]), selection="vpc_flow_logs_bucket")
    before = rules()
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [*THEIRS, *before]})
    for kept in (
        {"keep_logs_days": 90},
        {"keep_logs_days": 30, "keep_reports_days": 400},
        {"keep_reports_days": 7},
        {},
    ):
        for _ in range(2):
            result = succeed(settings([vpc], **kept), selection="vpc_flow_logs_bucket")
            wanted = {LOGS: kept.get("keep_logs_days"), "reports/": kept.get("keep_reports_days")}
            assert rules()[:2] == THEIRS
            assert rules()[2:5] == before
            assert sorted(rules()[5:], key=lambda rule: rule["Filter"]["Prefix"]) == keep_rules(wanted)
            assert checks(result)["set_up_as_recommended"][0]


def test_the_last_rule_can_go(aws: AwsDouble) -> None:
    vpc = make_vpc()
    succeed(settings([vpc], keep_logs_days=90), selection="vpc_flow_logs_bucket")
    boto3.client("s3").put_bucket_lifecycle_configuration(
        Bucket=BUCKET, LifecycleConfiguration={"Rules": keep_rules({LOGS: 90})}
    )
    succeed(settings([vpc]), selection="vpc_flow_logs_bucket")
    assert rules() == []


def test_a_rule_for_another_place_stays_and_is_told(aws: AwsDouble) -> None:
    vpc = make_vpc()
    succeed(settings([vpc], keep_logs_days=90), selection="vpc_flow_logs_bucket")
    other = keep_rules({"network/AWSLogs/123456789012/vpcflowlogs/us-east-1/": 9})
    boto3.client("s3").put_bucket_lifecycle_configuration(
        Bucket=BUCKET, LifecycleConfiguration={"Rules": [*rules(), *other]}
    )
    passed, found = checks(succeed(settings([vpc], keep_logs_days=30), selection="vpc_flow_logs_bucket"))[
        "set_up_as_recommended"
    ]
    assert not passed and "rules of this project for other places than these settings read" in found
    assert other[0] in rules() and keep_rules({LOGS: 30})[0] in rules()


@pytest.mark.parametrize("days", [None, 30, 300])
def test_the_lifecycle_of_a_bucket_of_others_is_looked_at_and_never_changed(aws: AwsDouble, days: int | None) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    theirs = [*THEIRS, {"ID": "all", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": days}}]
    theirs = theirs if days else THEIRS
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": theirs})
    result = succeed(settings([make_vpc()], keep_logs_days=90), selection="vpc_flow_logs_bucket")
    assert rules() == theirs
    told = "does not let objects expire as FLOWLAKE" in checks(result)["set_up_as_recommended"][1]
    assert told is (days != 30)


def test_without_vpcs_no_lifecycle_is_looked_at(aws: AwsDouble, tmp_path: Path) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": THEIRS})
    upload_small_logs(tmp_path)
    with dg.DagsterInstance.ephemeral() as instance:
        succeed(settings(keep_logs_days=90), selection="vpc_flow_logs_bucket,vpc_flow_log,vpc_flow_logs")
        job = build_definitions(settings(keep_logs_days=90), CHOSEN_REPORTS).resolve_job_def("retention")
        result = job.execute_in_process(run_config=REMOVE, instance=instance)
        said = [entry.user_message for entry in instance.all_logs(result.run_id)]
    assert rules() == THEIRS
    assert any(
        line.startswith("No logs are removed (FLOWLAKE_KEEP_LOGS_DAYS): FLOWLAKE_VPC_IDS names no VPC") for line in said
    )


def test_partitions_go_when_their_logs_are_gone(aws: AwsDouble, made: str) -> None:
    kept = settings([made], keep_logs_days=kept_since(NEXT_DAY))
    both = [str(DAY), str(NEXT_DAY)]
    assert remove(kept).success
    # Not before: S3 counts from the day on which an object was put there.
    assert sorted(partitions("vpc_flow_logs")) == both
    expire(f"{LOGS}{DAY:%Y/%m/%d}/")
    assert remove(kept).success
    assert sorted(partitions("vpc_flow_logs")) == [str(NEXT_DAY)]
    assert sorted(partitions("rejected_flows")) == both
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
    assert "are not kept any more (FLOWLAKE_KEEP_LOGS_DAYS" in failure(materialize(kept, selection=DAILY))
    # Also when the setting is gone: the day is not empty.
    assert "were removed, as FLOWLAKE_KEEP_LOGS_DAYS said then" in failure(
        materialize(settings([made]), selection=DAILY)
    )
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_datasets_and_reports_go_by_their_days(aws: AwsDouble, made: str) -> None:
    logs = keys("AWSLogs/")
    days = kept_since(NEXT_DAY)
    assert remove(settings([made], keep_datasets_days=days, keep_reports_days=days)).success
    for dataset in DATASETS:
        assert sorted(partitions(dataset)) == [str(NEXT_DAY)]
    left = [key for prefix in ("datasets/", "reports/") for key in keys(prefix)]
    assert left and not [key for key in left if str(DAY) in key]
    assert keys("AWSLogs/") == logs
    assert sorted(partitions("vpc_flow_logs")) == [str(DAY), str(NEXT_DAY)]


def test_with_the_policies_of_the_daily_job_and_of_retention_days_go(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, made: str
) -> None:
    days = kept_since(NEXT_DAY)
    expire(f"{LOGS}{DAY:%Y/%m/%d}/")
    become(aws, monkeypatch, policy("iam-policy-daily.json"), policy("iam-policy-retention.json"))
    kept = settings([made], keep_logs_days=days, keep_datasets_days=days, keep_reports_days=days)
    for _ in range(2):
        result = remove(kept)
        assert result.success, failure(result)
    aws.set(enforce_iam=False)
    for table in ("vpc_flow_logs", *DATASETS):
        assert sorted(partitions(table)) == [str(NEXT_DAY)]
    assert not [key for key in keys("reports/") if str(DAY) in key]


@pytest.mark.parametrize("action", ["glue:DeletePartition", "glue:BatchDeletePartition", "s3:DeleteObject"])
def test_without_an_action_of_retention_the_job_fails_and_names_it(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, made: str, action: str
) -> None:
    days = kept_since(NEXT_DAY)
    become(aws, monkeypatch, policy("iam-policy-daily.json"), policy("iam-policy-retention.json", without=action))
    result = remove(settings([made], keep_datasets_days=days, keep_reports_days=days))
    assert action in failure(result)


def test_what_the_retention_policy_allows_is_removal_alone() -> None:
    found = policy("iam-policy-retention.json")["Statement"]
    assert {action for statement in found for action in statement["Action"]} == {
        "glue:DeletePartition",
        "glue:BatchDeletePartition",
        "s3:DeleteObject",
    }
