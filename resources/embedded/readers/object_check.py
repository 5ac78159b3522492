"""Checks each object's lines while they are scanned: the header line, and records in the default format.

A query gives the rows that Athena gives, even where these are wrong; the check only reports it. flowlogs/first_look.py
judges a line. To judge every line would take longer than the scan. So this module finds the few irregular lines, with
array operations, and judges those.
"""

import re
from typing import TYPE_CHECKING, Any

from flowlogs.fields import DEFAULT_FIELDS, HEADER_LINE
from flowlogs.first_look import (
    LONG_LINE,
    ODD_LINES,
    USUAL_RECORD,
    Line,
    delivered_period,
    first_line_look,
    is_outside,
    line_excerpt,
    line_kind,
    mentions_a_flow,
    other_header_problem,
)
from flowlogs.statements import TableDefinition
from resources.embedded.readers.byte_search import WORD, count_of, positions, slices, words_of

if TYPE_CHECKING:
    import numpy as np

MAX_ODD = 10_000
"""After so many odd lines of an object, no more are searched: only the first one is reported."""

_HEADER = HEADER_LINE.encode()
_GAPS = len(DEFAULT_FIELDS) - 1

_OF_A_FLOW = re.compile(b"ACCEPT|REJECT|NODATA|SKIPDATA|srcaddr")
_OF_A_HEADER = re.compile(b"srcaddr|account-id|interface-id|log-status")


def is_checked(table: TableDefinition) -> bool:
    """Whether a table expects a header line and records in the default format in each object."""
    names = [column for column, _ in table.columns]
    default = names == [field.column for field in DEFAULT_FIELDS]
    return default and table.delimiter == " " and table.properties.get("skip.header.line.count") == "1"


class ObjectCheck:
    """The findings in one object, collected while its text is scanned. `name` is the last part of its key.

    `problem` says why its records are read wrongly; it continues a sentence that begins with the name. `foreign` is a
    warning about a file that is not a flow log object and has no record. `odd` has the first line of each kind among
    ODD_LINES. `header_inside`: there is a second header line.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.problem: str | None = None
        self.foreign: str | None = None
        self.odd: dict[Line, str] = {}
        self.header_inside = False
        self._odd_lines = 0
        self._period = delivered_period(name)

    @property
    def found(self) -> bool:
        """Whether there is any finding."""
        return bool(self.problem or self.foreign or self.odd or self.header_inside)

    def header(self, line: bytes) -> None:
        """Check the object's first line, given without its end."""
        if line != _HEADER:
            look = first_line_look(self.name, line)
            self.problem, self.foreign = look.problem, None if look.header else look.warning

    def records(self, text: bytes | memoryview, ends: "np.ndarray[Any, Any]") -> None:
        """Check whole lines below the first one. `ends` are the positions of the line ends."""
        if self.problem is not None:
            return
        if self._period is not None and len(ends):
            self._look_at_end(bytes(text[: ends[0]]))
        if self.foreign is not None:
            self._look_for_flows(bytes(text))
        elif self._odd_lines >= MAX_ODD:
            self._look_for_headers(bytes(text))
        else:
            self._look_at_each(text, ends)

    def unusual_records(self, text: bytes | memoryview) -> None:
        """Check lines of the object again in which the reader found an unusual field."""
        import numpy as np
        import pyarrow.compute as pc

        if self.problem is not None or self.foreign is not None or not len(text):
            return
        ends = positions(np.frombuffer(text, np.uint8), 0x0A)
        lines = slices(text, np.concatenate([[0], ends[:-1] + 1]), ends)
        usual = pc.match_substring_regex(lines, f"^{USUAL_RECORD}$").to_numpy(zero_copy_only=False)
        for number in np.flatnonzero(~usual).tolist():
            if self.problem is not None or self._odd_lines >= MAX_ODD:
                return
            self._judge(lines[number].as_buffer().to_pybytes())

    def _look_at_end(self, first: bytes) -> None:
        """Check whether the object's first record ended on the day that its name says."""
        line = _text(first)
        if is_outside(self._period, line.split(" ")):
            self.odd[Line.OTHER_DAY] = line_excerpt(line)
        self._period = None

    def _look_at_each(self, text: bytes | memoryview, ends: "np.ndarray[Any, Any]") -> None:
        for number in _irregular(text, ends).tolist():
            line = bytes(text[ends[number - 1] + 1 if number else 0 : ends[number]])
            self._judge(line)
            if self.problem is not None:
                return
            if self._odd_lines >= MAX_ODD:
                self._look_for_headers(bytes(text[ends[number] + 1 :]))
                return

    def _judge(self, line: bytes) -> None:
        kind = line_kind(line)
        if kind is Line.OTHER_HEADER:
            self.problem = other_header_problem(_text(line))
        elif kind is Line.HEADER_AGAIN:
            self.header_inside = True
        elif kind in ODD_LINES:
            self._odd_lines += 1
            if kind not in self.odd:
                self.odd[kind] = line_excerpt(_text(line))

    def _look_for_headers(self, text: bytes) -> None:
        for line in _lines_with(text, _OF_A_HEADER):
            if line_kind(line) in (Line.OTHER_HEADER, Line.HEADER_AGAIN):
                self._judge(line)

    def _look_for_flows(self, text: bytes) -> None:
        for line in _lines_with(text, _OF_A_FLOW):
            if mentions_a_flow(_text(line)):
                self.problem = (
                    "is not a flow log object, but a line in it looks like a record, and is read by position. Move it "
                    f"away. The line is: {line_excerpt(_text(line))}"
                )
                return


def _irregular(text: bytes | memoryview, ends: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """The numbers of the lines that are not like nearly all others. Lines are numbered from 0.

    A regular line has as many gaps (blanks) as the default format, and ends in ``ACCEPT OK``, ``REJECT OK``,
    ``- NODATA`` or ``- SKIPDATA``. The word of eight bytes at a fixed distance from each line's end is compared with
    these: for example, the word that begins 10 bytes before the end of ``… 40 REJECT OK`` is `` REJECT ``. Where all
    gaps together are as many as they should be, one line may have a gap that another lacks: `unusual_records` finds
    those, among the lines that a query needs.
    """
    import numpy as np

    if len(text) < WORD:
        return np.arange(len(ends))
    words = words_of(text)
    before = words[np.maximum(ends - len("? ACCEPT OK") + 1, 0)]
    odd = np.flatnonzero((before != _word(" ACCEPT ")) & (before != _word(" REJECT ")) & (before != _word("- SKIPDA")))
    odd = np.compress(words[np.maximum(ends[odd] - WORD, 0)] != _word("- NODATA"), odd)
    characters = np.frombuffer(text, np.uint8)
    if count_of(characters, ord(" ")) == _GAPS * len(ends):
        return odd
    gaps = np.diff(np.searchsorted(positions(characters, ord(" ")), ends), prepend=0)
    irregular: np.ndarray[Any, Any] = np.union1d(odd, np.flatnonzero(gaps != _GAPS))
    return irregular


def _word(text: str) -> "np.uint64":
    import numpy as np

    word: np.uint64 = np.uint64(int.from_bytes(text.encode(), "little"))
    return word


def _lines_with(text: bytes, wanted: "re.Pattern[bytes]") -> "list[bytes]":
    """The lines that match a pattern, each once. Of a very long line, only the part around the match."""
    lines, place = [], 0
    while match := wanted.search(text, place):
        start = max(text.rfind(b"\n", 0, match.start()) + 1, match.start() - LONG_LINE)
        end = text.find(b"\n", match.end())
        place = len(text) if end < 0 else end
        lines.append(text[start : min(place, match.end() + LONG_LINE)])
    return lines


def _text(line: bytes) -> str:
    return line[:LONG_LINE].decode(errors="replace")
