"""What the beginning of an object says: does a table of flow logs in the default format read its records as they are?

Athena passes over the first line of each object, whatever that says, and takes what follows by position. A custom
format gives shifted columns, and no error. So the pipeline looks first. Bytes in, findings out; nothing is read here.
"""

import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flowlogs.fields import DEFAULT_FIELDS, HEADER_LINE
from flowlogs.layout import is_object_name
from flowlogs.printable import printable, shortened

HEAD_BYTES = 64 << 10
"""How much of an object is looked at, as stored: some thousand records of text in gzip."""

MOST_TEXT_BYTES = 4 << 20
"""How much text is made of that at most: a few bytes of gzip may hold a gigabyte."""

ACTIONS = frozenset({"ACCEPT", "REJECT", "-"})
"""What `action` can be ("Flow log records", Amazon VPC user guide): ``-`` in NODATA and SKIPDATA records."""

SHOWN_CHARACTERS = 160
"""Of a line, in a message."""

FEW_FIELDS = 4
"""A line that names fewer of the fields is no header of flow logs."""

_ACTION = [field.column for field in DEFAULT_FIELDS].index("action")
_INTERFACE = [field.column for field in DEFAULT_FIELDS].index("interfaceid")
_HEADER_NAMES = frozenset(field.header for field in DEFAULT_FIELDS)

_GZIP = b"\x1f\x8b"
_PACKED = (
    (_GZIP, "gzip"),
    (b"PK\x03\x04", "zip"),
    (b"PAR1", "Parquet"),
    (b"BZh", "bzip2"),
    (b"\x28\xb5\x2f\xfd", "Zstandard"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    (b"Rar!", "RAR"),
)
"""How files begin that are packed, and how they are packed."""

NO_TEXT = "is no text"

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*")
_FIELD_NAME = re.compile(r"\$?\{?[a-z][a-z0-9]*([-_][a-z0-9]+)*\}?")
_ADDRESS_OR_INTERFACE = re.compile(r"\d+(\.\d+){3}|[0-9a-f]*:[0-9a-f]*:|eni-")
_OUTCOMES = frozenset({"ACCEPT", "REJECT", "NODATA", "SKIPDATA"})


@dataclass(frozen=True)
class FirstLook:
    """What the beginning of one object says.

    `problem` says why its records cannot be read as they are, in words that follow the object's name. `warning` says
    what people should know of it while other records are read right. `odd` is the first line looked at whose action is
    none of ACTIONS. `interfaces` are those that its records tell of. `empty`: it holds no line at all.
    """

    problem: str | None = None
    warning: str | None = None
    odd: str | None = None
    interfaces: frozenset[str] = frozenset()
    empty: bool = False


def first_look(name: str, head: bytes) -> FirstLook:
    """What an object of this name (its key's last part) says, by its first HEAD_BYTES."""
    ours = is_object_name(name)
    problem, text = _text(name, head)
    if problem is None:
        lines = list(_lines(text, whole=len(head) < HEAD_BYTES and not name.endswith(".gz")))
        if not lines:
            return FirstLook(empty=True) if ours else FirstLook(warning="is empty, and is no object of a flow log")
        if lines[0].strip(" ").split(" ") == HEADER_LINE.split(" "):
            return _records(name, lines[1:])
        problem = _unexpected(lines)
        if not ours and not any(map(_tells_of_a_flow, lines)):
            problem = None
    if problem is None:
        return FirstLook(
            warning="is no object of a flow log. To Athena each of its lines is a record, of NULLs. Move it away"
        )
    # Of packed bytes, Athena makes no record of a flow. Of text it may.
    if not ours and ((is_leftover(name) and _is_packed(text)) or (problem == NO_TEXT and b"REJECT" not in text)):
        return FirstLook(warning=f"{_foreign(name)}. What it holds is not counted")
    return FirstLook(problem=problem)


def is_leftover(name: str) -> bool:
    """Whether a file is called as an object of a flow log and something more, as a copy that has not ended is."""
    return any(is_object_name(name[:end]) for end in (match.start() for match in re.finditer(r"[.~_-]", name)))


def _foreign(name: str) -> str:
    if is_leftover(name):
        return "is what a copy that was interrupted left behind, and no flow log object. Copy again, then remove it"
    return "is no object of a flow log. Move it away"


def _is_packed(data: bytes) -> bool:
    return data.startswith(tuple(magic for magic, _ in _PACKED))


def _text(name: str, head: bytes) -> tuple[str | None, bytes]:
    """Why the bytes are no lines of text, if so; and what is left of them when Athena's unpacking is done."""
    data = head
    if name.endswith(".gz") and head:
        try:
            data = gunzipped(head)
        except zlib.error:
            return None, b""  # whoever reads it to its end says what is damaged
    for magic, kind in _PACKED:
        if data.startswith(magic):
            if kind == "Parquet":
                return (
                    "is a Parquet object, and this table reads text. Name a bucket whose flow log delivers text",
                    data,
                )
            if kind == "gzip" and data is not head:
                return "is packed twice with gzip, and Athena unpacks it once. Unpack it once", data
            where = "is packed with" if data is head else "holds a file that is packed with"
            return f"{where} {kind}, which Athena does not tell from its name. Unpack it, or pack it with gzip", data
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or (b"\x00" in data[:200] and _is_wide(data)):
        return "is UTF-16 text, and Athena reads UTF-8. Turn it into UTF-8", data
    if b"\x00" in data.partition(b"\n")[0]:
        return NO_TEXT, data
    return None, data.removeprefix("\ufeff".encode())


def _is_wide(data: bytes) -> bool:
    """Whether every second byte of a text's beginning is NUL, as in UTF-16 without a byte order mark."""
    return any(len(data) > 3 and not any(data[start:200:2]) for start in (0, 1))


def gunzipped(data: bytes) -> bytes:
    """The text of what there is of a gzip file, all of its members, up to MOST_TEXT_BYTES. Raises zlib.error."""
    text = b""
    while data.startswith(_GZIP) and len(text) < MOST_TEXT_BYTES:
        member = zlib.decompressobj(wbits=31)
        text += member.decompress(data, MOST_TEXT_BYTES - len(text))
        data = member.unused_data
    return text


def _lines(text: bytes, whole: bool) -> Iterator[str]:
    """The lines, as Athena ends them. One without an end counts where the text is `whole`, or where it is the first."""
    *lines, rest = re.split("\r\n|\n|\r", text.decode(errors="replace"))
    yield from lines
    if rest and (whole or not lines):
        yield rest


def _records(name: str, lines: Sequence[str]) -> FirstLook:
    records = [line.split(" ") for line in lines]
    odd = next((fields for fields in records if len(fields) <= _ACTION or fields[_ACTION] not in ACTIONS), None)
    named = {fields[_INTERFACE] for fields in records if len(fields) > _INTERFACE}
    warning = None
    if not is_object_name(name):
        warning = "is not called as an object of a flow log is, but reads like one. Its records are counted"
    return FirstLook(warning=warning, odd=shown(" ".join(odd)) if odd else None, interfaces=frozenset(named - {"-"}))


def _tells_of_a_flow(line: str) -> bool:
    """Whether a line may be a record of a flow, or the header of such records, in any form."""
    words = set(re.split(r"[\s,;|\"]+", line))
    return len(_HEADER_NAMES & words) >= FEW_FIELDS or (
        not _OUTCOMES.isdisjoint(words) and _ADDRESS_OR_INTERFACE.search(line) is not None
    )


def _unexpected(lines: Sequence[str]) -> str:
    """Why an object's records cannot be read, by its first line, which is not the header line of the default format."""
    line = lines[0]
    words = line.split()
    said = f"Its first line is: {shown(line)}"
    if words and _TIMESTAMP.fullmatch(words[0]):
        return (
            "has a timestamp in front of each record and no header line, as an export from CloudWatch Logs has. Have "
            f"the flow log deliver to S3, or take the timestamps away and put the header line in front. {said}"
        )
    if any(word.startswith("tgw-") or word == "resource-type" for word in words):
        return (
            "is of a flow log of a transit gateway, whose records have other fields and no action. Have it deliver to "
            f"another bucket or prefix. {said}"
        )
    if line.startswith(("{", "[")):
        return f"is JSON, and the table reads fields with blanks between them. {said}"
    for separator, called in (("\t", "tabs"), (",", "commas"), (";", "semicolons"), ("|", "bars")):
        if separator in line and _tells_of_a_flow(line):
            return (
                f"has {called} between its fields, and the table reads fields with single blanks between them. {said}"
            )
    if words and words[0].isdigit() and _tells_of_a_flow(line):
        return (
            "has no header line. Athena passes over the first line of each object, so that its first record would be "
            f"lost. Put the header line in front. {said}"
        )
    if len(words) > 1 and all(_FIELD_NAME.fullmatch(word) for word in words):
        return (
            "is of a flow log in a custom format, which is not supported yet: the table reads the default format. Have "
            f"a flow log in the default format deliver to another bucket. {said}"
        )
    return f"does not begin with the header line of a flow log in the default format. {said}"


def shown(line: str) -> str:
    """A line in a message: printable, and where it is long, its beginning."""
    return printable(shortened(line, SHOWN_CHARACTERS))
