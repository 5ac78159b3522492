"""Choices that bytes make: what a fuzzer changes is bytes, and what a target needs is names, numbers and texts."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")

ODD_TEXTS = (
    "",
    "-",
    " ",
    "\t",
    "\n",
    "\r",
    "\r\n",
    "\x00",
    "\ufeff",
    "\u202e",
    "\u2028",
    "\x1b[2J",
    "\\N",
    "\\",
    "'",
    '"',
    "`",
    "<script>alert(1)</script>",
    "<img src=//evil.example/x>",
    "&amp;",
    "&#60;",
    "javascript:alert(1)",
    "=1+1",
    "|",
    "{}",
    "{first}",
    "{private(a)}",
    "%s",
    "../..",
    "/",
    "//",
    "..",
    ".",
    "~",
    "$HOME",
    "*",
    "٣",
    "１２",
    "ß",
    "ＡＷＳ",
    "NaN",
    "1e3",
    "0x1F",
    "1_000",
    "9" * 40,
    "-1",
    "+7",
    ".5",
    "--",
    "/*",
    "*/",
    ";",
    "s3://",
    "https://evil.example/",
    "\ud7ff",
    "😀",
)


class Choices:
    """Reads choices from bytes, from the first to the last. Behind the last one everything is 0 and empty."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    @property
    def is_over(self) -> bool:
        return self._at >= len(self._data)

    def rest(self) -> bytes:
        """All bytes that are left."""
        return self.bytes(len(self._data))

    def bytes(self, most: int) -> bytes:
        """At most so many bytes as they are."""
        taken = self._data[self._at : self._at + most]
        self._at += most
        return taken

    def number(self, below: int) -> int:
        """A number from 0, below this one."""
        size = max(1, (max(below - 1, 1).bit_length() + 7) // 8)
        return int.from_bytes(self.bytes(size), "little") % max(below, 1)

    def chance(self, percent: int) -> bool:
        """Whether something happens that happens so often. It does not where no bytes are left."""
        return not self.is_over and self.number(100) < percent

    def one_of(self, values: Sequence[T]) -> T:
        return values[self.number(len(values))]

    def some_of(self, values: Sequence[T], most: int) -> list[T]:
        return [self.one_of(values) for _ in range(self.number(most + 1))]

    def text(self, most: int = 12) -> str:
        """A text that may be odd: pieces of ODD_TEXTS, plain letters, and any characters."""
        pieces = []
        for _ in range(self.number(4)):
            kind = self.number(4)
            if kind == 0:
                pieces.append(self.one_of(ODD_TEXTS))
            elif kind == 1:
                pieces.append(self.bytes(self.number(most + 1)).decode(errors="replace"))
            elif kind == 2:
                pieces.append("".join(self.one_of("abcxyz019-_./: ") for _ in range(self.number(most + 1))))
            else:
                character = self.number(0x110000)
                pieces.append("" if 0xD800 <= character < 0xE000 else chr(character))
        return "".join(pieces)

    def damaged(self, data: bytes) -> bytes:
        """The data with a few changes: bytes replaced, taken out, doubled, put in, or its end cut off."""
        found = bytearray(data)
        for _ in range(1 + self.number(3)):
            kind, at = self.number(6), self.number(len(found) + 1)
            if kind == 0 and found:
                found[at % len(found)] = self.number(256)
            elif kind == 1:
                del found[at : at + 1 + self.number(8)]
            elif kind == 2:
                found[at:at] = found[at : at + 1 + self.number(16)]
            elif kind == 3:
                found[at:at] = self.one_of(ODD_TEXTS).encode()
            elif kind == 4:
                del found[at:]
            else:
                found[at:at] = self.bytes(1 + self.number(4))
        return bytes(found)
