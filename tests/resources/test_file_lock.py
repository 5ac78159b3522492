"""File locks: who gets one, who waits, and which files cannot be locked."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import resources.file_lock
from resources.file_lock import folder_lock, open_lock_file, take_lock, wait_for_lock


def test_a_lock_that_is_held_is_refused_at_once(tmp_path: Path) -> None:
    with open_lock_file(tmp_path / "a.lock") as held, open_lock_file(tmp_path / "a.lock") as other:
        wait_for_lock(held, tmp_path / "a.lock")
        with pytest.raises(BlockingIOError):
            take_lock(other)


def test_a_lock_ends_when_its_file_is_closed(tmp_path: Path) -> None:
    with open_lock_file(tmp_path / "a.lock") as held:
        wait_for_lock(held, tmp_path / "a.lock")
    with open_lock_file(tmp_path / "a.lock") as other:
        take_lock(other)


def test_a_lock_ends_with_a_killed_process(tmp_path: Path) -> None:
    path = tmp_path / "a.lock"
    code = (
        "import os, sys; from pathlib import Path; from resources.file_lock import open_lock_file, wait_for_lock; "
        "path = Path(sys.argv[1]); wait_for_lock(open_lock_file(path), path); os.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    assert subprocess.run([sys.executable, "-c", code, path], env=environment).returncode == -9
    with open_lock_file(path) as other:
        take_lock(other)


def test_who_waits_for_a_lock_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "a.lock"
    monkeypatch.setattr(resources.file_lock, "WARN_AFTER_SECONDS", 0.1)
    with open_lock_file(path) as held, open_lock_file(path) as other:
        take_lock(held)
        waiting = threading.Thread(target=wait_for_lock, args=(other, path))
        waiting.start()
        waiting.join(1)
        assert waiting.is_alive()
        assert caplog.messages == [f"Another process holds {path}. Waiting until it ends."]
        held.close()
        waiting.join()


def test_a_short_wait_for_a_lock_is_silent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.lock"
    with open_lock_file(path) as held, open_lock_file(path) as other:
        take_lock(held)
        threading.Timer(0.1, held.close).start()
        wait_for_lock(other, path)
        assert caplog.messages == []


def test_a_folder_has_one_lock_holder(tmp_path: Path) -> None:
    with folder_lock(tmp_path), pytest.raises(BlockingIOError), folder_lock(tmp_path):
        pass


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_what_is_no_file_is_no_lock_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.lock"
    {"link": lambda: path.symlink_to("elsewhere"), "pipe": lambda: os.mkfifo(path), "folder": path.mkdir}[kind]()
    with pytest.raises(OSError, match="a.lock"):
        open_lock_file(path)
    assert not (tmp_path / "elsewhere").exists()
