"""The lines of text objects: is a line a usual record of a format, an odd one, or no record at all?

Athena reads lines by position and gives no error for an odd one. Objects as a whole are judged in first_look.py.
"""

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta, timezone
from enum import Enum
from functools import cached_property, lru_cache

from flowlogs.fields import ADDRESS_HEADERS, FIELD_OF, Field
from flowlogs.layout import find_window
from flowlogs.record_format import RecordFormat

ACTIONS = frozenset({"ACCEPT", "REJECT", "-"})
"""What `action` can be ("Flow log records", Amazon VPC user guide): ``-`` in NODATA and SKIPDATA records."""

LATE_RECORDS = timedelta(hours=3)
"""So much later than a record's end its object may be called. Nearly an hour was seen in captured logs."""

MIN_FIELD_NAMES = 4
"""A line with other words in it is a header only if it names at least so many fields."""

LONG_LINE = 1 << 16
"""How much of a line's beginning is searched for the names of fields."""

FIELD_NAME = re.compile(r"\$?\{?[a-z][a-z0-9]*([-_][a-z0-9]+)*\}?")

_ACTION_BYTES = frozenset(action.encode() for action in ACTIONS)
_STATUS = re.compile(rb"(?!ACCEPT$|REJECT$)[A-Za-z_]*|-")

_ADDRESS = r"\d{1,3}(?:\.\d{1,3}){3}|[0-9a-fA-F.]*:[0-9a-fA-F:.]*|-"
_BYTES_OF_ADDRESS = re.compile(_ADDRESS.encode())
_BITS = {"int": 31, "bigint": 63}
_DIGITS = 19
"""No number of 63 bits has more."""

_USUAL_OF_TYPE = {"string": "[^ ]+", "int": r"\d{1,9}|-", "bigint": r"\d{1,18}|-"}
_USUAL_OF_FIELD = {
    **dict.fromkeys(ADDRESS_HEADERS, _ADDRESS),
    "action": "ACCEPT|REJECT|-",
    "log-status": "[A-Za-z_]+|-",
}


class Line(Enum):
    """What a line below an object's first one is."""

    RECORD = "a record"
    OTHER_ACTION = "a record whose action is none of ACTIONS"
    SURPLUS = "a record with something behind its last field"
    MALFORMED = "a record without its last fields, or with one that is not the number or address that belongs there"
    HEADER_AGAIN = "the header line of the object's own format, or a record with that behind it"
    OTHER_HEADER = "another header line: the records below it may have other fields"
    OTHER_DAY = "a record that ended on another day than its object's name says"


class RecordLines:
    """The lines of a text object with records in one format. Get it from `record_lines`, which keeps it."""

    def __init__(self, record_format: RecordFormat) -> None:
        self.format = record_format
        self.interface = record_format.position("interface-id")
        self._end = record_format.position("end")
        self._action = record_format.position("action")
        self.header = record_format.header_line.encode()
        self.ends_in_action_and_status = [field.header for field in record_format.fields[-2:]] == [
            "action",
            "log-status",
        ]
        self._status = record_format.position("log-status")

    @cached_property
    def usual_pattern(self) -> str:
        """What nearly every line is, and none but a record. Python and RE2 read the pattern alike."""
        of_fields = [_USUAL_OF_FIELD.get(field.header, _USUAL_OF_TYPE[field.type]) for field in self.format.fields]
        return " ".join(f"(?:{pattern})" for pattern in of_fields)

    @cached_property
    def _usual(self) -> "re.Pattern[str]":
        return re.compile(self.usual_pattern, re.ASCII)

    def is_usual(self, line: str) -> bool:
        """Whether a line is like nearly all others."""
        return self._usual.fullmatch(line) is not None

    def kind(self, line: bytes) -> Line:
        """The kind of a line below an object's first line."""
        count = len(self.format.fields)
        start, end = line[:LONG_LINE].decode(errors="replace"), line[-LONG_LINE:].decode(errors="replace")
        behind = " ".join(start.split(" ")[count:])
        if any(map(is_any_header, (start, end, behind))):
            again = end.rstrip(" ").endswith(self.format.header_line)
            return Line.HEADER_AGAIN if again else Line.OTHER_HEADER
        fields = line.rstrip().split(b" ", count)
        if self._action is not None and not _ACTION_BYTES.issuperset(fields[self._action : self._action + 1] or [b""]):
            return Line.OTHER_ACTION
        if len(fields) > count or not self._has_status(fields):
            return Line.SURPLUS
        is_whole = len(fields) == count and all(map(_is_well_formed, self.format.fields, fields))
        return Line.RECORD if is_whole else Line.MALFORMED

    def _has_status(self, fields: Sequence[bytes]) -> bool:
        """Whether the status, if the record has one, may be one. Else the line end behind it may be missing."""
        return self._status is None or len(fields) <= self._status or bool(_STATUS.fullmatch(fields[self._status]))

    def is_outside(self, period: tuple[float, float] | None, record: Sequence[str]) -> bool:
        """Whether a record, given by its fields, ends outside of a period. False where it does not say when it ends."""
        if period is None or self._end is None or len(record) <= self._end:
            return False
        end = record[self._end]
        is_number = len(end) <= _DIGITS and end.isascii() and end.isdigit()
        return is_number and not period[0] <= int(end) <= period[1]


@lru_cache(maxsize=256)
def record_lines(record_format: RecordFormat) -> RecordLines:
    """The lines of objects in a format."""
    return RecordLines(record_format)


def delivered_period(name: str) -> tuple[float, float] | None:
    """The seconds since 1970 between which the records of an object end, by its name; None for any other name.

    It is the day (UTC) in the name, and some hours more, since a delivery may be late.
    """
    window = find_window(name)
    if window is None:
        return None
    midnight = datetime.combine(window, time.min, timezone.utc).timestamp()
    return midnight - LATE_RECORDS.total_seconds(), midnight + (timedelta(days=1) + LATE_RECORDS).total_seconds()


def words_of_line(line: str) -> set[str]:
    """The words of a line, whatever stands between them."""
    return set(re.split(r"[\s,;|\"]+", line.strip()))


def known_names(line: str) -> int:
    """How many fields a line names."""
    return len(FIELD_OF.keys() & words_of_line(line))


def is_any_header(line: str) -> bool:
    """Whether a line, or its end, is the header line of a flow log in any format."""
    words = words_of_line(line)
    known = len(FIELD_OF.keys() & words)
    return known >= MIN_FIELD_NAMES or (known > 0 and len(words) > 1 and all(map(FIELD_NAME.fullmatch, words)))


def _is_well_formed(field: Field, text: bytes) -> bool:
    """Whether a field says a number that its column has room for, an address, or that there is none."""
    if field.header in ADDRESS_HEADERS:
        return _BYTES_OF_ADDRESS.fullmatch(text) is not None
    if field.type not in _BITS or text == b"-":
        return True
    digits = text.lstrip(b"0")
    return text.isdigit() and len(digits) <= _DIGITS and int(digits or b"0") < 1 << _BITS[field.type]
