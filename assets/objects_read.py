"""The record of the objects that a day's rejected flows were read from, and its comparison with a later listing.

A day is only made again from at least the objects that it was made from: what is gone or has become smaller would take
records away that nobody misses.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from flowlogs.layout import find_flow_log, unpacked_name
from resources.bucket import StoredObject


@dataclass(frozen=True)
class ObjectsRead:
    """The objects of flow logs of one day: by each one's name, its size in bytes, as stored.

    `left_out` are those that were not read because they are damaged. If one of them is removed, nothing is lost.
    """

    sizes: Mapping[str, int] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.sizes)

    @property
    def size(self) -> int:
        return sum(self.sizes.values())

    def gone(self, now: "ObjectsRead") -> list[str]:
        """The names of the objects that are not there now. One that was decompressed, or compressed, is still there."""
        there = set(map(unpacked_name, now.sizes))
        return sorted(name for name in self.sizes if unpacked_name(name) not in there)

    def smaller(self, now: "ObjectsRead") -> list[str]:
        """The names of the objects that have become smaller."""
        return sorted(name for name, size in self.sizes.items() if now.sizes.get(name, size) < size)

    def has_more(self, now: "ObjectsRead") -> bool:
        """Whether there are objects now that were not read, or that were replaced since."""
        known = {**self.sizes, **self.left_out}
        names = set(map(unpacked_name, known))
        new = any(unpacked_name(name) not in names for name in now.sizes)
        return new or any(known.get(name, size) != size for name, size in now.sizes.items())

    def as_text(self) -> str:
        """A line for each object: its size and its name."""
        return "".join(f"{size} {name}\n" for name, size in sorted(self.sizes.items()))


def parse_objects_read(text: str) -> ObjectsRead | None:
    """What `as_text` wrote; None for any other text."""
    sizes = {}
    for line in text.splitlines():
        size, _, name = line.partition(" ")
        if not size.isdecimal() or not find_flow_log(name):
            return None
        sizes[name] = int(size)
    return ObjectsRead(sizes)


def objects_read(stored: Iterable[StoredObject]) -> ObjectsRead:
    """The objects of flow logs that Athena reads, each of them once, however often it is there."""
    found = {
        unpacked_name(item.key): (PurePosixPath(item.key).name, item.size)
        for item in stored
        if find_flow_log(item.key) and not item.archived
    }
    return ObjectsRead(dict(found.values()))
