"""Dagster's history beside the results, in process."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from support import files_in

from flowlogs.errors import FlowLakeError
from pipelines.commands.history import history
from pipelines.settings import DAGSTER_HOME, Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Results in a folder that is still to be made, and Dagster's history beside them."""
    monkeypatch.setenv(DAGSTER_HOME, "")
    return Settings(results=str(tmp_path / "results"))


def made_before(settings: Settings) -> None:
    """A home of Dagster's that a command made."""
    settings.dagster_home.mkdir(parents=True)
    (settings.dagster_home / ".lock").touch()


@pytest.mark.parametrize("name", ["history/runs.db", "history/runs/index.db", "schedules/schedules.db"])
def test_a_database_with_a_second_name_is_not_written(tmp_path: Path, settings: Settings, name: str) -> None:
    database, backup = settings.dagster_home / name, tmp_path / "backup"
    made_before(settings)
    database.parent.mkdir(parents=True)
    backup.write_bytes(b"as it was")
    os.link(backup, database)
    with pytest.raises(FlowLakeError, match=r"has a second name \(a hard link\).*then run again"), history(settings):
        pass
    kept = files_in(settings.dagster_home)
    assert kept.keys() == {".lock", "dagster.yaml", name} and backup.read_bytes() == b"as it was"


@pytest.mark.parametrize("name", ["history/runs.db", "history/runs/index.db", "schedules/schedules.db"])
@pytest.mark.parametrize("content", [b"as it was", b""], ids=["other", "empty"])
def test_nothing_is_written_through_a_link_to_a_database(
    tmp_path: Path, settings: Settings, name: str, content: bytes
) -> None:
    database, somebodys = settings.dagster_home / name, tmp_path / "somebodys"
    made_before(settings)
    database.parent.mkdir(parents=True)
    somebodys.write_bytes(content)
    database.symlink_to(somebodys)
    with pytest.raises(FlowLakeError, match=r"is a link, or no file.*then run again"), history(settings):
        pass
    assert database.is_symlink() and somebodys.read_bytes() == content


@pytest.mark.parametrize("folder", ["history", "history/runs", "schedules"])
def test_no_database_is_made_behind_a_link_to_a_folder(tmp_path: Path, settings: Settings, folder: str) -> None:
    somebodys, link = tmp_path / "somebodys", settings.dagster_home / folder
    somebodys.mkdir()
    made_before(settings)
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(somebodys)
    with pytest.raises(FlowLakeError, match=r"is a link, or no file.*then run again"), history(settings):
        pass
    assert link.is_symlink() and not any(somebodys.iterdir())


@pytest.mark.parametrize("name", ["history/runs.db", "history/runs/index.db", "schedules/schedules.db"])
def test_a_database_of_another_program_gets_no_tables(tmp_path: Path, settings: Settings, name: str) -> None:
    path = settings.dagster_home / name
    made_before(settings)
    path.parent.mkdir(parents=True)
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE notes (note TEXT)")
    before = path.read_bytes()
    with pytest.raises(FlowLakeError, match="is a database of another program. Move it away"), history(settings):
        pass
    assert path.read_bytes() == before


def test_the_history_is_opened_again(settings: Settings) -> None:
    for _ in range(2):
        with history(settings) as kept:
            assert kept.instance.get_runs() == []


def test_another_instance_of_dagster_beside_the_results_is_left_alone(settings: Settings) -> None:
    (settings.dagster_home / "history").mkdir(parents=True)
    with pytest.raises(FlowLakeError, match="it holds another instance of Dagster"), history(settings):
        pass
    assert [path.name for path in settings.dagster_home.iterdir()] == ["history"]
