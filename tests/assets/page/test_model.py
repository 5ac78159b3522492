"""What the page of a day says: its sentences, numbers, rows that need a look, tables and pictures, exactly."""

from dataclasses import replace

import pandas as pd
from small_page import DAY, INTRUDER, LOUD, PAIRS, RARE, TOTALS, page, pairs, report, senders

from assets.names import Names
from assets.page.day_totals import Baseline, DayTotals
from assets.page.model import Cell
from assets.reports.report_output import ReportOutput


def test_a_quiet_day_names_the_pair_that_was_rejected_most():
    found = page((PAIRS, pairs((47, "203.0.113.9", "10.0.0.5"), (3, "198.51.100.7", "10.0.0.6"))))
    assert found.summary.sentences == (
        "12,000 records read, 9,000 rejected by 70 sources, 0 unreadable.",
        "No report found a row that needs a look; most packets were rejected from 203.0.113.9 to 10.0.0.5: 47 packets.",
    )
    assert found.summary.look_at == (
        "203.0.113.9 to 10.0.0.5: 47 packets.",
        "198.51.100.7 to 10.0.0.6: 3 packets.",
    )


def test_one_packet_is_no_packets():
    found = page((PAIRS, pairs((2, "203.0.113.9", "10.0.0.5"), (1, "203.0.113.9", "10.0.0.6"))))
    assert found.summary.look_at == ("203.0.113.9 to 10.0.0.5: 2 packets.", "203.0.113.9 to 10.0.0.6: 1 packet.")


def test_what_is_rare_comes_first_and_each_report_has_its_turn():
    found = page(
        (LOUD, senders(("192.0.2.1", 10), ("192.0.2.2", 2000), ("192.0.2.3", 1), alarms=(0, 1))),
        (PAIRS, pairs((47, "203.0.113.9", "10.0.0.5"))),
        (RARE, senders(("192.0.2.9", 10), alarms=(0,))),
    )
    assert [(looks.name, looks.count, looks.sentences) for looks in found.looks] == [
        ("rare", 1, ["192.0.2.9 is rare."]),
        ("loud", 2, ["192.0.2.1 sent 10 bytes.", "192.0.2.2 sent 2.0 kB."]),
    ]
    assert found.summary.look_at == ("192.0.2.9 is rare.", "192.0.2.1 sent 10 bytes.", "192.0.2.2 sent 2.0 kB.")
    assert found.summary.sentences[1] == "3 rows need a look, in 2 reports; first: 192.0.2.9 is rare."
    assert found.summary.totals.need_a_look == 3


def test_somebody_who_came_in_is_looked_at_first():
    many = senders(*[(f"192.0.2.{number}", 10) for number in range(9)], alarms=tuple(range(9)))
    found = page((INTRUDER, many), (RARE, senders(("192.0.2.9", 10), alarms=(0,))))
    assert [looks.name for looks in found.looks] == ["brute_force_accepted", "rare"]
    assert (len(found.looks[0].sentences), found.looks[0].more) == (5, 4)


def test_an_empty_day_says_that_it_may_be_no_good_sign():
    found = page(totals=DayTotals("2021-09-02"))
    assert found.summary.sentences == (
        "0 records read: the logs of this day hold none.",
        "Look first whether the flow logs still deliver: a day without records is not a day without traffic.",
    )


def test_the_numbers_have_their_change():
    before = {"rejected": 4_500, "rejected_packets": 50_000, "sources": 100, "ports": 0, "bytes": 1}
    found = page(baseline=Baseline("the day before", before))
    assert [(number.text, number.name, number.exact, number.change) for number in found.numbers] == [
        ("9,000", "rejected flows", "", "100 % more than the day before"),
        ("50,000", "rejected packets", "", "the same as the day before"),
        ("70", "rejected sources", "", "30 % less than the day before"),
        ("1", "targeted ports", "", "none on the day before"),
        ("12.3 MB", "traffic recorded", "12,345,678 bytes", "12,345,678 times the day before"),
    ]


def test_lost_records_and_warnings_make_a_day_incomplete():
    assert [(part.name, part.count) for part in page().parts] == [
        ("rejected", 9_000),
        ("accepted", 2_900),
        ("no data", 98),
        ("skipped", 2),
        ("unreadable", 0),
    ]
    whole = replace(TOTALS, skipped=0)
    assert not page().is_complete
    assert page(totals=whole).is_complete
    assert not page(totals=whole, warnings=["x"]).is_complete
    assert not page(totals=replace(whole, unreadable=1)).is_complete


def test_the_busiest_hour_is_named_and_records_without_hour_are_counted():
    assert page().hours_note == "The most, 8,000, from 22:00 to 23:00 UTC. 1 record has no hour."


def test_a_table_has_names_and_sizes_and_the_exact_values():
    names = Names(addresses={"192.0.2.1": "web"})
    (section,) = page((LOUD, senders(("192.0.2.1", 12_345), ("x", None), alarms=(0,))), names=names).sections
    assert [(heading.text, heading.is_number) for heading in section.headings] == [("source", False), ("bytes", True)]
    assert section.rows == [
        [Cell("192.0.2.1 (web)"), Cell("12.3 kB", "12,345 bytes", "12345")],
        [Cell("x"), Cell("")],
    ]
    assert (section.marked, section.csv) == (frozenset({0}), "loud/2021-09-02.csv")


def test_a_column_whose_description_says_so_holds_times():
    seen = report("seen", columns="first bigint: seconds since 1970; the first, number bigint")
    frame = pd.DataFrame({"first": pd.array([1630540800], dtype="Int64"), "number": pd.array([1], dtype="Int64")})
    (section,) = page((seen, ReportOutput(frame.assign(dt=str(DAY))))).sections
    assert [cell.text for cell in section.rows[0]] == ["2021-09-02T00:00:00Z", "1"]


def test_pictures_have_bars_for_the_first_rows():
    found = page((PAIRS, pairs((40, "192.0.2.1", "10.0.0.5"), (10, "192.0.2.2", "10.0.0.5"), (None, "a", "b"))))
    ((heading, (figure,)),) = found.overview
    assert heading == "Who was rejected, and where"
    assert [(bar.label, bar.value, bar.share) for bar in figure.bars] == [
        ("192.0.2.1 → 10.0.0.5", "40", 1.0),
        ("192.0.2.2 → 10.0.0.5", "10", 0.25),
        ("a → b", "unknown", 0.0),
    ]


def test_reports_that_are_missing_or_left_out_are_named():
    lacking = replace(senders(), lacks=("tcp-flags",))
    found = page((LOUD, None), (RARE, lacking), left_out=[("The other", "no reason")])
    assert [report.name for report in found.missing] == ["loud"]
    assert found.left_out == [("The other", "no reason"), ("The rare", "the flow logs lack tcp-flags")]
    assert found.sections == []


def test_the_cost_is_that_of_one_scan_and_of_the_reports():
    sizes = {"rejected_flows": {DAY: 5_000}}
    found = page((LOUD, senders()), dataset_bytes=sizes, cost_of=lambda size: size / 1000)
    assert found.sections[0].cost == "reads at most 1.0 MB, for at most $5.00"
    assert found.cost == "1.0 kB of logs read once, for all reports; at most $6.00"
    assert page((LOUD, senders()), dataset_bytes=sizes).sections[0].cost == "reads at most 1.0 MB"
    assert page().cost == "1.0 kB of logs read once, for all reports; no bill"


def test_what_a_record_holds_is_printable_text():
    evil = "<script>\x1b[2J"
    found = page((LOUD, senders((evil, 10), alarms=(0,))))
    assert found.summary.look_at == (r"<script>\x1b[2J sent 10 bytes.",)
    assert found.sections[0].rows[0][0] == Cell(r"<script>\x1b[2J")
