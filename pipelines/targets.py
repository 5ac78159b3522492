"""The one place that knows which target is on: from the settings, the resources that the assets are handed."""

from dataclasses import dataclass, fields
from functools import partial

from assets.rejected_flows.files import is_meant_empty
from flowlogs.layout import LogSource
from flowlogs.statements import TableName
from pipelines.settings import PROJECT_ROOT, Settings, folder_name
from resources.aws.athena import Athena
from resources.aws.bucket import S3Bucket
from resources.aws.clients import AwsClients
from resources.aws.flow_log import Ec2FlowLog
from resources.aws.object_store import S3Store
from resources.bucket import Bucket, ObjectStore
from resources.embedded.athena import EmbeddedAthena
from resources.embedded.bucket import FolderBucket
from resources.embedded.flow_log import SimulatedFlowLog
from resources.embedded.folder_store import FolderStore
from resources.embedded.simulation.bucket import SimulatedBucket
from resources.embedded.simulation.vpc import SimulatedVpc
from resources.engine import QueryEngine
from resources.flow_log import ExistingLogs, FlowLog

SIMULATED_BUCKET = "simulated-vpc-flow-logs"
SIMULATED_ACCOUNT = "123456789012"
SIMULATED_REGION = "us-east-1"

RESULTS_BUCKET = "vpc-flow-lake-results"
"""What the embedded engine calls the folder of results: its catalog lies in that folder, and moves with it."""

QUERY_RESULTS = "athena-results/"
"""Where Athena writes what queries give, below the results root; the reports are made from it."""


@dataclass(frozen=True)
class Target:
    """What the assets talk to, by the names that they ask for."""

    bucket: Bucket
    flow_log: FlowLog
    athena: QueryEngine
    results: ObjectStore
    table: TableName

    @property
    def resources(self) -> dict[str, object]:
        """As Dagster takes them."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def build_target(settings: Settings) -> Target:
    """The target that the settings ask for. Makes no call and touches no file."""
    return _aws(settings) if settings.target == "aws" else _embedded(settings)


def _embedded(settings: Settings) -> Target:
    bucket: FolderBucket
    flow_log: FlowLog
    if settings.is_default_bucket:
        source = LogSource(
            SIMULATED_BUCKET, settings.account_id or SIMULATED_ACCOUNT, settings.region or SIMULATED_REGION
        )
        bucket = SimulatedBucket(settings.bucket_folder, source, settings.account_id, settings.region)
        vpc = SimulatedVpc(source, settings.traffic_type, settings.aggregation_seconds)
        flow_log = SimulatedFlowLog(bucket, vpc)
    else:
        name = folder_name(settings.bucket_folder)
        bucket = FolderBucket(name, settings.bucket_folder, settings.account_id, settings.region)
        flow_log = ExistingLogs(str(settings.bucket_folder))
    results = FolderStore(settings.results_folder, "FLOWLAKE_RESULTS", RESULTS_BUCKET)
    buckets = {bucket.name: bucket.objects, results.name: results}
    catalog = settings.results_folder / "catalog.sqlite"
    return Target(
        bucket=bucket,
        flow_log=flow_log,
        athena=EmbeddedAthena(
            catalog,
            buckets,
            settings.database,
            read_only=(bucket.name,),
            timeout_seconds=settings.query_timeout_seconds,
            keep_clear=(PROJECT_ROOT,),
            meant_empty=partial(is_meant_empty, results),
        ),
        results=results,
        table=TableName(settings.database, settings.table),
    )


def _aws(settings: Settings) -> Target:
    results_bucket, prefix = settings.results_in_s3
    clients = AwsClients(settings.region, results_bucket, None if settings.vpc_ids else settings.account_id)
    query_results = f"{prefix}{QUERY_RESULTS}"
    results = S3Store(clients, results_bucket, prefix)
    bucket = S3Bucket(
        clients,
        settings.bucket,
        settings.account_id,
        settings.region,
        has_flow_logs=bool(settings.vpc_ids),
        query_results=query_results if results_bucket == settings.bucket else None,
        notes=results,
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
        ),
        athena=Athena(
            clients,
            database=settings.database,
            workgroup=settings.workgroup,
            results=f"s3://{results_bucket}/{query_results}",
            scan_limit_bytes=settings.scan_limit_bytes,
            timeout_seconds=settings.query_timeout_seconds,
            reads_settings=bool(settings.vpc_ids),
        ),
        results=results,
        table=TableName(settings.database, settings.table),
    )
