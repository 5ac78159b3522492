"""Scratch space: where it lies, and that nothing is removed there but what this project made."""

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support import files_in

from flowlogs.errors import FlowLakeError
from resources.embedded.athena import EmbeddedAthena
from resources.embedded.folder_store import FolderStore
from resources.embedded.scratch import MARKER, MARKER_TEXT, scratch_folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files, of this test's own."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


@pytest.fixture
def place(temporary: Path) -> Path:
    return temporary / f"vpc-flow-lake-{os.getuid()}"


def leave(folder: Path, text: bytes | None = MARKER_TEXT, seconds: int = 3600) -> Path:
    """A folder as a process that was killed leaves it, so many seconds ago."""
    folder.mkdir(mode=0o700, parents=True)
    (folder / "spilled").write_bytes(b"x")
    if text is not None:
        (folder / MARKER).write_bytes(text)
    then = time.time() - seconds
    os.utime(folder, (then, then))
    return folder


def use(**options: object) -> None:
    with scratch_folder(**options):
        pass


def left(place: Path, number: int = 1, **options: object) -> Path:
    place.mkdir(mode=0o700, exist_ok=True)
    return leave(place / f"scratch-{number:032x}", **options)


def test_a_scratch_folder_is_private_and_ends_with_the_block(place: Path) -> None:
    with scratch_folder() as folder:
        assert folder.parent == place
        assert [path.stat().st_mode & 0o777 for path in (place, folder)] == [0o700, 0o700]
        (folder / "spilled").write_bytes(b"x")
    assert list(place.iterdir()) == []


def test_a_scratch_folder_ends_where_the_block_fails(place: Path) -> None:
    with pytest.raises(KeyboardInterrupt), scratch_folder():
        raise KeyboardInterrupt
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_is_removed(place: Path) -> None:
    folder = left(place)
    use()
    assert not folder.exists()


def test_what_is_young_or_in_use_is_left_alone(place: Path) -> None:
    young, used = left(place, 1, seconds=10), left(place, 2)
    handle = os.open(used, os.O_RDONLY)
    fcntl.flock(handle, fcntl.LOCK_EX)
    use()
    os.close(handle)
    assert (young.exists(), used.exists()) == (True, True)


@pytest.mark.parametrize("name", ["vpc-flow-lake-logs", "vpc-flow-lake-0123abcd", f"scratch-{1:032x}"])
def test_folders_beside_the_place_are_left_alone(temporary: Path, name: str) -> None:
    theirs = leave(temporary / name)
    use()
    assert sorted(files_in(theirs)) == [MARKER, "spilled"]


@pytest.mark.parametrize("name", ["logs", "scratch-1", f"scratch-{1:032x}.backup", f"scratch-{1:031x}g"])
def test_what_has_another_name_in_the_place_is_left_alone(place: Path, name: str) -> None:
    use()
    theirs = leave(place / name)
    use()
    assert sorted(files_in(theirs)) == [MARKER, "spilled"]


@pytest.mark.parametrize("text", [None, b"", b"theirs", MARKER_TEXT + b"x"])
def test_a_folder_without_our_marker_is_left_alone(place: Path, text: bytes | None) -> None:
    theirs = left(place, text=text)
    use()
    assert (theirs / "spilled").exists()


@pytest.mark.parametrize("text", [None, b"", MARKER_TEXT[:10]])
def test_a_folder_that_was_just_begun_is_removed(place: Path, text: bytes | None) -> None:
    begun = left(place, text=text)
    (begun / "spilled").unlink()
    os.utime(begun, (0, 0))
    use()
    assert not begun.exists()


def test_no_link_is_followed_by_a_sweep(place: Path, tmp_path: Path) -> None:
    theirs = leave(tmp_path / "theirs")
    ours = left(place, 1)
    (ours / "link").symlink_to(theirs)
    (place / f"scratch-{2:032x}").symlink_to(theirs)
    other = left(place, 3, text=None)
    (other / MARKER).symlink_to(theirs / MARKER)
    for folder in (ours, other):
        os.utime(folder, (0, 0))
    use()
    assert sorted(files_in(theirs)) == [MARKER, "spilled"]
    assert (ours.exists(), other.exists()) == (False, True)


def as_file(place: Path) -> None:
    place.write_bytes(b"theirs")


def as_link(place: Path) -> None:
    leave(place.parent / "theirs" / f"scratch-{1:032x}")
    (place.parent / "theirs").chmod(0o700)
    place.symlink_to("theirs")


def open_to_others(place: Path) -> None:
    left(place)
    place.chmod(0o711)


def somebody_elses(place: Path) -> None:
    left(place)
    os.chown(place, os.getuid() + 1, -1)


TAKEN = [as_file, as_link, open_to_others]
if os.getuid() == 0:
    TAKEN.append(somebody_elses)


@pytest.mark.parametrize("take", TAKEN)
def test_a_place_that_is_taken_is_neither_used_nor_swept(
    temporary: Path, place: Path, take: Callable[[Path], None]
) -> None:
    take(place)
    before = sorted(temporary.rglob("*"))
    with scratch_folder() as folder:
        assert folder.parent == temporary
        assert folder.stat().st_mode & 0o777 == 0o700
    assert sorted(temporary.rglob("*")) == before


@pytest.mark.parametrize("where", ["", "..", "inside", "../.."])
def test_what_is_or_holds_or_lies_in_a_users_folder_stays(place: Path, where: str) -> None:
    folder = left(place)
    use(protected_folders=[folder / where])
    assert (folder / "spilled").exists()


def test_a_users_folder_that_a_link_leads_to_stays(place: Path, tmp_path: Path) -> None:
    folder = left(place)
    (tmp_path / "logs").symlink_to(folder)
    use(protected_folders=[tmp_path / "logs"])
    assert (folder / "spilled").exists()


def test_temporary_files_in_a_bucket_that_is_read_are_refused(temporary: Path) -> None:
    before = sorted(temporary.rglob("*"))
    for bucket in (temporary, temporary.parent):
        with pytest.raises(FlowLakeError, match=f"{temporary}, which lies in {bucket}: .*another folder in TMPDIR"):
            use(read_only=[bucket])
    assert sorted(temporary.rglob("*")) == before


def test_temporary_files_that_cannot_be_kept_are_an_error(temporary: Path) -> None:
    shutil.rmtree(temporary)
    with pytest.raises(FlowLakeError, match=f"cannot be kept in {temporary}: No such file or directory.*TMPDIR"):
        use()


def test_an_engine_keeps_clear_of_its_buckets_and_of_what_it_is_told(place: Path, tmp_path: Path) -> None:
    kept = [left(place, number) for number in range(3)]
    swept = left(place, 3)
    stores = {"logs": FolderStore(kept[0] / "in", "", "logs"), "results": FolderStore(kept[1], "", "results")}
    engine = EmbeddedAthena(tmp_path / "catalog.sqlite", stores, "lake", protected_folders=[kept[2]])
    assert engine.execute("SELECT 1 AS one").frame["one"].tolist() == [1]
    assert [path.exists() for path in (*kept, swept)] == [True, True, True, False]


def test_an_engine_refuses_temporary_files_in_the_bucket_that_it_reads(temporary: Path, tmp_path: Path) -> None:
    stores = {"logs": FolderStore(temporary, "FLOWLAKE_BUCKET", "logs")}
    engine = EmbeddedAthena(tmp_path / "catalog.sqlite", stores, "lake", read_only=["logs"])
    with pytest.raises(FlowLakeError, match="Name another folder in TMPDIR"):
        engine.execute("SELECT 1 AS one")
    assert list(temporary.iterdir()) == []


def test_an_engine_knows_a_bucket_whose_name_is_not_printable(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bucket = tmp_path / "logs\x1b[31m"
    bucket.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(bucket))
    stores = {"logs": FolderStore(bucket, "FLOWLAKE_BUCKET", "logs")}
    engine = EmbeddedAthena(tmp_path / "catalog.sqlite", stores, "lake", read_only=["logs"])
    with pytest.raises(FlowLakeError, match="Name another folder in TMPDIR"):
        engine.execute("SELECT 1 AS one")
    assert list(bucket.iterdir()) == []


@pytest.mark.usefixtures("temporary")
def test_scratch_folders_that_are_made_at_once_do_not_disturb_each_other() -> None:
    def several(_: int) -> None:
        for _ in range(100):
            use()

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(several, range(6))) == [None] * 6
