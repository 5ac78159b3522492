"""Late objects and missed days in S3: with the daily policy alone, at few requests, and told in words if refused."""

from collections.abc import Iterator
from pathlib import Path

import boto3
import dagster as dg
import pytest
from aws_double.server import AwsDouble
from aws_lineage import BUCKET, become, make_vpc, policy, report, settings, succeed, upload
from daemon import Daemon, before
from lake import CHOSEN_REPORTS
from support import ACCEPTED, FEW_PACKETS, PING, on_day, write_object

from assets.page.asset import made_days, stored_summaries
from pipelines.build import build_definitions
from pipelines.sensors import LATE_SENSOR, MISSED_SENSOR
from pipelines.targets import build_target


@pytest.fixture
def daemon(aws: AwsDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Daemon]:
    """Three days, of which the first is done, and a daemon that has the daily policy."""
    configured = settings([make_vpc()], region="us-east-1")
    succeed(configured, selection="vpc_flow_logs_bucket,vpc_flow_log,vpc_flow_logs")
    for ago in range(3):
        write_object(tmp_path / "logs", before(ago), [on_day(FEW_PACKETS, before(ago))])
    upload(tmp_path / "logs")
    become(aws, monkeypatch, policy("iam-policy-daily.json"))
    defs = build_definitions(configured, CHOSEN_REPORTS)
    with dg.instance_for_test() as instance:
        found = Daemon(defs, build_target(configured), instance, monkeypatch)
        assert found.launch(dg.RunRequest(tags={"dagster/partition": str(before(2))})).success
        yield found


def calls(aws: AwsDouble) -> list[str]:
    return [f"{call['service']}:{call['action']}" for call in aws.calls()]


def test_missed_days_and_late_objects_are_made_by_runs_with_the_daily_policy(daemon, aws, tmp_path):
    (request,) = daemon.ask(MISSED_SENSOR)
    assert request.tags["dagster/asset_partition_range_start"] == str(before(1))
    assert request.tags["dagster/asset_partition_range_end"] == str(before(0))
    assert daemon.launch(request).success
    assert made_days(daemon.target.results) == {before(ago) for ago in range(3)}
    assert daemon.tick(LATE_SENSOR, 10).run_requests == []
    write_object(tmp_path / "late", before(1), [on_day(line, before(1)) for line in (PING, ACCEPTED)], number=9)
    aws.set(enforce_iam=False)
    upload(tmp_path / "late")
    aws.set(enforce_iam=True)
    (request,) = daemon.ask(LATE_SENSOR)
    assert request.tags["vpc-flow-lake/because"] == f"{before(1)}: 1 object arrived since its reports were made"
    assert daemon.launch(request).success
    found = stored_summaries(daemon.target.results, [before(1)])[before(1)]
    assert found.totals.records == 3
    assert [text.partition(" (UTC): ")[2] for text in found.updates] == ["1 late object, 2 records."]
    assert [row[0] for row in report("top_rejected_pairs", before(1))] == [7, 3]
    assert daemon.tick(LATE_SENSOR, 10).run_requests == []


def test_a_tick_without_changes_costs_few_requests(daemon, aws):
    daemon.target = build_target(settings(region="us-east-1"))  # as the daemon does it for each tick
    seen = len(calls(aws))
    daemon.tick(LATE_SENSOR)
    # The folder of summaries, one summary, where the flow logs are, and the one day that is done.
    assert calls(aws)[seen:] == ["s3:ListObjectsV2", "s3:GetObject", *["s3:ListObjectsV2"] * 5]


def test_a_refused_listing_is_told_in_words_and_the_next_tick_works(daemon, aws, monkeypatch):
    sighted, blind = daemon.target, policy("iam-policy-daily.json", without="s3:ListBucket")
    with monkeypatch.context() as changed:
        for name, value in aws.environment_of(aws.user("blind", blind)).items():
            changed.setenv(name, value)
        daemon.target = build_target(settings(region="us-east-1"))
        for sensor in (LATE_SENSOR, MISSED_SENSOR):
            answer = daemon.tick(sensor)
            assert answer.run_requests == []
            assert f"listing s3://{BUCKET}/reports/" in answer.skip_message
            assert "grant" in answer.skip_message
            assert "Traceback" not in answer.skip_message
    daemon.target = sighted
    assert daemon.tick(LATE_SENSOR, 10).skip_message == f"Nothing new for {before(2)}."


def test_a_throttled_listing_is_told_in_words_and_the_next_tick_works(daemon, aws):
    slow = {"service": "s3", "action": "ListObjectsV2", "code": "SlowDown", "count": 100}
    aws.set(errors=[slow])
    answer = daemon.tick(LATE_SENSOR)
    assert answer.run_requests == []
    assert "SlowDown" in answer.skip_message
    aws.set(errors=[])
    assert daemon.tick(LATE_SENSOR, 10).skip_message == f"Nothing new for {before(2)}."


def test_an_object_that_went_to_an_archive_is_not_missed(daemon, aws):
    aws.set(enforce_iam=False)
    s3 = boto3.client("s3")
    (key,) = [
        found["Key"]
        for found in s3.list_objects_v2(Bucket=BUCKET, Prefix="AWSLogs/")["Contents"]
        if f"_{before(2):%Y%m%d}T" in found["Key"]
    ]
    s3.copy_object(Bucket=BUCKET, Key=key, CopySource={"Bucket": BUCKET, "Key": key}, StorageClass="GLACIER")
    answer = daemon.tick(LATE_SENSOR, 20)
    assert answer.skip_message == (
        f"{before(2)}: 1 object that was read is gone or smaller: its reports stay as they are."
    )
