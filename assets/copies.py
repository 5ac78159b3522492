"""Finds copies of objects in a day's folders: the same records under other names, which would count twice."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from assets.object_looks import first_look_at
from flowlogs.first_look import FirstLook, alike_warning, copies_warning
from flowlogs.layout import find_flow_log, unpacked_name
from flowlogs.printable import first_names
from resources.bucket import Bucket, StoredObject

MAX_LEFT_OUT = 200
"""How many copies are left out of a day's scan, which names each of them; of others, records count twice."""


@dataclass(frozen=True)
class Copies:
    """Warnings about copies; and copies that hold the same bytes for certain, each with the key of its original."""

    warnings: Sequence[str]
    identical: Mapping[str, str]


def find_copies(bucket: Bucket, objects: Sequence[StoredObject], seen: Mapping[str, FirstLook]) -> Copies:
    """Objects under different names that begin alike, unpacked: copies, whose records count twice.

    Compared are those that were looked at, and those that may be copies by what is known of them without a look. What
    two flow logs deliver is never taken for copies of each other: only a part of it may be the same.
    """
    warnings: list[str] = []
    stored_as = {stored.key: stored for stored in objects}
    like: dict[str, list[StoredObject]] = defaultdict(list)
    for stored in objects:
        if find_flow_log(stored.key) and not stored.archived:
            like[bucket.objects.content_id(stored)].append(stored)
    looks = {key: look for key, look in seen.items() if find_flow_log(key) and key in stored_as}
    possible = [bucket.objects.possible_copies(same) for same in like.values() if len(same) > 1]
    alike = [stored for same in possible for stored in same if stored.key not in looks]
    compared = alike[: bucket.objects.most_compared]
    looks |= {stored.key: first_look_at(bucket, stored) for stored in compared}
    if len(compared) < len(alike):
        warnings.append(
            f"{len(alike)} objects have the size of another one, and {len(compared)} of them were compared: whether "
            "the others are copies, so that records count twice, is not known."
        )
    copies: dict[str, list[str]] = defaultdict(list)
    for key, look in sorted(looks.items()):
        if look.beginning:
            copies[look.beginning].append(key)
    identical: dict[str, str] = {}
    for keys in copies.values():
        has_times = _has_times(looks[keys[0]])
        # The same name twice, as in two folders, is told by the listing.
        if has_times and len({unpacked_name(key) for key in keys}) > 1:
            identical |= _identical(bucket, [stored_as[key] for key in keys], MAX_LEFT_OUT - len(identical))
        counted = list({unpacked_name(key): key for key in keys if key not in identical}.values())
        if len(counted) > 1:
            paths = [bucket.objects.display_path(key) for key in counted]
            warnings.append(copies_warning(paths) if has_times else alike_warning(paths))
    if identical:
        pairs = [
            f"{bucket.objects.display_path(copy)} of {bucket.objects.display_path(own)}"
            for copy, own in identical.items()
        ]
        warnings.append(
            f"Some objects are copies under another name, byte for byte: {first_names(pairs)}. Reports count their "
            "records once. A query of the table counts each object."
        )
    return Copies(warnings, identical)


def _identical(bucket: Bucket, objects: Sequence[StoredObject], most: int) -> dict[str, str]:
    """The keys of at most so many copies among these objects, each with the key of its original."""
    found: dict[str, str] = {}
    originals: list[StoredObject] = []
    for stored in objects:
        own = next((one for one in originals if _is_copy(bucket, one, stored)), None) if len(found) < most else None
        if own is None:
            originals.append(stored)
        else:
            found[stored.key] = own.key
    return found


def _is_copy(bucket: Bucket, own: StoredObject, other: StoredObject) -> bool:
    return find_flow_log(own.key) == find_flow_log(other.key) and bucket.objects.is_identical(own, other)


def _has_times(look: FirstLook) -> bool:
    """Whether records say when they were made, so that no two objects of a flow log hold the same."""
    return look.record_format is not None and look.record_format.has_times
