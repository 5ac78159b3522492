"""Where AWS delivers flow logs in a bucket, and how it names the objects.

Source: "Flow log files", Amazon VPC user guide: ``AWSLogs/<account>/vpcflowlogs/<region>/<yyyy>/<MM>/<dd>/`` and
``<account>_vpcflowlogs_<region>_<flow log id>_<yyyyMMddTHHmmZ>_<hash>.log.gz``, all in UTC. No bucket is read here.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import PurePosixPath

from flowlogs.errors import FlowLakeError

ACCOUNT_ID = re.compile(r"\d{12}")
REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-\d")
BUCKET_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")

LATE_DELIVERY = timedelta(minutes=10)
"""So long before midnight a window may begin whose object lies in the next day's folder."""

EARLY_DELIVERY = timedelta(minutes=15)
"""So long after midnight a window may begin whose object lies in the folder of the day before."""

_NAME = (
    rf"(?P<account>{ACCOUNT_ID.pattern})_vpcflowlogs_(?P<region>{REGION.pattern})_(?P<flow_log>fl-[0-9a-zA-Z]+)_"
    r"(?P<window>\d{8}T\d{4})Z_[0-9a-zA-Z]+"
)
_OBJECT_NAME = re.compile(rf"{_NAME}(?P<suffix>\.log(\.gz|\.parquet)?)")
_NAME_INSIDE = re.compile(rf"(?<![0-9A-Za-z]){_NAME}(?![0-9A-Za-z])")

_SOURCE_KEY = re.compile(rf"AWSLogs/({ACCOUNT_ID.pattern})/vpcflowlogs/({REGION.pattern})(?:/.*)?")
_ABOVE_SOURCES = re.compile(rf"AWSLogs/({ACCOUNT_ID.pattern}/(vpcflowlogs/)?)?")
_DAY_KEY = re.compile(r"(\d{4})/(\d{2})/(\d{2})/.*", re.DOTALL)
_ABOVE_DAYS = re.compile(r"\d{4}/((0[1-9]|1[0-2])/)?")

_OTHER_LAYOUT = re.compile(
    rf"(?P<prefix>(?:[^/]+/)*?)AWSLogs/(?P<organization>o-[^/]+/)?"
    rf"(?:{ACCOUNT_ID.pattern}/vpcflowlogs|(?P<hive>aws-account-id={ACCOUNT_ID.pattern}/(?:aws-)?service=vpcflowlogs))/"
)


@dataclass(frozen=True, order=True)
class LogSource:
    """The flow logs of one account in one region, in one bucket."""

    bucket: str
    account: str
    region: str

    def __post_init__(self) -> None:
        for value, pattern, what in (
            (self.bucket, BUCKET_NAME, "a bucket's name"),
            (self.account, ACCOUNT_ID, "an AWS account id (12 digits)"),
            (self.region, REGION, "an AWS region, such as eu-west-1"),
        ):
            if not pattern.fullmatch(value):
                raise FlowLakeError(f"{value!r} is not {what}.")

    @property
    def prefix(self) -> str:
        """The prefix of every object's key, with its closing slash."""
        return f"AWSLogs/{self.account}/vpcflowlogs/{self.region}/"

    @property
    def location(self) -> str:
        """The table's LOCATION."""
        return f"s3://{self.bucket}/{self.prefix}"

    def day_prefix(self, day: date) -> str:
        """The prefix of the keys of one UTC day's objects, with its closing slash."""
        return f"{self.prefix}{day:%Y/%m/%d}/"

    def day_location(self, day: date) -> str:
        """A partition's LOCATION: the day's folder, without a closing slash, as AWS's instructions write it."""
        return f"{self.location}{day:%Y/%m/%d}"

    def day_locations(self, days: Iterable[date]) -> dict[date, str]:
        """Each day's partition's LOCATION."""
        return {day: self.day_location(day) for day in days}

    def find_day(self, key: str) -> date | None:
        """The UTC day whose folder holds a key, or is this prefix (with its slash); None outside days' folders."""
        match = _DAY_KEY.fullmatch(key.removeprefix(self.prefix)) if key.startswith(self.prefix) else None
        return _date(*match.groups()) if match else None

    def is_date_folder(self, folder: str) -> bool:
        """Whether a folder's prefix (with its closing slash) is that of a year, of a month or of a day."""
        below = folder.removeprefix(self.prefix)
        return _ABOVE_DAYS.fullmatch(below) is not None or self.find_day(folder) is not None

    def object_key(self, flow_log_id: str, window: datetime, suffix: str) -> str:
        """The key of an object that is delivered in the window that begins at `window` (UTC)."""
        name = f"{self.account}_vpcflowlogs_{self.region}_{flow_log_id}_{window:%Y%m%dT%H%MZ}_{suffix}.log.gz"
        return self.day_prefix(window.date()) + name


def find_source(key: str) -> tuple[str, str] | None:
    """The account and region of a flow log's key or prefix below ``AWSLogs/``; None for any other key."""
    match = _SOURCE_KEY.fullmatch(key)
    return (match[1], match[2]) if match else None


def is_above_sources(folder: str) -> bool:
    """Whether a key prefix (with its closing slash) is that of a folder that the folders of flow logs lie in."""
    return _ABOVE_SOURCES.fullmatch(folder) is not None


def unsupported_layout(folder: str) -> str | None:
    """A description of flow logs below a key prefix (with its closing slash) in a layout that is not read yet.

    None where the prefix is not ``…/vpcflowlogs/`` or ``…/aws-service=vpcflowlogs/`` in such a layout.
    """
    match = _OTHER_LAYOUT.fullmatch(folder)
    if not match or not any(match.groupdict().values()):
        return None
    hive = f"in Hive-compatible folders ({folder})" if match["hive"] else ""
    organization = f"below an organization's id ({folder})" if match["organization"] else ""
    prefix = f"behind a prefix ({match['prefix']}AWSLogs/)" if match["prefix"] else ""
    where = " and ".join(filter(None, (prefix, organization, hive)))
    return f"flow logs {where}, which are not read yet"


def is_object_name(name: str) -> bool:
    """Whether a name (a key's last part) is that of a flow log's object, compressed or not."""
    return _OBJECT_NAME.fullmatch(name) is not None


def find_leading_object_name(name: str) -> str | None:
    """The name of a flow log's object that a name begins with, such as that of an unfinished copy; else None."""
    match = _OBJECT_NAME.match(name)
    return match[0] if match else None


def find_embedded_object_name(name: str) -> str | None:
    """The name of the compressed object of a flow log whose name is a part of this one, as in ``<name> (1).log.gz``."""
    match = _NAME_INSIDE.search(name)
    return f"{match[0]}.log.gz" if match else None


def find_flow_log(key: str) -> str | None:
    """The id of an object's flow log, which is in its name; None for any other name.

    A flow log's format cannot be changed: all objects with this id have the same format.
    """
    match = _OBJECT_NAME.fullmatch(PurePosixPath(key).name)
    return match["flow_log"] if match else None


def find_owner(key: str) -> tuple[str, str] | None:
    """The account and region in the name of a flow log's object; None for any other name."""
    match = _OBJECT_NAME.fullmatch(PurePosixPath(key).name)
    return (match["account"], match["region"]) if match else None


def find_window(key: str) -> datetime | None:
    """When an object's delivery window begins (UTC), which its name tells; None where it is not called so."""
    match = _OBJECT_NAME.fullmatch(PurePosixPath(key).name)
    try:
        return datetime.strptime(match["window"], "%Y%m%dT%H%M") if match else None  # noqa: DTZ007 - a UTC day's
    except ValueError:
        return None


def touches_day(window: datetime, day: date) -> bool:
    """Whether an object may be delivered to a UTC day's folder whose window begins then: on that day, or just beside.

    An object holds the records whose end falls into its window of some minutes, and is delivered a little later.
    """
    midnight = datetime(day.year, day.month, day.day)  # noqa: DTZ001 - in UTC, as every window
    return midnight - LATE_DELIVERY <= window <= midnight + timedelta(days=1) + EARLY_DELIVERY


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
    hidden = any(part.startswith(("_", ".")) for part in PurePosixPath(key[len(prefix) :]).parts)
    return not hidden and not key.endswith(("_$folder$", "/"))


def choose_source(
    bucket: str, found: Iterable[tuple[str, str]], account: str | None, region: str | None, where: str
) -> LogSource:
    """The one source among the (account, region) pairs `found` in a bucket that matches the settings.

    `where` is the bucket's display path. Raises FlowLakeError, with the list, where none matches, or several do.
    """
    everything = sorted(set(found))
    left = [(a, r) for a, r in everything if account in (None, a) and region in (None, r)]
    if len(left) == 1:
        return LogSource(bucket, *left[0])
    listing = "".join(f"\n  FLOWLAKE_ACCOUNT_ID={a} FLOWLAKE_REGION={r}" for a, r in everything)
    if left:
        raise FlowLakeError(
            f"{where} holds flow logs of several accounts or regions. Choose one by setting these variables:{listing}"
        )
    if everything:
        raise FlowLakeError(
            f"{where} holds no flow logs for FLOWLAKE_ACCOUNT_ID={account or '(any)'} "
            f"FLOWLAKE_REGION={region or '(any)'}. It holds:{listing}"
        )
    raise FlowLakeError(
        f"{where} holds no flow logs: there is no AWSLogs/<account>/vpcflowlogs/<region>/ in it. "
        "Set FLOWLAKE_BUCKET (or LOGS=) to the folder that contains AWSLogs, as `aws s3 sync` leaves it."
    )
