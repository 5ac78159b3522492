"""A folder as a bucket, a folder as a place for results, and the simulated deliveries into the default bucket."""

import errno
import fcntl
import gzip
import hashlib
import os
import resource
import shutil
import socket
import stat as stat_module
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import DAY, NEXT_DAY, ROOT, files_in, write_object

from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource
from flowlogs.sources import Choice
from flowlogs.statements import TableName
from resources.bucket import StoredObject
from resources.embedded.bucket import FolderBucket
from resources.embedded.catalog import Catalog
from resources.embedded.flow_log import SimulatedFlowLog
from resources.embedded.folder_store import LOCK_TEXT, STAGING_FOLDER, FolderStore
from resources.embedded.readers.lines import object_text
from resources.embedded.simulation.bucket import SimulatedBucket
from resources.embedded.simulation.vpc import SimulatedVpc
from torture.child import finish, start

SOURCE = LogSource("simulated-bucket", "123456789012", "us-east-1")


@pytest.fixture
def store(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "store", "FLOWLAKE_RESULTS", "results")


def visible(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    }


# A place for objects


def test_a_list_has_keys_in_order_with_sizes(store):
    store.replace({"a/b/2": b"22", "a/1": b"1", "a/b/10": b"", "b/x": b"x"})
    assert list(store.list("a/")) == [StoredObject("a/1", 1), StoredObject("a/b/10", 0), StoredObject("a/b/2", 2)]


def test_a_list_of_a_place_that_is_not_there_is_empty(store):
    assert list(store.list("a/")) == []


NAMES = st.sampled_from(["a", "a b", "a.", "a-", "a0", "b", "A", "é", "ab"])
KEYS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)


@settings(deadline=None, max_examples=50)
@given(keys=st.sets(KEYS, max_size=12), prefix=st.sampled_from(["a", "ab", "a/b"]))
def test_a_list_has_the_keys_below_a_prefix_in_their_order(
    tmp_path_factory: pytest.TempPathFactory, keys: set[str], prefix: str
) -> None:
    store = FolderStore(tmp_path_factory.mktemp("listed"), "FLOWLAKE_RESULTS", "results")
    # No key is a folder of another one's.
    stored = {key for key in keys - {"a", prefix} if not any(other.startswith(f"{key}/") for other in keys)}
    store.replace(dict.fromkeys(stored, b""))
    inside = sorted(key for key in stored if key.startswith(f"{prefix}/"))
    assert [found.key for found in store.list(f"{prefix}/")] == inside


def test_a_location_is_the_address_by_which_sql_finds_an_object(store):
    assert (store.sql_location("a/b"), store.sql_location()) == ("s3://results/a/b", "s3://results/")
    assert store.display_path("a/b") == f"{store.root}/a/b"


def test_an_object_is_a_file_where_it_lies(store, tmp_path):
    store.replace({"a/b": b"1"})
    assert store.local_file("a/b", tmp_path / "copies") == store.root / "a/b"
    assert not (tmp_path / "copies").exists()


def test_a_list_goes_through_links_to_folders(store, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere/x").write_bytes(b"123")
    (store.root / "a").mkdir(parents=True)
    (store.root / "a/link").symlink_to(tmp_path / "elsewhere")
    assert list(store.list("a/")) == [StoredObject("a/link/x", 3)]


def test_a_link_to_nowhere_is_listed_and_cannot_be_read(store):
    (store.root / "a").mkdir(parents=True)
    (store.root / "a/x").symlink_to("nowhere")
    assert list(store.list("a/")) == [StoredObject("a/x", 0)]
    with pytest.raises(FlowLakeError, match="a/x cannot be read: No such file or directory"):
        store.open("a/x")


@pytest.mark.parametrize("change", ["written again", "replaced by another file", "another size"])
def test_an_object_that_is_replaced_has_another_version(store, change):
    store.replace({"a/b": b"123"})
    path = store.root / "a/b"
    (before,) = store.list("a/")
    facts = path.stat()
    time.sleep(0.02)  # the system's clock for files has steps of some milliseconds
    if change == "replaced by another file":
        path.with_name("c").write_bytes(b"456")
        path.with_name("c").replace(path)
    else:
        path.write_bytes(b"456" if change == "written again" else b"4")
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))
    (after,) = store.list("a/")
    assert after.version != before.version


def test_an_object_that_stays_has_the_same_version(store):
    store.replace({"a/b": b"123"})
    (before,) = store.list("a/")
    store.read("a/b")
    assert next(store.list("a/")).version == before.version


@pytest.mark.parametrize(
    "read",
    [
        lambda store: store.head("a", 5),
        lambda store: store.read("a"),
        lambda store: list(object_text(store, "a")),
        lambda store: list(object_text(store, "a.gz")),
    ],
    ids=["head", "all", "text", "gzip"],
)
def test_a_file_that_gives_nothing_and_does_not_end_is_an_error(store, monkeypatch, read):
    monkeypatch.setattr("resources.embedded.folder_store._require_file", lambda found: None)
    store.root.mkdir(parents=True)
    for name in ("a", "a.gz"):
        os.mkfifo(store.root / name)
    writers = [os.open(store.root / name, os.O_RDWR) for name in ("a", "a.gz")]
    try:
        with pytest.raises(
            FlowLakeError, match="/a(.gz)? cannot be read.*: .*it gives nothing to read, as a device does"
        ):
            read(store)
    finally:
        for writer in writers:
            os.close(writer)


@pytest.fixture
def vanishing(store, monkeypatch) -> set[Path]:
    """Paths that are removed as soon as the folder that they lie in has been read."""
    paths: set[Path] = set()
    scandir = os.scandir

    @contextmanager
    def scan(folder: Path):
        with scandir(folder) as entries:
            listed = list(entries)
        for path in paths & {Path(entry.path) for entry in listed}:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        yield listed

    monkeypatch.setattr(os, "scandir", scan)
    store.replace({"a/1": b"1", "a/2": b"2", "a/b/3": b"3"})
    return paths


@pytest.mark.parametrize("gone", ["a/1", "a/b"])
def test_what_vanishes_from_results_meanwhile_is_left_out(store, vanishing, gone):
    vanishing.add(store.root / gone)
    assert [found.key for found in store.list("a/")] == [k for k in ("a/1", "a/2", "a/b/3") if not k.startswith(gone)]


@pytest.mark.parametrize("gone", ["a/1", "a/b"])
def test_what_vanishes_from_logs_meanwhile_is_an_error(store, vanishing, gone):
    vanishing.add(store.root / gone)
    with pytest.raises(FlowLakeError, match=f"{store.root}/{gone} vanished while it was read"):
        list(bucket_of(store.root).list("a/"))


def bucket_of(root: Path) -> FolderStore:
    """The store of a folder of logs."""
    return FolderBucket("logs", root).objects


def test_logs_that_are_gone_are_an_error(tmp_path):
    with pytest.raises(FlowLakeError, match=r"logs \(FLOWLAKE_BUCKET\) is gone"):
        list(bucket_of(tmp_path / "logs").list("a/"))


def test_a_place_in_logs_that_was_never_there_is_empty(tmp_path):
    assert list(bucket_of(tmp_path).list("a/b/")) == []


@pytest.mark.parametrize("link", ["a", "a/b", "a/b/c"])
def test_a_place_behind_a_link_to_nowhere_is_an_error(tmp_path, link):
    (tmp_path / link).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / link).symlink_to(tmp_path / "unplugged")
    with pytest.raises(FlowLakeError, match=f"{tmp_path / link} is a link to {tmp_path}/unplugged, which cannot"):
        list(bucket_of(tmp_path).list("a/b/c/"))


# Links


def files(root: Path, *keys: str) -> None:
    for key in keys:
        (root / key).parent.mkdir(parents=True, exist_ok=True)
        (root / key).write_bytes(b"1")


def keys_in(root: Path, prefix: str) -> list[str]:
    return [found.key for found in bucket_of(root).list(prefix)]


@pytest.mark.parametrize(
    ("link", "target"),
    [
        ("a/loop", "."),
        ("a/loop", ".."),
        ("a/b/loop", "../b"),
        ("a/b/loop", ".."),
        ("a/b/loop", "../../.."),
        ("a/z", "z"),
    ],
)
def test_a_circle_of_links_is_walked_once(tmp_path, link, target):
    files(tmp_path, "a/1", "a/b/2", "c/of-another-day")
    (tmp_path / link).symlink_to(target)
    assert [key for key in keys_in(tmp_path, "a/") if key != "a/z"] == ["a/1", "a/b/2"]


def test_two_folders_that_link_to_each_other_are_walked_once(tmp_path):
    files(tmp_path, "a/b/1", "a/c/2")
    (tmp_path / "a/b/c").symlink_to("../c")
    (tmp_path / "a/c/b").symlink_to("../b")
    assert keys_in(tmp_path, "a/") == ["a/b/1", "a/c/2"]


def test_a_folder_that_two_links_lead_to_is_walked_once(tmp_path):
    files(tmp_path / "elsewhere", "1")
    (tmp_path / "logs/a").mkdir(parents=True)
    for name in "xy":
        (tmp_path / "logs/a" / name).symlink_to(tmp_path / "elsewhere")
    assert keys_in(tmp_path / "logs", "a/") == ["a/x/1"]


def test_a_folder_is_walked_by_its_own_name_first(tmp_path):
    files(tmp_path, "a/y/deep/1")
    (tmp_path / "a/b").symlink_to("y/deep")
    assert keys_in(tmp_path, "a/") == ["a/y/deep/1"]


def test_a_file_is_listed_once_however_many_links_lead_to_it(tmp_path):
    files(tmp_path, "a/2", "elsewhere")
    for name, target in (("1", "2"), ("3", "2"), ("4", "../elsewhere"), ("5", "../elsewhere")):
        (tmp_path / "a" / name).symlink_to(target)
    assert keys_in(tmp_path, "a/") == ["a/2", "a/4"]


# What is no file


def make_pipe(path: Path) -> None:
    os.mkfifo(path)


def make_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))


NO_FILES = {
    "a named pipe": make_pipe,
    "a socket": make_socket,
    "a device": lambda path: path.symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("kind", NO_FILES)
def test_what_is_no_file_is_listed_and_refused_by_name(tmp_path, monkeypatch, kind):
    monkeypatch.chdir(tmp_path)  # the name of a socket may not be long
    NO_FILES[kind](Path("x"))
    store = bucket_of(tmp_path)
    assert list(store.list("")) == [StoredObject("x", 0)]
    for read in (store.open, lambda key: store.local_file(key, tmp_path)):
        with pytest.raises(FlowLakeError, match=f"x cannot be read: it is {kind}, not a file. Move it away"):
            read("x")


def test_a_pipe_that_takes_a_files_place_is_refused_too(tmp_path, monkeypatch):
    files(tmp_path, "x")
    stat, place = Path.stat, tmp_path / "x"

    def stat_then_swap(path: Path, **options: bool) -> os.stat_result:
        found = stat(path, **options)
        if path == place and stat_module.S_ISREG(found.st_mode):
            place.unlink()
            os.mkfifo(place)
        return found

    monkeypatch.setattr(Path, "stat", stat_then_swap)
    with pytest.raises(FlowLakeError, match="x cannot be read: it is a named pipe"):
        bucket_of(tmp_path).open("x")


def test_a_name_that_is_no_utf8_is_refused_by_name(tmp_path):
    (tmp_path / "a").mkdir()
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/a/\xff.log.gz")).write_bytes(b"")
    with pytest.raises(FlowLakeError, match=r"a/\\xff.log.gz has a name that is no UTF-8"):
        keys_in(tmp_path, "a/")


def test_folders_deeper_than_a_path_may_be_are_refused_by_name(tmp_path):
    deepest = os.open(tmp_path, os.O_RDONLY)
    for _ in range(25):
        os.mkdir("x" * 200, dir_fd=deepest)
        below = os.open("x" * 200, os.O_RDONLY, dir_fd=deepest)
        os.close(deepest)
        deepest = below
    os.close(deepest)
    with pytest.raises(FlowLakeError, match=r"x…x+ cannot be read: File name too long\.") as refused:
        keys_in(tmp_path, "")
    assert len(str(refused.value)) < 500


def test_folders_in_folders_are_walked_without_end(tmp_path):
    key = "/".join("a" * 800)
    files(tmp_path, f"{key}/1")
    assert keys_in(tmp_path, "") == [f"{key}/1"]


def test_a_folder_that_may_not_be_read_is_refused_by_name(tmp_path, monkeypatch):
    files(tmp_path, "a/b/1")
    scandir = os.scandir

    def deny(folder: Path) -> object:
        if Path(folder).name == "b":
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", deny)
    with pytest.raises(FlowLakeError, match=f"{tmp_path}/a/b cannot be read: Permission denied"):
        keys_in(tmp_path, "a/")


# Keys and links that lead out


OUTSIDE = ["../x", "a/../../x", "/x", "a/..", "a/./b", "a\0b"]


@pytest.mark.parametrize("key", OUTSIDE)
def test_a_key_that_leads_out_of_the_folder_is_refused(store, key):
    store.replace({"a/1": b"1"})
    (store.root.parent / "x").write_bytes(b"theirs")
    before = files_in(store.root.parent)
    for use in (
        store.open,
        lambda key: list(store.list(f"{key}/")),
        lambda key: store.replace({"a/2": b"2", key: b"ours"}),
        lambda key: store.delete([key]),
        lambda key: store.local_file(key, store.root),
    ):
        with pytest.raises(FlowLakeError, match="is the key of no object: it leads out of"):
            use(key)
    assert files_in(store.root.parent) == before


@pytest.fixture
def linked_out(store) -> Path:
    """A folder of somebody's that a link in the store leads to."""
    theirs = store.root.parent / "theirs"
    (theirs / "b").mkdir(parents=True)
    (theirs / "b/1").write_bytes(b"theirs")
    store.replace({"c": b"1"})
    (store.root / "a").symlink_to(theirs)
    return theirs


def test_nothing_is_removed_behind_a_link_out_of_the_folder(store, linked_out):
    for key in ("a/b/1", "a/b/2", "a/1"):
        with pytest.raises(FlowLakeError, match=f"store/{key} leads out of .*, to {linked_out}"):
            store.delete([key])
    assert files_in(linked_out) == {"b/1": hashlib.sha256(b"theirs").hexdigest()}


def test_nothing_is_written_behind_a_link_out_of_the_folder(store, linked_out):
    with pytest.raises(FlowLakeError, match="store/a/b/1 leads out of"):
        store.replace({"d": b"1", "a/b/1": b"ours"})
    with pytest.raises(FlowLakeError, match="store/a/b/1 leads out of"), store.staging_folder() as folder:
        files(folder, "a/b/1", "d")
    assert files_in(linked_out) == {"b/1": hashlib.sha256(b"theirs").hexdigest()}
    assert not (store.root / "d").exists()


def test_a_store_may_be_a_link_itself(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "store").symlink_to("real")
    store = FolderStore(tmp_path / "store", "FLOWLAKE_RESULTS", "results")
    store.replace({"a/1": b"1"})
    store.delete(["a/1"])
    assert [path.name for path in (tmp_path / "real").iterdir()] == [".lock"]


def test_a_folder_that_was_empty_before_stays(store):
    store.replace({"a/1": b"1"})
    (store.root / "theirs").mkdir()
    store.delete(["theirs/1", "a/2", "a/b/3"])
    assert sorted(path.name for path in store.root.iterdir()) == [".lock", "a", "theirs"]


@pytest.mark.parametrize(("data", "head"), [(b"0123456789", b"0123"), (b"012", b"012"), (b"", b"")])
def test_the_head_of_an_object_is_its_first_bytes(store, data, head):
    store.replace({"a/x": data})
    assert store.head("a/x", 4) == head


def test_the_head_of_an_object_that_vanished_is_an_error(store):
    with pytest.raises(FlowLakeError, match="a/x cannot be read: No such file or directory"):
        store.head("a/x", 4)


def test_objects_are_replaced_whole(store):
    store.replace({"a/x": b"long before", "b/y": b"before"})
    store.replace({"a/x": b"after", "b/y": b""})
    assert visible(store.root) == {"a/x": b"after", "b/y": b""}


@contextmanager
def full_disk(at_bytes: int):
    """No file may grow beyond so many bytes: writing fails as it does on a disk that is full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (at_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_nothing_is_replaced_where_one_object_does_not_fit(store):
    store.replace({"a/1": b"before", "a/2": b"before"})
    before = files_in(store.root)
    with full_disk(1_000), pytest.raises(FlowLakeError) as error:
        store.replace({"a/1": b"after", "a/2": b"x" * 2_000})
    assert str(error.value) == (
        f"{store.root}/a/2 cannot be written: File too large. What was there is unchanged. Free some space or make it "
        "writable, or name another folder in FLOWLAKE_RESULTS; then run again."
    )
    assert files_in(store.root) == before


def test_nothing_is_replaced_where_a_folder_has_an_objects_name(store):
    store.replace({"a/1": b"before"})
    (store.root / "a/2").mkdir()
    before = files_in(store.root)
    with pytest.raises(FlowLakeError, match="a/2 cannot be written: Is a directory"):
        store.replace({"a/1": b"after", "a/2": b"after"})
    assert files_in(store.root) == before


def test_a_root_that_cannot_be_made_is_an_error_with_the_variable(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(FlowLakeError, match=r"file/store cannot be written: Not a directory.*FLOWLAKE_RESULTS"):
        FolderStore(tmp_path / "file/store", "FLOWLAKE_RESULTS", "results").replace({"a": b""})


def test_what_is_added_is_there_when_all_of_it_is(store):
    store.replace({"a/1": b"before"})
    with store.staging_folder() as folder:
        (folder / "a").mkdir()
        (folder / "a/1").write_bytes(b"after")
        (folder / "b/c").mkdir(parents=True)
        (folder / "b/c/2").write_bytes(b"2")
        (folder / "empty").mkdir()
        assert visible(store.root) == {"a/1": b"before"}
    assert visible(store.root) == {"a/1": b"after", "b/c/2": b"2"}
    assert not (store.root / "empty").exists()
    assert sorted(path.name for path in store.root.iterdir()) == [".lock", "a", "b"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), FlowLakeError("no")], ids=repr)
def test_nothing_is_added_where_the_writer_fails(store, error):
    store.replace({"a/1": b"before"})
    before = files_in(store.root)

    def add() -> None:
        with store.staging_folder() as folder:
            (folder / "a").mkdir()
            (folder / "a/1").write_bytes(b"after")
            raise error

    with pytest.raises(type(error)) as raised:
        add()
    assert raised.value is error
    assert files_in(store.root) == before
    assert sorted(path.name for path in store.root.iterdir()) == [".lock", "a"]


def test_an_error_of_the_disk_in_a_writer_is_told_with_the_variable(store):
    refused = pytest.raises(FlowLakeError, match=r"cannot be written: File too large.*FLOWLAKE_RESULTS")
    with full_disk(1_000), refused, store.staging_folder() as folder:
        (folder / "x").write_bytes(b"x" * 2_000)
    assert visible(store.root) == {}


def test_objects_are_removed_with_the_folders_that_they_leave_empty(store):
    store.replace({"a/b/c/1": b"", "a/b/2": b"", "d/3": b"", "4": b""})
    store.delete(["a/b/c/1", "d/3", "nowhere/5", "a/b/c/1"])
    assert sorted(path.relative_to(store.root).as_posix() for path in store.root.rglob("*")) == [
        ".lock",
        "4",
        "a",
        "a/b",
        "a/b/2",
    ]
    store.delete(iter(["a/b/2", "4"]))
    assert [path.name for path in store.root.iterdir()] == [".lock"]


def test_empty_folders_are_removed_and_no_other(store):
    store.replace({"a/b/kept.txt": b"1", "b/kept.txt": b"2"})
    for empty in ("a/b/c/d", "a/e", "a/f/g", "aa"):
        (store.root / empty).mkdir(parents=True)
    (store.root / "a/f/link").symlink_to(store.root / "aa")
    store.remove_empty_folders("a/")
    store.remove_empty_folders("nothing/there/")
    assert sorted(path.relative_to(store.root).as_posix() for path in store.root.rglob("*") if path.is_dir()) == [
        *("a", "a/b", "a/f", "a/f/link", "aa", "b")
    ]
    store.remove_empty_folders("aa/")
    assert not (store.root / "aa").exists()


def test_no_empty_folder_is_removed_behind_a_link_out_of_the_folder(store, tmp_path):
    (tmp_path / "outside/empty").mkdir(parents=True)
    store.root.mkdir()
    (store.root / "a").symlink_to(tmp_path / "outside")
    for folder in ("a/empty/", "a/"):
        with pytest.raises(FlowLakeError, match="leads out of|lies behind a link"):
            store.remove_empty_folders(folder)
    assert (tmp_path / "outside/empty").is_dir()


@pytest.mark.parametrize("links", [True, False], ids=["a disk with hard links", "one without"])
def test_what_is_there_is_never_written_over_by_what_is_added(store, monkeypatch, links):
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    files(store.root, "a/1")
    (store.root / "a/2").symlink_to("nowhere")
    store.add({"a/1": b"new", "a/2": b"new", "b/3": b"new"})
    assert (store.root / "a/1").read_bytes() == b"1"
    assert str((store.root / "a/2").readlink()) == "nowhere"
    assert (store.root / "b/3").read_bytes() == b"new"
    assert sorted(path.name for path in store.root.iterdir()) == [".lock", "a", "b"]


def test_a_folder_under_the_name_of_what_is_added_is_told(store):
    (store.root / "a").mkdir(parents=True)
    with pytest.raises(FlowLakeError, match="store/a cannot be written: Is a directory"):
        store.add({"a": b"new"})


def test_no_folder_above_the_root_is_removed(tmp_path):
    store = FolderStore(tmp_path / "above" / "store", "FLOWLAKE_RESULTS", "results")
    store.delete(["a/1"])
    assert [path.name for path in store.root.iterdir()] == [".lock"]
    assert [path.name for path in store.root.parent.iterdir()] == ["store"]


def test_an_object_that_cannot_be_removed_is_named(store):
    (store.root / "a/1").mkdir(parents=True)
    with pytest.raises(FlowLakeError, match=r"store/a/1 cannot be removed: .*FLOWLAKE_RESULTS"):
        store.delete(["a/1"])


def test_what_a_living_writer_has_begun_is_left_alone(store):
    with store.staging_folder() as first:
        (first / "1").write_bytes(b"1")
        with store.staging_folder() as second:
            (second / "2").write_bytes(b"2")
        store.replace({"3": b"3"})
        assert visible(store.root) == {"2": b"2", "3": b"3"}
        assert [path.name for path in first.iterdir()] == ["1"]
    assert visible(store.root) == {"1": b"1", "2": b"2", "3": b"3"}
    assert not (store.root / STAGING_FOLDER).exists()


def begun(store: FolderStore, number: int, text: bytes | None = LOCK_TEXT) -> Path:
    """What a writer has begun: its folder, and its lock with this text."""
    folder = store.root / STAGING_FOLDER / f"{number:032x}"
    files(folder, "a/1")
    if text is not None:
        folder.with_suffix(".lock").write_bytes(text)
    return folder


def test_what_a_writer_left_is_thrown_away_and_a_locked_folder_is_not(store):
    dead, living = begun(store, 1), begun(store, 2)
    with living.with_suffix(".lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        store.replace({"b": b"1"})
        assert sorted(path.name for path in living.parent.iterdir()) == [living.name, f"{living.name}.lock"]
        assert (living / "a/1").read_bytes() == b"1"
    store.replace({"b": b"2"})
    assert not dead.parent.exists()
    assert visible(store.root) == {"b": b"2"}


@pytest.mark.parametrize("text", [None, b"", b"theirs", LOCK_TEXT + b"and more"])
def test_a_folder_without_our_lock_is_left_alone(store, text):
    theirs = begun(store, 1, text)
    store.replace({"b": b"1"})
    assert (theirs / "a/1").read_bytes() == b"1"


def words_without_rights(do) -> tuple[str, ...]:
    """What is said where this is done by somebody who is not root."""

    def work() -> dict[str, object]:
        try:
            do()
        except FlowLakeError as error:
            return {"failures": [str(error)]}
        return {"success": True}

    (outcome,) = finish(start(work))
    assert outcome.crashes == ()
    return outcome.failures


def test_what_lies_in_a_folder_that_may_not_be_entered_is_an_error_by_name(store):
    files(store.root / "a/b", "1")
    catalog = Catalog(store.root / "a/catalog.sqlite")
    (store.root / "a").chmod(0)
    listed = words_without_rights(lambda: list(store.list("a/b/")))
    read = words_without_rights(lambda: catalog.find_table(TableName("lake", "flows")))
    ensured = words_without_rights(FolderBucket("logs", store.root / "a/b").ensure)
    (store.root / "a").chmod(0o700)
    assert listed == (f"{store.root}/a/b cannot be read: Permission denied.",)
    assert read[0].startswith(f"The catalog {store.root}/a/catalog.sqlite cannot be read: ")
    assert ensured[0].endswith("/a/b cannot be read: Permission denied.") and ensured[0].startswith("FLOWLAKE_BUCKET: ")


def test_a_staging_folder_that_cannot_be_removed_is_removed_by_a_later_run(store):
    def write() -> None:
        with store.staging_folder() as folder:
            files(folder, "a/1")
            (folder / "a").chmod(0)

    words_without_rights(write)
    assert len(list((store.root / STAGING_FOLDER).iterdir())) == 2
    store.replace({"b": b"1"})
    assert not (store.root / STAGING_FOLDER).exists()


@pytest.mark.parametrize("text", [b"", LOCK_TEXT[:10]])
def test_a_lock_that_a_writer_had_just_begun_is_removed(store, text):
    lock = begun(store, 1, text).with_suffix(".lock")
    shutil.rmtree(lock.with_suffix(""))
    store.replace({"b": b"1"})
    assert not lock.parent.exists()


@pytest.mark.parametrize("name", ["mine", "0" * 31, "g" * 32, "0" * 32 + ".backup"])
def test_what_has_another_name_is_left_alone(store, name):
    files(store.root / STAGING_FOLDER / name, "1")
    (store.root / STAGING_FOLDER / f"{name}.lock").write_bytes(LOCK_TEXT)
    store.replace({"b": b"1"})
    assert (store.root / STAGING_FOLDER / name / "1").read_bytes() == b"1"


@pytest.mark.parametrize("linked", ["folder", "lock", "inside"])
def test_no_link_is_followed_where_something_is_thrown_away(store, linked):
    theirs = store.root.parent / "theirs"
    files(theirs, "1")
    (theirs / "lock").write_bytes(LOCK_TEXT)
    folder = begun(store, 1)
    if linked == "inside":
        (folder / "link").symlink_to(theirs)
    elif linked == "lock":
        folder.with_suffix(".lock").unlink()
        folder.with_suffix(".lock").symlink_to(theirs / "lock")
    else:
        shutil.rmtree(folder)
        folder.symlink_to(theirs)
    store.replace({"b": b"1"})
    assert sorted(files_in(theirs)) == ["1", "lock"]
    assert folder.exists() == (linked != "inside")


@pytest.mark.parametrize("is_link", [True, False], ids=["link", "file"])
def test_a_place_to_write_in_that_is_none_is_an_error(store, is_link):
    store.replace({"a": b"1"})
    theirs = store.root.parent / "theirs"
    theirs.mkdir()
    (store.root / STAGING_FOLDER).symlink_to(theirs) if is_link else (store.root / STAGING_FOLDER).write_bytes(
        b"theirs"
    )
    with pytest.raises(FlowLakeError, match=r"\.being-written is not a folder: move it away"):
        store.replace({"a": b"2"})
    assert (store.root / "a").read_bytes() == b"1"
    assert list(theirs.iterdir()) == []


@pytest.mark.parametrize("kind", ["link", "pipe", "folder"])
def test_a_lock_that_is_no_file_is_an_error(store, kind):
    lock, theirs = store.root / ".lock", store.root.parent / "theirs"
    store.root.mkdir()
    {"link": lambda: lock.symlink_to(theirs), "pipe": lambda: os.mkfifo(lock), "folder": lock.mkdir}[kind]()
    with pytest.raises(FlowLakeError, match=r"\.lock is not a file that a run can lock"):
        store.replace({"a": b"1"})
    assert not theirs.exists()


ADDER = """
import sys, time
from pathlib import Path
from resources.embedded.folder_store import FolderStore
with FolderStore(Path(sys.argv[1]), "FLOWLAKE_RESULTS", "results").staging_folder() as folder:
    (folder / "half").write_bytes(b"half")
    print("begun", flush=True)
    sys.stdin.readline()
"""


def test_a_writer_that_is_killed_leaves_nothing_for_longer_than_until_the_next_one(store):
    def begin() -> subprocess.Popen[str]:
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        writer = subprocess.Popen([sys.executable, "-c", ADDER, str(store.root)], cwd=ROOT, text=True, **streams)
        assert writer.stdout.readline() == "begun\n"
        return writer

    killed, living = begin(), begin()
    killed.kill()
    killed.communicate()
    store.replace({"a": b"1"})
    assert visible(store.root) == {"a": b"1"}
    assert len(list((store.root / STAGING_FOLDER).iterdir())) == 2
    assert living.communicate("\n")[0] == ""
    assert living.returncode == 0
    assert visible(store.root) == {"a": b"1", "half": b"half"}
    assert not (store.root / STAGING_FOLDER).exists()


WRITER = """
import sys
from pathlib import Path
from resources.embedded.folder_store import FolderStore
store = FolderStore(Path(sys.argv[1]), "FLOWLAKE_RESULTS", "results")
for number in range(50):
    store.replace({key: sys.argv[2].encode() * 100_000 for key in ("a/1", "a/2", "b")})
"""


def test_two_writers_at_once_leave_the_objects_of_one_of_them(store):
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(store.root), text], cwd=ROOT) for text in "xy"]
    assert [writer.wait() for writer in writers] == [0, 0]
    written = visible(store.root)
    assert sorted(written) == ["a/1", "a/2", "b"]
    assert set(written.values()) in ({b"x" * 100_000}, {b"y" * 100_000})


def test_a_writer_that_is_killed_keeps_nobody_waiting(store):
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(store.root), "x"], cwd=ROOT)
        while not (store.root / "b").exists():
            time.sleep(0.01)
        writer.kill()
        writer.wait()
        assert set(visible(store.root).values()) == {b"x" * 100_000}
        after = threading.Thread(target=store.replace, args=({"b": b"x" * 100_000},), daemon=True)
        after.start()
        after.join(10)
        assert not after.is_alive()
        (store.root / "b").unlink()


# A bucket that somebody named


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    return tmp_path / "logs"


def test_account_and_region_are_found_from_the_folders(logs):
    write_object(logs, DAY, [], account="111111111111", region="eu-west-2")
    facts = FolderBucket("logs-0", logs).ensure().facts
    assert facts == {
        "path": str(logs),
        "whose": "111111111111 in eu-west-2",
        "location": "s3://logs-0/AWSLogs/111111111111/vpcflowlogs/eu-west-2/",
    }


def test_a_folder_that_does_not_exist_is_named_with_its_variable(logs):
    with pytest.raises(FlowLakeError, match=f"^FLOWLAKE_BUCKET: {logs} does not exist. Name the folder that contains"):
        FolderBucket("logs-0", logs).ensure()


def test_a_file_is_no_bucket(logs):
    logs.write_text("")
    with pytest.raises(FlowLakeError, match=f"^FLOWLAKE_BUCKET: {logs} is no folder."):
        FolderBucket("logs-0", logs).ensure()


def test_a_folder_without_flow_logs_is_no_bucket(logs):
    (logs / "AWSLogs/123456789012/CloudTrail/us-east-1").mkdir(parents=True)
    with pytest.raises(FlowLakeError, match=f"^{logs} holds no flow logs: there is no AWSLogs/<account>/vpcflowlogs/"):
        FolderBucket("logs-0", logs).ensure()


SEVERAL = [("111111111111", "eu-west-1"), ("111111111111", "eu-west-2"), ("222222222222", "eu-west-1")]
LISTING = "".join(f"\n  FLOWLAKE_ACCOUNT_ID={account} FLOWLAKE_REGION={region}" for account, region in SEVERAL)


@pytest.fixture
def several(logs: Path) -> Path:
    for account, region in SEVERAL:
        write_object(logs, DAY, [], account=account, region=region)
    return logs


def test_several_accounts_and_regions_are_listed_with_the_variables_that_choose(several):
    with pytest.raises(FlowLakeError) as error:
        FolderBucket("logs-0", several, Choice("111111111111")).sources().sources[0]
    assert str(error.value) == (
        f"{several} holds flow logs of several accounts or regions. Choose one by setting these variables, or several "
        "with commas between them, or all with FLOWLAKE_ACCOUNT_ID='*' FLOWLAKE_REGION='*':"
        + "".join(f"\n  FLOWLAKE_ACCOUNT_ID=111111111111 FLOWLAKE_REGION={region}" for _, region in SEVERAL[:2])
    )


def test_account_and_region_choose_among_several(several):
    assert FolderBucket("logs-0", several, Choice("222222222222")).sources().sources[0] == LogSource(
        "logs-0", *SEVERAL[2]
    )
    assert FolderBucket("logs-0", several, Choice(None, "eu-west-2")).sources().sources[0] == LogSource(
        "logs-0", *SEVERAL[1]
    )
    assert FolderBucket("logs-0", several, Choice(*SEVERAL[0])).sources().sources[0] == LogSource("logs-0", *SEVERAL[0])


def test_a_choice_that_is_not_there_is_an_error_with_the_list(several):
    with pytest.raises(FlowLakeError) as error:
        FolderBucket("logs-0", several, Choice(None, "us-east-1")).sources().sources[0]
    assert str(error.value) == (
        f"{several} holds no flow logs for FLOWLAKE_ACCOUNT_ID=(any) FLOWLAKE_REGION=us-east-1. It holds:{LISTING}"
    )


def test_the_days_that_hold_objects_are_known(logs):
    write_object(logs, NEXT_DAY, [])
    write_object(logs, DAY, [])
    write_object(logs, date(2021, 10, 1), []).rename(logs / SOURCE.day_prefix(date(2021, 10, 1)) / "_in_progress")
    (logs / SOURCE.day_prefix(date(2021, 11, 1))).mkdir(parents=True)
    (logs / SOURCE.prefix / "2021/13/45").mkdir(parents=True)
    (logs / SOURCE.prefix / "2021/13/45/x").write_text("")
    # As a copy of a bucket has it where DDL left markers of folders.
    (logs / SOURCE.day_prefix(date(2021, 11, 1)) / "00_$folder$").write_text("")
    assert FolderBucket("logs-0", logs).delivered_days() == [DAY, NEXT_DAY]


# The default bucket


@pytest.fixture
def simulated(tmp_path: Path) -> SimulatedBucket:
    return SimulatedBucket(tmp_path / "bucket", SOURCE)


def test_the_default_bucket_is_made_with_a_mark_that_says_so(simulated):
    assert simulated.ensure().facts == {
        "path": str(simulated.root),
        "whose": "123456789012 in us-east-1",
        "location": SOURCE.location,
    }
    mark = simulated.root / SimulatedBucket.MARK
    assert mark.read_text() == "Made by VPC Flow Lake: simulated flow logs of a VPC that does not exist.\n"


def test_a_default_bucket_that_a_killed_run_began_is_still_ours(simulated):
    (simulated.root / STAGING_FOLDER).mkdir(parents=True)
    simulated.ensure()
    assert (simulated.root / SimulatedBucket.MARK).exists()


def test_a_default_bucket_that_somebody_filled_is_read_and_never_written(simulated):
    write_object(simulated.root, DAY, [], account="999999999999", region="eu-west-1")
    before = files_in(simulated.root)
    flow_log = SimulatedFlowLog(simulated, SimulatedVpc(SOURCE))
    simulated.ensure()
    facts = flow_log.ensure().facts
    flow_log.deliver([DAY])
    assert simulated.sources().sources[0] == LogSource("simulated-bucket", "999999999999", "eu-west-1")
    assert facts == {"flow log": f"none: {simulated.root} holds files that are not ours, and is only read"}
    assert files_in(simulated.root) == before


def test_a_day_is_delivered_with_all_of_its_objects(simulated):
    vpc = SimulatedVpc(SOURCE)
    SimulatedFlowLog(simulated, vpc).deliver([DAY])
    assert [stored.key for stored in simulated.objects.list(SOURCE.prefix)] == vpc.object_keys(DAY)
    assert simulated.delivered_days() == [DAY]


def test_a_day_that_is_there_is_not_delivered_again(simulated):
    flow_log = SimulatedFlowLog(simulated, SimulatedVpc(SOURCE))
    flow_log.deliver([DAY])
    before = {path: path.stat().st_mtime_ns for path in simulated.root.rglob("*")}
    flow_log.deliver([DAY])
    assert {path: path.stat().st_mtime_ns for path in simulated.root.rglob("*")} == before


def test_an_object_that_is_missing_is_delivered_as_it_was(simulated):
    flow_log = SimulatedFlowLog(simulated, SimulatedVpc(SOURCE))
    flow_log.deliver([DAY])
    before = files_in(simulated.root)
    for key in list(visible(simulated.root))[::100]:
        (simulated.root / key).unlink()
    flow_log.deliver([DAY])
    assert files_in(simulated.root) == before


FOREIGN = {
    "another flow log": "{day}123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20210902T0005Z_00000001.log.gz",
    "a name of no flow log": "{day}notes.txt",
    "unpacked": "{unpacked}",
    "another account": "AWSLogs/999999999999/vpcflowlogs/us-east-1/2021/09/02/"
    "999999999999_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20210902T0005Z_00000001.log.gz",
    "another service": "AWSLogs/123456789012/CloudTrail/us-east-1/2021/09/02/a.json.gz",
    "behind a prefix": "mine/AWSLogs/999999999999/vpcflowlogs/us-east-1/2021/09/02/"
    "999999999999_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20210902T0005Z_00000001.log.gz",
}


def put_foreign(simulated: SimulatedBucket, kind: str) -> str:
    """Put a file that was not simulated where a day was; returns its key."""
    unpacked = SimulatedVpc(SOURCE).object_keys(DAY)[0].removesuffix(".gz")
    key = FOREIGN[kind].format(day=SOURCE.day_prefix(DAY), unpacked=unpacked)
    files(simulated.root, key)
    return key


@pytest.mark.parametrize("kind", FOREIGN)
def test_nothing_is_simulated_among_other_files(simulated, kind):
    flow_log = SimulatedFlowLog(simulated, SimulatedVpc(SOURCE))
    flow_log.deliver([DAY])
    key = put_foreign(simulated, kind)
    before = files_in(simulated.root)
    for refused in (simulated.ensure, lambda: flow_log.deliver([NEXT_DAY])):
        with pytest.raises(FlowLakeError, match=f"holds what that never delivered: {simulated.root}/{key}. Simulated"):
            refused()
    assert files_in(simulated.root) == before


@pytest.mark.parametrize("kind", ["another flow log", "a name of no flow log", "unpacked"])
def test_a_simulated_day_with_other_files_is_not_read(simulated, kind):
    SimulatedFlowLog(simulated, SimulatedVpc(SOURCE)).deliver([DAY])
    put_foreign(simulated, kind)
    unfit = simulated.unfit_days([DAY, NEXT_DAY])
    assert list(unfit) == [DAY]
    assert "is the bucket of the simulated VPC, and holds what that never delivered" in unfit[DAY]


def test_nothing_is_simulated_beside_logs_with_the_mark_alone(simulated):
    simulated.claim()
    write_object(simulated.root, DAY, [])
    before = files_in(simulated.root)
    with pytest.raises(FlowLakeError, match="holds what that never delivered"):
        SimulatedFlowLog(simulated, SimulatedVpc(SOURCE)).deliver([DAY])
    assert files_in(simulated.root) == before


@pytest.mark.parametrize("missing", [0, 1], ids=["a whole day", "a day that lacks an object"])
@pytest.mark.parametrize("content", [b"", b"theirs", gzip.compress(b"theirs"), bytes(2 << 20)], ids=range(4))
def test_an_object_of_a_simulated_name_with_other_bytes_is_told(simulated, missing, content):
    flow_log = SimulatedFlowLog(simulated, SimulatedVpc(SOURCE))
    flow_log.deliver([DAY])
    keys = SimulatedVpc(SOURCE).object_keys(DAY)
    (simulated.root / keys[7]).write_bytes(content)
    for key in keys[:missing]:
        (simulated.root / key).unlink()
    before = files_in(simulated.root)
    with pytest.raises(FlowLakeError, match=f"{simulated.root}/{keys[7]} is called as what the simulated VPC delivers"):
        flow_log.deliver([DAY])
    assert files_in(simulated.root) == before


def test_objects_of_other_settings_and_packings_are_simulated(simulated):
    SimulatedFlowLog(simulated, SimulatedVpc(SOURCE, "REJECT", 60)).deliver([DAY])
    packed_otherwise = simulated.root / SimulatedVpc(SOURCE).object_keys(DAY)[0]
    packed_otherwise.write_bytes(gzip.compress(gzip.decompress(packed_otherwise.read_bytes()), 1))
    before = files_in(simulated.root)
    SimulatedFlowLog(simulated, SimulatedVpc(SOURCE)).deliver([DAY])
    assert files_in(simulated.root) == before


def test_another_simulated_account_is_simulated(simulated):
    other = SimulatedVpc(LogSource("simulated-bucket", "210987654321", "eu-west-1"))
    SimulatedFlowLog(simulated, SimulatedVpc(SOURCE)).deliver([DAY])
    SimulatedFlowLog(SimulatedBucket(simulated.root, other.source), other).deliver([DAY])
    assert len(list(simulated.objects.list("AWSLogs/"))) == 2 * 288


def test_what_lies_outside_the_logs_is_nobodys_business(simulated):
    files(simulated.root, "README.md", "AWSLogs/.DS_Store")
    simulated.claim()
    SimulatedFlowLog(simulated, SimulatedVpc(SOURCE)).deliver([DAY])
    assert simulated.delivered_days() == [DAY]


def test_an_object_that_comes_while_a_day_is_delivered_is_kept(simulated, monkeypatch):
    key = SimulatedVpc(SOURCE).object_keys(DAY)[0]
    add = FolderStore.add

    def late(store, objects):
        files(simulated.root, key)
        add(store, objects)

    simulated.claim()
    monkeypatch.setattr(FolderStore, "add", late)
    SimulatedFlowLog(simulated, SimulatedVpc(SOURCE)).deliver([DAY])
    assert (simulated.root / key).read_bytes() == b"1"


# Logs that lie elsewhere

LAYOUT = "AWSLogs/123456789012/vpcflowlogs/us-east-1"


def in_folder(path: Path) -> Path:
    path.mkdir(parents=True)
    return path


@pytest.mark.parametrize("inside", ["AWSLogs", "AWSLogs/123456789012", LAYOUT, f"{LAYOUT}/2021/09/02"])
def test_a_folder_inside_the_layout_is_told_which_one_was_meant(tmp_path, inside):
    in_folder(tmp_path / f"logs/{LAYOUT}/2021/09/02")
    with pytest.raises(FlowLakeError, match=rf"It lies in one: name {tmp_path}/logs in LOGS=\.$"):
        FolderBucket("logs", tmp_path / "logs" / inside).sources().sources[0]


@pytest.mark.parametrize("prefix", ["a", "network/flow", "one/two/three"])
def test_logs_behind_the_only_prefix_are_found(tmp_path, prefix):
    in_folder(tmp_path / prefix / LAYOUT)
    expected = LogSource("logs", "123456789012", "us-east-1", f"{prefix}/AWSLogs/")
    assert FolderBucket("logs", tmp_path).sources().sources == (expected,)
    assert FolderBucket("logs", tmp_path, Choice(prefix=f"{prefix}/")).sources().sources == (expected,)


def test_logs_behind_several_prefixes_are_a_choice(tmp_path):
    for prefix in ("a", "b/c"):
        in_folder(tmp_path / prefix / LAYOUT)
    with pytest.raises(FlowLakeError, match=r"several prefixes.*\n  FLOWLAKE_PREFIX=a\n  FLOWLAKE_PREFIX=b/c$"):
        FolderBucket("logs", tmp_path).sources()
    (source,) = FolderBucket("logs", tmp_path, Choice(prefix="b/c/")).sources().sources
    assert source.root == "b/c/AWSLogs/"


def test_objects_without_the_layout_are_told_to_lack_their_day(tmp_path):
    name = "123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20210902T0005Z_00000001.log.gz"
    (in_folder(tmp_path / "here") / name).write_bytes(b"")
    with pytest.raises(FlowLakeError, match=f"{tmp_path}/here holds objects of a flow log, without the folders of"):
        FolderBucket("logs", tmp_path).sources().sources[0]


def test_hive_compatible_folders_beside_plain_ones_are_read_too(tmp_path):
    in_folder(tmp_path / LAYOUT)
    in_folder(tmp_path / "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1")
    bucket = FolderBucket("logs", tmp_path)
    assert bucket.ensure().warnings == ()
    assert [source.service for source in bucket.sources().sources] == ["", "aws-service"]


@pytest.mark.parametrize("prefix", ["old", "network/flow"])
def test_logs_behind_a_prefix_beside_others_are_warned_of(tmp_path, prefix):
    in_folder(tmp_path / LAYOUT)
    in_folder(tmp_path / prefix / LAYOUT)
    assert FolderBucket("logs", tmp_path).ensure().warnings == (
        f"{tmp_path} also holds flow logs behind another prefix ({prefix}/AWSLogs/): their records are in no report",
    )


def test_the_look_for_logs_elsewhere_ends_in_any_folder(tmp_path):
    for number in range(1_500):
        in_folder(tmp_path / f"{number}/{number}")
    (tmp_path / "round").symlink_to(tmp_path)
    with pytest.raises(FlowLakeError, match="holds no flow logs: there is no AWSLogs/<account>"):
        FolderBucket("logs", tmp_path).sources().sources[0]


# Days, and what lies in none


def test_a_day_of_other_files_is_none_where_flow_logs_lie_elsewhere(logs):
    write_object(logs, DAY, [])
    (in_folder(logs / SOURCE.day_prefix(NEXT_DAY)) / "README.txt").write_text("about")
    assert FolderBucket("logs-0", logs).delivered_days() == [DAY]


def test_days_of_other_files_alone_are_days(logs):
    (in_folder(logs / SOURCE.day_prefix(NEXT_DAY)) / "flows.log.gz").write_bytes(b"")
    assert FolderBucket("logs-0", logs).delivered_days() == [NEXT_DAY]


def test_a_day_below_another_folder_is_no_day(logs):
    write_object(logs, DAY, [])
    path = write_object(logs, NEXT_DAY, [])
    path.rename(in_folder(logs / SOURCE.prefix / "backup/2021/09/03") / path.name)
    assert FolderBucket("logs-0", logs).delivered_days() == [DAY]


@pytest.mark.parametrize(
    ("inside", "told"),
    [
        ("", "{name}"),
        ("2021", "2021/{name}"),
        ("2021/09", "2021/09/{name}"),
        ("2021/9/3", "2021/9/"),
        ("2021/09/3", "2021/09/3/"),
        ("2021/13/01", "2021/13/"),
        ("2021/02/30", "2021/02/30/"),
        ("backup/2021/09/03", "backup/"),
        ("21/09/03", "21/"),
    ],
)
def test_objects_in_no_days_folder_are_found(logs, inside, told):
    write_object(logs, DAY, [])
    path = write_object(logs, NEXT_DAY, [])
    folder = logs / SOURCE.prefix / inside
    folder.mkdir(parents=True, exist_ok=True)
    path.rename(folder / path.name)
    assert FolderBucket("logs-0", logs).objects_outside_days() == [SOURCE.prefix + told.format(name=path.name)]


def test_other_files_in_no_days_folder_are_nobodys_flow_logs(logs):
    write_object(logs, DAY, [])
    (in_folder(logs / SOURCE.prefix / "notes") / "README.txt").write_text("about")
    (logs / SOURCE.prefix / "2021" / ".DS_Store").write_text("")
    assert FolderBucket("logs-0", logs).objects_outside_days() == []


@pytest.mark.parametrize("folder", ["AWSLogs", "AWSLogs/123456789012", "AWSLogs/123456789012/vpcflowlogs"])
def test_a_folder_above_the_logs_that_may_not_be_read_is_told(logs, folder, monkeypatch):
    write_object(logs, DAY, [])
    scandir, stat = os.scandir, Path.stat

    def deny_below(path: Path, **options: bool) -> os.stat_result:
        if logs / folder in path.parents:
            raise PermissionError(13, "Permission denied")
        return stat(path, **options)

    def deny(path: Path) -> object:
        if str(path) == str(logs / folder):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", deny)
    monkeypatch.setattr(Path, "stat", deny_below)
    with pytest.raises(FlowLakeError, match=rf"^{logs / folder}[^ ]* cannot be read: Permission denied"):
        FolderBucket("logs", logs).sources().sources[0]
