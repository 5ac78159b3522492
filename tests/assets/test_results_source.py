"""Whose a place of results is: what somebody else keeps there is refused by name, and never written over."""

import shutil
from collections.abc import Mapping

import pytest
from lake import Lake, failure
from support import DAY, NEXT_DAY, SMALL_TOP, files_in, report_rows, with_day

from assets.results_source import SOURCE_RECORD
from resources.embedded.folder_store import FolderStore

OTHERS = ["reports/top_rejected_pairs/2021-09-02.csv", "reports/mine.txt", "datasets/a.parquet", "source/a.txt"]


def put_other(lake: Lake, key: str) -> None:
    """Put a file of somebody else's where the results are."""
    (lake.results / key).parent.mkdir(parents=True, exist_ok=True)
    (lake.results / key).write_text("theirs")


@pytest.mark.parametrize("key", OTHERS)
def test_a_place_with_other_files_is_not_claimed(lake, key):
    put_other(lake, key)
    asset, words = failure(lake.run(DAY))
    assert asset == "vpc_flow_logs"
    assert words.startswith(f"{lake.results}/{key} lies where this project keeps its own files, and nothing says that")
    assert sorted(files_in(lake.results)) == [key]


def test_a_place_with_other_files_is_claimed_by_the_note_alone(lake):
    put_other(lake, OTHERS[0])
    lines = failure(lake.run(DAY))[1].splitlines()[-2:]
    put_other(lake, SOURCE_RECORD)
    (lake.results / SOURCE_RECORD).write_text("\n".join(lines))
    assert lake.run(DAY).success
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_results_of_older_versions_are_known_by_their_table(lake):
    lake.run(DAY)
    shutil.rmtree(lake.results / "source")
    assert lake.run(NEXT_DAY).success
    assert (lake.results / SOURCE_RECORD).exists()


@pytest.mark.parametrize("key", ["reports/.DS_Store", "notes/a.txt"])
def test_files_that_nothing_of_ours_is_called_like_may_lie_there(lake, key):
    put_other(lake, key)
    assert lake.run(DAY).success
    assert (lake.results / key).read_text() == "theirs"


def test_of_two_sources_that_claim_a_place_at_once_one_does(lake, monkeypatch):
    add, note = FolderStore.add, "s3://another/AWSLogs/210987654321/vpcflowlogs/eu-west-1/\nembedded\n"

    def second(store: FolderStore, objects: Mapping[str, bytes]) -> None:
        put_other(lake, SOURCE_RECORD)
        (lake.results / SOURCE_RECORD).write_text(note)
        add(store, objects)

    monkeypatch.setattr(FolderStore, "add", second)
    asset, words = failure(lake.run(DAY))
    assert asset == "vpc_flow_logs"
    assert words.startswith(f"The results in {lake.results} were made from the flow logs in s3://another/")
    assert (lake.results / SOURCE_RECORD).read_text() == note


def test_a_note_cannot_command_the_terminal(lake):
    lake.run(DAY)
    (lake.results / SOURCE_RECORD).write_text("s3://a/\x1b[2J\nb\x1b[2J\n")
    assert "\x1b" not in failure(lake.run(DAY))[1]
