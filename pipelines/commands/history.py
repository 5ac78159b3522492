"""Dagster's history of the runs of `make run`: where it is kept, and how runs that were killed are marked.

A run locks a file as long as it lives. A run whose lock is free was killed, and the next command marks it as failed.
"""

import os
import re
import socket
import sqlite3
import stat
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable, shortened
from pipelines.settings import DAGSTER_HOME, Settings
from resources.file_lock import open_lock_file, take_lock, wait_for_lock

if TYPE_CHECKING:
    import dagster as dg

LOCK_TAG = ".dagster/vpc-flow-lake-lock"
"""Dagster's UI hides tags with this prefix."""

LOCK_FOLDER = ".running"

KILLED = "The process of this run was killed before the run ended. Unfinished work was not changed: run again."
STOPPED = "This run was stopped in the terminal, or by a signal. Unfinished work was not changed: run again."

DAGSTER_YAML = """\
# Written once, by the first run; yours to change from then on.
telemetry:
  enabled: false
nux:  # the invitation to a newsletter
  enabled: false
"""

# What a step prints is not stored. To store it, Dagster starts two processes for each step, and each of them prints a
# traceback after Ctrl-C.
_NO_COMPUTE_LOGS = {
    "compute_logs": {"module": "dagster._core.storage.noop_compute_log_manager", "class": "NoOpComputeLogManager"}
}


_DATABASES = ("history/runs.db", "history/runs/index.db", "schedules/schedules.db")
"""Dagster's databases (1.13) below its home that each run writes to."""

_ADVICE = {
    "SQLITE_CORRUPT|SQLITE_NOTADB|malformed|not a database|no such (table|column)": (
        "It is damaged. Move the folders history and schedules away, which lie in there; then run again, which begins "
        "a new history. Logs and reports are not touched by that."
    ),
    "SQLITE_BUSY|SQLITE_LOCKED|is locked": (
        "Another program holds its database: a run, or a program with the file open, such as a browser of SQLite files "
        "or a backup. Wait for it or end it, {place}."
    ),
    "SQLITE_READONLY|SQLITE_CANTOPEN|SQLITE_PERM|readonly|unable to open|[Pp]ermission|Read-only": (
        "Make the folder writable, with all that is in it, {place}."
    ),
    "SQLITE_FULL|SQLITE_IOERR|is full|I/O error|No space left|quota": "Free some space, {place}.",
    "is a link": "Bring back what it led to, or remove the link, {place}.",
}
"""What to do, by SQLite's error code, or by the message of SQLite or the operating system."""


@dataclass(frozen=True)
class History:
    """Dagster's instance, its folder, and the setting that names the folder."""

    instance: "dg.DagsterInstance"
    home: Path
    setting: str

    @contextmanager
    def running(self) -> Iterator[dict[str, str]]:
        """The tags of a run that is active as long as the block."""
        name = f"{_machine()}.{uuid.uuid4().hex}"
        path = self.home / LOCK_FOLDER / name
        try:
            path.parent.mkdir(exist_ok=True)
            lock = open_lock_file(path)
        except OSError as error:
            raise _query_error(self.home, self.setting, error) from error
        with lock:
            wait_for_lock(lock, path)
            yield {LOCK_TAG: name}
            # Where the block fails, the file stays: the next command may have to mark the run as failed.
            path.unlink(missing_ok=True)

    def cancel(self, run_id: str) -> bool:
        """Mark a run as canceled in the history; returns whether it had not succeeded before."""
        import dagster as dg

        run = self.instance.get_run_by_id(run_id)
        if run and run.status == dg.DagsterRunStatus.SUCCESS:
            return False
        if run:
            self.instance.report_run_canceled(run, STOPPED)
        return True


@contextmanager
def history(settings: Settings) -> Iterator[History]:
    """Dagster's instance beside the results, or the one that DAGSTER_HOME names."""
    from dagster._core.instance import DagsterInstance
    from dagster._core.instance.ref import InstanceRef
    from sqlalchemy.exc import DBAPIError, NoSuchTableError

    given = os.environ.get(DAGSTER_HOME)
    home = settings.dagster_home
    if not home.is_absolute():
        raise FlowLakeError(
            f"DAGSTER_HOME={printable(str(home))} is a relative path, which Dagster refuses: make it absolute."
        )

    setting = DAGSTER_HOME if given else "FLOWLAKE_RESULTS"

    try:
        if not given:
            _require_own_home(home)
        home.mkdir(parents=True, exist_ok=True)
        with open_lock_file(home / ".lock") as lock:
            # Dagster creates its databases table by table. Two first runs at once would fail there.
            wait_for_lock(lock, home / ".lock")
            if not given:
                with suppress(FileExistsError), (home / "dagster.yaml").open("x", encoding="utf-8") as written:
                    written.write(DAGSTER_YAML)
            _require_own_databases(home)
            os.environ[DAGSTER_HOME] = str(home)
            with _yaml_errors_in_words(home / "dagster.yaml"):
                kept_at = InstanceRef.from_dir(str(home), overrides=_NO_COMPUTE_LOGS)
            instance = DagsterInstance.from_ref(kept_at)
            _mark_killed_runs(instance, home / LOCK_FOLDER)
    except OSError as error:
        raise _query_error(home, setting, error) from error
    except DBAPIError as error:
        raise _query_error(home, setting, error.orig) from error
    except NoSuchTableError as error:
        raise _query_error(home, setting, f"no such table: {error}") from error
    try:
        with instance:
            yield History(instance, home, setting)
    except DBAPIError as error:
        raise _query_error(home, setting, error.orig) from error


def _require_own_databases(home: Path) -> None:
    """Raise FlowLakeError if a database is somebody else's, lies behind a link or has a second name.

    SQLite writes in place: into the file that a link leads to, and into every name of a file.
    """
    for folder in sorted({above for name in _DATABASES for above in Path(name).parents if above != Path()}):
        if (home / folder).is_symlink():
            raise _link_error(home / folder)
    for name in _DATABASES:
        for path in (home / f"{name}{ending}" for ending in ("", "-journal", "-wal", "-shm")):
            with suppress(FileNotFoundError):
                found = path.lstat()
                if not stat.S_ISREG(found.st_mode):
                    raise _link_error(path)
                if found.st_nlink > 1:
                    raise FlowLakeError(
                        f"Dagster's history {printable(str(path))} has a second name (a hard link), as a backup by "
                        "`cp -al` gives it, and writing would change both. Put a copy in its place (cp it to another "
                        "name, then mv that over it); then run again."
                    )
        if _is_foreign_database(home / name):
            raise FlowLakeError(
                f"{printable(str(home / name))} lies where Dagster's history is kept, and is a database of another "
                "program. Move it away; then run again."
            )


def _require_own_home(home: Path) -> None:
    """Raise FlowLakeError where the folder beside the results is a home of Dagster's that no command of ours made."""
    if (home / "history").exists() and not (home / ".lock").exists() and not (home / LOCK_FOLDER).exists():
        raise FlowLakeError(
            f"{printable(str(home))} is where the history of runs is kept, beside the results, and it holds another "
            "instance of Dagster. Name another place in FLOWLAKE_RESULTS; or, if runs are to be kept there, name the "
            "folder in DAGSTER_HOME."
        )


def _link_error(path: Path) -> FlowLakeError:
    return FlowLakeError(
        f"Dagster's history {printable(str(path))} is a link, or no file, and nothing is written where one leads. Move "
        "it away, or put a copy of what it leads to in its place; then run again."
    )


def _is_foreign_database(path: Path) -> bool:
    """Whether a file is an SQLite database that has tables, but no table of Dagster's."""
    from dagster._core.storage.event_log.schema import SqlEventLogStorageMetadata
    from dagster._core.storage.runs.schema import RunStorageSqlMetadata
    from dagster._core.storage.schedules.schema import ScheduleStorageSqlMetadata

    if not path.exists():
        return False
    dagsters = {*RunStorageSqlMetadata.tables, *SqlEventLogStorageMetadata.tables, *ScheduleStorageSqlMetadata.tables}
    # A file that cannot be read is left to Dagster. `history` reports its errors.
    with suppress(sqlite3.Error), closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=1)) as database:
        tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        return bool(tables) and tables.isdisjoint(dagsters)
    return False


@contextmanager
def _yaml_errors_in_words(path: Path) -> Iterator[None]:
    import yaml
    from dagster._core.errors import DagsterInvalidConfigError

    try:
        yield
    except (yaml.YAMLError, UnicodeDecodeError, DagsterInvalidConfigError) as error:
        problem = shortened(" ".join(str(error).split()), 300)
        raise FlowLakeError(
            f"Dagster's own settings {printable(str(path))} cannot be read: {printable(problem)}\n"
            "Fix that file, or remove it; then run again."
        ) from error


def _query_error(home: Path, setting: str, error: BaseException | str | None) -> FlowLakeError:
    """The error of a history that cannot be used: what is wrong, and what to do."""
    reason = getattr(error, "strerror", None) or str(error)
    if home.is_symlink() and not home.exists():
        reason = f"it is a link to {home.readlink()}, which does not exist"
    name = getattr(error, "sqlite_errorname", "")  # from Python 3.11 on
    place = f"or name another place in {setting}"
    advice = f"Free some space or make the folder writable, {place}."
    for words, found in _ADVICE.items():
        if re.search(words, f"{name} {reason}"):
            advice = found.format(place=place)
            break
    return FlowLakeError(f"Dagster's history cannot be kept in {printable(str(home))}: {printable(reason)}. {advice}")


def _mark_killed_runs(instance: "dg.DagsterInstance", folder: Path) -> None:
    """Mark as failed the runs of this machine whose lock is free."""
    import dagster as dg
    from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES

    with ExitStack() as locks:
        free = []
        for path in folder.glob(f"{_machine()}.*"):
            if not re.fullmatch(r"[0-9a-f]{32}", path.name.removeprefix(f"{_machine()}.")) or path.is_symlink():
                continue  # not one of ours
            with suppress(BlockingIOError, FileNotFoundError):  # it is active, or has just ended
                lock = locks.enter_context(path.open("rb"))
                take_lock(lock)
                free.append(path)
        if free:
            names = [path.name for path in free]
            unfinished = dg.RunsFilter(tags={LOCK_TAG: names}, statuses=NOT_FINISHED_STATUSES)
            for run in instance.get_runs(unfinished):
                instance.report_run_failed(run, KILLED)
        for path in free:
            path.unlink(missing_ok=True)


def _machine() -> str:
    # In a shared folder, the locks of another machine may not be visible here.
    return re.sub(r"[^A-Za-z0-9-]", "-", socket.gethostname())
