"""When the steps of Dagster's last run were, by its own event log, in the instance that DAGSTER_HOME names; as JSON."""

import json
from typing import Any

import dagster as dg

STARTED, SUCCEEDED = dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS
MADE = dg.DagsterEventType.ASSET_MATERIALIZATION


def last_run() -> dict[str, Any]:
    """When its first step began and its last one ended (seconds since 1970), and the seconds that each step took; and
    by asset, the bytes that its statement scanned, where its metadata tells.
    """
    with dg.DagsterInstance.get() as instance:
        (run,) = instance.get_runs(limit=1)
        entries = instance.all_logs(run.run_id, of_type={STARTED, SUCCEEDED, MADE})
    events = [(entry.timestamp, entry.get_dagster_event()) for entry in entries]
    succeeded = [event for _, event in events if event.event_type == SUCCEEDED]
    made = [event.materialization for _, event in events if event.event_type == MADE]
    return {
        "first_step": min(timestamp for timestamp, _ in events),
        "last_step": max(timestamp for timestamp, _ in events),
        "steps": {str(event.step_key): event.step_success_data.duration_ms / 1000 for event in succeeded},
        "scanned_bytes": {
            one.asset_key.to_user_string(): one.metadata["bytes scanned"].value
            for one in made
            if "bytes scanned" in one.metadata
        },
    }


if __name__ == "__main__":
    print(json.dumps(last_run()))
