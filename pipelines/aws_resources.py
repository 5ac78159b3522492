"""The Dagster resources of the aws target, based on those of dagster-aws where they fit."""

import os
from functools import lru_cache
from typing import Any

import dagster as dg
from dagster_aws.utils import ResourceWithBoto3Configuration
from pydantic import Field

from flowlogs.retention import Retention
from pipelines.logs_resource import LogsResource, logs_settings
from pipelines.settings import Settings, bucket_and_prefix
from pipelines.targets import query_results, s3_bucket, s3_results
from resources.aws.athena import Athena
from resources.aws.bucket import S3Bucket
from resources.aws.clients import MAX_ATTEMPTS, AwsClients, Boto3Options
from resources.aws.flow_log import Ec2FlowLog
from resources.aws.network_interfaces import Ec2NetworkInterfaces
from resources.aws.object_store import S3Store

_OF_BOTO3 = {
    "profile_name": "AWS_PROFILE",
    "region_name": "AWS_REGION",
    "endpoint_url": "AWS_ENDPOINT_URL",
}
"""The fields that show what boto3 takes from the environment, by the variable."""

_OF_SESSIONS = ("profile_name", "region_name", "aws_access_key_id", "aws_secret_access_key", "aws_session_token")

_OF_CLIENTS = ("endpoint_url", "use_ssl", "verify")


class AwsAccount(ResourceWithBoto3Configuration):
    """The connection to AWS: profile, region, endpoint and attempts, as boto3 has them."""

    logs_region: str | None = Field(description="FLOWLAKE_REGION: the region of the VPCs.")
    results_bucket: str = Field(description="The bucket of results: clients work in its region where none is set.")
    archive_account_id: str | None = Field(
        description="FLOWLAKE_ACCOUNT_ID: the bucket's account, where FLOWLAKE_VPC_IDS names no VPC."
    )

    def create_resource(self, context: dg.InitResourceContext) -> AwsClients:
        # boto3 finds these values by itself. An explicit profile would win over keys that are set.
        given = {
            name: value
            for name in (*_OF_SESSIONS, *_OF_CLIENTS)
            if (value := getattr(self, name)) != type(self).model_fields[name].default
            and not (name in _OF_BOTO3 and value == os.environ.get(_OF_BOTO3[name]))
        }
        return _clients(
            context.run.run_id if context.run else None,
            self.logs_region,
            self.results_bucket,
            self.archive_account_id,
            tuple((name, given[name]) for name in _OF_SESSIONS if name in given),
            tuple((name, given[name]) for name in _OF_CLIENTS if name in given),
            self.max_attempts,
        )


@lru_cache(maxsize=4)
def _clients(
    _run_id: str | None,
    logs_region: str | None,
    results_bucket: str,
    archive_account_id: str | None,
    session: tuple[tuple[str, str], ...],
    client: tuple[tuple[str, str | bool], ...],
    max_attempts: int,
) -> AwsClients:
    """The clients of one run: all of its resources have the same."""
    options = Boto3Options(dict(session), dict(client), max_attempts)
    return AwsClients(logs_region, results_bucket, archive_account_id, options)


class FlowLogsBucket(LogsResource[S3Bucket]):
    """The S3 bucket that flow logs are delivered to."""

    aws: dg.ResourceDependency[AwsClients]
    bucket: str = Field(description="FLOWLAKE_BUCKET: the bucket's name.")
    vpc_ids: list[str] = Field(description="FLOWLAKE_VPC_IDS: without any, the bucket is read and never changed.")
    results: str = Field(description="FLOWLAKE_RESULTS: what Athena writes there expires, where it is this bucket.")
    keep_logs_days: int | None = Field(description="FLOWLAKE_KEEP_LOGS_DAYS: after how many days logs expire.")
    keep_reports_days: int | None = Field(description="FLOWLAKE_KEEP_REPORTS_DAYS: after how many days reports expire.")

    def create_resource(self, context: dg.InitResourceContext) -> S3Bucket:
        return s3_bucket(
            self.aws,
            self.bucket,
            self.choice,
            self.delivery,
            self.record_format,
            self.vpc_ids,
            self.results,
            Retention(logs=self.keep_logs_days, reports=self.keep_reports_days),
            leave_out_damaged=self.leave_out_damaged,
        )


class VpcFlowLogs(LogsResource[Ec2FlowLog]):
    """EC2's flow logs of the VPCs."""

    aws: dg.ResourceDependency[AwsClients]
    bucket: dg.ResourceDependency[S3Bucket]
    vpc_ids: list[str] = Field(description="FLOWLAKE_VPC_IDS: the VPCs that are to have one.")
    flow_log_name: str = Field(description="FLOWLAKE_FLOW_LOG_NAME: its Name tag, where it is created.")
    traffic_type: str = Field(description="FLOWLAKE_TRAFFIC_TYPE: ALL, ACCEPT or REJECT.")
    aggregation_seconds: int = Field(description="FLOWLAKE_AGGREGATION_SECONDS: 60 or 600.")
    second_flow_log: bool = Field(description="FLOWLAKE_SECOND_FLOW_LOG: create one beside one that cannot be read.")

    def create_resource(self, context: dg.InitResourceContext) -> Ec2FlowLog:
        return Ec2FlowLog(
            self.aws,
            self.bucket,
            self.vpc_ids,
            name=self.flow_log_name,
            traffic_type=self.traffic_type,
            aggregation_seconds=self.aggregation_seconds,
            create_second=self.second_flow_log,
            delivery=self.delivery,
            expected=self.record_format,
        )


class InterfacesInEc2(dg.ConfigurableResource[Ec2NetworkInterfaces]):
    """EC2's network interfaces, for the names of addresses."""

    aws: dg.ResourceDependency[AwsClients]
    vpc_ids: list[str] = Field(description="FLOWLAKE_VPC_IDS: whose interfaces; without any, all of the account's.")
    account_id: str | None = Field(description="FLOWLAKE_ACCOUNT_ID: whose logs are read, where there are several.")

    def create_resource(self, context: dg.InitResourceContext) -> Ec2NetworkInterfaces:
        return Ec2NetworkInterfaces(self.aws, self.vpc_ids, self.account_id)


class AthenaWorkgroup(dg.ConfigurableResource[Athena]):
    """Athena, in a workgroup of its own."""

    aws: dg.ResourceDependency[AwsClients]
    database: str = Field(description="FLOWLAKE_DATABASE: where tables are looked for.")
    workgroup: str = Field(description="FLOWLAKE_WORKGROUP: the workgroup.")
    results: str = Field(description="FLOWLAKE_RESULTS: below it, Athena writes query results.")
    scan_limit_bytes: int = Field(description="FLOWLAKE_SCAN_LIMIT_BYTES: how much one query may scan.")
    query_timeout_seconds: float = Field(description="FLOWLAKE_QUERY_TIMEOUT_SECONDS: how long a statement may take.")
    vpc_ids: list[str] = Field(description="FLOWLAKE_VPC_IDS: without any, no bucket's settings are read.")

    def create_resource(self, context: dg.InitResourceContext) -> Athena:
        return Athena(
            self.aws,
            database=self.database,
            workgroup=self.workgroup,
            results=query_results(self.results),
            scan_limit_bytes=self.scan_limit_bytes,
            timeout_seconds=self.query_timeout_seconds,
            reads_settings=bool(self.vpc_ids),
        )


class ResultsInS3(dg.ConfigurableResource[S3Store]):
    """Where everything derived goes: rejected flows and reports."""

    aws: dg.ResourceDependency[AwsClients]
    results: str = Field(description="FLOWLAKE_RESULTS: an address in S3.")

    def create_resource(self, context: dg.InitResourceContext) -> S3Store:
        return s3_results(self.aws, self.results)


def aws_resources(settings: Settings) -> dict[str, object]:
    """The resources of the aws target. Makes no request."""
    shown: dict[str, Any] = {
        name: dg.EnvVar(variable) for name, variable in _OF_BOTO3.items() if os.environ.get(variable)
    }
    vpc_ids, results = list(settings.vpc_ids), settings.results_address
    aws = AwsAccount(
        **shown,
        max_attempts=dg.EnvVar.int("AWS_MAX_ATTEMPTS") if os.environ.get("AWS_MAX_ATTEMPTS") else MAX_ATTEMPTS,
        logs_region=settings.choice.region,
        results_bucket=bucket_and_prefix(results)[0],
        archive_account_id=None if vpc_ids else settings.choice.account,
    )
    logs = logs_settings(settings)
    bucket = FlowLogsBucket(
        aws=aws,
        bucket=settings.bucket,
        vpc_ids=vpc_ids,
        results=results,
        keep_logs_days=settings.keep_logs_days,
        keep_reports_days=settings.keep_reports_days,
        **logs,
    )
    return {
        "aws": aws,
        "bucket": bucket,
        "flow_log": VpcFlowLogs(
            aws=aws,
            bucket=bucket,
            vpc_ids=vpc_ids,
            flow_log_name=settings.flow_log_name,
            traffic_type=settings.traffic_type,
            aggregation_seconds=settings.aggregation_seconds,
            second_flow_log=settings.second_flow_log,
            **logs,
        ),
        "network_interfaces": InterfacesInEc2(aws=aws, vpc_ids=vpc_ids, account_id=settings.choice.account),
        "athena": AthenaWorkgroup(
            aws=aws,
            database=settings.database,
            workgroup=settings.workgroup,
            results=results,
            scan_limit_bytes=settings.scan_limit_bytes,
            query_timeout_seconds=settings.query_timeout_seconds,
            vpc_ids=vpc_ids,
        ),
        "results": ResultsInS3(aws=aws, results=results),
    }
