"""The Dagster resources: each shows its settings in the UI, and creates the object that assets use.

targets.py has the functions that create these objects. A field has the name of its setting. The resources of the aws
target are in aws_resources.py.
"""

from collections.abc import Mapping
from pathlib import Path

import dagster as dg
from pydantic import Field

from flowlogs.statements import TableName
from pipelines.logs_resource import LogsResource, logs_settings
from pipelines.settings import Settings
from pipelines.targets import (
    embedded_athena,
    folder_bucket,
    folder_flow_log,
    folder_interfaces,
    folder_of_results,
)
from resources.embedded.bucket import FolderBucket
from resources.embedded.folder_store import FolderStore
from resources.engine import QueryEngine
from resources.flow_log import FlowLog
from resources.names_file import NamesFile
from resources.network_interfaces import NetworkInterfaces


def dagster_resources(settings: Settings) -> Mapping[str, object]:
    """The resources for these settings, by the names of the assets' parameters. Makes no request."""
    if settings.target == "aws":
        from pipelines.aws_resources import aws_resources

        resources = aws_resources(settings)
    else:
        resources = _embedded(settings)
    return {
        **resources,
        "table": FlowLogsTable(database=settings.database, table=settings.table),
        "names_file": OwnNames(names=str(settings.names_file) if settings.names_file else None),
    }


class FlowLogsTable(dg.ConfigurableResource[TableName]):
    """The name of the table over the flow logs."""

    database: str = Field(description="FLOWLAKE_DATABASE: the database.")
    table: str = Field(description="FLOWLAKE_TABLE: the table of flow logs.")

    def create_resource(self, context: dg.InitResourceContext) -> TableName:
        return TableName(self.database, self.table)


class OwnNames(dg.ConfigurableResource[NamesFile]):
    """The user's own names of addresses and networks."""

    names: str | None = Field(description="FLOWLAKE_NAMES: a CSV file of addresses or CIDRs and what they are called.")

    def create_resource(self, context: dg.InitResourceContext) -> NamesFile:
        return NamesFile(Path(self.names) if self.names else None)


class LogsFolder(LogsResource[FolderBucket]):
    """A folder that is laid out as a bucket: logs of your own, which are read, or those of a simulated VPC."""

    bucket: str = Field(description="FLOWLAKE_BUCKET: the folder that holds AWSLogs.")

    def create_resource(self, context: dg.InitResourceContext) -> FolderBucket:
        return folder_bucket(
            Path(self.bucket),
            self.choice,
            self.record_format,
            self.delivery,
            leave_out_damaged=self.leave_out_damaged,
        )


class LogsFolderFlowLog(LogsResource[FlowLog]):
    """What delivers to the folder: a simulated VPC to the default one, nothing to a folder of your own."""

    bucket: dg.ResourceDependency[FolderBucket]
    traffic_type: str = Field(description="FLOWLAKE_TRAFFIC_TYPE: ALL, ACCEPT or REJECT.")
    aggregation_seconds: int = Field(description="FLOWLAKE_AGGREGATION_SECONDS: 60 or 600.")

    def create_resource(self, context: dg.InitResourceContext) -> FlowLog:
        return folder_flow_log(self.bucket, self.traffic_type, self.aggregation_seconds, self.delivery)


class InterfacesOfFolder(dg.ConfigurableResource[NetworkInterfaces]):
    """The network interfaces of the simulated VPC; none for a folder of your own."""

    bucket: dg.ResourceDependency[FolderBucket]

    def create_resource(self, context: dg.InitResourceContext) -> NetworkInterfaces:
        return folder_interfaces(self.bucket)


class ResultsFolder(dg.ConfigurableResource[FolderStore]):
    """The folder of everything derived: catalog, rejected flows, reports."""

    results: str = Field(description="FLOWLAKE_RESULTS: the folder.")

    def create_resource(self, context: dg.InitResourceContext) -> FolderStore:
        return folder_of_results(Path(self.results))


class EmbeddedEngine(dg.ConfigurableResource[QueryEngine]):
    """DuckDB in this process, which takes Athena's statements."""

    bucket: dg.ResourceDependency[FolderBucket]
    results: dg.ResourceDependency[FolderStore]
    database: str = Field(description="FLOWLAKE_DATABASE: where tables are looked for.")
    query_timeout_seconds: float = Field(description="FLOWLAKE_QUERY_TIMEOUT_SECONDS: how long a statement may take.")

    def create_resource(self, context: dg.InitResourceContext) -> QueryEngine:
        return embedded_athena(self.bucket, self.results, self.database, self.query_timeout_seconds)


def _embedded(settings: Settings) -> dict[str, object]:
    logs = logs_settings(settings)
    bucket = LogsFolder(bucket=str(settings.bucket_folder), **logs)
    results = ResultsFolder(results=str(settings.results_folder))
    return {
        "bucket": bucket,
        "flow_log": LogsFolderFlowLog(
            bucket=bucket,
            traffic_type=settings.traffic_type,
            aggregation_seconds=settings.aggregation_seconds,
            **logs,
        ),
        "network_interfaces": InterfacesOfFolder(bucket=bucket),
        "athena": EmbeddedEngine(
            bucket=bucket,
            results=results,
            database=settings.database,
            query_timeout_seconds=settings.query_timeout_seconds,
        ),
        "results": results,
    }
