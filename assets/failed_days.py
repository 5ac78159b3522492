"""Which days of a run failed in a step, so that the steps behind it leave them out and do the others.

All steps of a run are executed in one process (the executor in pipelines/jobs.py), so that this is kept in memory.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import date

import dagster as dg

MAX_RUNS = 16
"""How many runs are remembered: a process executes one, or a few one after the other."""

_failed: dict[str, dict[dg.AssetKey, dict[date, str]]] = {}
"""By the run's id and the asset, the days that failed, and why."""


def hand_on(context: dg.AssetExecutionContext, failures: Mapping[date, str]) -> None:
    """Have the assets behind those of this step leave out these days."""
    of_run = _failed.setdefault(context.run.run_id, {})
    of_run |= {key: dict(failures) for key in context.selected_asset_keys}
    for run_id in list(_failed)[:-MAX_RUNS]:
        del _failed[run_id]


def handed_on(context: dg.AssetExecutionContext) -> dict[date, str]:
    """The days that failed in this run in an asset in front of those of this step, and why."""
    of_run = _failed.get(context.run.run_id, {})
    in_front = {found for key in context.selected_asset_keys for found in _assets_before(context, key)}
    return {day: why for key, failures in of_run.items() if key in in_front for day, why in failures.items()}


def assets_after(context: dg.AssetExecutionContext) -> bool:
    """Whether the run has assets that are made from those of this step."""
    own = context.selected_asset_keys
    others = context.job_def.asset_layer.selected_asset_keys - own
    return any(own & _assets_before(context, key) for key in others)


def _assets_before(context: dg.AssetExecutionContext, key: dg.AssetKey) -> AbstractSet[dg.AssetKey]:
    return context.job_def.asset_layer.asset_graph.get_ancestor_asset_keys(key)
