"""The assets of the bucket and of the flow log, without which AWS delivers nothing.

What exists and works is not changed.
"""

from collections.abc import Iterator
from dataclasses import replace

import dagster as dg

from assets.day_objects import first_paths
from assets.runs import as_dagster_failure, ensure_result
from flowlogs.errors import FlowLakeError
from resources.bucket import Bucket
from resources.ensured import Ensured
from resources.flow_log import FlowLog

GROUP = "infrastructure"

RECOMMENDED_CHECK = "set_up_as_recommended"
"""The check of the bucket. It warns; an error of the bucket fails it and stops the run."""

DELIVERS_CHECK = "delivers_readable_records"
"""The check of the flow logs. The daily job runs it alone, without its asset."""


@dg.asset(
    group_name=GROUP,
    check_specs=[
        dg.AssetCheckSpec(
            RECOMMENDED_CHECK,
            asset="vpc_flow_logs_bucket",
            description="The bucket is set up as recommended. Differences are reported and not changed.",
        )
    ],
)
def vpc_flow_logs_bucket(context: dg.AssetExecutionContext, bucket: dg.ResourceParam[Bucket]) -> dg.MaterializeResult:
    """The bucket that flow logs are delivered to: it exists, and they can be delivered.

    Embedded: a folder laid out as that bucket (`AWSLogs/…`). A folder of your own is read, never written.
    """
    with as_dagster_failure():
        ensured = bucket.ensure()
        outside = bucket.objects_outside_days()
        if outside:
            warning = (
                f"Objects of flow logs lie in no day's folder (<yyyy>/<MM>/<dd>/), so that no report counts them: "
                f"{first_paths(bucket, outside)}. Move them into their day's folder, then run again."
            )
            ensured = replace(ensured, warnings=(*ensured.warnings, warning))
        return ensure_result(context, ensured, RECOMMENDED_CHECK)


@dg.multi_asset(
    name="vpc_flow_log",
    specs=[
        dg.AssetSpec(
            "vpc_flow_log",
            deps=[vpc_flow_logs_bucket],
            group_name=GROUP,
            description="The flow log: every configured VPC has one that delivers all its records to the bucket.\n\n"
            "Embedded: a simulated VPC for the default bucket; none for a folder of your own, whose logs are read as "
            "they are.",
        )
    ],
    check_specs=[
        dg.AssetCheckSpec(
            DELIVERS_CHECK,
            asset="vpc_flow_log",
            blocking=True,
            description="Every flow log is there, active, delivers, and records what the table can read, once.",
        )
    ],
    # The daily job runs only the check, which creates nothing.
    can_subset=True,
)
def vpc_flow_log(
    context: dg.AssetExecutionContext, flow_log: dg.ResourceParam[FlowLog]
) -> Iterator[dg.MaterializeResult | dg.AssetCheckResult]:
    with as_dagster_failure():
        if context.selected_asset_keys:
            yield ensure_result(context, flow_log.ensure(), DELIVERS_CHECK)
        else:
            # A warning, since the records that were delivered are still to be reported.
            yield from ensure_result(context, _as_warnings(flow_log), DELIVERS_CHECK).check_results or ()


def _as_warnings(flow_log: FlowLog) -> Ensured:
    """What the check of the flow logs finds, as warnings; also that they cannot be looked at."""
    try:
        found = flow_log.check()
    except FlowLakeError as error:
        return Ensured({}, (f"whether the flow logs are there and deliver is not known: {error}",))
    return replace(found, errors=(), warnings=(*found.errors, *found.warnings))


DELIVERS = dg.AssetCheckKey(dg.AssetKey("vpc_flow_log"), DELIVERS_CHECK)
