"""Flow logs as AWS delivers them with other options than the default ones, from records of the default format."""

import gzip
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from pathlib import Path

from hypothesis import strategies as st

from flowlogs.delivery import Delivery
from flowlogs.fields import DEFAULT_FIELDS, FIELDS
from flowlogs.layout import LogSource
from flowlogs.record_format import PARQUET, TEXT, RecordFormat, parse_log_format
from resources.embedded.simulation.parquet_object import parquet_object

OTHER_VALUES = {
    field.header: "7" if field.type != "string" else f"a-{field.underscored}"
    for field in FIELDS
    if field not in DEFAULT_FIELDS
} | {"pkt-srcaddr": "2001:db8::1", "pkt-dstaddr": "192.0.2.7"}
"""What the records say in fields that the default format lacks."""

PERMUTED = parse_log_format(" ".join(f"${{{field.header}}}" for field in reversed(FIELDS)))
"""All fields, the other way round."""


def _delivery(names: Sequence[str], count: int, stored_as: str, hive: bool, hourly: bool, prefix: str) -> Delivery:
    default = [field.header for field in DEFAULT_FIELDS]
    chosen = {*default, *[name for name in names if name not in default][:count]}
    fields = tuple(field for name in names for field in FIELDS if field.header == name and name in chosen)
    return Delivery(RecordFormat(fields, stored_as), hive, hourly, prefix)


ANY_DELIVERY = st.builds(
    _delivery,
    names=st.permutations([field.header for field in FIELDS]),
    count=st.integers(0, len(FIELDS) - len(DEFAULT_FIELDS)),
    stored_as=st.sampled_from([TEXT, PARQUET]),
    hive=st.booleans(),
    hourly=st.booleans(),
    prefix=st.sampled_from(["", "a/", "b/c/"]),
)
"""The fields of the default format and any others, in any order, delivered with any options."""


def as_format(record_format: RecordFormat, *, parquet: bool) -> RecordFormat:
    return RecordFormat(record_format.fields, PARQUET if parquet else TEXT)


def object_bytes(lines: Sequence[str], record_format: RecordFormat, others: Mapping[str, str] = OTHER_VALUES) -> bytes:
    """An object of these records, given in the default format, and of what they say in other fields."""
    records = [
        {**others, **dict(zip((field.header for field in DEFAULT_FIELDS), line.split(" "), strict=True))}
        for line in lines
    ]
    if record_format.stored_as == PARQUET:
        return parquet_object(records, record_format)
    texts = [" ".join(record[field.header] for field in record_format.fields) for record in records]
    return gzip.compress("\n".join([record_format.header_line, *texts, ""]).encode(), mtime=0)


def object_key(
    delivery: Delivery,
    day: date,
    *,
    number: int = 0,
    flow_log: str = "fl-0123456789abcdef0",
    account: str = "123456789012",
    region: str = "us-east-1",
) -> str:
    source = LogSource("any-bucket", account, region, delivery.root, delivery.service)
    window = datetime.combine(day, time(0, 5)) + timedelta(hours=number)
    return source.object_key(flow_log, window, f"{number:08x}", hourly=delivery.hourly, extension=delivery.extension)


def deliver(
    folder: Path,
    delivery: Delivery,
    day: date,
    lines: Sequence[str],
    others: Mapping[str, str] = OTHER_VALUES,
    **names: object,
) -> Path:
    """Write an object of these records, given in the default format, into a folder laid out as a bucket."""
    path = folder / object_key(delivery, day, **names)  # type: ignore[arg-type]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(object_bytes(lines, delivery.record_format, others))
    return path
