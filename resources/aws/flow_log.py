"""The flow logs of the configured VPCs in EC2: found, adopted or created, and never changed.

The bucket that they deliver to is in bucket.py.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import combinations
from typing import Any

from flowlogs.delivery import DEFAULT_DELIVERY, Delivery
from flowlogs.errors import FlowLakeError
from flowlogs.record_format import DEFAULT_FORMAT, FILE_FORMATS, TEXT, RecordFormat, parse_log_format
from resources.aws.bucket import S3Bucket
from resources.aws.clients import CREATED_BY, AccessDeniedError, AwsClients, aws_errors, error_code
from resources.ensured import Ensured
from resources.flow_log import FlowLog

TAGGED_RESOURCES: Mapping[str, str] = {
    "instance-tag": "instance",
    "interface-tag": "network-interface",
    "asg-tag": "auto-scaling-group",
}
"""The resources whose tag a field gives, as TagFieldSpecifications names them ("CreateFlowLogs", EC2 API reference)."""

TAG_KEY = "Name"
"""The tag that such a field gives, where this project creates the flow log."""

MAX_FILTER_VALUES = 200
"""How many values a filter takes ("Filter", Amazon EC2 API reference, 2026)."""

_LOOKUPS: Mapping[str, tuple[str, str, str, str]] = {
    "subnet-": ("describe_subnets", "subnet-id", "Subnets", "SubnetId"),
    "eni-": ("describe_network_interfaces", "network-interface-id", "NetworkInterfaces", "NetworkInterfaceId"),
}
"""How to look up a subnet or network interface, by the beginning of its id: call, filter, answer, id."""


NOTHING_CONFIGURED = Ensured({"flow log": "none is created: FLOWLAKE_VPC_IDS names no VPC, so existing logs are read"})

FAILURES = {
    "access error": (
        "The bucket's policy, or the policy of its key, denies the writes of delivery.logs.amazonaws.com: materialize "
        "vpc_flow_logs_bucket, which checks the bucket's policy"
    ),
    "rate limited": "AWS throttles the delivery: it goes on by itself; ask AWS Support if it does not",
}
FAILED_OTHERWISE = (
    "Materialize vpc_flow_logs_bucket, which says whether the bucket can be delivered to; else ask AWS Support"
)
"""What to do about the values of `DeliverLogsErrorMessage` ("FlowLog", Amazon EC2 API reference, 2026), in lower case,
and about any other."""

LIMIT = "FlowLogsLimitExceeded"
"""What EC2 answers where a resource has as many flow logs as it may ("Error codes", EC2 developer guide, 2026)."""


class Ec2FlowLog(FlowLog):
    """Flow logs of VPCs that deliver to a bucket, behind one prefix or none.

    `delivery` is how a flow log that is created delivers, `expected` the format that the settings name, if any.
    `create_second`: create a flow log also where another one already records the same, to another place.
    """

    def __init__(
        self,
        clients: AwsClients,
        bucket: S3Bucket,
        vpc_ids: Sequence[str],
        *,
        name: str,
        traffic_type: str,
        aggregation_seconds: int,
        create_second: bool = False,
        delivery: Delivery = DEFAULT_DELIVERY,
        expected: RecordFormat | None = None,
    ) -> None:
        self.clients = clients
        self.bucket = bucket
        self.vpc_ids = vpc_ids
        self.name = name
        self.traffic_type = traffic_type
        self.aggregation_seconds = aggregation_seconds
        self.create_second = create_second
        self.delivery = delivery
        self.expected = expected

    def ensure(self) -> Ensured:
        if not self.vpc_ids:
            return NOTHING_CONFIGURED
        self.bucket.require_own_account()
        self._require_vpcs()
        restored = self.bucket.restore_policy()
        found = list(self._flow_logs())
        missing = self._without_flow_log(found)
        if missing:
            self._require_no_other(missing, found)
            with self.bucket.policy_preserved():
                self._create_each(missing, found)
            found = list(self._flow_logs())
        state = self._state_of(found)
        return Ensured(state.facts, (*restored, *state.warnings), state.errors)

    def check(self) -> Ensured:
        if not self.vpc_ids:
            return NOTHING_CONFIGURED
        found = list(self._flow_logs())
        told = self._state_of(found)
        missing = tuple(
            f"no flow log of {vpc_id} delivers to {self._destination_arn} any more: materialize vpc_flow_log, which "
            "creates one, or take the VPC out of FLOWLAKE_VPC_IDS"
            for vpc_id in self._without_flow_log(found)
        )
        return Ensured(told.facts, told.warnings, (*missing, *told.errors))

    def _without_flow_log(self, found: Sequence[dict[str, Any]]) -> list[str]:
        """The configured VPCs for which none of these flow logs delivers to this bucket."""
        delivering = {log["ResourceId"] for log in found if self._delivers_here(log)}
        return [vpc_id for vpc_id in self.vpc_ids if vpc_id not in delivering]

    def _state_of(self, found: Sequence[dict[str, Any]]) -> Ensured:
        """The state of the flow logs that deliver to this bucket, with warnings and errors."""
        here = [log for log in found if self._delivers_here(log)]
        logs = [log for vpc_id in self.vpc_ids for log in here if log["ResourceId"] == vpc_id]
        others = [log for log in here if log["ResourceId"] not in self.vpc_ids]
        warnings = [warning for log in logs for warning in self._differences(log)]
        warnings += [f"{reason}. It delivers to this bucket too" for log in others for reason in _unreadable(log)]
        warnings += [
            f"{log['FlowLogId']} of {log['ResourceId']}, which FLOWLAKE_VPC_IDS does not name, cannot deliver to this "
            f"bucket: {log.get('DeliverLogsErrorMessage', 'AWS gives no reason')}"
            for log in others
            if log.get("DeliverLogsStatus") == "FAILED"
        ]
        wholes: Mapping[str, Sequence[str]] = {}
        try:
            wholes = self._wholes_of_parts(here)
        except AccessDeniedError as denied:
            warnings.append(
                "there are flow logs of subnets or network interfaces that deliver to this bucket, and it is not known "
                f"in which VPCs these are, and so whether records are there twice. {denied}"
            )
        return Ensured(
            {f"{log['ResourceId']} {log['FlowLogId']}": self._summary(log) for log in logs},
            warnings=tuple(warnings),
            errors=(*(error for log in logs for error in self._faults(log)), *_duplicate_deliveries(here, wholes)),
        )

    def deliver(self, days: Sequence[date]) -> None:
        return None

    def record_formats(self) -> Sequence[RecordFormat]:
        if not self.vpc_ids:
            return ()
        logs = [log for log in self._flow_logs() if log["ResourceId"] in self.vpc_ids and self._delivers_here(log)]
        return list(dict.fromkeys(found for log in logs if (found := _format_of(log))))

    def remove(self) -> Ensured:
        """Delete the configured VPCs' flow logs that this project created (by their tag) for this bucket."""
        tagged = [log for log in self._flow_logs() if _is_ours(log) and self._delivers_here(log)]
        ours = [log for log in tagged if log["ResourceId"] in self.vpc_ids]
        ids = [log["FlowLogId"] for log in ours]
        if ids:
            with aws_errors("deleting flow logs"):
                answer = self._ec2.delete_flow_logs(FlowLogIds=ids)
            # A flow log that is gone was deleted by a parallel run.
            failed = [item for item in answer.get("Unsuccessful", []) if "NotFound" not in item["Error"]["Code"]]
            if failed:
                raise FlowLakeError(f"Some flow logs were not deleted: {_unsuccessful(failed, 'ec2:DeleteFlowLogs')}")
        left = [log["FlowLogId"] for log in tagged if log not in ours]
        return Ensured(
            {
                "deleted": ", ".join(ids) or "none: there is no flow log of this project's for this bucket",
                **({"left, since FLOWLAKE_VPC_IDS does not name their VPCs": ", ".join(left)} if left else {}),
            }
        )

    def _require_vpcs(self) -> None:
        from botocore.exceptions import ClientError

        with aws_errors("looking for the VPCs"):
            try:
                self._ec2.describe_vpcs(VpcIds=list(self.vpc_ids))
            except ClientError as error:
                if error_code(error).startswith("InvalidVpcI"):
                    raise FlowLakeError(
                        f"FLOWLAKE_VPC_IDS: {error.response['Error']['Message']} (account {self.clients.account}, "
                        f"region {self.clients.logs_region})."
                    ) from None
                raise

    def _wholes_of_parts(self, logs: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
        """What each subnet and network interface with one of these flow logs is a part of: its VPC, and its subnet."""
        wholes: dict[str, list[str]] = {}
        for beginning, (operation, name, answer, id_name) in _LOOKUPS.items():
            ids = sorted({log["ResourceId"] for log in logs if log["ResourceId"].startswith(beginning)})
            with aws_errors("looking for the VPCs of other flow logs' subnets and network interfaces"):
                for start in range(0, len(ids), MAX_FILTER_VALUES):
                    # With a filter, since an id that no longer exists is no error there.
                    asked = [{"Name": name, "Values": ids[start : start + MAX_FILTER_VALUES]}]
                    for page in self._ec2.get_paginator(operation).paginate(Filters=asked):
                        wholes |= {
                            item[id_name]: [item[of] for of in ("VpcId", "SubnetId") if of in item and of != id_name]
                            for item in page[answer]
                        }
        return wholes

    def _require_no_other(self, missing: Sequence[str], found: Sequence[dict[str, Any]]) -> None:
        """Raise FlowLakeError where another flow log already delivers into this bucket what a new one would record."""
        into = [
            log
            for log in found
            if f"{_destination(log)}/".startswith(f"{self.bucket.arn}/")
            and _share_records(log, {"TrafficType": self.traffic_type})
        ]
        wholes = self._wholes_of_parts(into)
        told = {
            f"{log['FlowLogId']} of {log['ResourceId']} delivers to {log['LogDestination']}, behind another prefix "
            "than FLOWLAKE_PREFIX names": log
            for log in into
            if log["ResourceId"] in missing
        }
        told |= {
            f"{log['FlowLogId']} of {log['ResourceId']}, which is in {vpc_id}, delivers to {log['LogDestination']}": log
            for log in into
            for vpc_id in wholes.get(log["ResourceId"], ())
            if vpc_id in missing
        }
        # A second one that delivers to the same place has its records there twice: that is no choice.
        same_place = [line for line, log in told.items() if self._delivers_here(log)]
        if same_place or (told and not self.create_second):
            listing = "".join(f"\n  {line}" for line in told)
            by_hand = (
                ""
                if same_place
                else f"; or create one for the VPC by hand, to {self._destination_arn}, which is adopted; or have this "
                "create a second one, by FLOWLAKE_SECOND_FLOW_LOG=true"
            )
            raise FlowLakeError(
                "No flow log is created, since there is one already, and a second one would cost as much again:"
                f"{listing}\nThe choices: read what is there, by FLOWLAKE_VPC_IDS without that VPC; or delete that "
                f"flow log{by_hand}. Then run again."
            )

    def _create_each(self, vpc_ids: Sequence[str], found: Sequence[dict[str, Any]]) -> None:
        """A flow log for each of these VPCs, also where AWS says that one of them has one, and creates none.

        Raises FlowLakeError for a VPC that has none afterwards.
        """
        left = self._create(vpc_ids, found)
        if not left:
            return
        # A run beside this one was faster with one of them, or an answer got lost and boto3 asked again.
        for vpc_id in self._without_flow_log(list(self._flow_logs())):
            if vpc_id in left and self._create([vpc_id], found):
                if vpc_id not in self._without_flow_log(list(self._flow_logs())):
                    continue
                raise FlowLakeError(
                    f"AWS says that {vpc_id} has a flow log to {self._destination_arn} already (FlowLogAlreadyExists), "
                    "and lists none. Run again in some minutes; if it says so then, look at the VPC's flow logs."
                )

    def _create(self, vpc_ids: Sequence[str], found: Sequence[dict[str, Any]]) -> list[str]:
        """Create flow logs in one call; returns the VPCs for which AWS created none, as it says that there is one."""
        from botocore.exceptions import ClientError

        tags = [{"Key": key, "Value": value} for key, value in {"Name": self.name, **CREATED_BY}.items()]
        with aws_errors(f"creating a flow log for {', '.join(vpc_ids)}"):
            try:
                answer = self._ec2.create_flow_logs(
                    ResourceIds=list(vpc_ids),
                    ResourceType="VPC",
                    TrafficType=self.traffic_type,
                    LogDestinationType="s3",
                    LogDestination=self._destination_arn,
                    MaxAggregationInterval=self.aggregation_seconds,
                    TagSpecifications=[{"ResourceType": "vpc-flow-log", "Tags": tags}],
                    **delivery_options(self.delivery),
                )
            except ClientError as error:
                if error_code(error) == LIMIT:
                    raise _at_limit(vpc_ids, found) from None
                # A parallel run was faster, or an answer got lost and boto3 repeated the request.
                if error_code(error) != "FlowLogAlreadyExists":
                    raise
                return list(vpc_ids)
        refused = answer.get("Unsuccessful", [])
        failed = [item for item in refused if item["Error"]["Code"] != "FlowLogAlreadyExists"]
        if limited := [item["ResourceId"] for item in failed if item["Error"]["Code"] == LIMIT]:
            raise _at_limit(limited, found)
        if failed:
            needed = "ec2:CreateFlowLogs, ec2:CreateTags and logs:CreateLogDelivery"
            raise FlowLakeError(f"A flow log could not be created: {_unsuccessful(failed, needed)}")
        return [item["ResourceId"] for item in refused]

    def _flow_logs(self) -> Iterator[dict[str, Any]]:
        with aws_errors("looking for flow logs"):
            pages = self._ec2.get_paginator("describe_flow_logs").paginate()
            for page in pages:
                yield from page["FlowLogs"]

    @property
    def _ec2(self) -> Any:  # noqa: ANN401
        """EC2 where the VPCs are, which may be another region than that of the bucket and of Athena."""
        return self.clients.client("ec2", self.clients.logs_region)

    @property
    def _destination_arn(self) -> str:
        """The ARN of the bucket, with the prefix behind it."""
        return f"{self.bucket.arn}/{self.delivery.prefix}".rstrip("/")

    def _delivers_here(self, log: dict[str, Any]) -> bool:
        return _destination(log).rstrip("/") == self._destination_arn

    def _summary(self, log: dict[str, Any]) -> str:
        whose = "created by this project" if _is_ours(log) else "adopted"
        return (
            f"{log.get('FlowLogStatus')}, {whose}, {log.get('TrafficType')} traffic, "
            f"{log.get('MaxAggregationInterval', 600)} s, delivery {log.get('DeliverLogsStatus', 'not reported yet')}"
        )

    def _differences(self, log: dict[str, Any]) -> Iterator[str]:
        """How an existing flow log differs from the settings, while its records can be read."""
        who = f"{log['FlowLogId']} of {log['ResourceId']}"
        if log.get("TrafficType") != self.traffic_type:
            yield f"{who} records {log.get('TrafficType')} traffic; FLOWLAKE_TRAFFIC_TYPE is {self.traffic_type}"
        interval = log.get("MaxAggregationInterval", 600)
        if interval != self.aggregation_seconds:
            yield f"{who} aggregates over {interval} s; FLOWLAKE_AGGREGATION_SECONDS is {self.aggregation_seconds}"
        found = _format_of(log)
        if self.expected is not None and found is not None and found != self.expected:
            yield (
                f"{who} delivers {found.in_words}; FLOWLAKE_LOG_FORMAT and FLOWLAKE_FILE_FORMAT ask for "
                f"{self.expected.in_words}. It is read as it is"
            )
        options = log.get("DestinationOptions") or {}
        for option, asked in (
            ("HiveCompatiblePartitions", self.delivery.hive),
            ("PerHourPartition", self.delivery.hourly),
        ):
            if asked and not options.get(option):
                yield f"{who} has not {option}, which the settings ask for. It is read as it is"

    def _faults(self, log: dict[str, Any]) -> Iterator[str]:
        """Why a flow log's records do not arrive, or cannot be read by the table."""
        who = f"{log['FlowLogId']} of {log['ResourceId']}"
        if log.get("FlowLogStatus") != "ACTIVE":
            yield (
                f"{who} is {log.get('FlowLogStatus')}, not ACTIVE: nothing is recorded. Delete it, then materialize "
                "vpc_flow_log, which creates another one"
            )
        if log.get("DeliverLogsStatus") == "FAILED":
            reason = str(log.get("DeliverLogsErrorMessage", "AWS gives no reason"))
            advice = FAILURES.get(reason.lower(), FAILED_OTHERWISE)
            yield f"{who} cannot deliver: {reason}. What it records is lost until then. {advice}"
        for reason in _unreadable(log):
            yield (
                f"{reason}. A flow log's format cannot be changed: have another one deliver to another bucket, and "
                "name that bucket in FLOWLAKE_BUCKET"
            )


def _unreadable(log: dict[str, Any]) -> Iterator[str]:
    """Why reports cannot count the records that a flow log delivers."""
    who = f"{log['FlowLogId']} of {log['ResourceId']}"
    if log["ResourceId"].startswith(("tgw-", "core-network-")):
        yield f"{who} records other fields than a VPC's flow log does, and no action, so that no report counts them"
        return
    found = _format_of(log)
    if found is None:
        yield f"{who} records the fields {log['LogFormat']}, which no table can have"
    elif found.position("action") is None:
        yield f"{who} records the fields {log['LogFormat']}, without action: nobody can tell what was rejected"


def _format_of(log: dict[str, Any]) -> RecordFormat | None:
    """The format that EC2 tells of a flow log; None where it is none that a table can have."""
    options = log.get("DestinationOptions") or {}
    stored_as = FILE_FORMATS.get(options.get("FileFormat", "plain-text"), TEXT)
    try:
        return parse_log_format(log.get("LogFormat", DEFAULT_FORMAT.log_format), stored_as)
    except FlowLakeError:
        return None


def delivery_options(delivery: Delivery) -> dict[str, Any]:
    """The arguments of CreateFlowLogs for a delivery, without those that are AWS's defaults."""
    options: dict[str, Any] = {}
    if delivery.record_format.fields != DEFAULT_FORMAT.fields:
        options["LogFormat"] = delivery.record_format.log_format
    if delivery.record_format.stored_as != TEXT or delivery.hive or delivery.hourly:
        options["DestinationOptions"] = {
            "FileFormat": delivery.file_format,
            "HiveCompatiblePartitions": delivery.hive,
            "PerHourPartition": delivery.hourly,
        }
    headers = [field.header for field in delivery.record_format.fields]
    tagged = [resource for name, resource in TAGGED_RESOURCES.items() if name in headers]
    if tagged:
        options["TagFieldSpecifications"] = [{"ResourceType": resource, "TagKeys": [TAG_KEY]} for resource in tagged]
    return options


def _duplicate_deliveries(here: Sequence[dict[str, Any]], wholes: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """An error for each pair of flow logs that deliver the same records to this bucket, and what to do.

    They are of one resource, or one is of a part of the other's: `wholes` are what subnets and interfaces are parts of.
    """
    for one, other in combinations(here, 2):
        if not _share_records(one, other):
            continue
        if one["ResourceId"] == other["ResourceId"]:
            yield (
                f"{one['FlowLogId']} and {other['FlowLogId']} of {one['ResourceId']} both deliver to this bucket: "
                "records are there twice. Delete one of them"
            )
        for part, whole in ((one, other), (other, one)):
            if whole["ResourceId"] in wholes.get(part["ResourceId"], ()):
                yield (
                    f"{part['FlowLogId']} of {part['ResourceId']} delivers to this bucket too, as {whole['FlowLogId']} "
                    f"of its {whole['ResourceId']} does: its records are there twice. Delete one of them"
                )


def _share_records(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two flow logs of one resource, or of it and a part of it, have records in common."""
    return {one.get("TrafficType"), other.get("TrafficType")} != {"ACCEPT", "REJECT"}


def _at_limit(vpc_ids: Sequence[str], found: Sequence[dict[str, Any]]) -> FlowLakeError:
    """The error, with what to do, where a VPC has as many flow logs as AWS allows."""
    there = [
        f"\n  {log['FlowLogId']} of {log['ResourceId']} delivers to {log.get('LogDestination', 'CloudWatch Logs')}"
        for log in found
        if log["ResourceId"] in vpc_ids
    ]
    return FlowLakeError(
        f"No flow log is created for {', '.join(vpc_ids)}: there are as many already as AWS allows ({LIMIT})"
        f"{':' if there else '.'}{''.join(there)}\nThe choices: read what one of these delivers (FLOWLAKE_BUCKET, "
        "without that VPC in FLOWLAKE_VPC_IDS); or delete one that nobody needs; or ask AWS for a higher quota "
        "(Service Quotas, Amazon VPC). Then run again."
    )


def _destination(log: dict[str, Any]) -> str:
    """The ARN of the bucket, and folder, that a flow log delivers to; nothing where it delivers elsewhere."""
    return str(log.get("LogDestination", "")) if log.get("LogDestinationType") == "s3" else ""


def _is_ours(log: dict[str, Any]) -> bool:
    tags = {tag["Key"]: tag["Value"] for tag in log.get("Tags", [])}
    return CREATED_BY.items() <= tags.items()


def _unsuccessful(items: Sequence[dict[str, Any]], needed: str) -> str:
    """The failed items of an answer, and the permissions to grant if access was denied."""
    reasons = "; ".join(f"{i.get('ResourceId', '?')}: {i['Error']['Code']}: {i['Error']['Message']}" for i in items)
    # AWS tells a missing permission here in several ways, and by no code of its own.
    return (
        f"{reasons}. If access was denied: {needed} must be granted to the caller (deploy/iam-policy.json), and the "
        "bucket's policy must not keep delivery.logs.amazonaws.com out."
    )
