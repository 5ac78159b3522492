"""A folder as a bucket, a folder as a place for results, and the simulated deliveries into the default bucket."""

import fcntl
import resource
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
from resources.bucket import StoredObject
from resources.embedded.folder_bucket import STAGED, FolderBucket, FolderStore, SimulatedBucket
from resources.embedded.simulated_flow_log import SimulatedFlowLog
from resources.embedded.simulated_vpc import SimulatedVpc

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
    assert (store.location("a/b"), store.location()) == ("s3://results/a/b", "s3://results/")
    assert store.uri("a/b") == f"{store.root}/a/b"


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


def test_an_object_that_vanishes_while_the_list_is_made_is_left_out(store, monkeypatch):
    store.replace({"a/1": b"1", "a/2": b"2"})
    stat = Path.stat

    def stat_of_what_is_left(path: Path, **options: bool) -> object:
        if path.name == "1":
            path.unlink(missing_ok=True)
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", stat_of_what_is_left)
    assert list(store.list("a/")) == [StoredObject("a/2", 1)]


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
    with store.adding() as folder:
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
        with store.adding() as folder:
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
    with full_disk(1_000), refused, store.adding() as folder:
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
    with store.adding() as first:
        (first / "1").write_bytes(b"1")
        with store.adding() as second:
            (second / "2").write_bytes(b"2")
        store.replace({"3": b"3"})
        assert visible(store.root) == {"2": b"2", "3": b"3"}
        assert [path.name for path in first.iterdir()] == ["1"]
    assert visible(store.root) == {"1": b"1", "2": b"2", "3": b"3"}
    assert not (store.root / STAGED).exists()


def test_what_a_writer_without_a_lock_left_is_thrown_away_and_a_locked_folder_is_not(store):
    staged = store.root / STAGED
    for name in ("living", "dead", "without-lock"):
        (staged / name / "a").mkdir(parents=True)
        (staged / name / "a/1").write_bytes(b"half")
    for name in ("living", "dead"):
        (staged / f"{name}.lock").touch()
    with (staged / "living.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        store.replace({"b": b"1"})
        assert sorted(path.name for path in staged.iterdir()) == ["living", "living.lock"]
        assert (staged / "living/a/1").read_bytes() == b"half"
    store.replace({"b": b"2"})
    assert not staged.exists()
    assert visible(store.root) == {"b": b"2"}


ADDER = """
import sys, time
from pathlib import Path
from resources.embedded.folder_bucket import FolderStore
with FolderStore(Path(sys.argv[1]), "FLOWLAKE_RESULTS", "results").adding() as folder:
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
    assert len(list((store.root / STAGED).iterdir())) == 2
    assert living.communicate("\n")[0] == ""
    assert living.returncode == 0
    assert visible(store.root) == {"a": b"1", "half": b"half"}
    assert not (store.root / STAGED).exists()


def test_what_a_killed_writer_left_is_gone_after_the_next_write(store):
    store.replace({"a": b"1"})
    clean = files_in(store.root)
    (store.root / STAGED).mkdir()
    (store.root / STAGED / "0").write_bytes(b"half of wh")
    store.replace({"a": b"1"})
    assert files_in(store.root) == clean


WRITER = """
import sys
from pathlib import Path
from resources.embedded.folder_bucket import FolderStore
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
        "account": "111111111111",
        "region": "eu-west-2",
        "read as": "s3://logs-0/AWSLogs/111111111111/vpcflowlogs/eu-west-2/",
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
        FolderBucket("logs-0", several, account="111111111111").source()
    assert str(error.value) == (
        f"{several} holds flow logs of several accounts or regions. Choose one by setting these variables:{LISTING}"
    )


def test_account_and_region_choose_among_several(several):
    assert FolderBucket("logs-0", several, "222222222222").source() == LogSource("logs-0", *SEVERAL[2])
    assert FolderBucket("logs-0", several, None, "eu-west-2").source() == LogSource("logs-0", *SEVERAL[1])
    assert FolderBucket("logs-0", several, *SEVERAL[0]).source() == LogSource("logs-0", *SEVERAL[0])


def test_a_choice_that_is_not_there_is_an_error_with_the_list(several):
    with pytest.raises(FlowLakeError) as error:
        FolderBucket("logs-0", several, region="us-east-1").source()
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
    assert FolderBucket("logs-0", logs).delivered_days() == [DAY, NEXT_DAY]


# The default bucket


@pytest.fixture
def simulated(tmp_path: Path) -> SimulatedBucket:
    return SimulatedBucket(tmp_path / "bucket", SOURCE)


def test_the_default_bucket_is_made_with_a_mark_that_says_so(simulated):
    assert simulated.ensure().facts == {
        "path": str(simulated.root),
        "account": "123456789012",
        "region": "us-east-1",
        "read as": SOURCE.location,
    }
    mark = simulated.root / SimulatedBucket.MARK
    assert mark.read_text() == "Made by VPC Flow Lake: simulated flow logs of a VPC that does not exist.\n"


def test_a_default_bucket_that_a_killed_run_began_is_still_ours(simulated):
    (simulated.root / STAGED).mkdir(parents=True)
    simulated.ensure()
    assert (simulated.root / SimulatedBucket.MARK).exists()


def test_a_default_bucket_that_somebody_filled_is_read_and_never_written(simulated):
    write_object(simulated.root, DAY, [], account="999999999999", region="eu-west-1")
    before = files_in(simulated.root)
    flow_log = SimulatedFlowLog(simulated, SimulatedVpc(SOURCE))
    simulated.ensure()
    facts = flow_log.ensure().facts
    flow_log.deliver([DAY])
    assert simulated.source() == LogSource("simulated-bucket", "999999999999", "eu-west-1")
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
