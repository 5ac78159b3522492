"""Fuzzes keys: what flowlogs/layout.py finds in them is what a reading without regular expressions finds."""

from datetime import date, datetime

from flowlogs.layout import (
    LogSource,
    find_embedded_object_name,
    find_flow_log,
    find_owner,
    find_source,
    find_window,
    is_above_sources,
    is_object_name,
    is_visible,
    unpacked_name,
)
from fuzz.choices import Choices
from fuzz.targets import SilentLoss

DIGITS, LOWER = frozenset("0123456789"), frozenset("abcdefghijklmnopqrstuvwxyz")
LETTERS = LOWER | frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
SEEDS = [bytes([kind]) * 24 for kind in range(0, 256, 16)]


def _is_made_of(text: str, characters: frozenset[str]) -> bool:
    return bool(text) and set(text) <= characters


def _is_account(text: str) -> bool:
    return len(text) == 12 and _is_made_of(text, DIGITS)


def _is_region(text: str) -> bool:
    first, *middle = text.split("-")
    return (
        len(middle) >= 2
        and len(first) >= 2
        and all(_is_made_of(part, LOWER) for part in (first, *middle[:-1]))
        and len(middle[-1]) == 1
        and middle[-1] in DIGITS
    )


def plain_name(name: str) -> tuple[str, str, str, str] | None:
    """Account, region, flow log and window in an object's name, part by part."""
    for suffix in (".log.gz", ".log.parquet", ".log"):
        if name.endswith(suffix):
            parts = name.removesuffix(suffix).split("_")
            break
    else:
        return None
    if len(parts) != 6 or parts[1] != "vpcflowlogs":
        return None
    account, _, region, flow_log, window, digest = parts
    right = (
        _is_account(account)
        and _is_region(region)
        and flow_log.startswith("fl-")
        and _is_made_of(flow_log[3:], LETTERS | DIGITS)
        and len(window) == 14
        and window[8] == "T"
        and window[-1] == "Z"
        and _is_made_of(window[:8] + window[9:13], DIGITS)
        and _is_made_of(digest, LETTERS | DIGITS)
    )
    return (account, region, flow_log, window) if right else None


def plain_window(window: str) -> datetime | None:
    try:
        return datetime(*(int(window[a:b]) for a, b in ((0, 4), (4, 6), (6, 8), (9, 11), (11, 13))))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None


def plain_day(source: LogSource, key: str) -> date | None:
    """The day whose folder holds the key, part by part."""
    parts = key[len(source.prefix) :].split("/")
    if not key.startswith(source.prefix) or len(parts) < 4:
        return None
    numbers = parts[:3]
    if source.service:
        names = ("year=", "month=", "day=")
        if not all(part.startswith(name) for part, name in zip(numbers, names, strict=True)):
            return None
        numbers = [part.removeprefix(name) for part, name in zip(numbers, names, strict=True)]
    if [len(number) for number in numbers] != [4, 2, 2] or not _is_made_of("".join(numbers), DIGITS):
        return None
    try:
        return date(*map(int, numbers))
    except ValueError:
        return None


def a_key(choices: Choices) -> str:
    """A key: right, or with a part that is not."""
    account = choices.one_of(
        ["123456789012", "000000000000", "12345678901", "1234567890123", "１23456789012", "٣" * 12]
    )
    region = choices.one_of(["us-east-1", "us-gov-west-1", "eu-west-3", "a-b-1", "us-east", "us-east-１", "US-EAST-1"])
    root = choices.one_of(["AWSLogs/", "x/AWSLogs/", "AWSLogs/o-abc123/", "AWSLogs/AWSLogs/", "a\nb/AWSLogs/", ""])
    day = [
        choices.one_of(["2021", "2024", "0000", "9999", "２０２１"]),
        *(choices.one_of(["01", "09", "02", "29", "31", "00", "1"]) for _ in "md"),
    ]
    if choices.number(3) == 0:
        service = choices.one_of(["aws-service", "service", "aws-services"])
        folder = f"{root}aws-account-id={account}/{service}=vpcflowlogs/aws-region={region}/"
        folder += "/".join(f"{name}={part}" for name, part in zip(("year", "month", "day"), day, strict=True))
    else:
        folder = f"{root}{account}/vpcflowlogs/{region}/{'/'.join(day)}"
    hour = choices.one_of(["", "", "/05", "/hour=05", "/_hidden", "/.x"])
    window = "".join(day) + "T" + choices.one_of(["0005", "2400", "1260", "٠٠٠٥", "000"]) + "Z"
    flow_log = choices.one_of(["fl-0123456789abcdef0", "fl-A", "fl-", "fl-é", "FL-1"])
    suffix = choices.one_of([".log.gz", ".log", ".log.parquet", ".log.gz.part", ".LOG.GZ", ".log.gz\n", " (1).log.gz"])
    name = f"{account}_vpcflowlogs_{region}_{flow_log}_{window}_{choices.one_of(['abcd', 'ABC9', '', 'ß'])}{suffix}"
    key = f"{folder}{hour}/{name}"
    while choices.chance(30):
        at = choices.number(len(key) + 1)
        key = key[:at] + choices.text(3) + key[at + choices.number(3) :]
    return key


def check(data: bytes) -> None:
    """Raise SilentLoss where the layout finds something else in a key than a plain reading does."""
    key = a_key(Choices(data))
    name = key.rpartition("/")[2]
    found = plain_name(name)
    _same(key, "flow log", find_flow_log(key), found and found[2])
    _same(key, "owner", find_owner(key), found and found[:2])
    _same(key, "window", find_window(key), plain_window(found[3]) if found else None)
    _same(key, "object name", is_object_name(name), found is not None)
    embedded = find_embedded_object_name(name)
    if embedded and plain_name(embedded) is None:
        raise SilentLoss(f"{key!r}: {embedded!r} is no object's name")
    unpacked_name(key)
    is_above_sources(key)
    source = find_source("any-bucket", key)
    if source is None:
        # Only a key whose folders are wrong has none.
        if plain := _plain_source(key):
            raise SilentLoss(f"{key!r}: no source, and a plain reading has {plain}")
        return
    if not f"{key}/".startswith(source.prefix) or _plain_source(key) is None:
        raise SilentLoss(f"{key!r}: {source}")
    _same(key, "day", source.find_day(key), plain_day(source, key))
    if (day := source.find_day(key)) and not key.startswith(source.day_prefix(day)):
        raise SilentLoss(f"{key!r}: {day} is not its folder's")
    hidden = any(part.startswith(("_", ".")) for part in key[len(source.prefix) :].split("/") if part)
    _same(key, "visible", is_visible(key, source.prefix), not hidden and not key.endswith(("_$folder$", "/")))


def _plain_source(key: str) -> tuple[str, str] | None:
    """Account and region of the first folders that are those of a source."""
    parts = key.split("/")
    for at, part in enumerate(parts):
        if part == "AWSLogs" or not part:
            if not part:
                return None  # a key prefix has no empty folder in front
            for below in (at + 1, at + 2):
                if below == at + 2 and not (parts[at + 1 : at + 2] and _is_organization(parts[at + 1])):
                    continue
                if owner := _owner(parts[below : below + 3]):
                    return owner
    return None


def _is_organization(part: str) -> bool:
    return part.startswith("o-") and _is_made_of(part[2:], LOWER | DIGITS)


def _owner(parts: list[str]) -> tuple[str, str] | None:
    if len(parts) < 3:
        return None
    account, service, region = parts
    if service == "vpcflowlogs":
        return (account, region) if _is_account(account) and _is_region(region) else None
    if service not in ("aws-service=vpcflowlogs", "service=vpcflowlogs"):
        return None
    account, region = account.removeprefix("aws-account-id="), region.removeprefix("aws-region=")
    right = parts[0].startswith("aws-account-id=") and parts[2].startswith("aws-region=")
    return (account, region) if right and _is_account(account) and _is_region(region) else None


def _same(key: str, what: str, found: object, expected: object) -> None:
    if (found or None) != (expected or None):
        raise SilentLoss(f"{key!r}: {what} is {found!r}, and a plain reading has {expected!r}")
