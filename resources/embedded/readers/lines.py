"""Turns an object's bytes into lines of text, as Hive's and Athena's readers do. text_serde.py decodes fields.

The rules were checked with Hive's own reader: lines end in ``\\n``, ``\\r\\n`` or ``\\r``, the last line needs no end,
bytes that are not UTF-8 become U+FFFD, and no line is ever dropped.
"""

import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, BinaryIO

from flowlogs.errors import FlowLakeError
from flowlogs.first_look import COMPRESSED_SUFFIXES
from flowlogs.printable import printable
from flowlogs.record_lines import LONG_LINE
from resources.bucket import ObjectStore
from resources.embedded.readers.byte_search import WORD, positions, slices, words_of

if TYPE_CHECKING:
    import numpy as np

CHUNK_BYTES = 4 << 20
"""How many bytes a thread handles at a time. With less, threads wait for each other (Python's lock)."""

RARITY_SAMPLE = 1 << 13
"""How many bytes are sampled to find the rarest character of a searched text."""

MAX_LINE_BYTES = 100 << 20
"""A longer line fails the query, as in Trino (``hive.text.max-line-length``), because a line has to fit into memory."""

UNREADABLE_SUFFIXES = (*COMPRESSED_SUFFIXES, ".xz")
"""How names of objects end that are compressed with something else than gzip."""

_BYTE_ORDER_MARK = "\ufeff".encode()

# One malformed character to Java's decoder, and two or three to Python's.
_ENCODED_SURROGATE = re.compile(rb"\xed[\xa0-\xbf][\x80-\xbf]?")


def object_text(store: ObjectStore, key: str) -> "Iterator[bytes | memoryview]":
    """An object's text as `whole_lines` gives it.

    Raises FlowLakeError, with the object's address, where the object cannot be read to its end.
    """
    if key.endswith(".parquet"):
        raise FlowLakeError(
            f"{store.display_path(key)} is a Parquet object, and this table reads text. The table of Parquet objects, "
            "which stands beside it, reads them; or leave them out: AND \"$path\" NOT LIKE '%.parquet'."
        )
    if key.endswith(UNREADABLE_SUFFIXES):
        raise FlowLakeError(
            f"{store.display_path(key)} is compressed in a way that is not supported. Pack it with gzip, as flow logs "
            "are delivered, or move it away (and its records with it), then run again."
        )
    from isal import igzip, isal_zlib

    with store.open(key) as stored:
        try:
            yield from whole_lines(igzip.open(stored, "rb") if key.endswith(".gz") else stored)  # type: ignore[no-untyped-call]
        except (OSError, EOFError, isal_zlib.error) as error:  # type: ignore[misc]
            raise FlowLakeError(
                f"{store.display_path(key)} cannot be read to its end: {printable(str(error))}. It is damaged, cut "
                "off or not what its name says; fetch it again (or move it away, and its records with it), then run "
                "again."
            ) from error


def whole_lines(stream: BinaryIO) -> "Iterator[bytes | memoryview]":
    """A text in pieces of whole lines. Each line ends in one ``\\n``, also where it ended in ``\\r\\n`` or ``\\r``.

    A piece is valid until the next one is asked for, because its memory is reused. A byte order mark before the first
    line is removed. Raises OSError at a line longer than MAX_LINE_BYTES.
    """
    buffer = bytearray(2 * CHUNK_BYTES + len(_BYTE_ORDER_MARK))
    got = _fill(stream, buffer, 0, least=len(_BYTE_ORDER_MARK))
    if buffer.startswith(_BYTE_ORDER_MARK):
        got -= len(_BYTE_ORDER_MARK)
        buffer[:got] = bytes(memoryview(buffer)[len(_BYTE_ORDER_MARK) :][:got])
        got = got or _fill(stream, buffer, 0)
    kept = 0  # characters of a line that has not ended yet, at the buffer's beginning
    while got:
        size = kept + got
        # Of what is kept, only the last character can be a carriage return: its line feed may follow.
        if buffer.find(b"\r", max(kept - 1, 0), size) >= 0:
            text = bytes(memoryview(buffer)[:size])
            text, held = (text[:-1], b"\r") if text.endswith(b"\r") else (text, b"")
            text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            end = text.rfind(b"\n") + 1
            if end:
                yield text[:end]
            rest = text[end:] + held
        else:
            end = buffer.rfind(b"\n", kept, size) + 1
            if end:
                yield memoryview(buffer)[:end]
            rest = bytes(memoryview(buffer)[end:size]) if end else b""
        kept = len(rest) if end or rest else size
        buffer[: len(rest)] = rest
        if kept > MAX_LINE_BYTES:
            raise OSError(f"a line is longer than {MAX_LINE_BYTES:,} bytes")
        if len(buffer) - kept < CHUNK_BYTES:
            buffer = bytearray().join((memoryview(buffer)[:kept], bytes(kept + 2 * CHUNK_BYTES)))
        got = _fill(stream, buffer, kept)
    if kept:
        yield bytes(memoryview(buffer)[:kept]).removesuffix(b"\r") + b"\n"


def _fill(stream: BinaryIO, buffer: bytearray, start: int, least: int = 1) -> int:
    """Read a chunk into the buffer; returns how many bytes: fewer than `least` only at the end of the stream."""
    filled = 0
    end = start + max(CHUNK_BYTES, least)
    while filled < least:
        got = stream.readinto(memoryview(buffer)[start + filled : end])  # type: ignore[attr-defined]
        if not got:
            break
        filled += got
    return filled


def valid_utf8(text: bytes | memoryview) -> bytes | memoryview:
    """The text with each malformed character replaced by U+FFFD, as Java's decoder replaces it."""
    import numpy as np

    if not len(text) or np.frombuffer(text, np.uint8).max() < 0x80:
        return text
    text = bytes(text)
    try:
        text.decode()
    except UnicodeDecodeError:
        return _ENCODED_SURROGATE.sub("\ufffd".encode(), text).decode(errors="replace").encode()
    return text


def without_header(
    chunks: "Iterator[bytes | memoryview]", lines: int, passed_over: Callable[[bytes], None] | None
) -> "Iterator[bytes | memoryview]":
    """The text without an object's first `lines` lines. Each of them, up to LONG_LINE bytes, goes to `passed_over`, if
    that is given.
    """
    for chunk in chunks:
        text = chunk
        while lines and len(text):
            end = bytes(text).index(b"\n")
            if passed_over:
                passed_over(bytes(memoryview(text)[: min(end, LONG_LINE)]))
            text = memoryview(text)[end + 1 :]
            lines -= 1
        if len(text):
            yield text


def pieces_of(text: bytes, most: int) -> Iterator[bytes]:
    """A text of whole lines in pieces of at most `most` lines."""
    import numpy as np

    if text.count(b"\n") <= most:
        yield text
        return
    start = 0
    for end in (positions(np.frombuffer(text, np.uint8), 0x0A) + 1)[most - 1 :: most].tolist():
        yield text[start:end]
        start = end
    if start < len(text):
        yield text[start:]


def line_ends(text: bytes | memoryview) -> "np.ndarray[Any, Any]":
    """The positions of a text's line ends."""
    import numpy as np

    return positions(np.frombuffer(text, np.uint8), 0x0A)


def usable_lines(
    text: bytes | memoryview,
    required: bytes,
    ends: "np.ndarray[Any, Any] | None" = None,
    numbers: "np.ndarray[Any, Any] | None" = None,
) -> bytes | memoryview:
    """Those of whole lines that contain the text `required`, in valid UTF-8. `ends` are the positions of the line ends.

    `numbers` are those lines' numbers, if the caller knows them. Malformed bytes are never part of an ASCII character:
    for an ASCII text, only the lines found are checked.
    """
    if ends is not None and numbers is not None:
        return valid_utf8(_lines_at(text, ends, numbers))
    if required.isascii():
        return valid_utf8(lines_with(text, required, ends))
    return lines_with(valid_utf8(text), required)


def lines_with(
    text: bytes | memoryview, required: bytes, ends: "np.ndarray[Any, Any] | None" = None
) -> bytes | memoryview:
    """The lines that contain the text `required`, which has no ``\\n``. All lines end in ``\\n``.

    `ends` are the positions of the line ends, if the caller knows them. For example, of the lines ``a REJECT``,
    ``b ACCEPT`` and ``c REJECT``, the text ``REJECT`` selects the first and the third.
    """
    import numpy as np

    if not required:
        return bytes(text)
    characters = np.frombuffer(text, np.uint8)
    found = _occurrences(text, characters, required)
    ends = positions(characters, 0x0A) if ends is None else ends
    numbers = np.searchsorted(ends, found)
    return _lines_at(text, ends, numbers[np.diff(numbers, prepend=-1) != 0])


def _lines_at(
    text: bytes | memoryview, ends: "np.ndarray[Any, Any]", numbers: "np.ndarray[Any, Any]"
) -> bytes | memoryview:
    """The lines with these numbers, which are in order, counted from 0."""
    import numpy as np

    if not len(numbers):
        return b""
    starts = np.where(numbers > 0, ends[numbers - 1] + 1, 0)
    return memoryview(slices(text, starts, ends[numbers] + 1).buffers()[2])


def _occurrences(
    text: bytes | memoryview, characters: "np.ndarray[Any, Any]", required: bytes
) -> "np.ndarray[Any, Any]":
    """The positions at which the text `required` begins.

    First its rarest character is searched (by a sample of the text). Around each hit, the rest of `required` is
    compared, eight bytes at a time. For example, in ``REJECT OK`` lines the rarest character may be ``J``: every hit of
    it is checked for ``RE`` before and ``ECT`` behind.
    """
    import numpy as np

    if len(text) < WORD:
        return np.array([at for at in range(len(text)) if bytes(text).startswith(required, at)], np.int64)
    counts = np.bincount(characters[:RARITY_SAMPLE], minlength=256)
    rarest = min(range(len(required)), key=lambda number: counts[required[number]])
    found = positions(characters, required[rarest]) - rarest
    found = found[(found >= 0) & (found <= len(text) - len(required))]
    words = words_of(text)
    for start in range(0, len(required), WORD):
        part = required[start : start + WORD]
        # Near the end of the text, its last word is used, without the bytes before the part.
        begin = np.minimum(found + start, len(words) - 1)
        ahead = ((found + start - begin) * 8).astype(np.uint64)
        wanted, mask = (int.from_bytes(bits, "little") for bits in (part, b"\xff" * len(part)))
        found = found[(words[begin] >> ahead) & np.uint64(mask) == np.uint64(wanted)]
    return found
