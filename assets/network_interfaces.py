"""The asset of network interfaces: what each is called and belongs to, kept with the time it was seen.

So last month's reports tell last month's names. name_snapshots.py has the files, names.py what is looked up in them.
Reports do not wait for it: without it, addresses have no names.
"""

from collections.abc import Mapping
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import dagster as dg

from assets.infrastructure import GROUP, vpc_flow_logs_bucket
from assets.name_snapshots import ADDRESS_COLUMNS, VPC, snapshot_frame, store_snapshot
from assets.results_source import require_own_results
from assets.runs import as_dagster_failure
from assets.tables import markdown_list, markdown_table
from flowlogs.errors import FlowLakeError
from flowlogs.statements import TableName
from resources.bucket import Bucket, ObjectStore
from resources.engine import QueryEngine
from resources.network_interfaces import NetworkInterfaces

if TYPE_CHECKING:
    import pandas as pd

ROWS_SHOWN = 100

_SHOWN = ("name", "kind", "belongs_to", "interfaceid", *ADDRESS_COLUMNS, "security_groups", "az_id", "vpc_id")


@dg.asset(group_name=GROUP, deps=[vpc_flow_logs_bucket], kinds={"parquet"})
def network_interfaces(
    context: dg.AssetExecutionContext,
    network_interfaces: dg.ResourceParam[NetworkInterfaces],
    bucket: dg.ResourceParam[Bucket],
    athena: dg.ResourceParam[QueryEngine],
    results: dg.ResourceParam[ObjectStore],
    table: dg.ResourceParam[TableName],
) -> dg.MaterializeResult:
    """What each network interface and address is called and belongs to, with the time it was seen.

    On AWS, EC2 is asked; a permission that is missing is a warning. Embedded: the simulated VPC's own interfaces; none
    for a folder of your own, where `FLOWLAKE_NAMES` can name addresses. What is found is kept below `names/`, and only
    where it differs from what was found before.
    """
    with as_dagster_failure():
        found = network_interfaces.find()
        seen = now()
        frame = snapshot_frame(found, seen)
        warnings = list(found.warnings)
        kept: dict[str, Any] = {}
        # Where nothing was found, nobody could be asked, or nothing is there: what was known before stays.
        if len(frame):
            require_own_results(results, bucket, athena, table)
            try:
                snapshot, is_new = store_snapshot(results, frame, seen)
                path = dg.MetadataValue.path(results.display_path(snapshot.key))
                kept = {"snapshot": path, "first seen": snapshot.seen.isoformat(), "changed": is_new}
            except FlowLakeError as error:
                # These are names alone, and everything else works without them.
                warnings.append(f"The names of network interfaces are not kept. {error}")
    for warning in warnings:
        context.log.warning(warning)
    return dg.MaterializeResult(metadata={**snapshot_metadata(frame), **kept, **_told(warnings)})


def now() -> datetime:
    return datetime.now(timezone.utc)


def snapshot_metadata(frame: "pd.DataFrame") -> Mapping[str, Any]:
    """The metadata of a snapshot's rows: how many of what there are, and the first rows."""
    interfaces = frame[frame["kind"].ne(VPC).fillna(True)]
    addresses = [text for column in ADDRESS_COLUMNS for cell in interfaces[column].dropna() for text in cell.split(" ")]
    return {
        "interfaces": len(interfaces),
        "interfaces with a name": int(interfaces["name"].notna().sum()),
        "addresses": len(addresses),
        "VPCs": len(frame) - len(interfaces),
        "table": dg.MetadataValue.md(markdown_table(frame[list(_SHOWN)], ROWS_SHOWN)),
    }


def _told(warnings: list[str]) -> Mapping[str, Any]:
    return {"found": dg.MetadataValue.md(markdown_list(warnings))} if warnings else {}
