"""Runs stopped in the middle of a step: no query is left running, and the next run ends where a clean one does."""

import signal
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_double.server import AwsDouble
from aws_lineage import (
    BUCKET,
    DAILY,
    make_vpc,
    rejected_flows,
    report,
    settings,
    state,
    succeed,
    upload_small_logs,
)
from support import DAY, NEXT_DAY, SMALL_DETAILS, SMALL_TOP, command, finished, with_day

from assets.datasets.files import STAMP

MOMENTS = {
    "the bucket is created": ("s3:CreateBucket", 1),
    "the flow log is created": ("ec2:CreateFlowLogs", 1),
    "the tables are created": ("athena:StartQueryExecution", 2),
}
"""When a run in an empty account is stopped: as soon as the AWS call has been made so many times."""

MOMENTS_WITH_RECORDS = {
    "the rejected flows are unloaded": ("athena:StartQueryExecution", 5),
    "the rejected flows' partition is added": ("athena:StartQueryExecution", 6),
    "what they replace is removed": ("s3:DeleteObjects", 1),
    "a report is written": ("s3:PutObject", 1),
}
"""When a run is stopped that finds records."""

MATERIALIZE = ("dagster", "asset", "materialize", "--select", "*", "--partition", DAY, "-m", "pipelines.definitions")


def wait_for(aws: AwsDouble, action: str, times: int) -> None:
    while len(aws.calls(action)) < times:
        time.sleep(0.01)


@pytest.mark.parametrize(
    ("moment", "how"),
    [
        *((moment, signal.SIGKILL) for moment in MOMENTS | MOMENTS_WITH_RECORDS),
        *((moment, signal.SIGTERM) for moment in ("the tables are created", *MOMENTS_WITH_RECORDS)),
    ],
)
def test_a_run_that_is_stopped_is_completed_by_the_next(
    aws: AwsDouble, project: Path, tmp_path: Path, moment: str, how: signal.Signals
) -> None:
    with_records = moment in MOMENTS_WITH_RECORDS
    vpc = begin(with_records, tmp_path)
    if moment == "what they replace is removed":
        succeed(settings([vpc]))
    action, times = (MOMENTS | MOMENTS_WITH_RECORDS)[moment]
    environment: dict[str, Any] = {
        **aws.environment,
        "FLOWLAKE_TARGET": "aws",
        "FLOWLAKE_BUCKET": BUCKET,
        "FLOWLAKE_VPC_IDS": vpc,
    }
    aws.set(running_seconds=0.2)
    process = command(project, *MATERIALIZE, **environment)
    wait_for(aws, action, times)
    process.send_signal(how)
    finished(process)
    if how is signal.SIGTERM:
        assert not [query for query in aws.queries() if query["Status"]["State"] in ("QUEUED", "RUNNING")]
    aws.set(running_seconds=0)
    succeed(settings([vpc]))
    found = comparable(state(aws), vpc)
    assert differences(found, left_by_a_clean_run(aws, with_records, tmp_path)) == {}


def begin(with_records: bool, tmp_path: Path) -> str:
    """An account with a VPC, whose id is returned, and with logs of it, if that is asked for."""
    if with_records:
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        upload_small_logs(tmp_path)
    return make_vpc()


def comparable(found: dict[str, Any], vpc: str) -> dict[str, Any]:
    """A state without the VPC's id, which is another one each time, and without files that no partition points at.

    A run that is killed leaves those, and a later day's run removes them.
    """
    table = found["vpc_flow_lake.rejected_flows"]
    seen = {**table, "partitions": table["partitions"].days}
    logs = [log.replace(vpc, "the VPC") for log in found["flow logs"]]
    return {**found, "flow logs": logs, "vpc_flow_lake.rejected_flows": seen}


def differences(found: object, expected: object, place: str = "") -> dict[str, tuple[object, object]]:
    """What differs between two states, by its place in them: a report's file, a setting of a bucket."""
    if isinstance(found, dict) and isinstance(expected, dict):
        told = {}
        for key in [*found, *(key for key in expected if key not in found)]:
            told |= differences(found.get(key), expected.get(key), f"{place} {key}".strip())
        return told
    return {} if found == expected else {place: (found, expected)}


_left: dict[bool, dict[str, Any]] = {}


def left_by_a_clean_run(aws: AwsDouble, with_records: bool, tmp_path: Path) -> dict[str, Any]:
    if with_records not in _left:
        aws.reset()
        vpc = begin(with_records, tmp_path)
        succeed(settings([vpc]))
        found = state(aws)
        assert found["vpc_flow_lake.rejected_flows"]["partitions"].left_behind == []
        _left[with_records] = comparable(found, vpc)
    return _left[with_records]


def test_what_killed_runs_left_goes_a_day_later_and_nothing_else(aws: AwsDouble, tmp_path: Path) -> None:
    vpc = begin(True, tmp_path)
    succeed(settings([vpc]))
    now = datetime.now(timezone.utc)
    left = {}
    for age in (timedelta(days=2), timedelta(hours=1)):
        name = f"{now - age:{STAMP}}-0badcafe-vpc_flow_lake"
        part = "20240310_010203_00012_ab1cd_0badcafe-1234-4567-89ab-0123456789ab"
        files = {f"datasets/{name}/dt={day}/dataset=rejected_flows/{part}": b"half a file" for day in (DAY, NEXT_DAY)}
        marker = f"datasets/_unfinished/vpc_flow_lake/{name.removesuffix('-vpc_flow_lake')}"
        note = {marker: f"datasets/{name}/\n".encode()}
        left[age] = {**files, **note}
        for key, body in left[age].items():
            boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=body)
    succeed(settings([vpc]), selection=DAILY)
    found = rejected_flows()
    # A run that may still be at work beside this one is why this one's notes stay too.
    own = set(found.left_behind) - set(left[timedelta(hours=1)])
    assert len(own) == 2 and all(key.startswith("datasets/_unfinished/") for key in own)
    assert set(left[timedelta(hours=1)]) <= set(found.left_behind)
    assert found.days == {DAY.isoformat(): (1, sorted(SMALL_DETAILS[DAY], key=repr))}


def test_two_runs_at_once_leave_what_one_leaves(aws: AwsDouble, project: Path, tmp_path: Path) -> None:
    vpc = make_vpc()
    environment = {**aws.environment, "FLOWLAKE_TARGET": "aws", "FLOWLAKE_BUCKET": BUCKET, "FLOWLAKE_VPC_IDS": vpc}
    for begin_round in (lambda: None, lambda: upload_small_logs(tmp_path)):
        begin_round()
        for process in [command(project, *MATERIALIZE, **environment) for _ in range(2)]:
            code, output = finished(process)
            assert code == 0, output
    assert len(state(aws)["flow logs"]) == 1
    assert rejected_flows().days == {DAY.isoformat(): (1, sorted(SMALL_DETAILS[DAY], key=repr))}
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
    assert report("rejected_flow_details", DAY) == with_day(SMALL_DETAILS[DAY], DAY)
