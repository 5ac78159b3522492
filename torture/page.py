"""Writes a table into docs/reliability.md, between the comment that names it and the end of it."""

import re
from pathlib import Path

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reliability.md"


def with_table(page: str, name: str, text: str) -> str:
    """The page with this text in the place of that name."""
    place = re.compile(rf"(<!-- {name} -->\n).*?(<!-- end -->)", re.DOTALL)
    if not place.search(page):
        raise ValueError(f"the page has no place for {name}")
    return place.sub(lambda found: f"{found[1]}{text}\n{found[2]}", page, count=1)


def write_table(name: str, text: str) -> None:
    """Write it into the page."""
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8"), name, text), encoding="utf-8")
