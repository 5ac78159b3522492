"""Takes the first look at an object in the bucket, once for all assets of a run. What it means is in day_objects.py."""

from dataclasses import replace
from pathlib import PurePosixPath
from weakref import WeakKeyDictionary

from flowlogs.first_look import HEAD_BYTES, FirstLook, first_look, parquet_look
from resources.bucket import Bucket, StoredObject
from resources.parquet_facts import parquet_facts

MAX_REMEMBERED = 20_000
"""How many looks are remembered: those of several days of a large organization."""

_remembered: WeakKeyDictionary[Bucket, dict[tuple[str, int, str], FirstLook]] = WeakKeyDictionary()
"""By the bucket, and an object's key, size and version: what the first look at it found."""


def first_look_at(bucket: Bucket, stored: StoredObject) -> FirstLook:
    """The first look at an object, which the assets of one run take once."""
    looks, known_by = _remembered.setdefault(bucket, {}), (stored.key, stored.size, stored.version)
    found = looks.get(known_by) or _new_look_at(bucket, stored)
    if stored.version and len(looks) < MAX_REMEMBERED:
        looks[known_by] = found
    return found


def _new_look_at(bucket: Bucket, stored: StoredObject) -> FirstLook:
    name = PurePosixPath(stored.key).name
    if not name.endswith(".parquet"):
        return first_look(name, bucket.objects.head(stored.key, HEAD_BYTES))
    if not stored.size:
        return FirstLook(empty=True)
    facts = parquet_facts(bucket.objects, stored)
    look = parquet_look(name, facts.columns)
    return replace(look, interfaces=facts.interfaces, beginning=facts.digest or None) if look.record_format else look
