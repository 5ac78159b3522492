"""The HTML of pages: what is escaped, what may run, how large it is, and that it is the same every time."""

import base64
import hashlib
import re
from datetime import date, timedelta

from small_page import DAY, LOUD, PAIRS, TOTALS, page, pairs, senders

from assets.page.day_totals import DaySummary, DayTotals
from assets.page.render import MOST_BYTES, index_html, page_html

HOSTILE = [
    "<script>alert(1)</script>",
    "=cmd()",
    "![x](https://e.example/p.png)",
    "\x1b[2J",
    '" onclick="x',
    "'}</style>",
]


def test_what_a_record_holds_is_escaped_everywhere():
    rows = [(value, 10) for value in HOSTILE]
    outputs = [
        (LOUD, senders(*rows, alarms=tuple(range(len(rows))))),
        (PAIRS, pairs(*[(10, value, value) for value in HOSTILE])),
    ]
    warnings = HOSTILE[:3]
    html = page_html(page(*outputs, warnings=warnings, left_out=[(HOSTILE[0], HOSTILE[0])])).decode()
    assert html.count("<script>") == html.count("</script>") == html.count("</style>") == 1
    assert "<img" not in html
    assert "\x1b" not in html
    assert 'onclick="x' not in html
    assert html.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 8


def test_only_the_pages_own_style_and_script_may_run():
    html = page_html(page()).decode()
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)[1].replace("&#39;", "'")
    digests = [
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in re.findall(r"<(?:style|script)>(.*?)</(?:style|script)>", html, re.DOTALL)
    ]
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digests[0]}'; script-src 'sha256-{digests[1]}'; base-uri 'none'; "
        "form-action 'none'"
    )
    assert not re.search(r"\ssrc=|\sstyle=|\son\w+=|https?://|@import|url\(", html)


def test_the_same_facts_give_the_same_bytes():
    outputs = [(PAIRS, pairs((47, "203.0.113.9", "10.0.0.5")))]
    assert page_html(page(*outputs)) == page_html(page(*outputs))


def test_a_large_day_has_fewer_rows_and_stays_below_a_megabyte():
    rows = [(f"<{'&' * 60}{number}>", number) for number in range(10_000)]
    output = senders(*rows, alarms=tuple(range(0, 10_000, 2)))
    html = page_html(page(*[(LOUD, output)] * 40))
    assert len(html) <= MOST_BYTES
    assert b"The first 50 of 10,000 rows" in html or b"The first 20 of 10,000 rows" in html


def test_a_simulated_day_says_so_and_others_do_not():
    assert b"<strong>SIMULATED</strong>" in page_html(page(is_simulated=True))
    assert b"SIMULATED" not in page_html(page())
    assert b"<strong>SIMULATED</strong>" in index_html([], [], is_simulated=True)


def test_headings_are_in_order():
    html = page_html(page((PAIRS, pairs((1, "a", "b"))), (LOUD, None))).decode()
    levels = [int(level) for level in re.findall(r"<h(\d)", html)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in zip(levels[:-1], levels[1:], strict=True))


def test_the_index_links_the_days_newest_first():
    days = [DAY - timedelta(ago) for ago in range(3)]
    summaries = [DaySummary(DayTotals(day.isoformat(), rejected=1_000 + day.day)) for day in days[:2]]
    html = index_html(days, summaries, is_simulated=False).decode()
    assert re.findall(r'href="([^"]*)"', html) == ["2021-09-02.html", "2021-09-01.html", "2021-08-31.html"]
    assert "Rejected flows, the last 2 days" in html
    assert 'aria-label="Rejected flows by day, from 2021-09-01 to 2021-09-02: 1001, 1002."' in html
    assert date.fromisoformat(TOTALS.day) == DAY
