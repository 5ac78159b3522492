"""Inspects the beginning of an object: which format are its records in, and can a table read them right?

Athena skips the first line of each object, whatever it is, and reads the others by position. A table of another format
gives shifted columns and no error. Therefore the pipeline takes a first look at the beginning of objects, and the
embedded engine judges unusual lines while it reads. Bytes go in, findings come out. Lines are judged in
record_lines.py.
"""

import hashlib
import re
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from flowlogs.fields import FIELD_OF
from flowlogs.layout import find_embedded_object_name, is_object_name
from flowlogs.printable import first_names, printable, shortened
from flowlogs.record_format import TRANSIT_GATEWAY_FIELDS, RecordFormat, header_format, names_problem, parquet_format
from flowlogs.record_lines import (
    FIELD_NAME,
    MIN_FIELD_NAMES,
    Line,
    RecordLines,
    delivered_period,
    known_names,
    record_lines,
    words_of_line,
)

HEAD_BYTES = 64 << 10
"""How many bytes of an object are inspected, as stored: some thousand records of text in gzip."""

MAX_TEXT_BYTES = 4 << 20
"""How many bytes are decompressed from that at most: a few bytes of gzip may hold a gigabyte."""

MAX_LINES = 1_000
"""How many of these lines are judged. The embedded engine judges each line while it reads."""

COMPARED_LINES = 200
"""How many lines of two objects are compared: flow logs differ in their first records."""

SHOWN_CHARACTERS = 160
"""How much of a line a message shows."""

COMPRESSED_SUFFIXES = {
    ".bz2": "bzip2",
    ".deflate": "DEFLATE",
    ".lz4": "LZ4",
    ".lzo": "LZO",
    ".snappy": "Snappy",
    ".zst": "Zstandard",
}
"""The compressions, besides gzip, that Hive and Athena recognize by the end of an object's name."""

_GZIP = b"\x1f\x8b"
_COMPRESSED = (
    (_GZIP, "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PAR1", "Parquet"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!", "RAR"),
)
"""The first bytes of compressed files, and their compression."""

NUL_BYTES = (
    "is no text: its first line holds NUL bytes, as a file does that was not written to its end. Fetch it again, or "
    "move it away"
)

TRANSIT_GATEWAY = (
    "is of a flow log of a transit gateway, whose records have other fields and no action. Its records are in no report"
)

FIRST_LINE = "Its first line is:"

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*")
_TEMPORARY = re.compile(r"(\.([0-9A-Za-z]{8}|part|partial|tmp|temp|filepart|crdownload|download)|~)$")
"""What copying programs append to a name until the copy is complete."""

_ADDRESS_OR_INTERFACE = re.compile(r"\d{1,3}(\.\d{1,3}){3}|:[0-9a-f]{0,4}:|eni-")
_OUTCOMES = frozenset({"ACCEPT", "REJECT", "NODATA", "SKIPDATA"})


ODD_LINES = {
    Line.OTHER_ACTION: (
        "Records whose action is none of ACCEPT, REJECT and - are in {names}. No report counts them. The first one is: "
        "{first}"
    ),
    Line.SURPLUS: (
        "Lines that go on behind a record's last field are in {names}. What stands there is not read: where the line "
        "end between two records is missing, the second one is lost. The first one is: {first}"
    ),
    Line.MALFORMED: (
        "Records with a field that is not the number or address that belongs there are in {names}. What Athena cannot "
        "read as a number is NULL, and no sum counts it. The first one is: {first}"
    ),
    Line.OTHER_DAY: (
        "Records that ended on another day than their object's name says are in {names}, as in a copy that was given "
        "another name. They are counted on the day in whose folder the object lies. The first one is: {first}"
    ),
}
"""What people should know of lines that are odd, by their kind."""


@dataclass(frozen=True)
class FirstLook:
    """The findings at the beginning of one object.

    `problem` says why its records cannot be read as they are, in words that follow the object's name. `left_out` says
    why they are none that reports count, such as a transit gateway's. `warning` says what people should know of it
    while other records are read right. `record_format` is the format that its header line or schema names.

    `odd` is the first line looked at of each kind among ODD_LINES. `header`: it begins with the header line.
    `header_inside`: that comes again further down. `interfaces` are those that its records
    tell of; `beginning` is a digest of the first COMPARED_LINES, where they are records. `empty`: it holds no line at
    all.
    """

    problem: str | None = None
    warning: str | None = None
    left_out: str | None = None
    record_format: RecordFormat | None = None
    odd: Mapping[Line, str] = field(default_factory=dict)
    header: bool = False
    header_inside: bool = False
    interfaces: frozenset[str] = frozenset()
    beginning: str | None = None
    empty: bool = False


def first_look(name: str, head: bytes) -> FirstLook:
    """The findings for an object, by its name (its key's last part) and its first HEAD_BYTES."""
    goes_on = len(head) >= HEAD_BYTES
    text, whole = head, not goes_on
    if name.endswith(".gz"):
        if head and not head.startswith(_GZIP):
            return FirstLook()  # the scan says what is damaged
        try:
            text, ended = gunzipped(head)
        except zlib.error:
            return FirstLook()  # likewise
        goes_on = goes_on or len(text) >= MAX_TEXT_BYTES
        whole = ended and not goes_on
    return _look(name, text, whole=whole, goes_on=goes_on)


def first_line_look(name: str, line: bytes, record_format: RecordFormat) -> FirstLook:
    """The findings for an object in a table of this format, by its name and its first line alone, decompressed."""
    look = _look(name, line[:HEAD_BYTES] + b"\n", whole=True, goes_on=False)
    if look.problem is None and look.left_out is not None:
        return replace(look, problem=f"{look.left_out}, and this table reads them by position")
    if look.problem is None and look.record_format not in (None, record_format):
        said = line_excerpt(line[:HEAD_BYTES].decode(errors="replace"))
        problem = f"is of a flow log in another format than its table, which reads it by position. {FIRST_LINE} {said}"
        return replace(look, problem=problem)
    return look


def parquet_look(name: str, columns: Sequence[tuple[str, str]]) -> FirstLook:
    """The findings for a Parquet object, by its name and its columns: their names, and their types as Hive calls them.

    Its records are typed, so that none is odd.
    """
    names = [column for column, _ in columns]
    listed = line_excerpt(", ".join(names))
    record_format = parquet_format(columns)
    if any(map(TRANSIT_GATEWAY_FIELDS.fullmatch, names)) and is_object_name(name):
        return FirstLook(left_out=TRANSIT_GATEWAY)
    if record_format is None:
        what = "is no object of a flow log" if not is_object_name(name) else "has other columns than a flow log"
        return FirstLook(problem=f"{what}. Move it away. Its columns are: {listed}")
    if record_format.position("action") is None:
        return FirstLook(problem=_no_action_problem(listed), record_format=record_format)
    types = dict(columns)
    for field_ in record_format.fields:
        found = types[field_.underscored]
        if found != field_.type:
            return FirstLook(
                problem=f"has the column {field_.underscored} of type {printable(found)}, and AWS delivers "
                f"{field_.type}: Athena would fail, or read something else. Write it anew with that type, or move it "
                "away",
                record_format=record_format,
            )
    warning = None if is_object_name(name) else renamed_warning(name)
    return FirstLook(warning=warning, record_format=record_format, header=True)


def _look(name: str, text: bytes, *, whole: bool, goes_on: bool) -> FirstLook:
    """The findings in an object's text. `whole`: the text is not cut off. `goes_on`: the object may be longer."""
    ours = is_object_name(name)
    if unpacked_otherwise := _compression_problem(name):
        return FirstLook(problem=unpacked_otherwise)
    problem = _encoding_problem(name, text)
    text = text.removeprefix("\ufeff".encode())
    if problem is None:
        lines = list(_lines(text, whole))
        if not lines and goes_on:
            return FirstLook(
                problem=f"holds no line of text in its first {HEAD_BYTES >> 10} KB, so that nobody can tell what it "
                "is. Pack its text anew, or move it away"
            )
        if not lines:
            return FirstLook(empty=True) if ours else FirstLook(warning="is empty, and is no object of a flow log")
        record_format = header_format(lines[0])
        if record_format and record_format.position("action") is None:
            return FirstLook(problem=_no_action_problem(lines[0]), record_format=record_format)
        if record_format:
            return _records(name, lines[1:], record_lines(record_format))
        if ours and _is_of_transit_gateway(lines[0]):
            return FirstLook(left_out=TRANSIT_GATEWAY)
        if ours or any(map(mentions_a_flow, lines)):
            return FirstLook(problem=_header_problem(lines))
        if goes_on:
            return FirstLook(
                problem=f"is no object of a flow log, and only its first {HEAD_BYTES >> 10} KB were looked at. To "
                "Athena each of its lines is a record. Move it away"
            )
        return FirstLook(
            warning="is no object of a flow log. To Athena each of its lines is a record, of NULLs. Move it away"
        )
    if not ours and _is_cut_off(name, text, goes_on):
        return FirstLook(
            warning="is what a copy that was interrupted left behind, and no flow log object. Copy again, then remove "
            "it. What it holds is not counted"
        )
    if not ours and problem == NUL_BYTES and not any(outcome.encode() in text for outcome in _OUTCOMES):
        seen = f"No record is in its first {HEAD_BYTES >> 10} KB" if goes_on else "What it holds is not counted"
        return FirstLook(warning=f"is no object of a flow log. Move it away. {seen}")
    return FirstLook(problem=problem)


def is_leftover(name: str) -> bool:
    """Whether a file's name is that of a flow log's object with something appended, as an unfinished copy has."""
    return any(is_object_name(name[:end]) for end in (match.start() for match in re.finditer(r"[.~_-]", name)))


def _is_cut_off(name: str, data: bytes, goes_on: bool) -> bool:
    """Whether a file is an unfinished copy of a compressed object. Athena reads no record of a flow from such bytes."""
    if not is_leftover(name) or not data.startswith(tuple(magic for magic, _ in _COMPRESSED)):
        return False
    if not data.startswith(_GZIP):
        return True
    if goes_on:
        return _TEMPORARY.search(name, name.index(".log")) is not None
    try:
        return not gunzipped(data)[1]
    except zlib.error:
        return True


def _compression_problem(name: str) -> str | None:
    """Why an object cannot be read by its name, if Athena decompresses it with something else than gzip."""
    for suffix, kind in COMPRESSED_SUFFIXES.items():
        if name.endswith(suffix):
            return (
                f"is packed with {kind} to Athena, which goes by the end of its name ({suffix}), and that is not "
                "read here. Unpack it, or pack it with gzip and give it a name that ends in .gz"
            )
    return None


def _encoding_problem(name: str, data: bytes) -> str | None:
    """Why bytes, decompressed as Athena does it, are no lines of UTF-8 text; None where they are."""
    for magic, kind in _COMPRESSED:
        if not data.startswith(magic):
            continue
        if kind == "Parquet":
            return (
                "is a Parquet object, and its name says that it is text. Give it a name that ends in .log.parquet, as "
                "that of a flow log, or move it away"
            )
        if kind == "gzip" and name.endswith(".gz"):
            return "is packed twice with gzip, and Athena unpacks it once. Unpack it once"
        if kind == "gzip":
            right = find_embedded_object_name(name)
            named = f", as {right}, or move it away if that is there already" if right else ""
            return (
                "is packed with gzip, which Athena does not tell from its name, so that its records would be lost. "
                f"Give it a name that ends in .gz{named}"
            )
        where = "holds a file that is packed with" if name.endswith(".gz") else "is packed with"
        return f"{where} {kind}, which Athena does not tell from its name. Unpack it, or pack it with gzip"
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or _is_utf16(data[:200]):
        return "is UTF-16 text, and Athena reads UTF-8. Turn it into UTF-8"
    return NUL_BYTES if b"\x00" in data.partition(b"\n")[0] else None


def _is_utf16(data: bytes) -> bool:
    """Whether every second byte is NUL, and the others are not, as in UTF-16 without a byte order mark."""
    even, odd = any(data[0::2]), any(data[1::2])
    return len(data) > 3 and even != odd


def gunzipped(data: bytes) -> tuple[bytes, bool]:
    """The text of a gzip file's members, up to MAX_TEXT_BYTES, and whether it is complete. Raises zlib.error."""
    pieces, size, ended = list[bytes](), 0, False
    while data.startswith(_GZIP) and size < MAX_TEXT_BYTES:
        member = zlib.decompressobj(wbits=31)
        pieces.append(member.decompress(data, MAX_TEXT_BYTES - size))
        size += len(pieces[-1])
        data, ended = member.unused_data.lstrip(b"\x00"), member.eof
    return b"".join(pieces), ended and not data


def _lines(text: bytes, whole: bool) -> Iterator[str]:
    """The lines, ended as Athena ends them.

    A last line without an end counts if the text is `whole` or has no other.
    """
    *lines, rest = re.split("\r\n|\n|\r", text.decode(errors="replace"))
    yield from lines
    if rest and (whole or not lines):
        yield rest


def _records(name: str, lines: Sequence[str], rules: RecordLines) -> FirstLook:
    odd = dict[Line, str]()
    header_inside = False
    interfaces = set()
    period = delivered_period(name)
    for line in lines[:MAX_LINES]:
        fields = line.split(" ")
        if rules.interface is not None and len(fields) > rules.interface:
            interfaces.add(fields[rules.interface])
        if rules.is_usual(line):
            if rules.is_outside(period, fields):
                odd.setdefault(Line.OTHER_DAY, line_excerpt(line))
            continue
        kind = rules.kind(line.encode())
        if kind is Line.OTHER_HEADER:
            return FirstLook(problem=other_header_problem(line), record_format=rules.format)
        header_inside |= kind is Line.HEADER_AGAIN
        if kind in ODD_LINES:
            odd.setdefault(kind, line_excerpt(line))
    interfaces -= {"-", *FIELD_OF}
    has_records = bool(interfaces) if rules.interface is not None else any(lines)
    beginning = "\n".join(lines[:COMPARED_LINES]).encode(errors="replace")
    return FirstLook(
        warning=None if is_object_name(name) else renamed_warning(name),
        record_format=rules.format,
        odd=odd,
        header=True,
        header_inside=header_inside,
        interfaces=frozenset(interfaces),
        # Objects that hold no record are alike, too: two empty ones, or those of a header line alone.
        beginning=hashlib.sha256(beginning).hexdigest() if has_records else None,
    )


def other_header_problem(line: str) -> str:
    """The problem of an object with another header line below its first one."""
    return (
        "holds another header line below its first one, as a file does that was joined from several. The records after "
        "that line would be read by position, as those before it. Take the file apart. The line is: "
        f"{line_excerpt(line)}"
    )


def other_files_warning(names: Sequence[str], warning: str) -> str:
    """One text for several files, given by their paths, that have the same warning."""
    return f"{first_names(names)}{': each' if len(names) > 1 else ''} {warning}."


def empty_warning(names: Sequence[str]) -> str:
    """The warning about objects, given by their paths, that hold no line."""
    return (
        f"Objects without a line, not even a header: {first_names(names)}. That is what a copy leaves that was "
        "interrupted, and no flow log delivers. If so, copy again, then run again."
    )


def renamed_warning(name: str) -> str:
    """The warning about a file with records whose name is not that of a flow log's object, in words that follow it."""
    right = find_embedded_object_name(name)
    copy = f". If it is a copy of {right}, they count twice: remove it" if right else ""
    return f"is not called as an object of a flow log is, but reads like one. Its records are counted{copy}"


def copies_warning(names: Sequence[str]) -> str:
    """The warning about objects, given by their paths, that hold the same records."""
    return (
        f"Some objects hold the same records under different names, so that these count twice: {first_names(names)}. "
        "Remove all but one of them, and run again."
    )


def alike_warning(names: Sequence[str]) -> str:
    """The warning about objects, given by their paths, that hold the same records without times."""
    return (
        f"Some objects hold the same records under different names: {first_names(names)}. If they are copies, their "
        "records count twice. Records without start and end may be alike."
    )


def header_inside_warning(names: Sequence[str]) -> str:
    """The warning about objects, given by their paths, in which the header line comes again."""
    return (
        "The header line comes again below the first line, as in a file that was joined from several: in "
        f"{first_names(names)}. To Athena it is a record, of names and NULLs, or a part of the record in front of it."
    )


def odd_lines_warnings(found: Mapping[str, Mapping[Line, str]]) -> Iterator[str]:
    """What people should know of objects with odd lines: by their addresses, the first line of each kind."""
    for kind, words in ODD_LINES.items():
        first = {name: lines[kind] for name, lines in found.items() if kind in lines}
        if first:
            yield words.format(names=first_names(list(first)), first=next(iter(first.values())))


def mentions_a_flow(line: str) -> bool:
    """Whether a line may be a record of a flow or a header line, in any format."""
    return known_names(line) >= MIN_FIELD_NAMES or (
        not _OUTCOMES.isdisjoint(words_of_line(line)) and _ADDRESS_OR_INTERFACE.search(line) is not None
    )


def _is_of_transit_gateway(line: str) -> bool:
    """Whether a header line is that of a flow log of a transit gateway or of an attachment."""
    names = line.split()
    return all(map(FIELD_NAME.fullmatch, names)) and any(map(TRANSIT_GATEWAY_FIELDS.fullmatch, names))


def _no_action_problem(line: str) -> str:
    return (
        "is of a flow log without the field action, so that nobody can tell which of its flows were rejected. Have a "
        "flow log with ${action} in its format deliver to another bucket or prefix, or move these away. "
        f"{FIRST_LINE} {line_excerpt(line)}"
    )


def _header_problem(lines: Sequence[str]) -> str:
    """The problem of an object whose first line is not the header line of a flow log."""
    line = lines[0]
    words = line.split()
    said = f"{FIRST_LINE} {line_excerpt(line)}"
    if words and _TIMESTAMP.fullmatch(words[0]):
        return (
            "has a timestamp in front of each record and no header line, as an export from CloudWatch Logs has. Have "
            f"the flow log deliver to S3, or take the timestamps away and put the header line in front. {said}"
        )
    if line.startswith(("{", "[")):
        return f"is JSON, and the table reads fields with blanks between them. {said}"
    for separator, called in (("\t", "tabs"), (",", "commas"), (";", "semicolons"), ("|", "bars")):
        if separator in line and mentions_a_flow(line):
            return (
                f"has {called} between its fields, and the table reads fields with single blanks between them. {said}"
            )
    if words and words[0].isdigit() and mentions_a_flow(line):
        return (
            "has no header line. Athena passes over the first line of each object, so that its first record would be "
            f"lost. Put the header line in front. {said}"
        )
    if len(words) > 1 and all(map(FIELD_NAME.fullmatch, words)):
        why = names_problem([word.strip("${}") for word in words])
        return f"begins with a line of names that is no header line of a flow log{f': {why}' if why else ''}. {said}"
    return f"does not begin with the header line of a flow log. {said}"


def line_excerpt(line: str) -> str:
    """A line as a message shows it: printable, and cut where it is long."""
    return printable(shortened(line, SHOWN_CHARACTERS))
