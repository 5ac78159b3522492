"""The sentences about runs that made a day again: which runs are told, in which words, and that they are kept."""

from datetime import datetime, timezone

import pytest
from small_page import TOTALS, page

from assets.page.day_totals import Covered, DaySummary, DayTotals, parse_summary, summary_bytes
from assets.page.render import page_html
from assets.page.updates import updates_of

NOW = datetime(2021, 9, 3, 14, 5, 59, tzinfo=timezone.utc)
READ = Covered(288, 70_000, "aa")
BEFORE = DaySummary(DayTotals("2021-09-02", records=1_000), covered=READ)


@pytest.mark.parametrize(
    ("covered", "records", "told"),
    [
        (Covered(291, 80_000, "bb"), 2_204, "3 late objects, 1,204 records."),
        (Covered(289, 70_100, "bb"), 1_001, "1 late object, 1 record."),
        (Covered(289, 70_100, "bb"), 1_000, "1 late object, 0 records."),
        (Covered(288, 70_100, "bb"), 1_004, "objects changed, 4 records."),
        (Covered(287, 69_000, "bb"), 990, "1 object fewer, 10 records fewer."),
    ],
)
def test_a_run_that_read_other_objects_is_told(covered, records, told):
    assert updates_of(BEFORE, covered, records, NOW) == (f"Updated 14:05 on 2021-09-03 (UTC): {told}",)


@pytest.mark.parametrize(
    ("before", "covered"),
    [
        (None, READ),
        (BEFORE, READ),
        (BEFORE, Covered(288, 70_000, "cc")),  # the same bytes, written again
        (BEFORE, None),
        (DaySummary(BEFORE.totals), READ),
        (DaySummary(BEFORE.totals, covered=Covered(100, 30_000, "aa", partial=True)), READ),
    ],
)
def test_other_runs_are_not_told(before, covered):
    assert updates_of(before, covered, 1_000, NOW) == ()


def test_updates_are_kept_and_the_last_twenty_shown():
    told = tuple(f"Updated {number}." for number in range(20))
    before = DaySummary(BEFORE.totals, covered=READ, updates=told)
    assert updates_of(before, READ, 1_000, NOW) == told
    late = updates_of(before, Covered(289, 70_100, "bb"), 1_002, NOW)
    assert late == (*told[1:], "Updated 14:05 on 2021-09-03 (UTC): 1 late object, 2 records.")


def test_the_updates_are_on_top_of_the_page():
    told = "Updated 14:05 on 2021-09-03 (UTC): 3 late objects, 1,204 records."
    html = page_html(page(totals=TOTALS, covered=READ, updates=(told,))).decode()
    assert f'<p class="update">{told}</p>' in html
    assert html.index(told) < html.index("<main>")
    assert 'class="update"' not in page_html(page(totals=TOTALS)).decode()


def test_a_summary_keeps_what_was_read_and_its_updates():
    summary = DaySummary(TOTALS, covered=Covered(3, 4, "ab", partial=True), updates=("Updated <b>.",))
    assert parse_summary(summary_bytes(summary), "x") == summary


def test_a_summary_of_an_earlier_version_has_neither():
    text = summary_bytes(DaySummary(TOTALS)).decode()
    assert '"covered": null,\n "updates": []\n' in text
    older = text.replace(',\n "covered": null,\n "updates": []', "")
    assert parse_summary(older.encode(), "x") == DaySummary(TOTALS)
