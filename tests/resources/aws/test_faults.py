"""Faults of AWS and the network, in AWS's own wire format: a run succeeds or fails clearly, the next repairs all."""

import json
import logging
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from aws_double.server import AwsDouble
from aws_lineage import (
    BUCKET,
    REPORTS,
    become,
    failure,
    make_vpc,
    materialize,
    policy,
    rejected_flows,
    report,
    settings,
    state,
    succeed,
    upload_small_logs,
)
from support import DAY, NEXT_DAY, SMALL_DETAILS, SMALL_TOP, with_day

from assets.day_objects import DayObjects
from flowlogs.errors import FlowLakeError
from flowlogs.statements import TableName
from pipelines.targets import build_target
from resources.aws.athena import Athena
from resources.engine import QueryEngine
from torture.cutting_proxy import CuttingProxy

SERVICES = ("s3", "ec2", "athena", "glue", "sts")

THROTTLING = {
    "s3": {"code": "SlowDown", "status": 503},
    "ec2": {"code": "RequestLimitExceeded", "status": 503},
    "athena": {"code": "TooManyRequestsException", "status": 400},
    "glue": {"code": "ThrottlingException", "status": 400},
    "sts": {"code": "Throttling", "status": 400},
}

FAULTS: dict[str, Any] = {
    "throttled": lambda service: {"error": THROTTLING[service]},
    "failing": lambda _: {"error": {"code": "InternalFailure", "status": 500}},
    "dropped": lambda _: {"reset": True},
}


PROXY = """
import sys
from microburst import cli, forward
# Without this it strips the Content-Length of HEAD's answers, which S3 always gives.
forward.HOP_BY_HOP -= {"content-length"}
sys.exit(cli.main())
"""


class FaultyNetwork:
    """A proxy between the project and the double that injects faults (microburst, from PyPI)."""

    def __init__(self, upstream: str) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        command = [sys.executable, "-c", PROXY, "--upstream", upstream, "--port", str(port), "--no-resign"]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/_microburst/health").close()
                break
            except urllib.error.URLError:
                if self._process.poll() is not None:
                    raise

    def inject(self, *rules: dict[str, Any]) -> None:
        """Let exactly these rules hold from now on."""
        request = urllib.request.Request(
            f"{self.url}/_microburst/rules", json.dumps(rules).encode(), {"Content-Type": "application/json"}
        )
        urllib.request.urlopen(request).close()

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()


@pytest.fixture(scope="session")
def network_of_server(aws_server: AwsDouble) -> Iterator[FaultyNetwork]:
    network = FaultyNetwork(aws_server.url)
    yield network
    network.stop()


@pytest.fixture
def network(aws: AwsDouble, network_of_server: FaultyNetwork, monkeypatch: pytest.MonkeyPatch) -> FaultyNetwork:
    """The network between this process and the double, without faults until a test injects some."""
    network_of_server.inject()
    monkeypatch.setenv("AWS_ENDPOINT_URL", network_of_server.url)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "3")
    return network_of_server


_left: list[dict[str, Any]] = []


@pytest.fixture
def clean_state(aws: AwsDouble, network: FaultyNetwork, tmp_path: Path) -> dict[str, Any]:
    """What a run without faults leaves; the account is empty, but for its bucket with logs."""
    if not _left:
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        upload_small_logs(tmp_path)
        succeed(settings())
        _left.append(state(aws))
        aws.reset()
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    return _left[0]


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("service", SERVICES)
def test_a_fault_that_passes_is_not_noticed(aws: AwsDouble, network: FaultyNetwork, service: str, fault: str) -> None:
    vpc = make_vpc()
    network.inject({"service": service, "times": 2, **FAULTS[fault](service)})
    result = materialize(settings([vpc]))
    network.inject()
    assert result.success
    assert report("top_rejected_pairs", DAY) == []


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("service", ["s3", "athena", "glue"])
def test_a_fault_that_stays_fails_clearly_and_the_next_run_repairs_all(
    aws: AwsDouble,
    network: FaultyNetwork,
    clean_state: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    service: str,
    fault: str,
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    network.inject({"service": service, **FAULTS[fault](service)})
    message = failure(materialize(settings()))
    network.inject()
    assert "Traceback" not in message
    assert message.startswith(("AWS refused", "AWS could not be asked"))
    succeed(settings())
    assert state(aws) == clean_state


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("service", ["ec2", "sts"])
def test_a_fault_on_the_way_to_a_flow_log_fails_clearly_and_the_next_run_repairs_all(
    aws: AwsDouble, network: FaultyNetwork, monkeypatch: pytest.MonkeyPatch, service: str, fault: str
) -> None:
    vpc = make_vpc()
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    network.inject({"service": service, **FAULTS[fault](service)})
    message = failure(materialize(settings([vpc])))
    network.inject()
    assert message.startswith(("AWS refused", "AWS could not be asked"))
    succeed(settings([vpc]))
    found = state(aws)
    assert len(found["flow logs"]) == 1
    assert list(found["vpc_flow_lake.vpc_flow_logs"]["partitions"]) == [DAY.isoformat()]
    assert report("top_rejected_pairs", DAY) == []


def test_slow_answers_are_waited_for(aws: AwsDouble, network: FaultyNetwork) -> None:
    network.inject({"service": "*", "latency": 60})
    succeed(settings([make_vpc()]))


@pytest.mark.parametrize("times", [1, 2])
def test_an_answer_that_breaks_off_is_asked_for_once_more(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, times: int
) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    data = bytes(range(256)) * 1_000
    boto3.client("s3").put_object(Bucket=BUCKET, Key="large", Body=data)
    proxy = CuttingProxy(aws.url)
    monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
    store = build_target(settings()).results
    proxy.arm(100_000, times)
    if times == 1:
        assert store.read("large") == data
    else:
        with pytest.raises(FlowLakeError, match=r"^AWS could not be asked \(reading s3://.*/large\)"):
            store.read("large")
    assert proxy.cuts() == times
    proxy.stop()


def test_reports_that_cannot_be_written_leave_the_earlier_ones(
    aws: AwsDouble, network: FaultyNetwork, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    succeed(settings())
    before = state(aws)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    network.inject({"service": "s3", "operation": "PutObject", "error": {"code": "InternalError", "status": 500}})
    message = failure(materialize(settings()))
    network.inject()
    assert "writing s3://" in message
    assert state(aws) == before
    assert report("top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
    assert report("rejected_flow_details", DAY) == with_day(SMALL_DETAILS[DAY], DAY)


def test_a_throttled_start_of_a_query_is_repeated_and_a_refused_statement_is_not(
    aws: AwsDouble, caplog: pytest.LogCaptureFixture
) -> None:
    from pipelines.targets import build_target
    from resources.engine import QueryError

    boto3.client("s3").create_bucket(Bucket=BUCKET)
    athena = build_target(settings()).athena
    athena.ensure()
    aws.set(errors=[{"service": "athena", "action": "StartQueryExecution", "code": "ThrottlingException", "count": 2}])
    assert athena.execute("SELECT 1 AS one").frame["one"].tolist() == [1]
    assert len(aws.calls("athena:StartQueryExecution")) == 3
    with pytest.raises(QueryError) as refused:
        athena.execute("SELEC 1")
    assert "SELEC 1" in str(refused.value)
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []
    assert len(aws.calls("athena:StartQueryExecution")) == 4


@pytest.mark.parametrize(
    ("action", "code"),
    [
        ("CreateBucket", "OperationAborted"),
        ("PutBucketPolicy", "OperationAborted"),
        ("PutObject", "ConditionalRequestConflict"),
    ],
)
def test_a_conflict_in_s3_is_asked_again(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, action: str, code: str
) -> None:
    monkeypatch.setattr("resources.aws.clients.CONFLICT_SECONDS", (0, 0, 0, 0))
    aws.set(errors=[{"service": "s3", "action": action, "code": code, "count": 2, "status": "409 Conflict"}])
    succeed(settings([make_vpc()]))


def test_a_conflict_in_s3_that_stays_is_told(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("resources.aws.clients.CONFLICT_SECONDS", (0, 0, 0, 0))
    conflict = {"service": "s3", "action": "CreateBucket", "code": "OperationAborted", "status": "409 Conflict"}
    aws.set(errors=[{**conflict, "count": 99}])
    assert failure(materialize(settings([make_vpc()]))).startswith("AWS refused CreateBucket")
    assert len(aws.calls("s3:CreateBucket")) == 5


def test_a_missing_bucket_of_results_names_its_setting(aws: AwsDouble) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    message = failure(materialize(settings(results="s3://no-such-bucket/lake")))
    assert "no-such-bucket" in message and "FLOWLAKE_RESULTS" in message


def test_a_query_that_takes_too_long_is_stopped(aws: AwsDouble) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    athena = build_target(settings(query_timeout_seconds=0.5)).athena
    athena.ensure()
    aws.set(running_seconds=30)
    with pytest.raises(FlowLakeError, match="FLOWLAKE_QUERY_TIMEOUT_SECONDS"):
        athena.execute("SELECT 1 AS one")
    assert [query["Status"]["State"] for query in aws.queries()] == ["CANCELLED"]


def test_a_query_over_the_scan_limit_says_so(aws: AwsDouble, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    aws.set(scanned_bytes=20_000_001)
    message = failure(materialize(settings(scan_limit_bytes=20_000_000)))
    assert "Bytes scanned limit was exceeded" in message


def test_days_that_cannot_be_scanned_at_once_are_scanned_in_halves(aws: AwsDouble, tmp_path: Path) -> None:
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    succeed(settings(), DAY, NEXT_DAY, selection="vpc_flow_logs_bucket,vpc_flow_log,vpc_flow_logs")
    succeed(settings(), DAY, NEXT_DAY, selection="vpc_flow_logs_partition")
    before = len(aws.queries())
    aws.set(fail_queries=[{"state": "CANCELLED", "reason": "Bytes scanned limit was exceeded"}])
    succeed(settings(), DAY, NEXT_DAY, selection=f"rejected_flows,{REPORTS}")
    kinds = [query["SubstatementType"] for query in aws.queries()[before:]]
    assert kinds == [*["UNLOAD"] * 3, "ALTER_TABLE_ADD_PARTITION", *["SELECT" for _ in REPORTS.split(",")]]
    for day in (DAY, NEXT_DAY):
        assert report("top_rejected_pairs", day) == with_day(SMALL_TOP[day], day)
    assert rejected_flows().left_behind == []


def of_bytes(monkeypatch: pytest.MonkeyPatch, each_day: int) -> None:
    """Let the objects of each day be said to have so many bytes."""
    monkeypatch.setattr(DayObjects, "size", each_day)


@pytest.fixture
def narrow_workgroup(aws: AwsDouble, tmp_path: Path) -> AwsDouble:
    """Somebody else's workgroup, which allows a query 10 MB, where the setting is 100 GB. Two days are added."""
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    upload_small_logs(tmp_path)
    boto3.client("athena").create_work_group(
        Name="vpc-flow-lake", Configuration={"BytesScannedCutoffPerQuery": 10_000_000}
    )
    succeed(settings(), selection="vpc_flow_logs_bucket,vpc_flow_log,vpc_flow_logs")
    succeed(settings(), DAY, NEXT_DAY, selection="vpc_flow_logs_partition")
    return aws


def unloads(aws: AwsDouble) -> list[str]:
    """How each UNLOAD ended."""
    return [query["Status"]["State"] for query in aws.queries() if query["SubstatementType"] == "UNLOAD"]


def test_days_are_scanned_together_as_far_as_the_workgroup_allows(
    narrow_workgroup: AwsDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(narrow_workgroup, monkeypatch, policy("iam-policy-daily.json"))
    of_bytes(monkeypatch, 6_000_000)
    narrow_workgroup.set(scanned_bytes=6_000_000)
    succeed(settings(), DAY, NEXT_DAY, selection=f"rejected_flows,{REPORTS}")
    assert unloads(narrow_workgroup) == ["SUCCEEDED", "SUCCEEDED"]
    narrow_workgroup.set(enforce_iam=False)
    for day in (DAY, NEXT_DAY):
        assert report("top_rejected_pairs", day) == with_day(SMALL_TOP[day], day)


def test_a_day_that_the_workgroup_would_cancel_is_refused_before_it_is_sent(
    narrow_workgroup: AwsDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_bytes(monkeypatch, 10_000_001)
    assert failure(materialize(settings(), selection="rejected_flows")) == (
        f"The objects of {DAY} are 10,000,001 bytes, and one query may scan 10,000,000. Raise that in Athena's "
        "workgroup and in FLOWLAKE_SCAN_LIMIT_BYTES. Nothing was scanned."
    )
    assert unloads(narrow_workgroup) == []


def test_where_the_workgroup_may_not_be_looked_at_the_setting_decides(
    narrow_workgroup: AwsDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    become(narrow_workgroup, monkeypatch, policy("iam-policy-daily.json", without="athena:GetWorkGroup"))
    of_bytes(monkeypatch, 10_000_001)
    succeed(settings(), DAY, NEXT_DAY, selection="rejected_flows")
    assert unloads(narrow_workgroup) == ["SUCCEEDED"]


MISSING = date(2020, 1, 1)
"""A day without a partition."""


class BusyGlue:
    """A Glue that comes to look for at most so many partitions at a time, all of which are there but one."""

    def __init__(self, most: int) -> None:
        self.most = most

    def batch_get_partition(self, *, PartitionsToGet: list[dict[str, list[str]]], **_: str) -> dict[str, Any]:  # noqa: N803
        looked_for, left = PartitionsToGet[: self.most], PartitionsToGet[self.most :]
        found = [{**key, "StorageDescriptor": {"Location": f"s3://{key['Values'][0]}"}} for key in looked_for]
        return {"Partitions": [one for one in found if one["Values"] != [str(MISSING)]], "UnprocessedKeys": left}


def engine_with(glue: BusyGlue, monkeypatch: pytest.MonkeyPatch) -> QueryEngine:
    athena = build_target(settings()).athena
    assert isinstance(athena, Athena)
    monkeypatch.setattr(athena.clients, "client", lambda _: glue)
    return athena


def test_partitions_that_glue_did_not_come_to_look_for_are_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = [*(DAY + timedelta(days=number) for number in range(250)), MISSING]
    found = engine_with(BusyGlue(7), monkeypatch).partition_locations(TableName("a", "b"), asked)
    assert found == {day: f"s3://{day}" for day in asked[:-1]}


def test_partitions_that_glue_never_looks_for_are_not_taken_for_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FlowLakeError, match="Glue does not answer which partitions `a`.`b` has"):
        engine_with(BusyGlue(0), monkeypatch).partition_locations(TableName("a", "b"), [DAY, NEXT_DAY])
