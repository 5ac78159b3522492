"""The coverage of a day: the objects that its datasets were made from, with their sizes, ETags and times.

It is stored with each dataset's day, in the completion marker (datasets/files.py), and its digest is the data version
of what was made from the day. What of it may not get lost is in objects_read.py.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from hashlib import sha256
from pathlib import PurePosixPath

from assets.objects_read import ObjectsRead, objects_read, parse_objects_read
from flowlogs.layout import unpacked_name
from resources.bucket import StoredObject

_TIME = "%Y-%m-%dT%H:%M:%SZ"

_FORMAT = 2
"""The number of the format in which coverage is stored. Without a number it is that of `ObjectsRead.as_text`."""


@dataclass(frozen=True)
class CoveredObject:
    """An object that was read: its size in bytes, as stored, its ETag, and when it was written (UTC, whole seconds).

    Both are empty where the coverage was stored by an earlier version of this project.
    """

    size: int
    etag: str = ""
    modified: datetime | None = None


@dataclass(frozen=True)
class Coverage:
    """The objects of one day that were read, by key; by name alone where an earlier version stored them.

    `left_out` are those of them that were not read, by key, and why: they are damaged. As long as such an object is the
    same, the day has not changed.
    """

    objects: Mapping[str, CoveredObject] = field(default_factory=dict)
    left_out: Mapping[str, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.objects) - len(self.left_out)

    @property
    def size(self) -> int:
        """Bytes, as stored."""
        return sum(found.size for key, found in self.objects.items() if key not in self.left_out)

    @property
    def newest(self) -> datetime | None:
        """When the newest of the objects was written; None where there is none, or nobody knows."""
        return max((found.modified for found in self.objects.values() if found.modified), default=None)

    @property
    def has_etags(self) -> bool:
        """Whether objects can be compared by their ETags: earlier versions of this project stored none."""
        return all(found.etag for found in self.objects.values())

    @property
    def digest(self) -> str:
        """A digest of the sorted keys, sizes and ETags: the same for the same objects."""
        lines = (f"{key}\0{found.size}\0{found.etag}\n" for key, found in sorted(self.objects.items()))
        return sha256("".join(lines).encode()).hexdigest()[:32]

    @property
    def read(self) -> ObjectsRead:
        """The objects of flow logs among them, each once."""
        stored = [StoredObject(key, found.size) for key, found in self.objects.items()]
        found = objects_read(one for one in stored if one.key not in self.left_out)
        damaged = objects_read(one for one in stored if one.key in self.left_out)
        return replace(found, left_out=damaged.sizes)

    def matches(self, other: "Coverage") -> bool:
        """Whether these are the same objects, as far as both say."""
        if self.has_etags and other.has_etags:
            return self.digest == other.digest
        return self.read == other.read

    def came_since(self, now: "Coverage") -> list[str]:
        """The keys of the objects that are there now and were not read, or were replaced since.

        One that was compressed or decompressed is still there.
        """
        names = {PurePosixPath(key).name: found for key, found in self.objects.items()}
        unpacked = set(map(unpacked_name, names))

        def is_read(key: str, found: CoveredObject) -> bool:
            before = self.objects.get(key) or names.get(PurePosixPath(key).name)
            if before is None:
                return unpacked_name(key) in unpacked
            return before.size == found.size and before.etag in ("", found.etag)

        return [key for key, found in sorted(now.objects.items()) if not is_read(key, found)]

    def as_text(self) -> str:
        """The coverage as JSON, with one object on each line."""
        rows = ",\n".join(
            json.dumps([key, found.size, found.etag, found.modified.strftime(_TIME) if found.modified else None])
            for key, found in sorted(self.objects.items())
        )
        left_out = f',\n"left_out": {json.dumps(self.left_out, sort_keys=True)}' if self.left_out else ""
        return f'{{"format": {_FORMAT}, "objects": [\n{rows}\n]{left_out}}}\n'


def coverage_of(stored: Iterable[StoredObject], left_out: Mapping[str, str] | None = None) -> Coverage:
    """The coverage by all of these objects that Athena reads: it passes over what is in an archive."""
    return Coverage(
        {
            item.key: CoveredObject(item.size, item.etag, _seconds(item.modified))
            for item in stored
            if not item.archived
        },
        left_out or {},
    )


def parse_coverage(text: str) -> Coverage | None:
    """What `as_text` wrote, here or in an earlier version; None for any other text."""
    if not text.startswith("{"):
        before = parse_objects_read(text)
        return Coverage({name: CoveredObject(size) for name, size in before.sizes.items()}) if before else None
    try:
        found = json.loads(text)
        if found["format"] != _FORMAT:
            return None
        objects = {str(key): _covered(size, etag, modified) for key, size, etag, modified in found["objects"]}
        return Coverage(objects, {str(key): str(why) for key, why in found.get("left_out", {}).items()})
    except (ValueError, TypeError, KeyError, AttributeError):
        return None


def coverage_version(covered: Iterable[Coverage]) -> str:
    """The data version of what was made from datasets with this coverage; empty where nobody knows it."""
    return combined_version(dict.fromkeys(found.digest for found in covered))


def combined_version(versions: Iterable[str]) -> str:
    """One data version for several, in their order; the version itself where there is one, empty without any."""
    several = list(versions)
    if not several:
        return ""
    return several[0] if len(several) == 1 else sha256("\n".join(several).encode()).hexdigest()[:32]


def _covered(size: object, etag: object, modified: object) -> CoveredObject:
    at = datetime.strptime(str(modified), _TIME).replace(tzinfo=timezone.utc) if modified else None
    return CoveredObject(int(str(size)), str(etag), at)


def _seconds(modified: datetime | None) -> datetime | None:
    return modified.astimezone(timezone.utc).replace(microsecond=0) if modified else None
