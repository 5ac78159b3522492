"""The files of datasets below the results root: folders, names and completion markers. Clean-up is in cleanup.py.

Each attempt (one UNLOAD) writes into a folder of its own, the attempt's root. Its name begins with the time and ends
with the database that it is for. In it, each day of a dataset has a folder, which the dataset's partition points at:

    datasets/20210903T010203Z-0badcafe-vpc_flow_lake/
        dt=2021-09-02/dataset=rejected_flows/<file>.parquet
        _complete/dt=2021-09-02/dataset=rejected_flows/<files>-<bytes>-<account>-<region>

The completion marker is written before the partition is changed. So the folder of a lost partition can be found again.
"""

import re
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timezone
from typing import NamedTuple
from urllib.parse import unquote

from assets.coverage import Coverage, parse_coverage
from assets.objects_read import ObjectsRead
from flowlogs.datasets import DATASET_COLUMN, DATASETS, REJECTED_FLOWS
from flowlogs.days import days_text
from flowlogs.errors import FlowLakeError
from flowlogs.fields import PARTITION_COLUMN
from flowlogs.layout import is_visible
from flowlogs.printable import first_names, printable
from flowlogs.sources import SOURCES_MARK, LogSources
from flowlogs.statements import DATASETS_FOLDER, IDENTIFIER, TableName
from flowlogs.unload import dataset_location
from resources.bucket import ObjectStore, StoredObject
from resources.engine import QueryEngine

ROOT = DATASETS_FOLDER

STAMP = "%Y%m%dT%H%M%SZ"

STAMPED_NAME = r"\d{8}T\d{6}Z-[0-9a-f]{8}"
"""How `new_name` names things. Nothing with another name is ever removed."""

_ATTEMPT_NAME = rf"{STAMPED_NAME}-(?P<database>{IDENTIFIER.pattern})"
"""An attempt's name."""

_DATASET = "|".join(map(re.escape, DATASETS))
_DAY = rf"{PARTITION_COLUMN}=(?P<day>\d{{4}}-\d\d-\d\d)/{DATASET_COLUMN}=(?P<dataset>{_DATASET})/"

_ATTEMPT = re.compile(rf"{ROOT}{_ATTEMPT_NAME}/")
_DAY_FOLDER = re.compile(rf"(?P<root>{ROOT}{_ATTEMPT_NAME}/){_DAY}")
_FILE = re.compile(rf"{_DAY_FOLDER.pattern}.+")

_UUID = "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"

_WRITTEN_FILE = re.compile(
    rf"{_DAY_FOLDER.pattern}(?:{_UUID}\.parquet|\d{{8}}_\d{{6}}_\d{{5}}_[0-9a-z]{{5}}_{_UUID}(?:\.[0-9a-z]+)*)"
)
"""The key of a file that an UNLOAD wrote: of the embedded engine, or of Athena.

Athena calls it by Trino's query id and a UUID, with or without an extension (Trino's `HiveWriterFactory`).
"""

_COMPLETION_MARKER = re.compile(
    rf"(?P<root>{ROOT}{_ATTEMPT_NAME}/)(?P<beside>_complete/)?{_DAY}"
    rf"(?(beside)|_complete/)(?P<name>(?P<files>\d+)-(?P<bytes>\d+)-{SOURCES_MARK.pattern})"
)
"""A completion marker's key. Its name has the number of the day's files, their bytes, and the mark of the sources: the
account and region, or a digest of several.

All of it is in the name, so that a listing is enough to read it. The underscore hides it from Hive and Athena. It lies
beside the day's folder, which holds data and nothing else. The marker of a day without files lies in the day's folder,
because Athena might write an object where a partition's folder holds none.
"""


class DatasetDay(NamedTuple):
    """A day of a dataset, which has a partition and a folder of its own."""

    dataset: str
    day: date


@dataclass(frozen=True)
class UnloadResult:
    """What one UNLOAD wrote: below the attempt's `root`, the files with their sizes in bytes, and the folders."""

    root: str
    files: Mapping[str, int]
    folders: Mapping[DatasetDay, str]

    @property
    def days(self) -> list[date]:
        """The days that were written, in order."""
        return sorted({day for _, day in self.folders})

    def sizes_of(self, found: DatasetDay) -> list[int]:
        """The sizes of the files of a dataset's day."""
        return [size for key, size in self.files.items() if key.startswith(self.folders[found])]


@dataclass(frozen=True)
class FolderKeys:
    """The keys below a folder of ours: those of files that runs made, and those of anybody else's."""

    ours: Sequence[str]
    others: Sequence[str]


@dataclass
class DayFolder:
    """An attempt's folder for one day of a dataset: its files with their sizes, and the names of completion markers.

    `database` is the database that the attempt is for.
    """

    folder: str
    dataset_day: DatasetDay
    database: str
    files: dict[str, int] = field(default_factory=dict)
    markers: list[str] = field(default_factory=list)

    @property
    def root(self) -> str:
        """The attempt's root."""
        return root_of(self.folder)

    @property
    def problem(self) -> str | None:
        """Why the day cannot be read from here; None where it can. Without a completion marker, any file is enough."""
        if not self.files and not any(self._matches_files(marker) for marker in self.markers):
            return "holds no files"
        if self.markers and not any(self._matches_files(marker) for marker in self.markers):
            return "holds other files than were written there"
        return None

    @property
    def is_whole(self) -> bool:
        """Whether all is there that a completion marker says, so that this may be the only copy of its day."""
        return any(map(self._matches_files, self.markers))

    def is_complete(self, database: str | None, sources: LogSources) -> bool:
        """Whether a run of this database wrote the whole day from these flow logs, and all of it is there."""
        return database in (None, self.database) and any(
            self._matches_files(marker) and marker == _marker_name(self.files.values(), sources)
            for marker in self.markers
        )

    def _matches_files(self, marker: str) -> bool:
        """Whether the folder holds as many files and bytes as a completion marker says."""
        return [int(number) for number in marker.split("-")[:2]] == [len(self.files), sum(self.files.values())]


def new_name() -> str:
    """A unique name that begins with the time (UTC), such as ``20210903T010203Z-0badcafe``."""
    return f"{datetime.now(timezone.utc):{STAMP}}-{uuid.uuid4().hex[:8]}"


def new_root(database: str) -> str:
    """The root of a new attempt for this database. Nobody else writes into it."""
    return f"{ROOT}{new_name()}-{database}/"


def files_below(results: ObjectStore, root: str) -> dict[str, int]:
    """The files below an attempt's root that Athena reads, with their sizes in bytes."""
    return {stored.key: stored.size for stored in results.list(root) if is_visible(stored.key, root)}


def unload_result(root: str, datasets: Iterable[str], days: Sequence[date], files: Mapping[str, int]) -> UnloadResult:
    """The result of an UNLOAD of these datasets and days, by the files that are below its root."""
    found = [DatasetDay(dataset, day) for day in days for dataset in datasets]
    return UnloadResult(root, files, {one: dataset_location(root, *one) for one in found})


def mark_complete(
    results: ObjectStore, unloads: Iterable[UnloadResult], sources: LogSources, covered: Mapping[date, Coverage]
) -> None:
    """Write the completion marker of each folder, with the coverage of its day: the objects that it was read from.

    This comes before any partition points at its folder.
    """
    markers = {}
    for unload in unloads:
        for found, folder in unload.folders.items():
            sizes = unload.sizes_of(found)
            marker_folder = _marker_folder(folder) if sizes else f"{folder}_complete/"
            markers[f"{marker_folder}{_marker_name(sizes, sources)}"] = covered[found.day].as_text().encode()
    results.replace(markers)


def day_folders(stored: Iterable[StoredObject]) -> dict[str, DayFolder]:
    """The days' folders of attempts, by key prefix. `stored` are the objects below ROOT, or below some attempts."""
    found: dict[str, DayFolder] = {}
    for item in stored:
        match = _COMPLETION_MARKER.fullmatch(item.key) or _FILE.fullmatch(item.key)
        if not match or not (day := parse_day(match["day"])):
            continue
        one = DatasetDay(match["dataset"], day)
        key = dataset_location(match["root"], *one)
        folder = found.setdefault(key, DayFolder(key, one, match["database"]))
        if match.re is _COMPLETION_MARKER:
            folder.markers.append(match["name"])
        elif is_visible(item.key, key):
            folder.files[item.key] = item.size
    return found


def newest_complete(
    folders: Iterable[DayFolder], dataset: str, database: str | None, sources: LogSources
) -> dict[date, DayFolder]:
    """For each day of a dataset that runs of this database (None: of any) completed, the folder of the newest run."""
    own = [found for found in folders if found.dataset_day.dataset == dataset]
    complete = [found for found in own if found.is_complete(database, sources)]
    # Names begin with the time.
    return {found.dataset_day.day: found for found in sorted(complete, key=lambda found: found.folder)}


def orphaned_files(keys: Iterable[str], written: Sequence[str] | None) -> list[str]:
    """The files below an UNLOAD's root that its manifest does not name; none where there is no manifest.

    Athena may repeat a query by itself, and the files of its first attempt stay ("Working with query results, recent
    queries, and output files", Athena user guide, 2026). Raises FlowLakeError where a file of the manifest is missing.
    """
    if written is None:
        return []
    by_name = {_folders_and_file(key): key for key in keys}
    named = {_folders_and_file(address) for address in written}
    missing = sorted(named - by_name.keys())
    if missing:
        raise FlowLakeError(
            "The UNLOAD wrote files that are not there any more, as happens to a run that slept for half a day: "
            f"{', '.join(missing[:5])}. The days are as they were before. Run again."
        )
    return [key for name, key in by_name.items() if name not in named]


def _folders_and_file(address: str) -> str:
    """The last three names of a file's address or key. Those of an address may be URL-encoded."""
    return "/".join(unquote(address).split("/")[-3:])


def require_unchanged_files(results: ObjectStore, unloads: Iterable[UnloadResult]) -> None:
    """Raise FlowLakeError unless every file is where it was written.

    Other runs take a run that slept for half a day for dead, and remove what it wrote.
    """
    for unload in unloads:
        if files_below(results, unload.root) != unload.files:
            raise FlowLakeError(
                f"The files below {results.display_path(unload.root)} were changed or removed, as happens to a run "
                "that slept for half a day. The days are as they were before. Run again."
            )


def days_without_files(results: ObjectStore, dataset: str, locations: Mapping[date, str]) -> dict[date, str]:
    """The days of a dataset whose partition points at no file of that day, and what to do.

    A query gives no error for such a day: its report would say that nothing was there.
    """
    folders = {day: key_prefix(results, location) for day, location in locations.items()}
    own = {day: folder for day, folder in folders.items() if is_folder_of(folder, DatasetDay(dataset, day))}
    # The days of one UNLOAD lie below one root: one listing is enough for all of them.
    found = day_folders(stored for root in sorted(set(map(root_of, own.values()))) for stored in results.list(root))
    problems: dict[date, str] = {}
    unreadable: dict[str, list[date]] = defaultdict(list)
    for day, folder in folders.items():
        if day not in own:
            problems[day] = (
                f"The partition of {day} in {dataset} points at {locations[day]}, which is not that day's. Materialize "
                f"{dataset} for that day again."
            )
        elif problem := found[folder].problem if folder in found else "holds no files":
            unreadable[problem].append(day)
    for problem, days in unreadable.items():
        text = (
            f"The {in_words(dataset)} of {days_text(days)} are gone: {results.display_path(folders[days[0]])} "
            f"{problem}. Materialize {dataset} for that again."
        )
        problems |= dict.fromkeys(days, text)
    return problems


def in_words(dataset: str) -> str:
    """What the rows of a dataset are called in messages."""
    return "rejected flows" if dataset == REJECTED_FLOWS.name else f"rows of {dataset}"


def require_files(results: ObjectStore, dataset: str, locations: Mapping[date, str]) -> None:
    """Raise FlowLakeError, with the days, where the partition of a day points at no file of that day."""
    for problem in days_without_files(results, dataset, locations).values():
        raise FlowLakeError(problem)


def key_prefix(results: ObjectStore, location: str) -> str:
    """The key prefix of a location below the results root; a text that is no key of ours for any other location.

    It ends in a slash, also where Hive's client of Glue has removed the slash from the location.
    """
    return f"{location.removeprefix(results.sql_location()).rstrip('/')}/"


def completion_markers(results: ObjectStore, dataset: str, locations: Mapping[date, str]) -> dict[date, str]:
    """By day, the key of the completion marker of the folder that its partition points at, where there is one."""
    folders = {day: key_prefix(results, location) for day, location in locations.items()}
    days = {folder: day for day, folder in folders.items() if is_folder_of(folder, DatasetDay(dataset, day))}
    found = {}
    for root in sorted(set(map(root_of, days))):
        for stored in results.list(root):
            folder = find_day_folder(stored.key)
            if folder in days and _COMPLETION_MARKER.fullmatch(stored.key):
                found[days[folder]] = stored.key
    return found


def size_in_marker(key: str) -> int:
    """The bytes of the files of a folder, as the key of its completion marker says."""
    match = _COMPLETION_MARKER.fullmatch(key)
    return int(match["bytes"]) if match else 0


def recorded_objects(results: ObjectStore, markers: Mapping[date, str]) -> dict[date, ObjectsRead]:
    """By day, the objects that its files were made from, as far as its completion marker records them."""
    return {day: covered.read for day, covered in recorded_coverage(results, markers).items()}


def recorded_coverage(results: ObjectStore, markers: Mapping[date, str]) -> dict[date, Coverage]:
    """By day, the coverage of its files, as far as its completion marker records it."""
    texts = {day: results.read(key).decode(errors="replace") for day, key in markers.items()}
    return {day: covered for day, text in texts.items() if (covered := parse_coverage(text))}


def stored_coverage(
    results: ObjectStore, athena: QueryEngine, name: TableName, days: Sequence[date]
) -> dict[date, Coverage]:
    """By day, the objects that this dataset was made from; without the days that it does not have.

    `name` is the dataset's table. This reads partitions, listings and small files, and no record.
    """
    return recorded_coverage(results, completion_markers(results, name.table, athena.partition_locations(name, days)))


def is_known_empty(results: ObjectStore, location: str) -> bool:
    """Whether a partition's location is that of a day without rows, as its completion marker says."""
    folder = key_prefix(results, location)
    if not _DAY_FOLDER.fullmatch(folder):
        return False
    found = (_COMPLETION_MARKER.fullmatch(stored.key) for stored in results.list(folder))
    return any(marker is not None and marker["files"] == "0" for marker in found)


def find_unwritten_files(results: ObjectStore, location: str) -> str | None:
    """What a partition's folder holds besides or instead of what a run wrote there, as its completion marker says.

    None for other places, and where nothing is amiss. Of a folder without files, `is_known_empty` knows more.
    """
    folder = key_prefix(results, location)
    if not is_day_folder(folder):
        return None
    stored = [found for prefix in (folder, _marker_folder(folder)) for found in results.list(prefix)]
    found = day_folders(stored).get(folder)
    return _changed_folder(results, folder, found) if found and found.files else None


def changed_folders(results: ObjectStore, folders: Mapping[str, DayFolder], locations: Iterable[str]) -> list[str]:
    """What the folders of partitions hold besides or instead of what runs wrote there; or that they hold nothing.

    `folders` are all that lie below ROOT, by key prefix.
    """
    ours = [folder for folder in (key_prefix(results, location) for location in locations) if is_day_folder(folder)]
    return [text for folder in ours if (text := _changed_folder(results, folder, folders.get(folder)))]


def _changed_folder(results: ObjectStore, folder: str, found: DayFolder | None) -> str | None:
    """What is wrong with a day's folder, with the names of files that no run wrote; None where nothing is."""
    problem = found.problem if found else "holds no files"
    if not problem:
        return None
    others = [key.removeprefix(folder) for key in (found.files if found else ()) if not is_written_file(key)]
    named = f" ({first_names([printable(name) for name in others])})" if others else ""
    return f"{results.display_path(folder)} {problem}{named}"


def is_attempt(folder: str) -> bool:
    """Whether a key prefix is the root of an attempt."""
    return _ATTEMPT.fullmatch(folder) is not None


def is_day_folder(folder: str) -> bool:
    """Whether a key prefix is an attempt's folder for a day."""
    return _DAY_FOLDER.fullmatch(folder) is not None


def is_folder_of(folder: str, found: DatasetDay) -> bool:
    """Whether a key prefix is an attempt's folder for this day of a dataset."""
    return dataset_day_of(folder) == found


def dataset_day_of(folder: str) -> DatasetDay | None:
    """The day of a dataset that a key prefix is an attempt's folder for; None for any other."""
    match = _DAY_FOLDER.fullmatch(folder)
    day = parse_day(match["day"]) if match else None
    return DatasetDay(match["dataset"], day) if match and day else None


def database_of(folder: str) -> str | None:
    """The database in the name of an attempt, by its root or by one of its folders; None for any other key prefix."""
    match = _ATTEMPT.fullmatch(folder) or _DAY_FOLDER.fullmatch(folder)
    return match["database"] if match else None


def find_day_folder(key: str) -> str | None:
    """The attempt's folder for a day that a file or completion marker belongs to; None for any other key."""
    match = _COMPLETION_MARKER.fullmatch(key) or _FILE.fullmatch(key)
    day = parse_day(match["day"]) if match else None
    return dataset_location(match["root"], match["dataset"], day) if match and day else None


def is_written_file(key: str) -> bool:
    """Whether a key is called as those of the files that an UNLOAD writes."""
    return _WRITTEN_FILE.fullmatch(key) is not None


def keys_of(results: ObjectStore, folder: str) -> FolderKeys:
    """The keys below an attempt's root or its folder for a day. The completion marker of that day comes last.

    What stands for a folder (``…/``, ``…_$folder$``) is nobody's file.
    """
    marker_folders = [_marker_folder(folder)] if is_day_folder(folder) else []
    keys = [stored.key for prefix in [folder, *marker_folders] for stored in results.list(prefix)]
    ours = [key for key in keys if is_written_file(key) or _COMPLETION_MARKER.fullmatch(key)]
    others = [key for key in keys if key not in set(ours) and not key.endswith(("/", "_$folder$"))]
    return FolderKeys(ours, others)


def derived_days(results: ObjectStore, locations: Iterable[str]) -> dict[DatasetDay, datetime]:
    """The days of datasets whose partitions have these locations, and when the run began that read each (UTC)."""
    found = {}
    for location in locations:
        folder = key_prefix(results, location)
        if one := dataset_day_of(folder):
            stamp = folder.removeprefix(ROOT).partition("-")[0]
            found[one] = datetime.strptime(stamp, STAMP).replace(tzinfo=timezone.utc)
    return found


def parse_day(text: str) -> date | None:
    """The date in a folder's name; None where it is none, such as 2021-02-30."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def root_of(folder: str) -> str:
    """The attempt's root, by the key prefix of a folder in it."""
    return folder[: folder.index("/", len(ROOT)) + 1]


def _marker_folder(folder: str) -> str:
    """Where the completion marker of a day with files lies, by the day's folder."""
    root = root_of(folder)
    return f"{root}_complete/{folder.removeprefix(root)}"


def _marker_name(sizes: Collection[int], sources: LogSources) -> str:
    return f"{len(sizes)}-{sum(sizes)}-{sources.mark}"
