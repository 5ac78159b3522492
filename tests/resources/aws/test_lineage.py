"""The whole lineage on AWS: from an empty account, again, over a range, and the same rows as on the embedded target."""

import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import boto3
import pytest
from aws_double.server import AwsDouble
from aws_lineage import (
    BUCKET,
    DAILY,
    REPORTS,
    SETUP,
    RejectedFlows,
    bucket_settings,
    checks,
    failure,
    make_vpc,
    materialize,
    metadata,
    partitions,
    policy_statements,
    rejected_flows,
    report,
    settings,
    state,
    succeed,
    upload,
    upload_small_logs,
)
from support import DAY, NEXT_DAY, SMALL_DETAILS, SMALL_TOP, KnownAnswers, known_answers, with_day

from assets.results_source import SOURCE_RECORD
from flowlogs.bucket_policy import delivery_statements, tls_only_statement
from flowlogs.datasets import DATASETS
from resources.aws.object_store import S3Store

CHANGES = ("Create", "Put", "Delete", "Update", "Tag")


@pytest.fixture
def vpc(aws: AwsDouble) -> str:
    return make_vpc()


def test_an_empty_account_gets_the_whole_lineage_and_empty_reports(aws: AwsDouble, vpc: str) -> None:
    result = materialize(settings([vpc]))
    assert result.success
    assert report("top_rejected_pairs", DAY) == []
    assert report("rejected_flow_details", DAY) == []
    assert checks(result)["set_up_as_recommended"] == (True, "nothing")
    assert checks(result)["delivers_readable_records"] == (True, "nothing")
    assert checks(result)["objects_delivered"][0] is False
    found = state(aws)
    assert found["workgroups"] == ["primary", "vpc-flow-lake"]
    assert found["vpc_flow_lake.vpc_flow_logs"]["partitions"] == {
        "2021-09-02": f"s3://{BUCKET}/AWSLogs/{aws.account}/vpcflowlogs/us-east-1/2021/09/02"
    }


def test_a_created_bucket_is_private_encrypted_and_lets_only_the_delivery_service_write(
    aws: AwsDouble, vpc: str
) -> None:
    aws.set(replace_bucket_policy=False)  # what AWS itself puts into a policy is not looked at here
    succeed(settings([vpc]))
    found = bucket_settings(BUCKET)
    assert found["public_access_block"]["PublicAccessBlockConfiguration"] == {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    assert found["ownership_controls"]["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    rule = found["encryption"]["ServerSideEncryptionConfiguration"]["Rules"][0]
    assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
    results, output, aborting = found["lifecycle_configuration"]["Rules"]
    assert (results["Filter"], results["Expiration"]) == ({"Prefix": "athena-results/"}, {"Days": 30})
    assert (output["Filter"], output["Expiration"]) == ({"Prefix": "dagster-logs/"}, {"Days": 90})
    assert (aborting["Filter"], aborting["AbortIncompleteMultipartUpload"]) == (
        {"Prefix": ""},
        {"DaysAfterInitiation": 1},
    )
    assert found["tagging"]["TagSet"] == [{"Key": "created-by", "Value": "vpc-flow-lake"}]
    expected = [*delivery_statements("aws", BUCKET, aws.account, "us-east-1"), tls_only_statement("aws", BUCKET)]
    assert policy_statements() == expected


def test_a_bucket_elsewhere_is_created_in_its_region(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "ap-northeast-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "ap-northeast-1")
    succeed(settings([make_vpc()]))
    assert boto3.client("s3").get_bucket_location(Bucket=BUCKET)["LocationConstraint"] == "ap-northeast-1"


@pytest.mark.parametrize(
    ("region", "partition", "console"),
    [
        ("us-gov-west-1", "aws-us-gov", "console.amazonaws-us-gov.com"),
        ("cn-north-1", "aws-cn", "console.amazonaws.cn"),
    ],
)
def test_in_other_partitions_arns_and_links_are_theirs(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, region: str, partition: str, console: str
) -> None:
    monkeypatch.setenv("AWS_REGION", region)
    monkeypatch.setenv("AWS_DEFAULT_REGION", region)
    aws.set(replace_bucket_policy=False)
    vpc = make_vpc()
    for _ in range(2):
        result = succeed(settings([vpc]))
    (log,) = boto3.client("ec2").describe_flow_logs()["FlowLogs"]
    assert log["LogDestination"] == f"arn:{partition}:s3:::{BUCKET}"
    policy = json.dumps(policy_statements())
    assert policy.count("arn:") == policy.count(f"arn:{partition}:") == 6
    assert metadata(result, "vpc_flow_logs_bucket")["arn"] == f"arn:{partition}:s3:::{BUCKET}"
    assert metadata(result, "rejected_flows")["console"].startswith(f"https://{console}/athena/home?region={region}#")


def test_the_flow_log_of_a_vpc_is_as_configured(aws: AwsDouble, vpc: str) -> None:
    succeed(settings([vpc], flow_log_name="named", traffic_type="REJECT", aggregation_seconds=60))
    (log,) = boto3.client("ec2").describe_flow_logs()["FlowLogs"]
    assert (log["ResourceId"], log["LogDestination"]) == (vpc, f"arn:aws:s3:::{BUCKET}")
    assert (log["TrafficType"], log["MaxAggregationInterval"]) == ("REJECT", 60)
    assert {tag["Key"]: tag["Value"] for tag in log["Tags"]} == {"Name": "named", "created-by": "vpc-flow-lake"}


def test_a_workgroup_enforces_where_results_go_and_how_much_a_query_scans(aws: AwsDouble, vpc: str) -> None:
    succeed(settings([vpc], scan_limit_bytes=20_000_000))
    group = boto3.client("athena").get_work_group(WorkGroup="vpc-flow-lake")["WorkGroup"]["Configuration"]
    assert group["EnforceWorkGroupConfiguration"] is True
    assert group["PublishCloudWatchMetricsEnabled"] is True
    assert group["BytesScannedCutoffPerQuery"] == 20_000_000
    assert group["ResultConfiguration"]["OutputLocation"] == f"s3://{BUCKET}/athena-results/"


def test_a_second_run_leaves_everything_as_it_is(aws: AwsDouble, vpc: str, tmp_path: Path) -> None:
    configured = settings([vpc])
    succeed(configured)
    upload_small_logs(tmp_path)
    succeed(configured)
    before, folders, calls = state(aws), partitions("rejected_flows"), len(aws.calls())
    result = materialize(configured)
    assert result.success
    assert state(aws) == before
    assert rejected_flows() == RejectedFlows({DAY.isoformat(): (1, sorted(SMALL_DETAILS[DAY], key=repr))}, [])
    assert not folders.items() & partitions("rejected_flows").items()
    changing = {f"{c['service']}:{c['action']}" for c in aws.calls()[calls:] if c["action"].startswith(CHANGES)}
    assert changing == {"s3:PutObject", "s3:DeleteObjects"}
    assert metadata(result, "vpc_flow_logs_bucket")["whose"] == "created by this project"


@pytest.mark.parametrize("answers", known_answers(), ids=str)
def test_the_same_logs_give_the_same_rows_as_on_the_embedded_target(
    aws: AwsDouble, tmp_path: Path, answers: KnownAnswers
) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    if answers.folder is None:
        upload_small_logs(tmp_path)
    else:
        upload(answers.folder)
    result = materialize(settings(), answers.day)
    assert result.success
    assert report("top_rejected_pairs", answers.day) == with_day(answers.top, answers.day)
    assert report("rejected_flow_details", answers.day) == with_day(answers.details, answers.day)


def test_a_range_of_days_is_a_handful_of_statements_and_each_days_own_reports(aws: AwsDouble, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    succeed(settings(), selection=SETUP)
    last = NEXT_DAY + timedelta(days=1)
    add, unload = ("DDL", "ALTER_TABLE_ADD_PARTITION"), ("DML", "UNLOAD")
    move, selects = ("DDL", "ALTER_TABLE_SET_LOCATION"), [("DML", "SELECT") for _ in REPORTS.split(",")]
    datasets = len(DATASETS)
    for expected in ([add, unload, *[add] * datasets, *selects], [add, unload, *[move] * 3 * datasets, *selects]):
        before = len(aws.queries())
        result = succeed(settings(), DAY, last, selection=DAILY)
        statements = aws.queries()[before:]
        assert [(query["StatementType"], query["SubstatementType"]) for query in statements] == expected
        for day in (DAY, NEXT_DAY):
            assert report("top_rejected_pairs", day) == with_day(SMALL_TOP[day], day)
            assert report("rejected_flow_details", day) == with_day(SMALL_DETAILS[day], day)
        assert report("top_rejected_pairs", last) == []
        logs = boto3.client("s3").list_objects_v2(Bucket=BUCKET, Prefix="AWSLogs/")["Contents"]
        told = metadata(result, "rejected_flows", DAY)
        assert (told["bytes scanned"], told["days at once"]) == (sum(log["Size"] for log in logs), 3)


def test_a_range_that_takes_several_statements_tells_which_days_are_not_done(
    aws: AwsDouble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assets.datasets.unload.MAX_PARTITIONS_PER_UNLOAD", 2)
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    succeed(settings())
    before, reports = partitions("rejected_flows"), report("top_rejected_pairs", DAY)
    nothing = {"state": "FAILED", "reason": "GENERIC_INTERNAL_ERROR: no luck"}
    first, last = DAY - timedelta(days=2), NEXT_DAY
    succeed(settings(), first, last, selection="vpc_flow_logs_partition")
    aws.set(fail_queries=[None, nothing])
    message = failure(materialize(settings(), first, last, selection=f"rejected_flows,{REPORTS}"))
    assert "no luck" in message
    assert f"Not done: {DAY}, {NEXT_DAY}. Done: 2 other days." in message
    found = rejected_flows()
    assert partitions("rejected_flows").items() > before.items()
    assert found.days == {
        **{(DAY - timedelta(days=number)).isoformat(): (0, []) for number in (1, 2)},
        DAY.isoformat(): (1, sorted(SMALL_DETAILS[DAY], key=repr)),
    }
    # What it had written of the other two when it failed, which Athena does not remove, and what tells of it.
    notes = [key for key in found.left_behind if key.startswith("datasets/_unfinished/")]
    assert (len(notes), len(found.left_behind)) == (2, 4)
    assert report("top_rejected_pairs", DAY) == reports
    succeed(settings(), DAY, NEXT_DAY, selection=f"rejected_flows,{REPORTS}")
    for day in (DAY, NEXT_DAY):
        assert report("top_rejected_pairs", day) == with_day(SMALL_TOP[day], day)


def test_a_query_or_unload_leads_back_to_its_run_from_within(aws: AwsDouble, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    run_id = succeed(settings()).run_id
    told = [query["Query"] for query in aws.queries() if query["StatementType"] == "DML"]
    # The page has a query of its own, and one more for examples where there are odd records.
    assert len(told) == 1 + len(REPORTS.split(",")) + 2
    assert {text.partition("-- vpc-flow-lake: ")[2].partition("\nTO ")[0] for text in told} == {
        f"rejected_flows, run {run_id}\n)",
        *(f"{name}, run {run_id}" for name in [*REPORTS.split(","), "daily_page"]),
    }


def test_every_report_tells_its_cost(aws: AwsDouble, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    result = materialize(settings())
    told = metadata(result, "top_rejected_pairs")
    (query,) = [query for query in aws.queries() if query["QueryExecutionId"] == told["query id"]]
    assert told["bytes scanned"] == query["Statistics"]["DataScannedInBytes"] > 0
    assert told["cost in US dollars"] == pytest.approx(10 * 2**20 / 2**40 * 5)
    assert metadata(result, "rejected_flows")["cost in US dollars"] == pytest.approx(10 * 2**20 / 2**40 * 5)
    assert told["console"].startswith("https://us-east-1.console.aws.amazon.com/athena/")
    assert told["console"].endswith(str(told["query id"]))


def test_results_go_where_the_setting_says(aws: AwsDouble, tmp_path: Path) -> None:
    s3 = boto3.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    succeed(settings(results=f"s3://{BUCKET}/derived/flow-lake"))
    assert report("top_rejected_pairs", DAY, prefix="derived/flow-lake/") == with_day(SMALL_TOP[DAY], DAY)
    assert rejected_flows("derived/flow-lake/").days == {
        DAY.isoformat(): (1, sorted(SMALL_DETAILS[DAY], key=repr)),
    }
    keys = {item["Key"].split("/")[0] for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]}
    assert keys == {"AWSLogs", "derived"}


def test_logs_of_several_accounts_need_a_choice(aws: AwsDouble, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    upload(tmp_path / "small", account="210987654321")
    message = failure(materialize(settings()))
    assert "FLOWLAKE_ACCOUNT_ID=123456789012" in message
    assert "FLOWLAKE_ACCOUNT_ID=210987654321" in message
    succeed(settings(account_id="210987654321"))


def test_no_call_is_made_while_definitions_load_nor_by_the_embedded_target(
    aws: AwsDouble, small_logs: Path, tmp_path: Path
) -> None:
    from pipelines.build import build_definitions
    from pipelines.settings import Settings

    build_definitions(settings(["vpc-0123456789abcdef0"]))
    embedded = Settings(bucket=str(small_logs), results=str(tmp_path / "results"))
    succeed(embedded)
    assert aws.calls() == []


# Whose results


@pytest.mark.parametrize("key", ["reports/top_rejected_pairs/2021-09-02.csv", "lake/datasets/a.parquet"])
def test_a_place_with_other_objects_is_not_claimed(aws: AwsDouble, vpc: str, key: str) -> None:
    succeed(settings([vpc]), selection="vpc_flow_logs_bucket")
    boto3.client("s3").put_object(Bucket=BUCKET, Key=key, Body=b"theirs")
    configured = settings([vpc], results=f"s3://{BUCKET}/lake/" if key.startswith("lake/") else None)
    assert failure(materialize(configured)).startswith(f"s3://{BUCKET}/{key} lies where this project keeps its own")
    assert list(state(aws)[BUCKET]["objects"]) == [key]
    assert "vpc_flow_lake.vpc_flow_logs" not in state(aws)


def test_of_two_sources_that_claim_a_place_at_once_one_does(
    aws: AwsDouble, vpc: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3, add = boto3.client("s3"), S3Store.add
    note = b"s3://another/AWSLogs/210987654321/vpcflowlogs/eu-west-1/\nAthena of another\n"

    def second(store: S3Store, objects: Mapping[str, bytes]) -> None:
        s3.put_object(Bucket=BUCKET, Key=SOURCE_RECORD, Body=note)
        add(store, objects)

    monkeypatch.setattr(S3Store, "add", second)
    assert failure(materialize(settings([vpc]))).startswith(f"The results in s3://{BUCKET}/ were made from the flow")
    assert s3.get_object(Bucket=BUCKET, Key=SOURCE_RECORD)["Body"].read() == note
