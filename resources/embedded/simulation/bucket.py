"""The default bucket, which the simulated VPC delivers to unless it holds other files.

The traffic is made in vpc.py.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from pathlib import Path, PurePath

from flowlogs.errors import FlowLakeError
from flowlogs.layout import (
    TOP,
    LogSource,
    find_sources,
    is_object_name,
    is_visible,
    owner_prefix,
)
from flowlogs.record_format import RecordFormat
from flowlogs.sources import ANY_SOURCE, Choice, LogSources
from resources.bucket import StoredObject
from resources.embedded.bucket import FolderBucket
from resources.embedded.simulation.vpc import is_simulated
from resources.ensured import Ensured

MAX_NAMES = 3


class SimulatedBucket(FolderBucket):
    """The default bucket: a folder that this project makes and that holds what the simulated VPC delivers.

    A marker file says that this project made it. Then it may hold simulated objects only; any other object is an error
    that names it. A folder without the marker that holds files is read like any other folder of logs: `source` is what
    would be simulated, `choice` selects among the sources that are found.
    """

    MARK = ".simulated-by-vpc-flow-lake"

    def __init__(
        self, root: Path, source: LogSource, choice: Choice = ANY_SOURCE, expected: RecordFormat | None = None
    ) -> None:
        super().__init__(source.bucket, root, choice, expected)
        self.simulated_source = source

    def listed_days(self) -> list[date] | None:
        return None  # any day can be simulated

    def is_ours(self) -> bool:
        root = self.root
        if (root / self.MARK).exists() or not root.exists():
            return True
        # Hidden files do not count: a run that was killed while it made the folder leaves one.
        return root.is_dir() and all(path.name.startswith(".") for path in root.iterdir())

    def is_simulated(self) -> bool:
        return self.is_ours()

    def claim(self) -> None:
        """Make the folder with its marker file, where that is missing."""
        if not (self.root / self.MARK).exists():
            self.objects.add({self.MARK: b"Made by VPC Flow Lake: simulated flow logs of a VPC that does not exist.\n"})

    def require_simulated(self) -> None:
        """Raise FlowLakeError where an object below AWSLogs/, or with a flow log's name, was not simulated."""
        objects = self.objects.list("") if self.root.exists() else ()
        keys = (stored.key for stored in objects if is_visible(stored.key, ""))
        self._refuse_foreign_objects(
            key for key in keys if f"/{TOP}" in f"/{key}" or is_object_name(PurePath(key).name)
        )

    def _refuse_foreign_objects(self, keys: Iterable[str]) -> None:
        others = [self.objects.display_path(key) for key in keys if not is_simulated(key)]
        if others:
            named = ", ".join(others[:MAX_NAMES])
            more = f" and {len(others) - MAX_NAMES} more" if len(others) > MAX_NAMES else ""
            raise FlowLakeError(
                f"{self.objects.display_path()} is the bucket of the simulated VPC, and holds what that never "
                f"delivered: {named}{more}. Simulated flow logs are never mixed with others, so nothing is simulated "
                "or read. Move those into a folder of their own that holds AWSLogs/…, and name it in LOGS= (or "
                "FLOWLAKE_BUCKET); then run again."
            )

    def unfit_days(self, days: Iterable[date]) -> Mapping[date, str]:
        unfit = dict(super().unfit_days(days))
        for day in days if self.is_ours() else ():
            try:
                for folder in self.sources().day_prefixes(day).values():
                    self._refuse_foreign_objects(found.key for found in self.visible_objects(folder))
            except FlowLakeError as error:
                unfit[day] = str(error)
        return unfit

    def removable_objects(self, before: date) -> Sequence[StoredObject]:
        if not self.is_ours() or not self.root.exists():
            return ()
        days = [day for day in self.delivered_days() if day < before]
        folders = [folder for day in days for folder in self.sources().day_prefixes(day).values()]
        return [found for folder in folders for found in self.objects.list(folder) if is_simulated(found.key)]

    def ensure(self) -> Ensured:
        if self.is_ours():
            self.require_simulated()
            self.claim()
        return super().ensure()

    def sources(self) -> LogSources:
        if not self.is_ours():
            return super().sources()
        # Days that were simulated in another layout are still there.
        own = self.simulated_source
        found = find_sources(self.name, owner_prefix(own), self._folders_in) if self.root.exists() else ()
        others = [source for source in found if (source.account, source.region) == (own.account, own.region)]
        return LogSources(self.name, tuple(dict.fromkeys([own, *others])))
