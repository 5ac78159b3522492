"""Builds the resources of the target that the settings name.

Other modules do not import a target's implementations, except dagster_resources.py and aws_resources.py, which wrap the
functions of this module for the UI.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path

from assets.datasets.files import find_unwritten_files, is_known_empty
from assets.reports.report_tables import report_tables
from flowlogs.delivery import DEFAULT_DELIVERY, Delivery
from flowlogs.layout import LogSource
from flowlogs.record_format import RecordFormat
from flowlogs.retention import KEPT_FOR_GOOD, Retention
from flowlogs.sources import Choice
from flowlogs.statements import TableName
from pipelines.settings import PROJECT_ROOT, Settings, bucket_and_prefix, folder_name, is_default_bucket
from resources.alert_channel import AlertChannel
from resources.aws.athena import Athena
from resources.aws.bucket import S3Bucket
from resources.aws.clients import AwsClients
from resources.aws.flow_log import Ec2FlowLog
from resources.aws.network_interfaces import Ec2NetworkInterfaces
from resources.aws.object_store import S3Store
from resources.aws.topic import SnsTopic
from resources.bucket import Bucket, ObjectStore
from resources.embedded.athena import EmbeddedAthena
from resources.embedded.bucket import FolderBucket
from resources.embedded.flow_log import SimulatedFlowLog
from resources.embedded.folder_store import FolderStore
from resources.embedded.network_interfaces import SimulatedInterfaces
from resources.embedded.simulation.bucket import SimulatedBucket
from resources.embedded.simulation.vpc import SimulatedVpc
from resources.engine import QueryEngine
from resources.flow_log import ExistingLogs, FlowLog
from resources.names_file import NamesFile
from resources.network_interfaces import NetworkInterfaces, UnknownInterfaces
from resources.webhook import Webhook

SIMULATED_BUCKET = "simulated-vpc-flow-logs"
SIMULATED_ACCOUNT = "123456789012"
SIMULATED_REGION = "us-east-1"

RESULTS_BUCKET = "vpc-flow-lake-results"
"""The embedded engine's bucket name of the results folder. The catalog lies in that folder and moves with it."""

QUERY_RESULTS = "athena-results/"
"""The folder below the results root where Athena writes query results. Reports are made from them."""


KINDS: Mapping[str, Mapping[str, str]] = {
    "embedded": {"bucket": "file", "flow_log": "python", "network_interfaces": "python", "athena": "duckdb"},
    "aws": {"bucket": "s3", "flow_log": "aws", "network_interfaces": "aws", "athena": "athena"},
}
"""The kind of each resource, by target: names that Dagster's UI has icons for."""


@dataclass(frozen=True)
class Target:
    """The resources of the assets, by their names."""

    bucket: Bucket
    flow_log: FlowLog
    network_interfaces: NetworkInterfaces
    names_file: NamesFile
    athena: QueryEngine
    results: ObjectStore
    table: TableName

    @property
    def resources(self) -> dict[str, object]:
        """The resources by the names of the assets' parameters."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def build_target(settings: Settings) -> Target:
    """The target that the settings name. Makes no request and opens no file."""
    return _aws(settings) if settings.target == "aws" else _embedded(settings)


def _embedded(settings: Settings) -> Target:
    bucket = folder_bucket(
        settings.bucket_folder,
        settings.choice,
        settings.record_format,
        settings.delivery,
        leave_out_damaged=settings.leave_out_damaged,
    )
    results = folder_of_results(settings.results_folder)
    return Target(
        bucket=bucket,
        flow_log=folder_flow_log(bucket, settings.traffic_type, settings.aggregation_seconds, settings.delivery),
        network_interfaces=folder_interfaces(bucket),
        names_file=NamesFile(settings.names_file),
        athena=embedded_athena(
            bucket, results, settings.database, settings.query_timeout_seconds, settings.reports_folder
        ),
        results=results,
        table=TableName(settings.database, settings.table),
    )


def alert_channels(settings: Settings) -> list[AlertChannel]:
    """The channels that alerts go to; none where none is configured. Makes no request."""
    channels: list[AlertChannel] = []
    if settings.alert_sns_topic:
        channels.append(SnsTopic(AwsClients(), settings.alert_sns_topic))
    if settings.alert_webhook:
        channels.append(Webhook(settings.alert_webhook.get_secret_value()))
    return channels


def folder_bucket(
    folder: Path,
    choice: Choice,
    expected: RecordFormat | None = None,
    delivery: Delivery = DEFAULT_DELIVERY,
    *,
    leave_out_damaged: bool = False,
) -> FolderBucket:
    """A folder of logs, or the one that the simulated VPC delivers to.

    `expected` is the format in the settings, if any. `delivery` is how the simulated VPC delivers.
    """
    account, region = choice.account or SIMULATED_ACCOUNT, choice.region or SIMULATED_REGION
    source = LogSource(SIMULATED_BUCKET, account, region, delivery.root, delivery.service)
    bucket = (
        SimulatedBucket(folder, source, choice, expected)
        if is_default_bucket(folder)
        else FolderBucket(folder_name(folder), folder, choice, expected)
    )
    bucket.leave_out_damaged = leave_out_damaged
    return bucket


def folder_flow_log(
    bucket: FolderBucket, traffic_type: str, aggregation_seconds: int, delivery: Delivery = DEFAULT_DELIVERY
) -> FlowLog:
    """The flow log of a folder: the simulated VPC, or logs that are already there."""
    if not isinstance(bucket, SimulatedBucket):
        return ExistingLogs(str(bucket.root))
    vpc = SimulatedVpc(bucket.simulated_source, traffic_type, aggregation_seconds, delivery=delivery)
    return SimulatedFlowLog(bucket, vpc)


def folder_interfaces(bucket: FolderBucket) -> NetworkInterfaces:
    """The network interfaces of a folder: the simulated VPC's, or none."""
    if not isinstance(bucket, SimulatedBucket):
        return UnknownInterfaces()
    return SimulatedInterfaces(bucket, SimulatedVpc(bucket.simulated_source))


def folder_of_results(folder: Path) -> FolderStore:
    return FolderStore(folder, "FLOWLAKE_RESULTS", RESULTS_BUCKET)


def embedded_athena(
    bucket: FolderBucket,
    results: FolderStore,
    database: str,
    timeout_seconds: float,
    reports_folder: Path | None = None,
) -> QueryEngine:
    """DuckDB over a folder of logs and one of results, which holds the catalog too, and reports that are tables."""
    return EmbeddedAthena(
        results.root / "catalog.sqlite",
        {bucket.name: bucket.objects, results.name: results},
        database,
        read_only=(bucket.name,),
        timeout_seconds=timeout_seconds,
        protected_folders=(PROJECT_ROOT,),
        known_empty=partial(is_known_empty, results),
        find_problem=partial(find_unwritten_files, results),
        file_tables=partial(report_tables, results, reports_folder),
    )


def _aws(settings: Settings) -> Target:
    results = settings.results_address
    results_bucket, _ = bucket_and_prefix(results)
    clients = AwsClients(settings.choice.region, results_bucket, None if settings.vpc_ids else settings.choice.account)
    bucket = s3_bucket(
        clients,
        settings.bucket,
        settings.choice,
        settings.delivery,
        settings.record_format,
        settings.vpc_ids,
        results,
        settings.retention,
        leave_out_damaged=settings.leave_out_damaged,
    )
    return Target(
        bucket=bucket,
        flow_log=Ec2FlowLog(
            clients,
            bucket,
            settings.vpc_ids,
            name=settings.flow_log_name,
            traffic_type=settings.traffic_type,
            aggregation_seconds=settings.aggregation_seconds,
            create_second=settings.second_flow_log,
            delivery=settings.delivery,
            expected=settings.record_format,
        ),
        network_interfaces=Ec2NetworkInterfaces(clients, settings.vpc_ids, settings.choice.account),
        names_file=NamesFile(settings.names_file),
        athena=Athena(
            clients,
            database=settings.database,
            workgroup=settings.workgroup,
            results=query_results(results),
            scan_limit_bytes=settings.scan_limit_bytes,
            timeout_seconds=settings.query_timeout_seconds,
            reads_settings=bool(settings.vpc_ids),
        ),
        results=s3_results(clients, results),
        table=TableName(settings.database, settings.table),
    )


def s3_bucket(
    clients: AwsClients,
    name: str,
    choice: Choice,
    delivery: Delivery,
    expected: RecordFormat | None,
    vpc_ids: Sequence[str],
    results: str,
    retention: Retention = KEPT_FOR_GOOD,
    *,
    leave_out_damaged: bool = False,
) -> S3Bucket:
    """The bucket of flow logs. Query results and reports may be in the same bucket: `results` says so."""
    results_bucket, prefix = bucket_and_prefix(results)
    is_here = results_bucket == name
    bucket = S3Bucket(
        clients,
        name,
        choice,
        delivery,
        expected,
        has_flow_logs=bool(vpc_ids),
        query_results=f"{prefix}{QUERY_RESULTS}" if is_here else None,
        notes=s3_results(clients, results),
        reports=f"{prefix}reports/" if is_here else None,
        retention=retention,
    )
    bucket.leave_out_damaged = leave_out_damaged
    return bucket


def s3_results(clients: AwsClients, results: str) -> S3Store:
    return S3Store(clients, *bucket_and_prefix(results))


def query_results(results: str) -> str:
    """The address where Athena writes query results."""
    bucket, prefix = bucket_and_prefix(results)
    return f"s3://{bucket}/{prefix}{QUERY_RESULTS}"
