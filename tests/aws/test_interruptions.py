"""Runs stopped in the middle of a step: no query is left running, and the next run ends where a clean one does."""

import functools
import signal
import time
from pathlib import Path
from typing import Any

import pytest
from support import DAY, SMALL_TOP, command, finished, run, with_day

from .double import AwsDouble
from .lineage import BUCKET, make_vpc, report, settings, state, succeed, upload_small_logs

MOMENTS = {
    "the bucket is created": ("s3:CreateBucket", 1),
    "its policy is written": ("s3:PutBucketPolicy", 1),
    "the flow log is created": ("ec2:CreateFlowLogs", 1),
    "the table is created": ("athena:StartQueryExecution", 2),
    "the partition is added": ("athena:StartQueryExecution", 3),
    "a report is queried": ("athena:StartQueryExecution", 4),
    "a report is written": ("s3:PutObject", 1),
}
"""When a run is stopped: as soon as the AWS call has been made so many times."""

MATERIALIZE = ("dagster", "asset", "materialize", "--select", "*", "--partition", DAY, "-m", "pipelines.definitions")


def wait_for(aws: AwsDouble, action: str, times: int) -> None:
    while len(aws.calls(action)) < times:
        time.sleep(0.01)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL], ids=lambda how: how.name)
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_run_that_is_stopped_is_completed_by_the_next(
    aws: AwsDouble, project: Path, moment: str, how: signal.Signals
) -> None:
    vpc = make_vpc()
    configured = settings([vpc])
    environment: dict[str, Any] = {
        **aws.environment,
        "FLOWLAKE_TARGET": "aws",
        "FLOWLAKE_BUCKET": BUCKET,
        "FLOWLAKE_VPC_IDS": vpc,
    }
    aws.set(running_seconds=0.2)
    process = command(project, *MATERIALIZE, **environment)
    wait_for(aws, *MOMENTS[moment])
    process.send_signal(how)
    finished(process)
    if how is signal.SIGTERM:
        assert not [query for query in aws.queries() if query["Status"]["State"] in ("QUEUED", "RUNNING")]
    aws.set(running_seconds=0)
    succeed(configured)
    assert without_vpc(state(aws), vpc) == left_by_a_clean_run(aws)


def without_vpc(found: dict[str, Any], vpc: str) -> dict[str, Any]:
    """A state without the VPC's id, which is another one each time."""
    return {**found, "flow logs": [log.replace(vpc, "the VPC") for log in found["flow logs"]]}


@functools.cache
def left_by_a_clean_run(aws: AwsDouble) -> dict[str, Any]:
    aws.reset()
    vpc = make_vpc()
    succeed(settings([vpc]))
    return without_vpc(state(aws), vpc)


def test_two_runs_at_once_leave_what_one_leaves(aws: AwsDouble, project: Path, tmp_path: Path) -> None:
    vpc = make_vpc()
    environment = {**aws.environment, "FLOWLAKE_TARGET": "aws", "FLOWLAKE_BUCKET": BUCKET, "FLOWLAKE_VPC_IDS": vpc}
    runs = [command(project, *MATERIALIZE, **environment) for _ in range(2)]
    for process in runs:
        code, output = finished(process)
        assert code == 0, output
    upload_small_logs(tmp_path)
    code, output = run(project, *MATERIALIZE, **environment)
    assert code == 0, output
    assert len(state(aws)["flow logs"]) == 1
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
