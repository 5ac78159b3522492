"""The one place that knows which target is on: from the settings, the resources that the assets are handed."""

from dataclasses import dataclass, fields

from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource
from flowlogs.statements import TableName
from pipelines.settings import Settings, folder_name
from resources.bucket import Bucket, ObjectStore
from resources.embedded.athena import EmbeddedAthena
from resources.embedded.folder_bucket import FolderBucket, FolderStore, SimulatedBucket
from resources.embedded.simulated_flow_log import SimulatedFlowLog
from resources.embedded.simulated_vpc import SimulatedVpc
from resources.engine import QueryEngine
from resources.flow_log import ExistingLogs, FlowLog

SIMULATED_BUCKET = "simulated-vpc-flow-logs"
SIMULATED_ACCOUNT = "123456789012"
SIMULATED_REGION = "us-east-1"


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
    if settings.target == "aws":
        raise FlowLakeError("FLOWLAKE_TARGET=aws is not there yet. Use FLOWLAKE_TARGET=embedded, which is the default.")
    return _embedded(settings)


def _embedded(settings: Settings) -> Target:
    bucket: FolderBucket
    flow_log: FlowLog
    if settings.is_default_bucket:
        source = LogSource(
            SIMULATED_BUCKET, settings.account_id or SIMULATED_ACCOUNT, settings.region or SIMULATED_REGION
        )
        bucket = SimulatedBucket(settings.bucket_folder, source)
        vpc = SimulatedVpc(source, settings.traffic_type, settings.aggregation_seconds)
        flow_log = SimulatedFlowLog(bucket, vpc)
    else:
        name = folder_name(settings.bucket_folder)
        bucket = FolderBucket(name, settings.bucket_folder, settings.account_id, settings.region)
        flow_log = ExistingLogs(str(settings.bucket_folder))
    results = FolderStore(settings.results_folder, "FLOWLAKE_RESULTS")
    catalog = settings.results_folder / "catalog.sqlite"
    return Target(
        bucket=bucket,
        flow_log=flow_log,
        athena=EmbeddedAthena(catalog, {bucket.name: bucket.objects}, settings.database),
        results=results,
        table=TableName(settings.database, settings.table),
    )
