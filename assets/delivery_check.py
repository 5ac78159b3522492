"""The check of when and how much the flow logs delivered on days, and the same as metadata of each day."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction

import dagster as dg

from assets.tables import markdown_list
from flowlogs.completeness import DayDeliveries, duration_text

ALL_DAY_CHECK = "delivered_all_day"

FLOW_LOGS_SHOWN = 10
"""How many flow logs the table of a day's deliveries has: those that lack most come first."""

ALL_DAY_SPEC = dg.AssetCheckSpec(
    ALL_DAY_CHECK,
    asset="vpc_flow_logs_partition",
    description="Each flow log delivered all day, as on the 7 days before: no long gap, as many windows, objects and "
    "bytes as usual. What is told says where to look; docs/completeness.md has the limits.",
)


def irregularities(deliveries: Mapping[date, DayDeliveries]) -> list[str]:
    """What is not as expected on these days, as warnings."""
    return [reason.text for found in deliveries.values() for reason in found.reasons if reason.warns]


def all_day_check(deliveries: Mapping[date, DayDeliveries], days: Sequence[date]) -> dg.AssetCheckResult:
    """The check of these days, of which those with objects have `deliveries`."""
    warnings = irregularities(deliveries)
    lowest = min((found.share for found in deliveries.values()), default=Fraction(0))
    return dg.AssetCheckResult(
        check_name=ALL_DAY_CHECK,
        passed=not warnings,
        severity=dg.AssetCheckSeverity.WARN,
        description=markdown_list(warnings) or None,
        metadata={
            "days looked at": len(days),
            "warnings": len(warnings),
            "windows expected": sum(found.expected for found in deliveries.values()),
            "windows missing": sum(found.missing for found in deliveries.values()),
            "lowest share delivered in percent": _percent(lowest),
        },
    )


def delivery_metadata(found: DayDeliveries) -> Mapping[str, object]:
    """The numbers of a day's deliveries, which Dagster plots, and a table of its flow logs."""
    windows = [window for one in found.flow_logs for window in one.found.windows]
    longest = max((one.found.longest_gap(found.day) for one in found.flow_logs), default=timedelta(0))
    return {
        "flow logs": len(found.flow_logs),
        "flow logs that stopped": len(found.silent),
        "windows with objects": found.windows,
        "windows expected": found.expected,
        "windows missing": found.missing,
        **(
            {"first window": f"{min(windows):%H:%M} UTC", "last window": f"{max(windows):%H:%M} UTC"} if windows else {}
        ),
        **({"longest gap in minutes": longest // timedelta(minutes=1)} if found.is_over else {}),
        "share delivered in percent": _percent(found.share),
        "compared with": found.basis,
        "deliveries": dg.MetadataValue.md(_table(found)),
    }


def _table(found: DayDeliveries) -> str:
    shown = sorted(found.flow_logs, key=lambda one: (-one.missing, one.flow_log))[:FLOW_LOGS_SHOWN]
    rows = [
        f"|{one.flow_log}|{len(one.found.windows)}|{one.expected.windows}|{one.missing}|"
        f"{duration_text(one.found.longest_gap(found.day))}|{one.found.objects}|{one.found.size}|"
        for one in shown
    ]
    head = ["|flow log|windows|expected|missing|longest gap|objects|bytes|", "|-|-|-|-|-|-|-|"]
    return "\n".join([*head, *rows])


def _percent(share: Fraction) -> float:
    return float(round(share * 100, 2))
