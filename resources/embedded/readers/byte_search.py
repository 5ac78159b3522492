"""Characters of a text, all at once: where one occurs, parts of a text, eight of them as a number.

Each works on whole arrays, in a few passes over memory. What the characters mean, lines.py and columns.py know.
"""

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

WORD = 8
"""How many characters are looked at as one number."""

COUNTED_AT_ONCE = 1 << 18

_PLACES = sum(place << (61 - 8 * place) for place in range(WORD))

_reused = threading.local()


def positions(characters: "np.ndarray[Any, Any]", wanted: int) -> "np.ndarray[Any, Any]":
    """Where a character occurs that is rare: first in which eight of them, since most eights hold none.

    The only mark in an eight is a bit; multiplied by it, _PLACES has the mark's place in its three highest bits.
    """
    import numpy as np

    marks = np.equal(characters, wanted, out=_marks(len(characters)))
    whole = len(marks) // WORD * WORD
    words = marks[:whole].view(np.uint64)
    hits = np.flatnonzero(words != 0)
    marked = words[hits]
    if (marked & (marked - np.uint64(1))).any():  # an eight with several marks
        inside = np.flatnonzero(marked.view(np.bool_))
        found = hits[inside >> 3] * WORD + (inside & 7)
    else:
        found = hits * WORD + (marked * _PLACES >> np.uint64(61)).view(np.int64)
    return np.concatenate([found, whole + np.flatnonzero(marks[whole:])])


def count_of(characters: "np.ndarray[Any, Any]", wanted: int) -> int:
    """How often a character occurs. Counted in parts that stay in the processor's cache, which takes half the time."""
    import numpy as np

    parts = (characters[start : start + COUNTED_AT_ONCE] for start in range(0, len(characters), COUNTED_AT_ONCE))
    return sum(int(np.count_nonzero(np.equal(part, wanted, out=_marks(len(part))))) for part in parts)


def _marks(size: int) -> "np.ndarray[Any, Any]":
    """Room for as many truth values, the same for each call of a thread."""
    import numpy as np

    if len(getattr(_reused, "marks", b"")) < size:
        _reused.marks = np.empty(size, np.bool_)
    return _reused.marks[:size]  # type: ignore[no-any-return]


def words_of(text: bytes | memoryview) -> "np.ndarray[Any, Any]":
    """The eight characters that begin at each of a text's, as a number whose lowest byte is the first of them."""
    import numpy as np

    words: np.ndarray[Any, Any] = np.ndarray((len(text) - WORD + 1,), "<u8", text, 0, (1,))
    return words


def slices(text: bytes | memoryview, start: "np.ndarray[Any, Any]", end: "np.ndarray[Any, Any]") -> "pa.StringArray":
    """Parts of a text that follow one another."""
    import numpy as np
    import pyarrow as pa

    # Every second of these is a part that is wanted, every other what lies in between.
    offsets = np.empty(2 * len(start), np.int32)
    offsets[0::2], offsets[1::2] = start, end
    pieces = pa.StringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(text))
    return pieces.take(pa.array(np.arange(0, len(pieces), 2)))
