"""Objects of flow logs beside the folders where they are read: each is warned of by name, and the look ends soon."""

from pathlib import Path

import pytest

from flowlogs.layout import LogSource
from resources.embedded.bucket import FolderBucket
from resources.embedded.stray_logs import MAX_FOLDERS_BELOW_EACH, find_stray_logs

ACCOUNT = "AWSLogs/123456789012"
SOURCES = [LogSource("logs", "123456789012", "us-east-1")]
NAME = "123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20210902T0005Z_00000001.log.gz"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A bucket with one object where it belongs."""
    put(tmp_path / f"{ACCOUNT}/vpcflowlogs/us-east-1/2021/09/02")
    return tmp_path


def put(folder: Path, name: str = NAME) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(b"")


@pytest.mark.parametrize(
    "beside",
    [
        f"{ACCOUNT}/vpcflowlogs/us-east-1 (1)/",
        f"{ACCOUNT}/vpcflowlogs/us-east-1.bak/",
        f"{ACCOUNT}/vpcflowlogs/US-EAST-1/",
        f"{ACCOUNT}/VPCFlowLogs/",
        "AWSLogs/123456789012 (1)/",
        "AWSLogs (1)/",
    ],
)
def test_logs_beside_their_own_folder_are_warned_of(root: Path, beside: str) -> None:
    put(root / beside / "2021/09/02")
    assert FolderBucket("logs", root).ensure().warnings == (
        f"{root} also holds objects of flow logs where none are read ({beside}): their records are in no report",
    )


@pytest.mark.parametrize(
    ("folder", "named"), [("", "its top folder"), ("AWSLogs", "AWSLogs/"), (ACCOUNT, f"{ACCOUNT}/")]
)
def test_objects_above_the_folders_of_regions_are_warned_of(root: Path, folder: str, named: str) -> None:
    put(root / folder)
    (warning,) = FolderBucket("logs", root).ensure().warnings
    assert f"where none are read ({named}): " in warning


def test_logs_behind_a_prefix_of_three_levels_are_warned_of(root: Path) -> None:
    put(root / f"a/b/c/{ACCOUNT}/vpcflowlogs/us-east-1/2021/09/02")
    assert FolderBucket("logs", root).ensure().warnings == (
        f"{root} also holds flow logs behind another prefix (a/b/c/AWSLogs/): their records are in no report",
    )


def test_many_stray_folders_are_one_warning(root: Path) -> None:
    for number in range(5):
        put(root / f"{ACCOUNT}/vpcflowlogs/copy {number}/2021/09/02")
    (warning,) = FolderBucket("logs", root).ensure().warnings
    assert f"({ACCOUNT}/vpcflowlogs/copy 0/, " in warning and " and 2 more)" in warning


@pytest.mark.parametrize("name", ["notes.txt", "210987654321_CloudTrail_us-east-1_20210902T0005Z_a.json.gz"])
def test_what_is_no_object_of_a_flow_log_is_not_warned_of(root: Path, name: str) -> None:
    put(root / f"{ACCOUNT}/CloudTrail/us-east-1/2021/09/02", name)
    assert FolderBucket("logs", root).ensure().warnings == ()


@pytest.mark.parametrize("folder", ["_old", ".trash"])
def test_what_is_hidden_is_not_warned_of(root: Path, folder: str) -> None:
    put(root / folder)
    assert FolderBucket("logs", root).ensure().warnings == ()


@pytest.mark.parametrize("target", [".", "AWSLogs", f"{ACCOUNT}/vpcflowlogs/us-east-1", ".."])
def test_a_link_to_what_is_read_is_not_warned_of(root: Path, target: str) -> None:
    (root / ACCOUNT / "vpcflowlogs/link").symlink_to(root / target)
    assert FolderBucket("logs", root).ensure().warnings == ()


def test_a_link_to_logs_elsewhere_is_warned_of(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    put(elsewhere / "2021/09/02")
    (root / ACCOUNT / "vpcflowlogs/link").symlink_to(elsewhere)
    assert find_stray_logs(root, SOURCES) == ([f"{ACCOUNT}/vpcflowlogs/link/"], [])


def test_the_look_ends_in_a_folder_of_many_others(root: Path) -> None:
    for number in range(MAX_FOLDERS_BELOW_EACH):
        (root / f"many/{number}").mkdir(parents=True)
    put(root / "many/zz")
    put(root / "other")
    stray, _ = find_stray_logs(root, SOURCES)
    assert "other/" in stray
