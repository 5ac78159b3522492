"""Flow logs that fail quietly on AWS, made to fail on purpose: what the checks, the metadata and the page say."""

import html
from pathlib import Path

import boto3
import dagster as dg
import pytest
from aws_double.server import AwsDouble
from aws_lineage import BUCKET, DAILY, SETUP, checks, create_flow_log, make_vpc, materialize, metadata, settings, upload
from deliveries import DAY, DAYS_BEFORE, ONE, TWO, accepted, deliver, key_of, windows

from assets.coverage import coverage_of
from flowlogs.layout import LogSource
from pipelines.build import build_definitions
from pipelines.jobs import JOB_NAME
from pipelines.targets import build_target

EACH_SECOND_HOUR = range(0, 1440, 120)
LINEAGE = f"{SETUP},{DAILY},daily_page"
LOOK = (
    "Look at the flow log's status (the check on vpc_flow_log), at the bucket's policy, and whether objects lie in "
    "another folder; then materialize the day again."
)
SKIPPED = "2 123456789012 eni-0b - - - - - - - 1631145600 1631145660 - SKIPDATA"
DROPPED = "2 123456789012 eni-0b <b>evil</b> 10.0.0.6 1 2 6 1 40 1631145600 1631145660 DROP OK"


@pytest.fixture
def logs(aws: AwsDouble, tmp_path: Path) -> Path:
    """A folder with the week before DAY, in which two flow logs delivered each second hour; it is in the bucket too."""
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    for day in DAYS_BEFORE:
        deliver(tmp_path / "before", day, EACH_SECOND_HOUR, ONE)
        deliver(tmp_path / "before", day, EACH_SECOND_HOUR, TWO)
    upload(tmp_path / "before")
    return tmp_path / "logs"


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {check.check_name: check for check in result.get_asset_check_evaluations()}


def told(check: dg.AssetCheckEvaluation) -> list[str]:
    """The lines of a check's description, without what Markdown marks."""
    lines = (check.description or "").replace("\\", "").replace("`", "").splitlines()
    return [line.removeprefix("- ") for line in lines if line]


def page() -> str:
    body = boto3.client("s3").get_object(Bucket=BUCKET, Key=f"reports/{DAY}.html")["Body"].read().decode()
    return html.unescape(body)


@pytest.mark.usefixtures("aws")
def test_a_healthy_day_is_100_percent_and_its_coverage_the_data_version(logs: Path) -> None:
    deliver(logs, DAY, EACH_SECOND_HOUR, ONE)
    deliver(logs, DAY, EACH_SECOND_HOUR, TWO)
    upload(logs)
    result = materialize(settings(), DAY, selection=LINEAGE)
    assert result.success
    found = evaluations(result)
    assert [found[name].passed for name in ("delivered_all_day", "day_complete", "records_add_up")] == [True] * 3
    made = metadata(result, "daily_page", DAY)
    assert [made[name] for name in ("complete in percent", "objects covered", "odd records")] == [100, 24, 0]
    bucket = build_target(settings()).bucket
    covered = coverage_of(bucket.objects.list(LogSource(BUCKET, "123456789012", "us-east-1").day_prefix(DAY)))
    stored = boto3.client("s3").list_objects_v2(
        Bucket=BUCKET, Prefix="AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/09/"
    )
    assert {key: (one.size, one.etag, one.modified) for key, one in covered.objects.items()} == {
        item["Key"]: (item["Size"], item["ETag"].strip('"'), item["LastModified"]) for item in stored["Contents"]
    }
    versions = {
        event.asset_key.to_user_string(): event.step_materialization_data.materialization.tags["dagster/data_version"]
        for event in result.get_asset_materialization_events()
    }
    for name in ("rejected_flows", "traffic_summary", "top_rejected_pairs", "daily_page"):
        assert versions[name] == made["coverage"] == covered.digest
    assert "✓ 100 % complete" in page()


@pytest.mark.usefixtures("aws")
def test_a_day_on_which_everything_went_wrong(logs: Path) -> None:
    """One flow log stopped at noon and lost records, another delivered nothing, one object went into an archive."""
    (first,) = deliver(logs, DAY, [0], ONE, [accepted(DAY, 0)] * 7 + [SKIPPED, SKIPPED, DROPPED])
    deliver(logs, DAY, range(120, 720, 120), ONE)
    upload(logs)
    archived = key_of(ONE, windows([600])[0])
    boto3.client("s3").put_object(Bucket=BUCKET, Key=archived, Body=first.read_bytes(), StorageClass="GLACIER")
    result = materialize(settings(), DAY, selection=LINEAGE)
    assert result.success
    found = evaluations(result)
    stopped = (
        f"{TWO} delivered nothing on {DAY}, and 12 objects on {DAYS_BEFORE[-1]}: what it records is missing, though "
        "other flow logs deliver. Was it deleted, or its VPC, or can it not deliver any more? (See the check on "
        "vpc_flow_log.)"
    )
    irregular = [
        f"{ONE} delivered nothing after 10:05 (UTC): the day's last 13 h 55 min are missing; up to 3 h 50 min are "
        f"expected after the 7 days before. {LOOK}",
        f"{ONE} delivered in 6 windows of 5 minutes, and in 12 on the 7 days before (median). {LOOK}",
    ]
    records = [
        f"1 object could not be read: s3://{BUCKET}/{archived}. What they recorded is missing. Restore or copy them "
        "again, then materialize the day again.",
        "2 records are SKIPDATA, 14.3 % of all: at least 2 records stand for lost ones. AWS could not record some "
        "traffic, and nobody can bring it back; if this comes often, ask AWS Support.",
        "1 record is unreadable: neither an action nor a status that AWS defines. The examples show what to look for "
        "in the objects.",
    ]
    assert told(found["objects_delivered"]) == [stopped]
    assert told(found["delivered_all_day"]) == irregular
    assert told(found["day_complete"]) == [*irregular, *records, stopped]
    # 6 of 24 windows, 5 of 6 objects, 11 of 14 records.
    made = metadata(result, "daily_page", DAY)
    assert made["complete in percent"] == int(100 * 6 / 24 * 5 / 6 * 11 / 14) == 16
    assert [made[name] for name in ("records that stand for lost ones", "odd records", "objects covered")] == [2, 1, 5]
    for text in ["⚠ 16 % complete", *irregular, *records, stopped, "sourceaddress <b>evil</b>"]:
        assert text in page()


def nightly(vpc: str) -> dg.ExecuteInProcessResult:
    job = build_definitions(settings([vpc]), []).resolve_job_def(JOB_NAME)
    return job.execute_in_process(
        instance=dg.DagsterInstance.ephemeral(), partition_key=DAY.isoformat(), raise_on_error=False
    )


def test_a_flow_log_whose_every_write_is_denied_is_told_at_night_and_for_the_day(aws: AwsDouble) -> None:
    vpc = make_vpc()
    assert materialize(settings([vpc]), DAY, selection=SETUP).success
    aws.set(deliver_logs_status="FAILED", deliver_logs_error_message="Access error")
    result = nightly(vpc)
    (log,) = boto3.client("ec2").describe_flow_logs()["FlowLogs"]
    assert checks(result)["delivers_readable_records"] == (
        False,
        f"- {log['FlowLogId']} of {vpc} cannot deliver: Access error. What it records is lost until then. The bucket's "
        "policy, or the policy of its key, denies the writes of delivery.logs.amazonaws.com: materialize "
        "vpc_flow_logs_bucket, which checks the bucket's policy",
    )
    found = evaluations(result)
    assert found["delivers_readable_records"].metadata["warnings"].value == 1
    assert "delivery FAILED" in found["delivers_readable_records"].metadata[f"{vpc} {log['FlowLogId']}"].value
    assert told(found["day_complete"]) == [
        "Nothing was delivered. Look at the check on vpc_flow_log, then at the bucket's policy."
    ]
    assert metadata(result, "daily_page", DAY)["complete in percent"] == 0


def test_a_flow_log_that_is_active_and_delivers_nothing_is_told_for_the_day(aws: AwsDouble) -> None:
    vpc = make_vpc()
    assert materialize(settings([vpc]), DAY, selection=SETUP).success
    result = nightly(vpc)
    assert checks(result)["delivers_readable_records"] == (True, "nothing")
    assert told(evaluations(result)["objects_delivered"])[0].startswith(f"Nothing was delivered on {DAY}: ")
    assert told(evaluations(result)["day_complete"])[0].startswith("Nothing was delivered. Look at ")
    assert "⚠ 0 % complete" in page()


def test_a_flow_log_of_another_vpc_that_cannot_deliver_here_is_told(aws: AwsDouble) -> None:
    vpc, other = make_vpc(), make_vpc()
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    log = create_flow_log(other)
    assert materialize(settings([vpc]), DAY, selection=SETUP).success
    aws.set(deliver_logs_status="FAILED", deliver_logs_error_message="Unknown error")
    assert (
        f"- {log} of {other}, which FLOWLAKE_VPC_IDS does not name, cannot deliver to this bucket: Unknown error"
        in checks(nightly(vpc))["delivers_readable_records"][1].replace("\\", "")
    )
