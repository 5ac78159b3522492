"""Whose flow logs are read: the sources that the settings choose among those that a bucket holds.

Where a source's objects lie is in layout.py.
"""

import hashlib
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from flowlogs.errors import FlowLakeError
from flowlogs.fields import ACCOUNT_COLUMN, PARTITION_COLUMN, REGION_COLUMN
from flowlogs.layout import ACCOUNT_ID, REGION, TOP, LogSource, find_source, find_sources

EVERYTHING = "*"

SOURCES_MARK = re.compile(rf"(?:{ACCOUNT_ID.pattern}-{REGION.pattern}|[0-9a-f]{{12}})")
"""What `LogSources.mark` may be."""

MAX_LISTED = 20
"""How many sources an error lists."""


@dataclass(frozen=True)
class Choice:
    """The accounts, regions and prefix that the settings name. Each may be None (not set).

    Accounts and regions are names with commas between them, or ``*`` for all.
    """

    accounts: str | None = None
    regions: str | None = None
    prefix: str | None = None

    @property
    def is_keyed(self) -> bool:
        """Whether tables are partitioned by account and region too: several of them are asked for."""
        return any(text == EVERYTHING or "," in text for text in (self.accounts, self.regions) if text)

    @property
    def account(self) -> str | None:
        """The one account that is named; None where there is none, or several."""
        return None if self.is_several(self.accounts) else self.accounts

    @property
    def region(self) -> str | None:
        """The one region that is named; None where there is none, or several."""
        return None if self.is_several(self.regions) else self.regions

    @property
    def named_accounts(self) -> set[str]:
        """The accounts that are named; none where all are asked for, or nothing is."""
        return _named(self.accounts)

    @property
    def named_regions(self) -> set[str]:
        """The regions that are named, likewise."""
        return _named(self.regions)

    @staticmethod
    def is_several(text: str | None) -> bool:
        """Whether a setting names several, or all."""
        return text is not None and (text == EVERYTHING or "," in text)

    def allows(self, source: LogSource) -> bool:
        """Whether the settings leave this source in."""
        return _is_in(source.account, self.accounts) and _is_in(source.region, self.regions)


ANY_SOURCE = Choice()
"""The settings name nothing: the only account, region and prefix there are."""


@dataclass(frozen=True)
class LogSources:
    """The sources of one bucket that are read together.

    `is_keyed`: their tables are partitioned by day, account and region, else by day alone, and all sources are of one
    account and region. `choice` is what asked for them.
    """

    bucket: str
    sources: tuple[LogSource, ...]
    choice: Choice = ANY_SOURCE

    @property
    def is_keyed(self) -> bool:
        return self.choice.is_keyed

    @property
    def single(self) -> LogSource | None:
        """The only source, where tables are partitioned by day alone and there is but one layout."""
        return self.sources[0] if len(self.sources) == 1 and not self.is_keyed else None

    @cached_property
    def layouts(self) -> tuple["Layout", ...]:
        """The layouts among the sources, the plain ones first."""
        return tuple(sorted({Layout(source.root, source.service) for source in self.sources}))

    def location(self, layout: "Layout") -> str:
        """The LOCATION of a table over the sources in this layout."""
        own = [source for source in self.sources if Layout.of(source) == layout]
        return own[0].location if own and not self.is_keyed else f"s3://{self.bucket}/{layout.root}"

    @cached_property
    def description(self) -> str:
        """The sources as one address, which stays the same while accounts and regions come and go."""
        first = self.sources[0]
        if not self.is_keyed:
            return LogSource(self.bucket, first.account, first.region, self.layouts[0].root).location
        chosen = f"accounts {self.choice.accounts or EVERYTHING}, regions {self.choice.regions or EVERYTHING}"
        return f"{self.location(self.layouts[0])} ({chosen})"

    @cached_property
    def mark(self) -> str:
        """A short name of the sources for names of files: ``<account>-<region>``, or a digest of several."""
        if not self.is_keyed:
            return f"{self.sources[0].account}-{self.sources[0].region}"
        return hashlib.sha256(self.description.encode()).hexdigest()[:12]

    @property
    def in_words(self) -> str:
        """The accounts and regions for people."""
        pairs = [f"{source.account} in {source.region}" for source in self.sources]
        shown = list(dict.fromkeys(pairs))
        more = f" and {len(shown) - MAX_LISTED} more" if len(shown) > MAX_LISTED else ""
        return f"{', '.join(shown[:MAX_LISTED])}{more}"

    @property
    def partition_columns(self) -> tuple[tuple[str, str], ...]:
        """The partition columns of the tables over these sources, with their Hive types."""
        names = (PARTITION_COLUMN, ACCOUNT_COLUMN, REGION_COLUMN) if self.is_keyed else (PARTITION_COLUMN,)
        return tuple((name, "string") for name in names)

    def partition_values(self, source: LogSource, day: date) -> tuple[str, ...]:
        """The values of the partition columns for a source's day."""
        own = (source.account, source.region) if self.is_keyed else ()
        return (day.isoformat(), *own)

    def day_prefixes(self, day: date) -> dict[LogSource, str]:
        """The prefix of each source's folder of a UTC day."""
        return {source: source.day_prefix(day) for source in self.sources}

    def find_day(self, key: str) -> date | None:
        """The UTC day whose folder holds a key, or is this prefix (with its slash); None outside days' folders."""
        source = find_source(self.bucket, key)
        return source.find_day(key) if source in self._all else None

    @cached_property
    def _all(self) -> frozenset[LogSource]:
        return frozenset(self.sources)


@dataclass(frozen=True, order=True)
class Layout:
    """How the folders of sources lie: below which root, and whether Hive-compatible (see LogSource)."""

    root: str
    service: str

    @staticmethod
    def of(source: LogSource) -> "Layout":
        return Layout(source.root, source.service)

    @property
    def in_words(self) -> str:
        """The layout for people."""
        return f"{self.root} ({'Hive-compatible' if self.service else 'plain'} folders)"


def choose_sources(bucket: str, found: Iterable[LogSource], choice: Choice, where: str) -> LogSources:
    """The sources among those `found` in a bucket that the settings choose.

    `where` is the bucket's display path. Raises FlowLakeError, with the list, where none matches, or where there are
    several accounts, regions or prefixes and the settings do not say which.
    """
    everything = sorted(set(found))
    left = [source for source in everything if choice.allows(source)]
    if not everything:
        behind = f" behind the prefix {choice.prefix}" if choice.prefix else ""
        raise FlowLakeError(
            f"{where} holds no flow logs{behind}: there is no AWSLogs/<account>/vpcflowlogs/<region>/ in it. "
            "Set FLOWLAKE_BUCKET (or LOGS=) to the folder that contains AWSLogs, as `aws s3 sync` leaves it."
        )
    listing = _listing(everything)
    if not left:
        raise FlowLakeError(
            f"{where} holds no flow logs for FLOWLAKE_ACCOUNT_ID={choice.accounts or '(any)'} "
            f"FLOWLAKE_REGION={choice.regions or '(any)'}. It holds:{listing}"
        )
    missing = _named(choice.accounts) - {source.account for source in left}
    missing |= _named(choice.regions) - {source.region for source in left}
    if missing:
        raise FlowLakeError(
            f"{where} holds no flow logs of {', '.join(sorted(missing))}, which FLOWLAKE_ACCOUNT_ID or FLOWLAKE_REGION "
            f"names. It holds:{listing}"
        )
    if not choice.is_keyed and len({(source.account, source.region) for source in left}) > 1:
        raise FlowLakeError(
            f"{where} holds flow logs of several accounts or regions. Choose one by setting these variables, or "
            "several with commas between them, or all with FLOWLAKE_ACCOUNT_ID='*' FLOWLAKE_REGION='*':"
            f"{_listing(left)}"
        )
    return LogSources(bucket, tuple(left), choice)


def sources_behind_prefixes(
    bucket: str, choice: Choice, folders_in: Callable[[str], Iterable[str]], nearby: Callable[[], Iterable[str]]
) -> dict[str, list[LogSource]]:
    """The sources behind each prefix of the bucket's owner, found by a limited search where none is named.

    `folders_in` lists the folders in a folder, `nearby` those that the search comes to, both as key prefixes.
    """

    def behind(prefix: str) -> list[LogSource]:
        return list(find_sources(bucket, prefix, folders_in))

    if choice.prefix is not None:
        return {choice.prefix: behind(choice.prefix)}
    if at_top := behind(""):
        return {"": at_top}
    return {prefix: behind(prefix) for prefix in prefixes_among(nearby())}


def prefixes_among(folders: Iterable[str]) -> list[str]:
    """The prefixes in front of ``AWSLogs/``, behind which flow logs may lie, among folders of a bucket."""
    return [folder.removesuffix(TOP) for folder in folders if folder.endswith(f"/{TOP}")]


def choose_prefix(found: Mapping[str, Sequence[LogSource]], choice: Choice, where: str) -> list[LogSource]:
    """The sources behind the one prefix of the bucket's owner that is to be read, among those found behind each.

    That is the named one, else none at all (``AWSLogs/`` at the top), else the only one. Raises FlowLakeError where
    there are several to choose from.
    """
    there = {prefix: list(sources) for prefix, sources in found.items() if sources}
    if choice.prefix is not None:
        return there.get(choice.prefix, [])
    if "" in there or not there:
        return there.get("", [])
    if len(there) > 1:
        listing = "".join(f"\n  FLOWLAKE_PREFIX={prefix.rstrip('/')}" for prefix in sorted(there)[:MAX_LISTED])
        raise FlowLakeError(
            f"{where} holds flow logs behind several prefixes. Choose one by setting this variable:{listing}"
        )
    return next(iter(there.values()))


def _is_in(name: str, chosen: str | None) -> bool:
    return chosen in (None, EVERYTHING) or name in _named(chosen)


def _named(chosen: str | None) -> set[str]:
    """The names that a setting lists; none for ``*``."""
    return {part.strip() for part in chosen.split(",") if part.strip()} if chosen and chosen != EVERYTHING else set()


def _listing(sources: Collection[LogSource]) -> str:
    pairs = sorted({(source.account, source.region) for source in sources})
    lines = [f"\n  FLOWLAKE_ACCOUNT_ID={a} FLOWLAKE_REGION={r}" for a, r in pairs[:MAX_LISTED]]
    more = [f"\n  and {len(pairs) - MAX_LISTED} more"] if len(pairs) > MAX_LISTED else []
    return "".join([*lines, *more])
