"""The figure of a day's completeness, put together from listings, coverage and totals; its check and its metadata.

flowlogs/completeness.py decides, docs/completeness.md explains. No record is read for it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from statistics import median

import dagster as dg

from assets.coverage import Coverage
from assets.day_objects import DayObjects, damaged_warning
from assets.metadata import coverage_metadata
from assets.page.day_totals import FEWEST_DAYS, DayTotals
from assets.tables import markdown_list
from flowlogs.completeness import Completeness, DayDeliveries, Reason, Records, completeness
from flowlogs.layout import find_flow_log
from resources.bucket import Bucket

COMPLETE_CHECK = "day_complete"

SILENT_INTERFACES = "silent_interfaces"
"""The report of interfaces that fell silent."""

REASONS_SHOWN = 20
"""How many reasons the check's description has."""


@dataclass(frozen=True)
class DayFacts:
    """What a day's completeness is computed from.

    `covered` are the objects that the datasets were made from; None where that is not known. `earlier` are the totals
    of days before, `silent` the warnings about flow logs that delivered nothing, `different` that about datasets that
    do not have the same records. `left_out` are damaged objects that the day was made without, and why.
    """

    day: date
    inspected: DayObjects
    deliveries: DayDeliveries
    totals: DayTotals
    earlier: Sequence[DayTotals] = ()
    covered: Coverage | None = None
    silent: Sequence[str] = ()
    different: str | None = None
    left_out: Mapping[str, str] = field(default_factory=dict)


def records_of(totals: DayTotals, earlier: Sequence[DayTotals] = ()) -> Records:
    """The numbers of records by kind. `earlier` are the totals of days before."""
    shares = [before.no_data / before.records for before in earlier if before.records]
    return Records(
        totals.records,
        totals.no_data,
        totals.skipped,
        totals.unreadable,
        totals.odd,
        median(shares) if len(shares) >= FEWEST_DAYS else None,
    )


def completeness_of(facts: DayFacts, bucket: Bucket) -> Completeness:
    """The figure of a day and its reasons: also all that the inspection of its objects warns of."""
    objects = facts.inspected.objects
    lost = [key for key, stored in objects.items() if stored.archived or (find_flow_log(key) and not stored.size)]
    came = facts.covered.came_since(facts.inspected.coverage) if facts.covered else []
    others = [
        *([Reason(facts.different)] if facts.different else []),
        *map(Reason, facts.silent),
        *([Reason(damaged_warning(bucket, facts.day, facts.left_out))] if facts.left_out else []),
        *([Reason(_unreadable(facts.day, facts.inspected.problem))] if facts.inspected.problem else []),
        *(Reason(text, warns=False) for text in facts.inspected.warnings),
    ]
    return completeness(
        facts.deliveries,
        records_of(facts.totals, facts.earlier),
        max(len(objects), len(facts.covered.objects) if facts.covered else 0),
        list(map(bucket.objects.display_path, set(lost).difference(facts.left_out))),
        list(map(bucket.objects.display_path, came)),
        others,
        len(facts.left_out),
    )


def _unreadable(day: date, problem: str) -> str:
    return (
        f"The objects of {day} cannot be read any more as they are, and this page tells what was read before: {problem}"
    )


def completeness_metadata(found: Completeness, facts: DayFacts, silent_interfaces: int | None) -> Mapping[str, object]:
    """The figure and the numbers behind it, which Dagster plots, as metadata of a day's page."""
    records = records_of(facts.totals)
    covered = facts.covered
    return {
        "complete in percent": found.percent,
        "why not complete": dg.MetadataValue.md(markdown_list(found.texts) or "-"),
        "computed from": found.basis,
        "NODATA records in percent": float(round(records.no_data_share * 100, 2)),
        "SKIPDATA records in percent": float(round(records.skipped_share * 100, 2)),
        "records that stand for lost ones": facts.totals.skipped,
        "odd records": facts.totals.odd + facts.totals.unreadable,
        **({} if silent_interfaces is None else {"interfaces that fell silent": silent_interfaces}),
        **(coverage_metadata(covered) if covered else {}),
    }


def complete_check(
    found: Mapping[date, Completeness], metadata: Mapping[date, Mapping[str, object]], days: Sequence[date]
) -> dg.AssetCheckResult:
    """The check of how complete these days are. `metadata` are those of their pages."""
    told = [(day, text) for day, one in sorted(found.items()) for text in one.warnings]
    several = len(days) > 1
    texts = [f"{day}: {text}" if several else text for day, text in told[:REASONS_SHOWN]]
    if len(told) > REASONS_SHOWN:
        texts.append(f"And {len(told) - REASONS_SHOWN} more; the days' pages have all of them.")

    figures = [f"- {day}: {one.percent} %" for day, one in sorted(found.items())]

    def total(name: str) -> int:
        return sum(value for of_day in metadata.values() if isinstance(value := of_day.get(name, 0), int))

    return dg.AssetCheckResult(
        check_name=COMPLETE_CHECK,
        passed=not told,
        severity=dg.AssetCheckSeverity.WARN,
        description=markdown_list(texts) or None,
        metadata={
            "days looked at": len(days),
            "complete in percent": min((one.percent for one in found.values()), default=0),
            "days": dg.MetadataValue.md("\n".join(figures) or "-"),
            "records": total("records"),
            **{
                name: total(name)
                for name in ("records that stand for lost ones", "odd records", "interfaces that fell silent")
            },
        },
    )


def coverage_disagreement(day: date, covered: Mapping[str, Coverage]) -> str | None:
    """That a day's datasets, by name, were not made from the same objects, in words; None where they were."""
    (first, wanted), *others = covered.items() or [("", Coverage())]
    told = [
        f"{name} was made from {_objects(found)}, and {first} from {_objects(wanted)}"
        for name, found in others
        if not found.matches(wanted)
    ]
    if not told:
        return None
    return f"{day}: {'; '.join(told)}. Materialize the three datasets for that day together."


def _objects(covered: Coverage) -> str:
    return f"{covered.count} {'object' if covered.count == 1 else 'objects'} of {covered.size:,} bytes"
