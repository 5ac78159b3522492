"""Checks each object's lines while they are scanned: the header line, and records in the default format.

A query gives the rows that Athena gives, even where these are wrong; the check only reports it. flowlogs/first_look.py
judges a line. To judge every line would take longer than the scan. So this module finds the few irregular lines, with
array operations, and judges those.
"""

import hashlib
import re
from typing import TYPE_CHECKING, Any

from flowlogs.first_look import (
    ODD_LINES,
    first_line_look,
    line_excerpt,
    mentions_a_flow,
    other_header_problem,
    renamed_warning,
)
from flowlogs.layout import is_object_name
from flowlogs.record_format import TEXT, RecordFormat, column_format
from flowlogs.record_lines import LONG_LINE, Line, delivered_period, record_lines
from flowlogs.statements import TableDefinition
from resources.embedded.readers.byte_search import WORD, count_of, positions, slices, words_of

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

CHECKED_IN_FULL = 20
"""So many of each object's first records are checked in full. Of the others, only unusual ones are looked at."""

MAX_ODD = 10_000
"""After so many odd lines of an object, no more are searched: only the first one is reported."""

_RARE_LETTERS = {b"REJECT": b"J", b"ACCEPT": b"P"}
"""For an action, a letter of it that a usual record has nowhere else."""

_OF_A_FLOW = re.compile(b"ACCEPT|REJECT|NODATA|SKIPDATA|srcaddr")
_OF_A_HEADER = re.compile(b"srcaddr|account-id|interface-id|log-status")


def checked_format(table: TableDefinition) -> RecordFormat | None:
    """The format of the records that a table expects below a header line; None where it is no table of flow logs."""
    if table.stored_as != TEXT or table.delimiter != " " or table.properties.get("skip.header.line.count") != "1":
        return None
    found = column_format([column for column, _ in table.columns], TEXT)
    return found if found and found.position("action") is not None else None


class ObjectCheck:
    """The findings in one object, collected while its text is scanned. `name` is the last part of its key.

    `record_format` is what the table expects. `problem` says why the records are read wrongly; it continues a sentence
    that begins with the name. `foreign` is a warning about a file that is not a flow log object and has no record.
    `odd` has the first line of each kind among ODD_LINES. `header_inside`: there is a second header line. `renamed` is
    a warning about a file with records whose name is not that of an object. `is_empty`: no line was read. `beginning`
    is a digest of the first records, which copies share; empty if others may share it too.
    """

    def __init__(self, name: str, record_format: RecordFormat) -> None:
        self.name = name
        self.lines = record_lines(record_format)
        self.problem: str | None = None
        self.foreign: str | None = None
        self.odd: dict[Line, str] = {}
        self.header_inside = False
        self.renamed: str | None = None
        self.is_empty = True
        self.beginning: str | None = None
        self._odd_lines = 0
        self._period = delivered_period(name)

    @property
    def found(self) -> bool:
        """Whether there is any finding."""
        return bool(self.problem or self.foreign or self.odd or self.header_inside or self.renamed or self.is_empty)

    def header(self, line: bytes) -> None:
        """Check the object's first line, given without its end."""
        self.is_empty = False
        if line != self.lines.header:
            look = first_line_look(self.name, line, self.lines.format)
            self.problem, self.foreign = look.problem, None if look.header else look.warning
        if self.problem is None and self.foreign is None and not is_object_name(self.name):
            self.renamed = renamed_warning(self.name)

    def lines_of_action(
        self, text: bytes | memoryview, ends: "np.ndarray[Any, Any]", action: bytes
    ) -> "np.ndarray[Any, Any] | None":
        """The numbers of the lines that contain an action; None where it takes a search to know them.

        They are the lines that end in the action and OK, if a rare letter of the action is in no other line.
        """
        import numpy as np

        letter = _RARE_LETTERS.get(action)
        if letter is None or not self.lines.ends_in_action_and_status or len(text) < WORD:
            return None
        numbers: np.ndarray[Any, Any] = np.flatnonzero(_words_of_action(text, ends) == _word(f" {action.decode()} "))
        starts = np.where(numbers > 0, ends[numbers - 1] + 1, 0)
        if (ends[numbers] - len(" ACCEPT OK") < starts).any():  # the word lies in the line before
            return None
        return numbers if count_of(np.frombuffer(text, np.uint8), letter[0]) == len(numbers) else None

    def records(self, text: bytes | memoryview, ends: "np.ndarray[Any, Any]") -> None:
        """Check whole lines below the first one. `ends` are the positions of the line ends."""
        if self.problem is not None:
            return
        if self.beginning is None and len(ends):
            self._look_at_beginning(text, ends)
        if self.foreign is not None:
            self._look_for_flows(bytes(text))
        elif self._odd_lines >= MAX_ODD:
            self._look_for_headers(bytes(text))
        else:
            self._look_at_each(text, ends)

    def unusual_records(self, text: bytes | memoryview) -> None:
        """Check lines of the object again in which the reader found an unusual field."""
        import numpy as np

        if self.problem is not None or self.foreign is not None or not len(text):
            return
        ends = positions(np.frombuffer(text, np.uint8), 0x0A)
        lines, usual = self._usual(text, ends)
        for number in np.flatnonzero(~usual).tolist():
            if self.problem is not None or self._odd_lines >= MAX_ODD:
                return
            self._judge(lines[number].as_buffer().to_pybytes())

    def _look_at_beginning(self, text: bytes | memoryview, ends: "np.ndarray[Any, Any]") -> None:
        """Check the object's first records in full, and whether the first one ended on the day that its name says."""
        beginning = bytes(text[: ends[min(len(ends), CHECKED_IN_FULL) - 1] + 1])
        self.beginning = hashlib.sha256(beginning).hexdigest() if self.lines.format.has_times else ""
        line = _text(bytes(text[: ends[0]]))
        if self.lines.is_outside(self._period, line.split(" ")):
            self.odd[Line.OTHER_DAY] = line_excerpt(line)
        for first in beginning.splitlines():
            if self.problem is None and not self.lines.is_usual(_text(first)):
                self._judge(first)

    def _look_at_each(self, text: bytes | memoryview, ends: "np.ndarray[Any, Any]") -> None:
        for number in self._irregular(text, ends).tolist():
            line = bytes(text[ends[number - 1] + 1 if number else 0 : ends[number]])
            self._judge(line)
            if self.problem is not None:
                return
            if self._odd_lines >= MAX_ODD:
                self._look_for_headers(bytes(text[ends[number] + 1 :]))
                return

    def _irregular(self, text: bytes | memoryview, ends: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
        """The numbers of the lines that are not like nearly all others. Lines are numbered from 0."""
        import numpy as np

        if self.lines.ends_in_action_and_status:
            return _irregular(text, ends, len(self.lines.format.fields) - 1)
        irregular: np.ndarray[Any, Any] = np.flatnonzero(~self._usual(text, ends)[1])
        return irregular

    def _usual(
        self, text: bytes | memoryview, ends: "np.ndarray[Any, Any]"
    ) -> "tuple[pa.BinaryArray, np.ndarray[Any, Any]]":
        """The lines, and whether each is like nearly all others."""
        import numpy as np
        import pyarrow.compute as pc

        lines = slices(text, np.concatenate([[0], ends[:-1] + 1]), ends)
        return lines, pc.match_substring_regex(lines, f"^(?:{self.lines.usual_pattern})$").to_numpy(
            zero_copy_only=False
        )

    def _judge(self, line: bytes) -> None:
        kind = self.lines.kind(line)
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
            if self.lines.kind(line) in (Line.OTHER_HEADER, Line.HEADER_AGAIN):
                self._judge(line)

    def _look_for_flows(self, text: bytes) -> None:
        for line in _lines_with(text, _OF_A_FLOW):
            if mentions_a_flow(_text(line)):
                self.problem = (
                    "is not a flow log object, but a line in it looks like a record, and is read by position. Move it "
                    f"away. The line is: {line_excerpt(_text(line))}"
                )
                return


def _irregular(text: bytes | memoryview, ends: "np.ndarray[Any, Any]", gaps: int) -> "np.ndarray[Any, Any]":
    """The numbers of the lines that are not like nearly all others, where action and log-status are the last fields.

    A regular line has so many gaps (blanks), and ends in ``ACCEPT OK``, ``REJECT OK``,
    ``- NODATA`` or ``- SKIPDATA``. The word of eight bytes at a fixed distance from each line's end is compared with
    these: for example, the word that begins 10 bytes before the end of ``… 40 REJECT OK`` is `` REJECT ``. Where all
    gaps together are as many as they should be, one line may have a gap that another lacks: `unusual_records` finds
    those, among the lines that a query needs.
    """
    import numpy as np

    if len(text) < WORD:
        return np.arange(len(ends))
    words = words_of(text)
    before = _words_of_action(text, ends)
    odd = np.flatnonzero((before != _word(" ACCEPT ")) & (before != _word(" REJECT ")) & (before != _word("- SKIPDA")))
    odd = np.compress(words[np.maximum(ends[odd] - WORD, 0)] != _word("- NODATA"), odd)
    characters = np.frombuffer(text, np.uint8)
    if count_of(characters, ord(" ")) == gaps * len(ends):
        return odd
    found = np.diff(np.searchsorted(positions(characters, ord(" ")), ends), prepend=0)
    irregular: np.ndarray[Any, Any] = np.union1d(odd, np.flatnonzero(found != gaps))
    return irregular


def _words_of_action(text: bytes | memoryview, ends: "np.ndarray[Any, Any]") -> "np.ndarray[Any, Any]":
    """For each line, the word that is `` ACCEPT `` where it ends in ``ACCEPT OK``."""
    import numpy as np

    found: np.ndarray[Any, Any] = words_of(text)[np.maximum(ends - len(" ACCEPT OK"), 0)]
    return found


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
