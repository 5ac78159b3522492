"""An empty Dagster project, which the start-up of ours is measured against.

As many assets as ours, with the same partitions and the same executor, that do nothing.
"""

import os
import warnings

import dagster as dg

DAYS = dg.DailyPartitionsDefinition(start_date=os.environ["FLOWLAKE_START_DATE"], timezone="UTC")


def _once(name: str, *upstream: str) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=list(upstream))
    def nothing() -> None: ...

    return nothing


def _daily(name: str, *upstream: str) -> dg.AssetsDefinition:
    @dg.asset(name=name, deps=list(upstream), partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
    def nothing() -> None: ...

    return nothing


with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=".*[Bb]ackfill", category=dg.BetaWarning)
    defs = dg.Definitions(
        assets=[
            _once("bucket"),
            _once("flow_log", "bucket"),
            _once("table", "bucket"),
            _daily("partition", "flow_log", "table"),
            _daily("rejected", "partition"),
            _daily("pairs", "rejected"),
            _daily("details", "rejected"),
        ],
        executor=dg.in_process_executor,
    )
