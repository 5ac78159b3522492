"""Searches the bytes of a text with NumPy: positions of a character, words of eight bytes, parts of a text.

Each function works on whole arrays, in a few passes over memory. lines.py and text_serde.py interpret the bytes.

How `positions` works, by the example of the line ends in ``b"ab\\ncdefg" + b"hijklmno"``: comparing every byte with the
wanted one gives a byte of 1 or 0 for each. Eight of them are read as one 64-bit number, a word. Words of value 0 have
no hit, and most words of rare characters are 0: so only the other words are searched. Here, the first word is
``0x10000``: its third byte is 1, so that the hit is at 2.
"""

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

WORD = 8
"""How many bytes are read as one number: a word."""

COUNTED_AT_ONCE = 1 << 18
"""How many bytes are counted at a time: so many stay in the processor's cache."""

_HIT_POSITIONS = sum(position << (61 - 8 * position) for position in range(WORD))
"""Multiplied by a word whose one hit is in byte n (``1 << 8 * n``), it has n in the three highest bits."""

_reused = threading.local()


def positions(characters: "np.ndarray[Any, Any]", wanted: int) -> "np.ndarray[Any, Any]":
    """The positions of a character in a text. Fast for a character that is rare; the module's docstring says how.

    The position in a word with one hit comes from a multiplication (`_HIT_POSITIONS`); words with several hits are
    searched byte by byte.
    """
    import numpy as np

    marks = np.equal(characters, wanted, out=_marks(len(characters)))
    whole = len(marks) // WORD * WORD
    words = marks[:whole].view(np.uint64)
    hits = np.flatnonzero(words != 0)
    marked = words[hits]
    if (marked & (marked - np.uint64(1))).any():  # words with several hits
        inside = np.flatnonzero(marked.view(np.bool_))
        found = hits[inside >> 3] * WORD + (inside & 7)
    else:
        found = hits * WORD + (marked * _HIT_POSITIONS >> np.uint64(61)).view(np.int64)
    return np.concatenate([found, whole + np.flatnonzero(marks[whole:])])


def count_of(characters: "np.ndarray[Any, Any]", wanted: int) -> int:
    """How often a character occurs in a text."""
    import numpy as np

    parts = (characters[start : start + COUNTED_AT_ONCE] for start in range(0, len(characters), COUNTED_AT_ONCE))
    return sum(int(np.count_nonzero(np.equal(part, wanted, out=_marks(len(part))))) for part in parts)


def _marks(size: int) -> "np.ndarray[Any, Any]":
    """An array of so many truth values. Each thread reuses its own."""
    import numpy as np

    marks: np.ndarray[Any, Any] | None = getattr(_reused, "marks", None)
    if marks is None or len(marks) < size:
        marks = _reused.marks = np.empty(size, np.bool_)
    return marks[:size]


def words_of(text: bytes | memoryview) -> "np.ndarray[Any, Any]":
    """For each byte of a text, the word that begins there. A word's lowest byte is its first character."""
    import numpy as np

    words: np.ndarray[Any, Any] = np.ndarray((len(text) - WORD + 1,), "<u8", text, 0, (1,))
    return words


def slices(text: bytes | memoryview, start: "np.ndarray[Any, Any]", end: "np.ndarray[Any, Any]") -> "pa.StringArray":
    """The parts of a text from `start` to `end`, which do not overlap and are in order."""
    import numpy as np
    import pyarrow as pa

    # The offsets of all parts and gaps in turn. Every second one is wanted.
    offsets = np.empty(2 * len(start), np.int32)
    offsets[0::2], offsets[1::2] = start, end
    pieces = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(text))
    return pieces.take(pa.array(np.arange(0, len(pieces), 2)))
