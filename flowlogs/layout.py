"""Where AWS delivers flow logs in a bucket, and how it names the objects.

Source: "Flow log files", Amazon VPC user guide. Plain folders:
``[<prefix>/]AWSLogs/<account>/vpcflowlogs/<region>/<yyyy>/<MM>/<dd>/[<HH>/]``. Hive-compatible folders:
``…/aws-account-id=<account>/aws-service=vpcflowlogs/aws-region=<region>/year=<yyyy>/month=<MM>/day=<dd>/[hour=<HH>/]``.
Objects: ``<account>_vpcflowlogs_<region>_<flow log id>_<yyyyMMddTHHmmZ>_<hash>.log.gz`` or ``.log.parquet``, in UTC.
Which sources of a bucket are read is chosen in sources.py.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache

from flowlogs.errors import FlowLakeError

# Digits are written out: \d is any digit of Unicode, also one that AWS never writes.
ACCOUNT_ID = re.compile(r"[0-9]{12}")
REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]")
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

LATE_DELIVERY = timedelta(minutes=10)
"""So long before midnight a window may begin whose object lies in the next day's folder."""

EARLY_DELIVERY = timedelta(minutes=15)
"""So long after midnight a window may begin whose object lies in the folder of the day before."""

_NAME = (
    rf"(?P<account>{ACCOUNT_ID.pattern})_vpcflowlogs_(?P<region>{REGION.pattern})_(?P<flow_log>fl-[0-9a-zA-Z]+)_"
    r"(?P<window>[0-9]{8}T[0-9]{4})Z_[0-9a-zA-Z]+"
)
_OBJECT_NAME = re.compile(rf"{_NAME}(?P<suffix>\.log(\.gz|\.parquet)?)")
_NAME_INSIDE = re.compile(rf"(?<![0-9A-Za-z]){_NAME}(?![0-9A-Za-z])")

_ROOT = r"(?P<root>(?:[^/]+/)*?AWSLogs/(?:o-[0-9a-z]+/)?)"
_SOURCE_KEY = re.compile(
    rf"{_ROOT}(?:(?P<account>{ACCOUNT_ID.pattern})/vpcflowlogs/(?P<region>{REGION.pattern})|"
    rf"aws-account-id=(?P<hive_account>{ACCOUNT_ID.pattern})/(?P<service>(?:aws-)?service)=vpcflowlogs/"
    rf"aws-region=(?P<hive_region>{REGION.pattern}))(?:/.*)?",
    re.DOTALL,
)
_ABOVE_SOURCES = re.compile(
    rf"(?:[^/]+/)*?AWSLogs/(?:o-[0-9a-z]+/)?(?:{ACCOUNT_ID.pattern}/(?:vpcflowlogs/)?|"
    rf"aws-account-id={ACCOUNT_ID.pattern}/(?:(?:aws-)?service=vpcflowlogs/)?)?"
)
_ACCOUNT_FOLDER = re.compile(rf"(?:.*/)?{ACCOUNT_ID.pattern}/")
_DAY_KEY = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})/.*", re.DOTALL)
_ABOVE_DAYS = re.compile(r"[0-9]{4}/((0[1-9]|1[0-2])/)?")
_HIVE_DAY_KEY = re.compile(r"year=([0-9]{4})/month=([0-9]{2})/day=([0-9]{2})/.*", re.DOTALL)
_HIVE_ABOVE_DAYS = re.compile(r"year=[0-9]{4}/(month=(0[1-9]|1[0-2])/)?")
_PREFIX = re.compile(r"[^/]+(?:/[^/]+)*/")

TOP = "AWSLogs/"

PLAIN, HIVE, OLD_HIVE = "", "aws-service", "service"
"""The layouts of folders: AWS's default one, and the Hive-compatible one, by how it spells the service's folder."""


@dataclass(frozen=True, order=True)
class LogSource:
    """The flow logs of one account in one region, in one bucket, in one layout of folders.

    `root` is the key prefix of the folders of accounts: a prefix of the bucket's owner, ``AWSLogs/`` and perhaps an
    organization's id. `service` is PLAIN, HIVE or OLD_HIVE. Folders of hours may lie below those of days.
    """

    bucket: str
    account: str
    region: str
    root: str = TOP
    service: str = PLAIN

    def __post_init__(self) -> None:
        for value, pattern, what in (
            (self.bucket, BUCKET_NAME, "a bucket's name"),
            (self.account, ACCOUNT_ID, "an AWS account id (12 digits)"),
            (self.region, REGION, "an AWS region, such as eu-west-1"),
            (self.root, _PREFIX, "a prefix of keys, such as network/flow/AWSLogs/"),
        ):
            if not pattern.fullmatch(value):
                raise FlowLakeError(f"{value!r} is not {what}.")

    @property
    def prefix(self) -> str:
        """The prefix of every object's key, with its closing slash."""
        if self.service:
            return f"{self.root}aws-account-id={self.account}/{self.service}=vpcflowlogs/aws-region={self.region}/"
        return f"{self.root}{self.account}/vpcflowlogs/{self.region}/"

    @property
    def location(self) -> str:
        """The LOCATION of a table over this source alone."""
        return f"s3://{self.bucket}/{self.prefix}"

    def day_prefix(self, day: date) -> str:
        """The prefix of the keys of one UTC day's objects, with its closing slash."""
        return f"{self.prefix}{day:year=%Y/month=%m/day=%d}/" if self.service else f"{self.prefix}{day:%Y/%m/%d}/"

    def day_location(self, day: date) -> str:
        """A partition's LOCATION: the day's folder, without a closing slash, as AWS's instructions write it."""
        return f"s3://{self.bucket}/{self.day_prefix(day).rstrip('/')}"

    def find_day(self, key: str) -> date | None:
        """The UTC day whose folder holds a key, or is this prefix (with its slash); None outside days' folders."""
        pattern = _HIVE_DAY_KEY if self.service else _DAY_KEY
        match = pattern.fullmatch(key.removeprefix(self.prefix)) if key.startswith(self.prefix) else None
        return _date(*match.groups()) if match else None

    def is_date_folder(self, folder: str) -> bool:
        """Whether a folder's prefix (with its closing slash) is that of a year, of a month or of a day."""
        below = folder.removeprefix(self.prefix)
        pattern = _HIVE_ABOVE_DAYS if self.service else _ABOVE_DAYS
        return pattern.fullmatch(below) is not None or self.find_day(folder) is not None

    def object_key(
        self, flow_log_id: str, window: datetime, suffix: str, *, hourly: bool = False, extension: str = "log.gz"
    ) -> str:
        """The key of an object that is delivered in the window that begins at `window` (UTC)."""
        name = f"{self.account}_vpcflowlogs_{self.region}_{flow_log_id}_{window:%Y%m%dT%H%MZ}_{suffix}.{extension}"
        hour = f"{window:hour=%H/}" if self.service else f"{window:%H/}"
        return f"{self.day_prefix(window.date())}{hour if hourly else ''}{name}"


def find_source(bucket: str, key: str) -> LogSource | None:
    """The source that a key or prefix belongs to, in any layout; None for any other key."""
    match = _SOURCE_KEY.fullmatch(key)
    if not match:
        return None
    account, region = match["account"] or match["hive_account"], match["region"] or match["hive_region"]
    return LogSource(bucket, account, region, match["root"], match["service"] or PLAIN)


def find_sources(bucket: str, prefix: str, folders_in: Callable[[str], Iterable[str]]) -> Iterator[LogSource]:
    """Every source behind a prefix of the bucket's owner (empty, or with a closing slash), in any layout.

    `folders_in` lists the folders in a folder, as key prefixes.
    """
    waiting = [f"{prefix}{TOP}"]
    while waiting:
        above = waiting.pop()
        for folder in folders_in(above):
            if source := find_source(bucket, folder):
                if source.prefix == folder:
                    yield source
            elif is_above_sources(folder):
                # What other services deliver beside it is not listed.
                waiting.append(f"{folder}vpcflowlogs/" if _ACCOUNT_FOLDER.fullmatch(folder) else folder)


def is_above_sources(folder: str) -> bool:
    """Whether a key prefix (with its closing slash) is that of a folder that the folders of flow logs lie in."""
    return _ABOVE_SOURCES.fullmatch(folder) is not None


def owner_prefix(source: LogSource) -> str:
    """What stands in front of ``AWSLogs/`` in a source's keys: empty, or with a closing slash."""
    return source.root[: source.root.rindex(TOP)]


def is_object_name(name: str) -> bool:
    """Whether a name (a key's last part) is that of a flow log's object, compressed or not."""
    return _OBJECT_NAME.fullmatch(name) is not None


def find_embedded_object_name(name: str) -> str | None:
    """The name of the compressed object of a flow log whose name is a part of this one, as in ``<name> (1).log.gz``."""
    match = _NAME_INSIDE.search(name)
    return f"{match[0]}{'.log.parquet' if name.endswith('.parquet') else '.log.gz'}" if match else None


def unpacked_name(key: str) -> str:
    """An object's name without the ending of its compression."""
    return _last_part(key).removesuffix(".gz")


def find_flow_log(key: str) -> str | None:
    """The id of an object's flow log, which is in its name; None for any other name.

    A flow log's format cannot be changed: all objects with this id have the same format.
    """
    match = _OBJECT_NAME.fullmatch(_last_part(key))
    return match["flow_log"] if match else None


def find_owner(key: str) -> tuple[str, str] | None:
    """The account and region in the name of a flow log's object; None for any other name."""
    match = _OBJECT_NAME.fullmatch(_last_part(key))
    return (match["account"], match["region"]) if match else None


def find_window(key: str) -> datetime | None:
    """When an object's delivery window begins (UTC), which its name tells; None where it is not called so."""
    found = find_delivery(key)
    return found[1] if found else None


def find_delivery(key: str) -> tuple[str, datetime | None] | None:
    """An object's flow log and the begin of its delivery window (UTC), by its name; None for any other name.

    A bucket may hold millions of objects of a day.
    """
    match = _OBJECT_NAME.fullmatch(_last_part(key))
    return (match["flow_log"], _window(match["window"])) if match else None


@lru_cache(4_096)
def _window(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%Y%m%dT%H%M")  # noqa: DTZ007 - a UTC day's
    except ValueError:
        return None


def touches_day(window: datetime, day: date) -> bool:
    """Whether an object may be delivered to a UTC day's folder whose window begins then: on that day, or just beside.

    An object holds the records whose end falls into its window of some minutes, and is delivered a little later.
    """
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - in UTC, as every window
    return midnight - LATE_DELIVERY <= window <= midnight + timedelta(days=1) + EARLY_DELIVERY


def _last_part(key: str) -> str:
    """What stands behind a key's last slash. A key is no path: in ``a/./b`` nothing is left out."""
    return key.rpartition("/")[2]


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def is_visible(key: str, prefix: str) -> bool:
    """Whether Hive and Athena read the object: no name below `prefix` begins with ``_`` or ``.``.

    They also skip placeholders of folders: ``…_$folder$``, which DDL may leave ("ALTER TABLE ADD PARTITION",
    Considerations, Athena user guide, 2026), and ``…/``, which S3's console makes (Trino's `TrinoS3FileSystem`,
    `statusFromListing`).
    """
    hidden = any(part.startswith(("_", ".")) for part in key[len(prefix) :].split("/"))
    return not hidden and not key.endswith(("_$folder$", "/"))
