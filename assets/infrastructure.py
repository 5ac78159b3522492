"""The bucket and the flow log: what must exist before AWS delivers anything. Neither is changed once it serves."""

import dagster as dg

from assets.runs import clear_failures
from resources.bucket import Bucket
from resources.flow_log import FlowLog

GROUP = "infrastructure"


@dg.asset(group_name=GROUP, kinds={"s3"})
def vpc_flow_logs_bucket(bucket: dg.ResourceParam[Bucket]) -> dg.MaterializeResult:
    """The bucket that flow logs are delivered to: it exists and is fit to receive them.

    Embedded: a folder laid out as that bucket (`AWSLogs/…`). A folder of your own is read, never written.
    """
    with clear_failures():
        return dg.MaterializeResult(metadata={**bucket.ensure()})


@dg.asset(group_name=GROUP, kinds={"aws"}, deps=[vpc_flow_logs_bucket])
def vpc_flow_log(flow_log: dg.ResourceParam[FlowLog]) -> dg.MaterializeResult:
    """The flow log: every configured VPC has one that delivers all its records to the bucket.

    Embedded: a simulated VPC for the default bucket; none for a folder of your own, whose logs are read as they are.
    """
    with clear_failures():
        return dg.MaterializeResult(metadata={**flow_log.ensure()})
