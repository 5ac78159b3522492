"""Least privilege: the policies in deploy/ are enough, and each of their actions is needed.

The double evaluates actions, resources and conditions, also those that Athena asks for in its caller's name.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Any

import boto3
import pytest
from support import DAY, ROOT, SMALL_TOP, with_day

from .double import AwsDouble
from .lineage import BUCKET, DAILY, failure, make_vpc, materialize, report, settings, succeed, upload_small_logs

ONLY_AWS_ASKS: Mapping[str, str] = {
    "logs:CreateLogDelivery": "Publish flow logs to Amazon S3: IAM policy for the principal that publishes (VPC guide)",
    "logs:DeleteLogDelivery": "Publish flow logs to Amazon S3: IAM policy for the principal that publishes (VPC guide)",
}
"""Actions that AWS asks for in ways that no server on this machine does, with the page that says so."""


def policy(name: str, without: str = "") -> dict[str, Any]:
    """A policy of deploy/ for the tests' account, without one of its actions."""
    names = {
        "BUCKET": BUCKET,
        "ACCOUNT_ID": "123456789012",
        "REGION": "us-east-1",
        "WORKGROUP": "vpc-flow-lake",
        "DATABASE": "vpc_flow_lake",
    }
    text = Template((ROOT / "deploy" / name).read_text(encoding="utf-8")).substitute(names)
    document: dict[str, Any] = json.loads(text)
    for statement in document["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        statement["Action"] = [action for action in actions if action != without]
    document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
    return document


def actions(name: str) -> list[str]:
    document = policy(name)
    return sorted({action for statement in document["Statement"] for action in statement["Action"]})


def become(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, *policies: dict[str, Any]) -> None:
    """Go on as a user that has these policies and nothing else."""
    for name, value in aws.environment_of(aws.user(f"user-{len(policies)}", *policies)).items():
        monkeypatch.setenv(name, value)
    boto3.DEFAULT_SESSION = None
    aws.set(enforce_iam=True)


def test_the_policy_is_its_two_parts() -> None:
    whole, setup, daily = (policy(f"iam-policy{part}.json") for part in ("", "-setup", "-daily"))
    assert whole["Statement"] == setup["Statement"] + daily["Statement"]


def test_with_the_policy_alone_everything_passes(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vpc = make_vpc()
    become(aws, monkeypatch, policy("iam-policy.json"))
    succeed(settings([vpc]))
    aws.set(enforce_iam=False)
    upload_small_logs(tmp_path)
    aws.set(enforce_iam=True)
    succeed(settings([vpc]))
    aws.set(enforce_iam=False)
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_once_all_is_set_up_the_daily_policy_alone_runs_the_daily_job(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    configured = settings([make_vpc()])
    succeed(configured)
    upload_small_logs(tmp_path)
    become(aws, monkeypatch, policy("iam-policy-daily.json"))
    succeed(configured, selection=DAILY)
    aws.set(enforce_iam=False)
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


@pytest.mark.parametrize("action", [action for action in actions("iam-policy.json") if action not in ONLY_AWS_ASKS])
def test_without_an_action_something_fails_and_names_it(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, action: str
) -> None:
    vpc = make_vpc()
    if action == "s3:GetObject":
        # Only where there are records does Athena have anything to read.
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        upload_small_logs(tmp_path)
    become(aws, monkeypatch, policy("iam-policy.json", without=action))
    stopping = action == "athena:StopQueryExecution"
    if stopping:
        aws.set(running_seconds=3)
    result = materialize(settings([vpc], query_timeout_seconds=0.3 if stopping else 60))
    if action == "ec2:DeleteFlowLogs":
        from pipelines.definitions import build_definitions

        assert result.success
        job = build_definitions(settings([vpc])).resolve_job_def("teardown")
        result = job.execute_in_process(raise_on_error=False)
    assert action in failure(result)


def test_the_actions_that_only_aws_asks_for_are_granted() -> None:
    assert set(ONLY_AWS_ASKS) <= set(actions("iam-policy.json"))
