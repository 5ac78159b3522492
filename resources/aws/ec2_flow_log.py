"""The flow logs of the configured VPCs: found, adopted whoever made them, or created; never changed."""

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

from flowlogs.errors import FlowLakeError
from flowlogs.fields import DEFAULT_FIELDS
from resources.aws.clients import CREATED_BY, AwsClients, aws_errors, error_code
from resources.aws.s3_bucket import S3Bucket
from resources.ensured import Ensured
from resources.flow_log import FlowLog

DEFAULT_FORMAT = " ".join(f"${{{field.header}}}" for field in DEFAULT_FIELDS)
"""As DescribeFlowLogs gives it for a flow log in the default format (EC2 API reference, CreateFlowLogs, LogFormat)."""

PLAIN_FOLDERS = {"FileFormat": "plain-text", "HiveCompatiblePartitions": False, "PerHourPartition": False}


class Ec2FlowLog(FlowLog):
    """Flow logs of VPCs that deliver to the root of a bucket."""

    def __init__(
        self,
        clients: AwsClients,
        bucket: S3Bucket,
        vpc_ids: Sequence[str],
        *,
        name: str,
        traffic_type: str,
        aggregation_seconds: int,
    ) -> None:
        self.clients = clients
        self.bucket = bucket
        self.vpc_ids = vpc_ids
        self.name = name
        self.traffic_type = traffic_type
        self.aggregation_seconds = aggregation_seconds

    def ensure(self) -> Ensured:
        if not self.vpc_ids:
            return Ensured({"flow log": "none is created: FLOWLAKE_VPC_IDS names no VPC, so existing logs are read"})
        self._require_vpcs()
        delivering = self._delivering()
        missing = [vpc_id for vpc_id in self.vpc_ids if vpc_id not in delivering]
        if missing:
            with self.bucket.policy_kept():
                self._create(missing)
            delivering = self._delivering()
        logs = [log for vpc_id in self.vpc_ids for log in delivering.get(vpc_id, [])]
        return Ensured(
            {f"{log['ResourceId']} {log['FlowLogId']}": self._summary(log) for log in logs},
            warnings=tuple(warning for log in logs for warning in self._differences(log)),
            errors=tuple(error for log in logs for error in self._faults(log)),
        )

    def deliver(self, days: Sequence[date]) -> None:
        return None

    def remove(self) -> Ensured:
        """Delete the flow logs that this project created (by their tag) and that deliver to this bucket."""
        ours = [log for log in self._flow_logs() if _is_ours(log) and self._delivers_here(log)]
        ids = [log["FlowLogId"] for log in ours]
        if ids:
            with aws_errors("deleting flow logs"):
                answer = self.clients.client("ec2").delete_flow_logs(FlowLogIds=ids)
            # One that is gone already was deleted by a run beside this one.
            failed = [item for item in answer.get("Unsuccessful", []) if "NotFound" not in item["Error"]["Code"]]
            if failed:
                raise FlowLakeError(f"Some flow logs were not deleted: {_unsuccessful(failed, 'ec2:DeleteFlowLogs')}")
        return Ensured({"deleted": ", ".join(ids) or "none: there is no flow log of this project's for this bucket"})

    def _require_vpcs(self) -> None:
        from botocore.exceptions import ClientError

        with aws_errors("looking for the VPCs"):
            try:
                self.clients.client("ec2").describe_vpcs(VpcIds=list(self.vpc_ids))
            except ClientError as error:
                if error_code(error).startswith("InvalidVpcI"):
                    raise FlowLakeError(
                        f"FLOWLAKE_VPC_IDS: {error.response['Error']['Message']} (account {self.clients.account}, "
                        f"region {self.clients.region})."
                    ) from None
                raise

    def _create(self, vpc_ids: Sequence[str]) -> None:
        from botocore.exceptions import ClientError

        tags = [{"Key": key, "Value": value} for key, value in {"Name": self.name, **CREATED_BY}.items()]
        with aws_errors(f"creating a flow log for {', '.join(vpc_ids)}"):
            try:
                answer = self.clients.client("ec2").create_flow_logs(
                    ResourceIds=list(vpc_ids),
                    ResourceType="VPC",
                    TrafficType=self.traffic_type,
                    LogDestinationType="s3",
                    LogDestination=f"arn:aws:s3:::{self.bucket.name}",
                    MaxAggregationInterval=self.aggregation_seconds,
                    TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": tags}],
                )
            except ClientError as error:
                # A run beside this one was faster, or an answer got lost and boto3 asked again.
                if error_code(error) != "FlowLogAlreadyExists":
                    raise
                return
        failed = [item for item in answer.get("Unsuccessful", []) if item["Error"]["Code"] != "FlowLogAlreadyExists"]
        if failed:
            needed = "ec2:CreateFlowLogs, ec2:CreateTags and logs:CreateLogDelivery"
            raise FlowLakeError(f"A flow log could not be created: {_unsuccessful(failed, needed)}")

    def _flow_logs(self) -> Iterator[dict[str, Any]]:
        with aws_errors("looking for flow logs"):
            pages = self.clients.client("ec2").get_paginator("describe_flow_logs").paginate()
            for page in pages:
                yield from page["FlowLogs"]

    def _delivering(self) -> dict[str, list[dict[str, Any]]]:
        """The flow logs that deliver to this bucket, by their VPC."""
        found: dict[str, list[dict[str, Any]]] = {}
        for log in self._flow_logs():
            if self._delivers_here(log):
                found.setdefault(log["ResourceId"], []).append(log)
        return found

    def _delivers_here(self, log: dict[str, Any]) -> bool:
        destination = str(log.get("LogDestination", "")).rstrip("/")
        return log.get("LogDestinationType") == "s3" and destination == f"arn:aws:s3:::{self.bucket.name}"

    def _summary(self, log: dict[str, Any]) -> str:
        whose = "created by this project" if _is_ours(log) else "adopted"
        return (
            f"{log.get('FlowLogStatus')}, {whose}, {log.get('TrafficType')} traffic, "
            f"{log.get('MaxAggregationInterval', 600)} s, delivery {log.get('DeliverLogsStatus', 'not reported yet')}"
        )

    def _differences(self, log: dict[str, Any]) -> Iterator[str]:
        """What another flow log leaves out or does at another pace, while its records can be read."""
        who = f"{log['FlowLogId']} of {log['ResourceId']}"
        if log.get("TrafficType") != self.traffic_type:
            yield f"{who} records {log.get('TrafficType')} traffic; FLOWLAKE_TRAFFIC_TYPE is {self.traffic_type}"
        interval = log.get("MaxAggregationInterval", 600)
        if interval != self.aggregation_seconds:
            yield f"{who} aggregates over {interval} s; FLOWLAKE_AGGREGATION_SECONDS is {self.aggregation_seconds}"

    def _faults(self, log: dict[str, Any]) -> Iterator[str]:
        """What keeps a flow log's records from arriving, or from being read by the table."""
        who = f"{log['FlowLogId']} of {log['ResourceId']}"
        if log.get("FlowLogStatus") != "ACTIVE":
            yield f"{who} is {log.get('FlowLogStatus')}, not ACTIVE"
        if log.get("DeliverLogsStatus") == "FAILED":
            yield f"{who} cannot deliver: {log.get('DeliverLogsErrorMessage', 'AWS gives no reason')}"
        if log.get("LogFormat", DEFAULT_FORMAT) != DEFAULT_FORMAT:
            yield (
                f"{who} records the fields {log['LogFormat']}, which the table does not read. A flow log's format "
                "cannot be changed: have one in the default format deliver to another bucket, and name that bucket in "
                "FLOWLAKE_BUCKET"
            )
        options = {**PLAIN_FOLDERS, **(log.get("DestinationOptions") or {})}
        for option, expected in PLAIN_FOLDERS.items():
            if options[option] != expected:
                yield f"{who} has {option} {options[option]}, which the table does not read: it needs {expected}"


def _is_ours(log: dict[str, Any]) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in log.get("Tags", [])}
    return CREATED_BY.items() <= tags.items()


def _unsuccessful(items: Sequence[dict[str, Any]], needed: str) -> str:
    """The items of an answer that says which resources something failed for, and what to grant if that is why."""
    reasons = "; ".join(f"{i.get('ResourceId', '?')}: {i['Error']['Code']}: {i['Error']['Message']}" for i in items)
    # AWS tells a missing permission here in several ways, and by no code of its own.
    return (
        f"{reasons}. If access was denied: {needed} must be granted to the caller (deploy/iam-policy.json), and the "
        "bucket's policy must not keep delivery.logs.amazonaws.com out."
    )
