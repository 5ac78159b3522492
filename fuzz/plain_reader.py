"""An independent reading of a text object by Hive's rules, in plain Python: slow, short, and none of the engine's code.

The rules are Hadoop's `LineRecordReader`, Java's UTF-8 decoder and Hive's `LazySimpleSerDe`, `LazyInteger` and
`LazyLong`, as docs/formats.md and the tests of the engine's readers have them.
"""

import gzip
import zlib
from collections.abc import Sequence

BITS = {"int": 32, "bigint": 64}


def unpacked(data: bytes) -> bytes | None:
    """The text of a gzip object; None if it is damaged."""
    try:
        return gzip.decompress(data)
    except (OSError, EOFError, zlib.error):
        return None


def hive_rows(text: bytes, types: Sequence[str], header_lines: int = 1) -> list[tuple[object, ...]]:
    """The rows of a text, whose first line is passed over."""
    return [
        tuple(hive_value(fields[at] if at < len(fields) else None, kind) for at, kind in enumerate(types))
        for fields in (java_text(line).split(" ") for line in hive_lines(text)[header_lines:])
    ]


def hive_lines(text: bytes) -> list[bytes]:
    """The lines, which end in LF, CRLF or CR; what follows the last end is a line if it is not empty."""
    text = text.removeprefix(b"\xef\xbb\xbf")
    lines, line, at = [], bytearray(), 0
    while at < len(text):
        if text[at] in (10, 13):
            lines.append(bytes(line))
            line.clear()
            at += 2 if text[at : at + 2] == b"\r\n" else 1
        else:
            line.append(text[at])
            at += 1
    return [*lines, bytes(line)] if line else lines


def hive_value(field: str | None, kind: str) -> object:
    """A field as a value of the type; a missing one is NULL."""
    if field is None or field == "\\N":
        return None
    return field if kind == "string" else hive_integer(field, BITS[kind])


def hive_integer(field: str, bits: int) -> int | None:
    """The integer, its fraction cut off; None if it is none, or does not fit."""
    digits = field[1:] if field[:1] in ("+", "-") else field
    whole, point, fraction = digits.partition(".")
    if any(character not in "0123456789" for character in whole + fraction) or not (whole or (point and fraction)):
        return None
    value = int(whole or "0") * (-1 if field.startswith("-") else 1)
    return value if -(1 << bits - 1) <= value < 1 << bits - 1 else None


def java_text(data: bytes) -> str:
    """UTF-8, with U+FFFD for each malformed part: the longest beginning of a character, or of an encoded surrogate."""
    found, at = [], 0
    while at < len(data):
        size = _length(data[at])
        if size == 0:
            found.append("\ufffd")
            at += 1
            continue
        taken = 1
        while taken < size and at + taken < len(data) and _continues(data[at], taken, data[at + taken]):
            taken += 1
        piece = data[at : at + taken]
        whole = taken == size and not (size == 3 and piece[0] == 0xED and piece[1] >= 0xA0)
        found.append(piece.decode() if whole else "\ufffd")
        at += taken
    return "".join(found)


def _length(first: int) -> int:
    """How many bytes a character has that begins so; 0 for a byte that begins none."""
    if first < 0x80:
        return 1
    return 2 if 0xC2 <= first <= 0xDF else 3 if 0xE0 <= first <= 0xEF else 4 if 0xF0 <= first <= 0xF4 else 0


def _continues(first: int, place: int, byte: int) -> bool:
    """Whether a byte may stand at this place of a character; surrogates are told by `java_text`."""
    low = {0xE0: 0xA0, 0xF0: 0x90}.get(first, 0x80) if place == 1 else 0x80
    high = 0x8F if first == 0xF4 and place == 1 else 0xBF
    return low <= byte <= high
