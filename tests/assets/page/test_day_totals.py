"""The totals of a day: which record counts as what, what a day is compared with, and the file that keeps them."""

from datetime import date, timedelta

import pandas as pd
import pytest

from assets.page.day_totals import (
    DaySummary,
    DayTotals,
    baseline,
    disagreements,
    kind_of,
    parse_summary,
    summary_bytes,
    totals_of,
)
from flowlogs.errors import FlowLakeError

DAY = date(2021, 9, 2)
COLUMNS = {
    "dt": "string",
    "hour": "Int32",
    "action": "string",
    "logstatus": "string",
    **dict.fromkeys(["records", "packets", "bytes", "sources", "ports"], "Int64"),
}


def frame(*rows: tuple[object, ...]) -> pd.DataFrame:
    values = zip(*rows, strict=True) if rows else ([] for _ in COLUMNS)
    return pd.DataFrame(
        {name: pd.array(list(column), dtype=COLUMNS[name]) for name, column in zip(COLUMNS, values, strict=True)}
    )


def test_each_record_counts_once():
    found = totals_of(
        frame(
            ("2021-09-02", 0, "REJECT", "OK", 3, 50, 3072, 3, 2),
            ("2021-09-02", 23, "REJECT", "OK", 2, None, None, 3, 2),
            ("2021-09-02", None, "REJECT", "OK", 1, 1, 40, 3, 2),
            ("2021-09-02", 0, "ACCEPT", "OK", 1, 9000, 900000, 3, 2),
            ("2021-09-02", 0, "-", "NODATA", 4, None, None, 3, 2),
            ("2021-09-02", 0, "-", "SKIPDATA", 5, None, None, 3, 2),
            ("2021-09-02", None, None, None, 6, None, None, 3, 2),
        ),
        [DAY],
    )
    assert found == {
        DAY: DayTotals(
            "2021-09-02",
            records=22,
            rejected=6,
            accepted=1,
            no_data=4,
            skipped=5,
            unreadable=6,
            rejected_packets=51,
            sources=3,
            ports=2,
            bytes=903112,
            rejected_by_hour=(3, *[0] * 22, 2),
        )
    }


def test_days_have_their_own_totals_and_others_are_left_out():
    rows = [(day, 1, "REJECT", "OK", 1, 2, 3, 1, 1) for day in ("2021-09-01", "2021-09-02", "2021-09-03")]
    found = totals_of(frame(*rows), [DAY, DAY + timedelta(2)])
    assert {day: totals.rejected for day, totals in found.items()} == {DAY: 1, DAY + timedelta(2): 0}


@pytest.mark.parametrize(
    ("action", "status", "kind"),
    [
        ("REJECT", "NODATA", "rejected"),
        ("ACCEPT", None, "accepted"),
        ("-", "NODATA", "no_data"),
        (None, "SKIPDATA", "skipped"),
        ("DROP", "OK", "unreadable"),
        (None, None, "unreadable"),
    ],
)
def test_a_record_is_of_one_kind(action, status, kind):
    assert kind_of(action, status) == kind


def earlier(*pairs: tuple[int, int]) -> list[DayTotals]:
    return [DayTotals((DAY - timedelta(ago)).isoformat(), rejected=rejected) for ago, rejected in pairs]


@pytest.mark.parametrize(
    ("before", "name", "rejected"),
    [
        ([(1, 10), (2, 30), (7, 20)], "the median of the 3 days before", 20),
        ([(1, 10), (2, 30)], "the day before", 10),
        ([(1, 10), (2, 30), (8, 20)], "the day before", 10),
    ],
)
def test_a_day_is_compared_with_the_days_before(before, name, rejected):
    found = baseline(DAY, earlier(*before))
    assert (found.name, found.totals["rejected"]) == (name, rejected)


def test_without_the_day_before_there_is_nothing_to_compare_with():
    assert baseline(DAY, earlier((2, 30), (9, 4))) is None


def test_a_summary_comes_back_from_its_file_as_it_was():
    summary = DaySummary(DayTotals("2021-09-02", records=3, rejected_by_hour=tuple(range(24))), ("a", "b"), ("ü",))
    assert parse_summary(summary_bytes(summary), "x") == summary


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"{}", b'{"totals": {"day": "x"}, "sentences": [], "look_at": []}', b"\xff"]
)
def test_a_file_that_is_no_summary_is_named(data):
    with pytest.raises(FlowLakeError, match=r"^reports/x\.json is not the summary of a day"):
        parse_summary(data, "reports/x.json")


def test_datasets_that_have_other_records_are_told():
    rows = frame(("2021-09-02", 0, "REJECT", "OK", 3, 50, 3072, 3, 2), ("2021-09-02", 1, "ACCEPT", "OK", 4, 1, 1, 3, 2))
    alike = rows.assign(summary_records=7, summary_rejected=3, rejected_flows=3)
    totals = totals_of(rows, [DAY])
    assert disagreements(alike, totals) == {}
    other = rows.assign(summary_records=8, summary_rejected=3, rejected_flows=pd.NA)
    assert disagreements(other, totals) == {
        DAY: "2021-09-02: traffic_summary has 8 records, and traffic_by_hour has 7; rejected_flows has 0 rejected "
        "records, and traffic_by_hour has 3. Materialize the three datasets for that day together."
    }
