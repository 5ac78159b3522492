"""Fuzzes the first look at objects: what it takes for readable has the header of that format; all else gets words."""

import gzip

from flowlogs.fields import DEFAULT_FIELDS, FIELDS, HEADER_LINE
from flowlogs.first_look import HEAD_BYTES, FirstLook, first_line_look, first_look, parquet_look
from flowlogs.record_format import DEFAULT_FORMAT
from fuzz.choices import Choices
from fuzz.plain_reader import hive_lines, hive_value, unpacked
from fuzz.targets import SilentLoss
from fuzz.text_objects import LINE, a_line

OBJECT = "123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20210902T0005Z_00000000"
NAMES = (
    f"{OBJECT}.log.gz",
    f"{OBJECT}.log",
    f"{OBJECT}.log.gz",
    f"{OBJECT} (1).log.gz",
    "notes.txt",
    f"{OBJECT}.log.bz2",
    f"{OBJECT}.log.gz.part",
)
HEADERS = [field.header for field in FIELDS]
TYPES = ("int", "bigint", "string", "double", "list<string>")
SEEDS = [bytes([kind, 1, *b"some text"]) for kind in range(16)]


def a_header(choices: Choices) -> str:
    """A header line: the default one, one of chosen fields, or one that is not right."""
    kind = choices.number(4)
    if kind < 2:
        return HEADER_LINE
    names = choices.some_of(HEADERS, 20)
    if kind == 3:
        names.insert(choices.number(len(names) + 1), choices.text())
    return choices.one_of([" ", " ", "  ", "\t", ","]).join(names)


def check(data: bytes) -> None:
    """Raise SilentLoss where a first look says nothing of an object that the table would not read as it is."""
    choices = Choices(data)
    name = choices.one_of(NAMES)
    if choices.number(6) == 5:
        columns = [
            (choices.one_of([*HEADERS, "a"]).replace("-", "_"), choices.one_of(TYPES))
            for _ in range(choices.number(30))
        ]
        _require_words(name, parquet_look(f"{OBJECT}.log.parquet", columns))
        return
    lines = [a_header(choices), *(a_line(choices) for _ in range(choices.number(4)))]
    if choices.chance(15):
        lines = [LINE, *lines]
    if choices.chance(15):
        lines.insert(choices.number(len(lines) + 1), choices.text())
    text = (choices.one_of(["\n", "\n", "\r\n", "\r"]).join(lines) + choices.one_of(["\n", ""])).encode()
    if choices.chance(25):
        text = choices.damaged(text)
    if choices.chance(10):
        text = choices.one_of([b"\xff\xfe", b"\xef\xbb\xbf", b"PK\x03\x04", b"\x1f\x8b", b"PAR1", b"\x00" * 9]) + text
    stored = gzip.compress(text, 1, mtime=0) if name.endswith(".gz") and choices.number(8) else text
    if choices.chance(15):
        stored = choices.damaged(stored)
    look = first_look(name, stored[:HEAD_BYTES])
    _require_words(name, look)
    first_line_look(name, text.partition(b"\n")[0], DEFAULT_FORMAT)
    _require_right_format(name, stored, look)
    _require_told_numbers(choices)


def _require_right_format(name: str, stored: bytes, look: FirstLook) -> None:
    whole = unpacked(stored) if name.endswith(".gz") else stored
    if look.record_format and not look.problem:
        if whole is None:
            return  # the scan refuses it
        # Columns of Parquet have underscores, and a field that is written so is the same one.
        words = hive_lines(whole)[0].decode(errors="replace").replace("_", "-").split()
        fields = [field.header for field in look.record_format.fields]
        if words != fields:
            raise SilentLoss(f"{name}: taken for {fields}, and the first line is {words}")
        return
    if look.problem or look.left_out or look.warning or look.empty:
        return
    # Nothing is said: then the scan must fail, since it is damaged.
    if whole is not None:
        raise SilentLoss(f"{name}: nothing is said of {stored!r}")


def _require_told_numbers(choices: Choices) -> None:
    """A number that a reading makes NULL, or another one than is written, is told."""
    fields = LINE.split(" ")
    at = choices.number(len(fields))
    fields[at] = "".join(choices.text().split()) or "x"
    kind = DEFAULT_FIELDS[at].type
    look = first_look(NAMES[1], "\n".join([HEADER_LINE, " ".join(fields), ""]).encode())
    if kind == "string" or fields[at] == "-":
        return
    value = hive_value(fields[at], kind)
    if (value is None or str(value) != fields[at].lstrip("0").rjust(1, "0")) and not (look.odd or look.problem):
        raise SilentLoss(f"nothing is said of {fields}: {value}")


def _require_words(name: str, look: FirstLook) -> None:
    texts = [look.problem, look.left_out, look.warning, *look.odd.values()]
    for text in filter(None, texts):
        if not text.isprintable():
            raise SilentLoss(f"{name}: not printable: {text!r}")
