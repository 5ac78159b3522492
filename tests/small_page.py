"""Small reports and a page of them, for the tests of the page: a day's totals, reports as files, and their rows."""

from datetime import date
from pathlib import Path

import pandas as pd

from assets.page.day_totals import DayTotals
from assets.page.model import DayPage, Facts, day_page
from assets.reports.report_files import Report, parse_report
from assets.reports.report_output import ReportOutput

DAY = date(2021, 9, 2)
TOTALS = DayTotals(
    "2021-09-02",
    records=12_000,
    rejected=9_000,
    accepted=2_900,
    no_data=98,
    skipped=2,
    rejected_packets=50_000,
    sources=70,
    ports=1,
    bytes=12_345_678,
    rejected_by_hour=(*[0] * 22, 8_000, 999),
    stored_bytes=1_000,
)


def report(name: str, header: str = "", columns: str = "sourceaddress string, bytes bigint") -> Report:
    listed = "\n".join(f"--   {column.strip()}" for column in (*columns.split(","), "dt string"))
    text = f"""-- title: The {name}
-- question: Who?
-- reads: rejected_flows
-- order: {columns.split()[0]}
{header}-- columns:
{listed}
SELECT * FROM rejected_flows WHERE dt BETWEEN '{{first}}' AND '{{last}}'"""
    return parse_report(Path(f"{name}.sql"), text)


PAIRS = report(
    "top_rejected_pairs",
    "-- chart: bars of packetcount by sourceaddress, destinationaddress\n",
    "packetcount bigint, sourceaddress string, destinationaddress string",
)
LOUD = report("loud", "-- alarm: bytes > 5\n-- says: {sourceaddress} sent {bytes}.\n")
RARE = report("rare", "-- alarm: bytes > 5\n-- says: {sourceaddress} is rare.\n")
INTRUDER = report("brute_force_accepted", "-- alarm: bytes > 5\n-- says: {sourceaddress} is in.\n")


def pairs(*rows: tuple[object, str, str]) -> ReportOutput:
    counts, sources, destinations = zip(*rows, strict=True) if rows else ((), (), ())
    frame = pd.DataFrame(
        {
            "packetcount": pd.array(list(counts), dtype="Int64"),
            "sourceaddress": pd.array(list(sources), dtype="string"),
            "destinationaddress": pd.array(list(destinations), dtype="string"),
        }
    )
    return ReportOutput(frame.assign(dt=pd.array([str(DAY)] * len(frame), dtype="string")))


def senders(*rows: tuple[str, int | None], alarms: tuple[int, ...] = ()) -> ReportOutput:
    addresses, sizes = zip(*rows, strict=True) if rows else ((), ())
    frame = pd.DataFrame(
        {"sourceaddress": pd.array(list(addresses), dtype="string"), "bytes": pd.array(list(sizes), dtype="Int64")}
    )
    return ReportOutput(frame.assign(dt=pd.array([str(DAY)] * len(frame), dtype="string")), alarms)


def page(*outputs: tuple[Report, ReportOutput | None], totals: DayTotals = TOTALS, **facts: object) -> DayPage:
    return day_page(Facts(DAY, totals, outputs, **facts))
