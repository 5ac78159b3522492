"""What the tests of the aws target share: a VPC and logs in the account, runs of the lineage, and what they left."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from string import Template
from typing import Any

import boto3
import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from aws_double.server import AwsDouble
from lake import CHOSEN_REPORTS
from support import DAY, ROOT, write_small_logs

from assets.reports.asset import report_keys
from flowlogs.datasets import DATASETS
from flowlogs.fields import DEFAULT_FIELDS
from flowlogs.layout import is_visible
from pipelines.build import build_definitions
from pipelines.settings import Settings

BUCKET = "company-vpc-flow-logs"
EVERYTHING = "*"
SETUP = "vpc_flow_logs_bucket,vpc_flow_log,vpc_flow_logs"
REPORTS = ",".join(report.name for report in CHOSEN_REPORTS)
DAILY = f"vpc_flow_logs_partition,{','.join(DATASETS)},{REPORTS}"


def make_vpc() -> str:
    """A VPC in the account; returns its id."""
    return boto3.client("ec2").create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]


def subnet_of(vpc: str) -> str:
    """A new subnet of a VPC."""
    return str(boto3.client("ec2").create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"])


def interface_of(vpc: str) -> str:
    """A new network interface in a VPC."""
    ec2 = boto3.client("ec2")
    return str(ec2.create_network_interface(SubnetId=subnet_of(vpc))["NetworkInterface"]["NetworkInterfaceId"])


def create_flow_log(resource: str, **others: Any) -> str:
    """A flow log that somebody else made; returns its id."""
    request = {
        "TrafficType": "ALL",
        "MaxAggregationInterval": 600,
        "LogDestination": f"arn:aws:s3:::{BUCKET}",
        "ResourceType": "VPC",
        **others,
    }
    answer = boto3.client("ec2").create_flow_logs(ResourceIds=[resource], LogDestinationType="s3", **request)
    assert answer["Unsuccessful"] == []
    (created,) = answer["FlowLogIds"]
    return str(created)


def settings(vpc_ids: Sequence[str] = (), **others: object) -> Settings:
    """The settings of a user of AWS."""
    return Settings(**{"target": "aws", "bucket": BUCKET, "vpc_ids": tuple(vpc_ids), **others})


def upload(folder: Path, account: str | None = None, region: str | None = None) -> None:
    """Put a folder that is laid out as a bucket into the bucket, as the flow logs of account and region if given."""
    s3 = boto3.client("s3")
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        key = path.relative_to(folder).as_posix()
        if account:
            key = key.replace(key.split("/")[1], account)
        if region:
            key = key.replace(key.split("/")[3], region)
        s3.put_object(Bucket=BUCKET, Key=key, Body=path.read_bytes())


def upload_small_logs(tmp_path: Path, region: str | None = None, account: str | None = None) -> None:
    upload(write_small_logs(tmp_path / "small"), account, region)


def materialize(
    configured: Settings,
    first: date = DAY,
    last: date | None = None,
    *,
    selection: str = EVERYTHING,
    definitions: dg.Definitions | None = None,
) -> dg.ExecuteInProcessResult:
    """Run (part of) the lineage for a day, or for a range of days, in this process."""
    definitions = definitions or build_definitions(configured, CHOSEN_REPORTS)
    job = definitions.resolve_implicit_global_asset_job_def()
    keys = None if selection == EVERYTHING else [dg.AssetKey(name) for name in selection.split(",")]
    tags = (
        {
            "dagster/asset_partition_range_start": first.isoformat(),
            "dagster/asset_partition_range_end": last.isoformat(),
        }
        if last
        else {}
    )
    return job.execute_in_process(
        instance=dg.DagsterInstance.ephemeral(),
        asset_selection=keys,
        partition_key=None if last else first.isoformat(),
        tags=tags,
        raise_on_error=False,
    )


def succeed(configured: Settings, *days: date, **others: Any) -> dg.ExecuteInProcessResult:
    """`materialize`, which must succeed."""
    result = materialize(configured, *days, **others)
    assert result.success, failure(result)
    return result


def failure(result: dg.ExecuteInProcessResult) -> str:
    """What the run's failed step says; the run must have failed."""
    assert not result.success
    event = result.get_step_failure_events()[0].step_failure_data
    return event.user_failure_data.description if event.user_failure_data else event.error.to_string()


def checks(result: dg.ExecuteInProcessResult) -> dict[str, tuple[bool, str]]:
    """By its name, whether each check passed and what it found."""
    return {
        check.check_name: (check.passed, str(check.metadata["found"].value) if "found" in check.metadata else "")
        for check in result.get_asset_check_evaluations()
    }


def metadata(result: dg.ExecuteInProcessResult, asset: str, day: date | None = None) -> dict[str, Any]:
    """The metadata of an asset's last materialization in the run, or of the one of a day."""
    events = [event for event in result.get_asset_materialization_events() if event.asset_key == dg.AssetKey(asset)]
    events = [event for event in events if day is None or event.partition == day.isoformat()]
    materialization = events[-1].step_materialization_data.materialization
    return {name: value.value for name, value in materialization.metadata.items()}


def report(name: str, day: date, prefix: str = "", bucket: str = BUCKET) -> list[list[object]]:
    """The rows of a day's report in S3, NULL as None; its CSV has the same number of them."""
    parquet, csv = (f"{prefix}{key}" for key in report_keys(name, day))
    rows = parquet_rows(parquet, bucket)
    text = boto3.client("s3").get_object(Bucket=bucket, Key=csv)["Body"].read().decode()
    assert text.count("\n") == len(rows) + 1
    return rows


@dataclass(frozen=True)
class RejectedFlows:
    """What `rejected_flows` holds: by day, the number of visible objects and the rows; and what no day points at."""

    days: dict[str, tuple[int, list[list[object]]]]
    left_behind: list[str]


def rejected_flows(prefix: str = "") -> RejectedFlows:
    """The table as a reader sees it, object by object: not through the engine that wrote it."""
    s3, root = boto3.client("s3"), f"{prefix}datasets/"
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=root)
    left = {
        item["Key"] for page in pages for item in page.get("Contents", []) if "/dataset=traffic_" not in item["Key"]
    }
    days = {}
    for day, location in partitions("rejected_flows").items():
        folder = f"{location.removeprefix(f's3://{BUCKET}/').rstrip('/')}/"
        keys = sorted(key for key in left if key.startswith(folder) and is_visible(key, folder))
        # The fields behind the default ones are those of custom formats.
        rows = [row[: len(DEFAULT_FIELDS)] for key in keys for row in parquet_rows(key)]
        days[day] = (len(keys), sorted(rows, key=repr))
        # The marker, too, that says that the day is complete.
        left -= {key for key in left if key.replace("/_complete/", "/").startswith(folder)}
    return RejectedFlows(days, sorted(left))


def partitions(table: str) -> dict[str, str]:
    """Where each day of a table lies."""
    pages = boto3.client("glue").get_paginator("get_partitions").paginate(DatabaseName="vpc_flow_lake", TableName=table)
    return {p["Values"][0]: p["StorageDescriptor"]["Location"] for page in pages for p in page["Partitions"]}


def partitions_of(table: str) -> object:
    """What is the same of a table's partitions after each run."""
    if table == "rejected_flows":
        return rejected_flows()
    return sorted(partitions(table)) if table in DATASETS else partitions(table)


def parquet_rows(key: str, bucket: str = BUCKET) -> list[list[object]]:
    """The rows of a Parquet object, NULL as None."""
    body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return [list(row.values()) for row in pq.read_table(pa.BufferReader(body)).to_pylist()]


def state(aws: AwsDouble) -> dict[str, Any]:
    """Everything that the account holds and that a run makes or could touch, without what every run adds.

    Where the rejected flows lie is another place each time: instead of that, what is found there. Snapshots of names
    are called by the time of the run.
    """
    s3, glue = boto3.client("s3"), boto3.client("glue")
    found: dict[str, Any] = {"buckets": [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]}
    for bucket in found["buckets"]:
        found[bucket] = {
            **bucket_settings(bucket),
            "objects": {
                item["Key"]: item["ETag"]
                for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket)
                for item in page.get("Contents", [])
                if not item["Key"].startswith(("athena-results/", "datasets/", "names/"))
            },
        }
        if "Policy" in (policy := found[bucket].get("policy") or {}):
            # Neither the order nor the names of its statements say anything.
            policy["Policy"] = sorted(
                json.dumps({**one, "Sid": ""}, sort_keys=True) for one in json.loads(policy["Policy"])["Statement"]
            )
    found["flow logs"] = sorted(
        json.dumps({key: log[key] for key in ("ResourceId", "LogDestination", "TrafficType", "Tags")}, sort_keys=True)
        for log in boto3.client("ec2").describe_flow_logs()["FlowLogs"]
    )
    found["workgroups"] = [group["Name"] for group in boto3.client("athena").list_work_groups()["WorkGroups"]]
    for database in glue.get_databases()["DatabaseList"]:
        for table in glue.get_tables(DatabaseName=database["Name"])["TableList"]:
            found[f"{database['Name']}.{table['Name']}"] = {
                "columns": table["StorageDescriptor"]["Columns"],
                "partitions": partitions_of(table["Name"]),
            }
    return found


def bucket_settings(bucket: str) -> dict[str, Any]:
    """Each of a bucket's settings as S3 tells it; None where there is none."""
    s3 = boto3.client("s3")
    found: dict[str, Any] = {}
    for name in (
        "policy",
        "tagging",
        "encryption",
        "ownership_controls",
        "lifecycle_configuration",
        "public_access_block",
    ):
        operation = getattr(s3, f"get_{name}" if name == "public_access_block" else f"get_bucket_{name}")
        try:
            answer: Mapping[str, Any] = operation(Bucket=bucket)
        except s3.exceptions.ClientError:
            answer = {}
        found[name] = {key: value for key, value in answer.items() if key != "ResponseMetadata"} or None
    return found


def policy_statements(bucket: str = BUCKET) -> list[dict[str, Any]]:
    found = bucket_settings(bucket)["policy"]
    return json.loads(found["Policy"])["Statement"] if found else []


NAMES: Mapping[str, str] = {
    "BUCKET": BUCKET,
    "ACCOUNT_ID": "123456789012",
    "PARTITION": "aws",
    "REGION": "us-east-1",
    "WORKGROUP": "vpc-flow-lake",
    "DATABASE": "vpc_flow_lake",
    "TABLE": "vpc_flow_logs",
    "TOPIC": "flow-lake",
}


def policy(name: str, without: str = "", of: str = "", **names: str) -> dict[str, Any]:
    """A policy of deploy/ for the tests' account, without one of its actions; `of` names the statement, if just one."""
    text = Template((ROOT / "deploy" / name).read_text(encoding="utf-8")).substitute({**NAMES, **names})
    document: dict[str, Any] = json.loads(text)
    for statement in document["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        statement["Action"] = [a for a in actions if a != without or of not in ("", statement["Sid"])]
    document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
    return document


def become(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, *policies: dict[str, Any]) -> None:
    """Go on as a user that has these policies and nothing else."""
    for name, value in aws.environment_of(aws.user(f"user-{len(policies)}", *policies)).items():
        monkeypatch.setenv(name, value)
    boto3.DEFAULT_SESSION = None
    aws.set(enforce_iam=True)
