"""Numbers, sizes, changes and column names as people read them on the page and in the terminal."""

from collections.abc import Mapping

_UNITS = ("bytes", "kB", "MB", "GB", "TB", "PB", "EB")

_LABELS: Mapping[str, str] = {
    "packetcount": "packets",
    "numpackets": "packets",
    "numbytes": "bytes",
    "sourceaddress": "source",
    "destinationaddress": "destination",
    "sourceport": "source port",
    "destinationport": "destination port",
    "serviceport": "service port",
    "interfaceid": "network interface",
    "starttime": "start (UTC)",
    "endtime": "end (UTC)",
    "logstatus": "log status",
    "hour": "hour (UTC)",
    "dt": "day",
}


def label(column: str) -> str:
    """What a column is called for people."""
    return _LABELS.get(column, column.replace("_", " "))


def with_commas(number: float) -> str:
    """A number with thousands separators. A fraction has at most two digits, or two that are not zero."""
    if isinstance(number, int):
        return f"{number:,}"
    if number != 0 and abs(number) < 0.01:
        return f"{number:.2g}"
    return f"{number:,.2f}".rstrip("0").rstrip(".")


def counted(number: int, singular: str, plural: str = "") -> str:
    """A number and what is counted, such as "1 row" or "2,000 rows"."""
    return f"{number:,} {singular if number == 1 else plural or f'{singular}s'}"


def size_text(size: float) -> str:
    """A number of bytes in a unit that people read: thousands, as Athena's and S3's bills count."""
    if abs(size) < 1000:
        return f"{with_commas(size)} {'byte' if size == 1 else 'bytes'}"
    unit = 0
    while abs(size) >= 999.5 and unit < len(_UNITS) - 1:
        size /= 1000
        unit += 1
    return f"{size:.{0 if abs(size) >= 99.95 else 1}f} {_UNITS[unit]}"


def size_limit_text(size: float) -> str:
    """The next of 1, 2, 5, 10, … MB that is not below a size: files of equal rows differ by some bytes in two runs."""
    limit = next(step * 10**power for power in range(6, 21) for step in (1, 2, 5) if step * 10**power >= size)
    return size_text(limit)


def is_size(column: str) -> bool:
    """Whether a column holds numbers of bytes, by its name."""
    return column == "numbytes" or "bytes" in column.split("_")


def cost_text(dollars: float) -> str:
    """A cost in US dollars, with as many digits as it needs."""
    if dollars == 0 or dollars >= 0.1:
        return f"${dollars:,.2f}"
    return f"${dollars:.5f}".rstrip("0")


def change_text(now: float, before: float, than: str) -> str:
    """How a number compares with an earlier one, which is called `than`."""
    if now == before:
        return f"the same as {than}"
    if before == 0:
        return f"none on {than}" if not than.startswith("the median") else f"none in {than}"
    factor = now / before
    word = "more" if now > before else "less"
    if factor >= 3:
        return f"{factor:,.0f} times {than}"
    percent = abs(factor - 1) * 100
    return f"{percent:.0f} % {word} than {than}" if percent >= 0.5 else f"about the same as {than}"
