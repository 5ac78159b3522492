"""The page of a day and the index as HTML: one file each, with style and script inside, which loads nothing.

Templates escape every value. The Content-Security-Policy allows the page's own style and script by their digests and
nothing else, so that a value that slipped through could neither run nor load anything.
"""

import base64
import hashlib
from collections.abc import Sequence
from datetime import date
from functools import cache
from pathlib import Path

import jinja2
from markupsafe import Markup

from assets.page.charts import line
from assets.page.day_totals import DaySummary
from assets.page.model import MOST_ROWS, DayPage
from assets.page.words import counted, size_text, with_commas

TEMPLATES = Path(__file__).parent / "templates"

MOST_BYTES = 900_000
"""How large a page may be. A larger one is made again, with fewer rows of each report."""

_ROWS = (MOST_ROWS, 50, 20, 10, 5, 2, 1)

REASONS_ON_TOP = 3
"""How many reasons why a day is not complete stand at the top of its page. All of them stand below."""

TREND_DAYS = 30


def page_html(page: DayPage) -> bytes:
    """The page of a day, with as many rows of each report as fit."""
    html = b""
    for rows in _ROWS:
        html = _render("day.html", page=page, rows_shown=rows, reasons_on_top=REASONS_ON_TOP)
        if len(html) <= MOST_BYTES:
            break
    return html


def index_html(days: Sequence[date], summaries: Sequence[DaySummary], *, is_simulated: bool) -> bytes:
    """The index: `days` are those with a page, `summaries` those of the last TREND_DAYS of them, both newest first."""
    in_order = list(reversed(summaries))
    labels = [found.totals.day[5:] for found in in_order]
    values = [found.totals.rejected for found in in_order]
    titles = [f"{found.totals.day}: {with_commas(found.totals.rejected)} rejected flows" for found in in_order]
    alternative = "Rejected flows by day"
    if in_order:
        alternative += f", from {in_order[0].totals.day} to {in_order[-1].totals.day}: {', '.join(map(str, values))}."
    known = {found.totals.day: found for found in summaries}
    return _render(
        "index.html",
        days=[(day.isoformat(), known.get(day.isoformat())) for day in days],
        trend=line(labels, values, titles, alternative, every=max(1, -(-len(labels) // 5))),
        trend_days=len(in_order),
        is_simulated=is_simulated,
    )


def _render(template: str, **values: object) -> bytes:
    html: str = _environment().get_template(template).render(**values, **_own_parts())
    return html.encode()


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"commas": with_commas, "size": size_text}
    environment.globals |= {"counted": counted}
    return environment


@cache
def _own_parts() -> dict[str, object]:
    style, script = ((TEMPLATES / name).read_text(encoding="utf-8") for name in ("style.css", "script.js"))
    policy = (
        f"default-src 'none'; style-src {_digest(style)}; script-src {_digest(script)}; base-uri 'none'; "
        "form-action 'none'"
    )
    return {"style": Markup(style), "script": Markup(script), "policy": policy}  # noqa: S704 - files of this folder


def _digest(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
