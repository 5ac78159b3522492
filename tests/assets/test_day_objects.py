"""What a run says of a day's objects before it reads them, and what it never takes for an empty day."""

import gzip
import os
import re
import shutil
from datetime import date, datetime, timezone
from pathlib import Path

import dagster as dg
import pytest
from lake import DAILY, Lake, failure, metadata
from support import (
    DAY,
    FEW_PACKETS,
    FEW_REPORTS,
    MANY_PACKETS,
    NEXT_DAY,
    PING,
    SMALL_TOP,
    files_in,
    on_day,
    report_rows,
    with_day,
    write_object,
)

import assets.object_looks
from assets.datasets import partition_swap
from assets.day_objects import (
    INSPECTED_PER_FLOW_LOG,
    MAX_OTHER_FILES,
    DayObjects,
    days_read,
    inspect_days,
    listing_warnings,
)
from assets.results_source import SOURCE_RECORD
from flowlogs.errors import FlowLakeError
from flowlogs.fields import HEADER_LINE
from resources.bucket import StoredObject
from resources.embedded.folder_store import FolderStore
from resources.engine import QueryError, QueryResult, ScanLimitError

LAST_DAY = date(2021, 9, 4)
FOLDER = "AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/02"
OTHER_FLOW_LOG = "123456789012_vpcflowlogs_us-east-1_fl-0fedcba9876543210_20210902T0005Z_00000000.log.gz"
SWAPPED = HEADER_LINE.replace("packets bytes", "bytes packets")
NO_ACTION = HEADER_LINE.replace(" action", "")
NO_ACTION_WORDS = "is of a flow log without the field action, so that nobody can tell which of its flows were rejected."


def put(lake: Lake, name: str, *lines: str) -> Path:
    """A file in DAY's folder, of these lines, packed if it is called so."""
    path = lake.logs / FOLDER / name
    text = "".join(f"{line}\n" for line in lines).encode()
    path.write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    return path


def warnings(lake: Lake, result: dg.ExecuteInProcessResult) -> list[str]:
    return list(dict.fromkeys(lake.messages(result, level=30)))


def checks(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    return {check.check_name: check.passed for check in result.get_asset_check_evaluations()}


# A day that cannot be read as it is


def test_a_flow_log_without_an_action_fails_the_day_and_names_the_object(lake):
    path = put(lake, OTHER_FLOW_LOG, NO_ACTION, FEW_PACKETS)
    asset, words = failure(lake.run(DAY))
    assert asset == "vpc_flow_logs_partition"
    assert words == (
        f"{path} {NO_ACTION_WORDS} Have a flow log with ${{action}} in its format deliver to another bucket or prefix, "
        f"or move these away. Its first line is: {NO_ACTION}"
    )
    assert lake.target.athena.partition_locations(lake.target.table, [DAY]) == {}


def test_a_day_that_became_unreadable_keeps_its_rejected_flows_and_reports(lake):
    assert lake.run(DAY).success
    before = lake.without_cleanup_markers()
    path = put(lake, OTHER_FLOW_LOG, NO_ACTION, FEW_PACKETS)
    asset, words = failure(lake.run(DAY, assets=["rejected_flows"]))
    assert asset == "daily_datasets"
    assert words.startswith(f"{path} {NO_ACTION_WORDS}")
    assert lake.without_cleanup_markers() == before


def test_of_a_range_the_days_that_can_be_read_are_added_and_told_in_the_history(lake):
    path = put(lake, OTHER_FLOW_LOG, NO_ACTION, FEW_PACKETS)
    lake.run(NEXT_DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    result = lake.run(DAY, LAST_DAY, DAILY[:1])
    asset, words = failure(result)
    assert words.startswith(f"{path} is of a flow log")
    assert words.endswith(f"\nNot done: {DAY}. Done: 2 other days. Run again for the days not done.")
    assert list(lake.target.athena.partition_locations(lake.target.table, [DAY, NEXT_DAY, LAST_DAY])) == [
        NEXT_DAY,
        LAST_DAY,
    ]
    assert sorted(metadata(result, asset)) == [str(NEXT_DAY), str(LAST_DAY)]


def test_more_files_that_are_no_objects_than_are_looked_at_fail_the_day(lake):
    for number in range(MAX_OTHER_FILES + 1):
        put(lake, f"note-{number}.txt", "x")
    assert failure(lake.run(DAY))[1].startswith(
        f"{MAX_OTHER_FILES + 1} files of {DAY} are no objects of a flow log, as "
    )


def test_many_causes_are_told_by_the_first_few(lake):
    days = [date(2021, 10, number) for number in range(1, 8)]
    for day in days:
        path = write_object(lake.logs, day, [])
        path.write_bytes(gzip.compress(f"{NO_ACTION}\n".encode()))
    words = failure(lake.run(days[0], days[-1]))[1]
    assert words.count(NO_ACTION_WORDS) == 3
    assert (
        "\nOther days failed likewise: 4.\nNot done: 7 days from 2021-10-01 to 2021-10-07. Done: no other day." in words
    )


# What people should know of a day that can be read


@pytest.mark.parametrize(
    ("name", "lines", "words"),
    [
        ("desktop.ini", ["[x]"], "desktop.ini is no object of a flow log."),
        ("all.log", [HEADER_LINE], "all.log is not called as an object of a flow log is, but reads like one."),
        (OTHER_FLOW_LOG, [HEADER_LINE, "2 x"], "No report counts them. The first one is: 2 x"),
        (OTHER_FLOW_LOG, [HEADER_LINE, PING], "both tell of eni-0b on 2021-09-02, so that its records count twice"),
        (OTHER_FLOW_LOG.replace(".gz", ".gz.part"), [HEADER_LINE], "is not called as an object of a flow log is"),
    ],
)
def test_a_warning_names_the_object_and_the_reports_are_made(lake, name, lines, words):
    put(lake, name, *lines)
    result = lake.run(DAY)
    assert result.success
    (told,) = warnings(lake, result)
    assert words in told
    assert checks(result)["objects_understood"] is False


def test_an_object_that_is_there_packed_and_unpacked_is_told_to_count_twice(lake):
    (packed, _) = sorted((lake.logs / FOLDER).iterdir())
    unpacked = packed.with_suffix("")
    unpacked.write_bytes(gzip.decompress(packed.read_bytes()))
    (told,) = warnings(lake, lake.run(DAY))
    assert told == (
        f"Some objects are there twice, so that their records count twice: {unpacked}, {packed}. Remove one of each, "
        "and run again."
    )


def test_an_object_in_a_folder_of_its_own_below_the_day_is_told_to_count_twice(lake):
    first = sorted((lake.logs / FOLDER).iterdir())[0]
    (lake.logs / FOLDER / "backup").mkdir()
    shutil.copy(first, lake.logs / FOLDER / "backup" / first.name)
    assert "Some objects are there twice" in "".join(warnings(lake, lake.run(DAY)))


def test_objects_of_another_day_are_told(lake):
    shutil.copytree(lake.logs / FOLDER, lake.logs / FOLDER.replace("2021/09/02", "2021/10/09"))
    (told,) = warnings(lake, lake.run(date(2021, 10, 9)))
    assert told.startswith(
        "Some objects are called as those of another day than 2021-10-09, in whose folder they lie: "
    )


def object_of(lake: Lake, window: str, folder: date, record: str = FEW_PACKETS) -> Path:
    """An object that is called as one of this window (20210902T2355), in a day's folder."""
    own = date.fromisoformat(f"{window[:4]}-{window[4:6]}-{window[6:8]}")
    path = write_object(lake.logs, folder, [on_day(record, own)])
    return path.rename(path.with_name(re.sub(r"\d{8}T\d{4}", window, path.name)))


def test_a_copy_of_all_objects_of_the_day_before_is_told(lake):
    shutil.copytree(lake.logs / FOLDER, lake.logs / FOLDER.replace("2021/09/02", "2021/09/03"), dirs_exist_ok=True)
    (told,) = warnings(lake, lake.run(NEXT_DAY))
    assert told.startswith(f"Some objects are called as those of another day than {NEXT_DAY}, in whose folder they lie")


def test_a_hard_link_to_an_object_of_the_next_day_is_told(lake):
    record = on_day(MANY_PACKETS.replace("eni-0a", "eni-0z"), NEXT_DAY)
    path = write_object(lake.logs, NEXT_DAY, [record], number=12)
    link = lake.logs / FOLDER / path.name
    link.hardlink_to(path)
    (told,) = warnings(lake, lake.run(DAY))
    assert told.startswith(f"Some objects are called as those of another day than {DAY}, in whose folder they lie")


def test_links_of_two_days_to_one_object_outside_are_told_on_the_day_it_is_not_of(lake, tmp_path):
    path = write_object(tmp_path / "outside", DAY, [MANY_PACKETS.replace("eni-0a", "eni-0z")], number=12)
    for day in (DAY, NEXT_DAY):
        (lake.logs / FOLDER.replace("2021/09/02", f"{day:%Y/%m/%d}") / path.name).symlink_to(path)
    assert warnings(lake, lake.run(DAY)) == []
    (told,) = warnings(lake, lake.run(NEXT_DAY))
    assert told.startswith(f"Some objects are called as those of another day than {NEXT_DAY}, in whose folder they lie")


@pytest.mark.parametrize("window", ["20210901T2350", "20210901T2355", "20210903T0000", "20210903T0015"])
def test_a_delivery_at_midnight_in_the_folder_beside_is_nothing_to_tell(lake, window):
    object_of(lake, window, DAY, MANY_PACKETS.replace("eni-0a", "eni-0z"))
    assert warnings(lake, lake.run(DAY)) == []


@pytest.mark.parametrize("window", ["20210901T2345", "20210903T0020"])
def test_an_object_away_from_midnight_in_the_folder_beside_is_told(lake, window):
    path = object_of(lake, window, DAY, MANY_PACKETS.replace("eni-0a", "eni-0z"))
    (told,) = warnings(lake, lake.run(DAY))
    assert told == (
        f"Some objects are called as those of another day than {DAY}, in whose folder they lie: {path}. Their records "
        f"are counted on {DAY}."
    )


@pytest.mark.parametrize(("window", "own"), [("20210902T2355", DAY), ("20210904T0000", LAST_DAY)])
def test_an_object_of_midnight_in_both_days_folders_is_told(lake, window, own):
    copy = object_of(lake, window, NEXT_DAY)
    shutil.copy(copy, object_of(lake, window, own))
    (told,) = warnings(lake, lake.run(NEXT_DAY))
    assert told == (
        f"Some objects of {NEXT_DAY} are there on {own}, too, so that their records count on both days: {copy}. Remove "
        "them from one of the two folders, and run again."
    )


def test_a_file_in_the_place_of_a_days_folder_fails_the_day_by_name(lake):
    path = lake.logs / FOLDER.replace("09/02", "09/05")
    path.write_text("x")
    assert failure(lake.run(date(2021, 9, 5)))[1] == (
        f"{path} is a file, where a folder belongs. Move it away, then run again."
    )


def test_the_warnings_come_again_where_rejected_flows_alone_are_made(lake):
    put(lake, "desktop.ini", "[x]")
    lake.run(DAY)
    (told,) = warnings(lake, lake.run(DAY, assets=["rejected_flows"]))
    assert "desktop.ini is no object of a flow log." in told


def test_objects_that_athena_passes_over_are_told(lake, monkeypatch):
    listed = FolderStore.list

    def archived(self, prefix):
        for stored in listed(self, prefix):
            yield StoredObject(stored.key, stored.size, archived=stored.key.startswith(FOLDER))

    monkeypatch.setattr(FolderStore, "list", archived)
    found = inspect_days(lake.target.bucket, [DAY])[DAY]
    assert found.problem is None
    (told,) = found.warnings
    assert told.startswith(f"2 objects of {DAY} are in a Glacier class, and Athena passes over them without a word: ")


def test_what_is_in_an_archive_is_not_scanned():
    objects = {"a": StoredObject("a", 7), "b": StoredObject("b", 1_000, archived=True)}
    assert DayObjects(objects).size == 7


def test_a_few_objects_of_each_flow_log_are_looked_at(lake, monkeypatch):
    for number in range(20):
        write_object(lake.logs, DAY, [FEW_PACKETS] * number, number=number)
    looked, head = [], FolderStore.head
    monkeypatch.setattr(FolderStore, "head", lambda self, key, size: looked.append(key) or head(self, key, size))
    inspect_days(lake.target.bucket, [DAY])
    every = sorted(path.name for path in (lake.logs / FOLDER).iterdir())
    assert len(looked) == INSPECTED_PER_FLOW_LOG
    assert [looked[0].rpartition("/")[2], looked[-1].rpartition("/")[2]] == [every[0], every[-1]]


# What the scan finds in objects that were not looked at


def unseen(lake: Lake, *lines: str) -> Path:
    """An object of these lines among so many that it is none of those that are looked at."""
    for number in range(2, 20):
        write_object(lake.logs, DAY, [], number=number)
    path = write_object(lake.logs, DAY, [], number=3)
    path.write_bytes(gzip.compress("".join(f"{line}\n" for line in lines).encode()))
    return path


def test_an_object_that_the_scan_finds_without_a_header_fails_its_day_alone(lake):
    lake.run(DAY, NEXT_DAY)
    before = lake.without_cleanup_markers()
    path = unseen(lake, FEW_PACKETS, MANY_PACKETS)
    asset, words = failure(lake.run(DAY, NEXT_DAY, DAILY))
    assert asset == FEW_REPORTS[0]
    assert words.startswith(f"{path} has no header line. Athena passes over the first line of each object")
    assert f"\nNot done: {DAY}. Done: 1 other day." in words
    after = lake.without_cleanup_markers()
    assert {key: before[key] for key in before if str(DAY) in key} == {
        key: after[key] for key in after if str(DAY) in key
    }
    assert not {key for key in before if key.startswith("datasets/") and str(NEXT_DAY) in key} & set(after)


def test_an_object_that_the_scan_finds_to_be_of_two_formats_fails_its_day(lake):
    path = unseen(lake, HEADER_LINE, FEW_PACKETS, SWAPPED, MANY_PACKETS)
    asset, words = failure(lake.run(DAY))
    assert asset == "daily_datasets"
    assert words == (
        f"{path} holds another header line below its first one, as a file does that was joined from several. The "
        "records after that line would be read by position, as those before it. Take the file apart. The line is: "
        f"{SWAPPED}"
    )
    assert not (lake.results / "reports").exists()


@pytest.mark.parametrize("data", [b"", gzip.compress(b"")], ids=["no byte", "no text"])
def test_an_empty_object_that_is_not_looked_at_is_a_warning(lake, data):
    path = unseen(lake)
    path.write_bytes(data)
    result = lake.run(DAY)
    assert result.success
    (told,) = [words for words in warnings(lake, result) if "without a line" in words]
    assert told.startswith(f"Objects without a line, not even a header: {path}.")


def test_names_in_place_of_addresses_that_are_not_looked_at_are_a_warning(lake):
    path = unseen(lake, HEADER_LINE, FEW_PACKETS.replace("203.0.113.9", "host-a"))
    result = lake.run(DAY)
    (told,) = [words for words in warnings(lake, result) if "number or address" in words]
    assert str(path) in told


def test_copies_that_are_not_looked_at_are_a_warning(lake):
    path = unseen(lake, HEADER_LINE, MANY_PACKETS.replace("eni-0a", "eni-0z"))
    text = gzip.decompress(path.read_bytes())
    copy = path.with_name(path.name.replace("_00000003.", "_0badcafe."))
    copy.write_bytes(gzip.compress(text) + gzip.compress(b""))  # whose end tells no size
    result = lake.run(DAY)
    (told,) = [words for words in warnings(lake, result) if "same records" in words]
    assert told.startswith("Some objects hold the same records under different names")
    assert str(path) in told and str(copy) in told


@pytest.mark.parametrize("name", [".syncthing.{}.tmp", ".in.{}.", "_old/{}", ".unison.{}.2f1c.unison.tmp"])
def test_an_object_that_is_hidden_by_any_name_is_told(lake, name):
    path = write_object(lake.logs, DAY, [MANY_PACKETS], number=9)
    hidden = path.parent / name.format(path.name)
    hidden.parent.mkdir(exist_ok=True)
    path.rename(hidden)
    (told,) = warnings(lake, lake.run(DAY))
    assert told.startswith(f"Athena passes over names that begin with a dot or an underscore: {hidden}.")


def test_a_link_to_a_hidden_file_in_the_days_folder_is_read(lake):
    path = next((lake.logs / FOLDER).iterdir())
    (path.parent / ".store").mkdir()
    target = path.rename(path.parent / ".store" / "ab12")
    path.symlink_to(target)
    assert lake.run(DAY).success
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_a_day_with_fewer_objects_is_kept_also_where_another_database_read_it(lake, tmp_path, instance):
    assert lake.run(DAY).success
    before = files_in(lake.results / "reports")
    next((lake.logs / FOLDER).iterdir()).unlink()
    other = Lake(lake.logs, tmp_path, instance, database="other")
    asset, words = failure(other.run(DAY))
    assert asset == "daily_datasets"
    assert words.startswith(f"Logs of {DAY} are gone: of 2 objects that an earlier run read, 1 are left")
    assert files_in(lake.results / "reports") == before


def test_an_odd_record_that_the_scan_finds_is_a_warning(lake):
    path = unseen(lake, HEADER_LINE, FEW_PACKETS.replace("REJECT", "DROP"))
    result = lake.run(DAY)
    assert result.success
    (told,) = [words for words in warnings(lake, result) if "Records whose action" in words]
    assert f"Records whose action is none of ACCEPT, REJECT and - are in {path}. No report counts them." in told


def test_two_files_in_one_are_a_warning_that_is_given_once(lake):
    path = put(lake, OTHER_FLOW_LOG, HEADER_LINE, HEADER_LINE)
    result = lake.run(DAY)
    assert result.success
    assert [words for words in warnings(lake, result) if "header line" in words] == [
        "The header line comes again below the first line, as in a file that was joined from several: in "
        f"{path}. To Athena it is a record, of names and NULLs, or a part of the record in front of it."
    ]


# What is told after a query, by the listing of the days that it read


def listed(lake: Lake, condition: str) -> list[str]:
    result = lake.target.athena.execute(f"SELECT count(*) FROM vpc_flow_logs WHERE {condition}")
    return told_of_days(lake, result)


def told_of_days(lake: Lake, result: QueryResult) -> list[str]:
    return listing_warnings(lake.target.bucket, days_read(lake.target.bucket, result.locations))


def findings(lake: Lake) -> list[str]:
    """Objects in NEXT_DAY's folder that are hidden, there twice and of another day; how their warnings begin."""
    folder = lake.logs / FOLDER.replace("09/02", "09/03")
    own = next(folder.iterdir())
    (folder / "backup").mkdir()
    shutil.copy(own, folder / "backup")
    shutil.copy(own, folder / f".{own.name.replace('T0005Z', 'T0010Z')}.Xy12Zw")
    shutil.copy(own, folder / own.name.replace("20210903T0005Z_00000000", "20210902T1200Z_00000001"))
    return [
        "Athena passes over names that begin with a dot or an underscore: ",
        f"Some objects are called as those of another day than {NEXT_DAY}, in whose folder they lie: ",
        "Some objects are there twice, so that their records count twice: ",
    ]


def test_after_a_query_what_the_listing_shows_is_told(lake):
    lake.run(DAY, NEXT_DAY)
    words = findings(lake)
    told = listed(lake, f"dt = '{NEXT_DAY}'")
    assert [found.startswith(beginning) for found, beginning in zip(told, words, strict=True)] == [True] * 3


def test_after_a_query_other_days_are_not_told_of(lake):
    lake.run(DAY, NEXT_DAY)
    findings(lake)
    assert listed(lake, f"dt = '{DAY}'") == []


def test_after_a_query_days_that_share_a_folder_are_told(lake):
    lake.run(DAY, NEXT_DAY)
    folder = lake.logs / FOLDER.replace("09/02", "09/03")
    shutil.rmtree(folder)
    folder.symlink_to(lake.logs / FOLDER)
    assert " has objects in common with the folder of " in listed(lake, f"dt = '{NEXT_DAY}'")[0]


def test_after_a_query_no_object_is_read_for_what_is_told(lake, monkeypatch):
    lake.run(DAY, NEXT_DAY)
    findings(lake)
    result = lake.target.athena.execute("SELECT count(*) FROM vpc_flow_logs")
    monkeypatch.setattr(FolderStore, "open", None)
    assert len(told_of_days(lake, result)) == 3


def test_after_a_query_of_rejected_flows_no_day_is_listed(lake):
    lake.run(DAY, NEXT_DAY)
    findings(lake)
    result = lake.target.athena.execute("SELECT count(*) FROM rejected_flows")
    assert told_of_days(lake, result) == []


# Never an empty day


@pytest.mark.parametrize("what", ["the folder", "an object"])
def test_objects_that_vanish_before_they_are_read_fail_the_day_and_no_other(lake, what):
    lake.run(DAY, NEXT_DAY)
    before = files_in(lake.results / "reports")
    engine = lake.watch()
    gone = lake.logs / FOLDER if what == "the folder" else sorted((lake.logs / FOLDER).iterdir())[0]

    def vanish(text: str) -> None:
        if text.startswith("UNLOAD") and gone.exists():
            shutil.rmtree(gone) if gone.is_dir() else gone.unlink()

    engine.before = vanish
    asset, words = failure(lake.run(DAY, NEXT_DAY, DAILY))
    assert asset == FEW_REPORTS[0]
    assert words.startswith(f"Objects of {DAY} came, went or changed while they were read: {lake.logs}/{FOLDER}/")
    assert words.endswith(f"\nNot done: {DAY}. Done: 1 other day. Run again for the days not done.")
    assert files_in(lake.results / "reports") == before
    lake.run(DAY, NEXT_DAY, ["top_rejected_pairs"])
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


@pytest.mark.parametrize("how", ["written", "renamed"])
def test_an_object_that_is_replaced_by_one_of_its_size_fails_the_day(lake, how):
    lake.run(DAY)
    before = lake.without_cleanup_markers()
    engine = lake.watch()
    path = sorted((lake.logs / FOLDER).iterdir())[0]
    facts, data = path.stat(), path.read_bytes()

    def replace(text: str) -> None:
        if text.startswith("UNLOAD"):
            other = path if how == "written" else path.with_name(".other")
            other.write_bytes(data)
            os.utime(other, ns=(facts.st_atime_ns, facts.st_mtime_ns))
            other.replace(path)

    engine.after = replace
    asset, words = failure(lake.run(DAY, assets=DAILY))
    assert asset == "daily_datasets"
    assert words.startswith(f"Objects of {DAY} came, went or changed while they were read: {path}. ")
    assert lake.without_cleanup_markers() == before


def test_an_object_that_arrives_between_the_scan_and_the_reports_is_told(lake):
    engine = lake.watch()
    moved = "ALTER TABLE `vpc_flow_lake`.`rejected_flows`"
    engine.after = lambda text: text.startswith(moved) and write_object(lake.logs, DAY, [PING], number=7)
    result = lake.run(DAY)
    assert result.success
    told = warnings(lake, result)
    assert [words[:80] for words in told] == [
        f"Objects of {DAY} arrived or changed after they were read for rejected_flows: 2 objects of "[:80]
    ]


def test_a_day_whose_logs_are_gone_keeps_what_was_read_of_it(lake):
    lake.run(DAY)
    before = lake.without_cleanup_markers()
    shutil.rmtree(lake.logs / FOLDER)
    asset, words = failure(lake.run(DAY, assets=DAILY))
    assert asset == "daily_datasets"
    assert words.startswith(
        f"Logs of {DAY} are gone: of 2 objects that an earlier run read, 0 are left in {lake.logs}/{FOLDER} that "
        "Athena reads. What was read is kept."
    )
    assert lake.without_cleanup_markers() == before


def test_a_day_that_lost_an_object_keeps_what_was_read_of_it_until_told_otherwise(lake):
    lake.run(DAY)
    before = lake.without_cleanup_markers()
    sorted((lake.logs / FOLDER).iterdir())[0].unlink()
    asset, words = failure(lake.run(DAY, assets=DAILY))
    assert asset == "daily_datasets"
    assert words.startswith(f"Logs of {DAY} are gone: of 2 objects that an earlier run read, 1 are left in ")
    assert lake.without_cleanup_markers() == before
    for key in re.search(r"remove (.+) and run again", words)[1].split(", "):
        Path(key).unlink()
    assert lake.run(DAY, assets=DAILY).success
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY][1:], DAY)


def test_an_object_that_was_there_twice_may_be_removed_once(lake):
    packed = sorted((lake.logs / FOLDER).iterdir())[0]
    unpacked = packed.with_suffix("")
    unpacked.write_bytes(gzip.decompress(packed.read_bytes()))
    put(lake, "desktop.ini", "[x]")
    lake.run(DAY)
    (lake.logs / FOLDER / "desktop.ini").unlink()
    unpacked.unlink()
    result = lake.run(DAY)
    assert result.success
    assert warnings(lake, result) == []
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_a_day_whose_objects_went_into_an_archive_keeps_what_was_read_of_it(lake, monkeypatch):
    lake.run(DAY)
    before = lake.without_cleanup_markers()
    listed = FolderStore.list

    def archived(self, prefix):
        for stored in listed(self, prefix):
            yield StoredObject(stored.key, stored.size, archived=stored.key.startswith(FOLDER))

    monkeypatch.setattr(FolderStore, "list", archived)
    assert failure(lake.run(DAY, assets=DAILY))[1].startswith(f"Logs of {DAY} are gone: of 2 objects that an earlier")
    monkeypatch.undo()
    assert lake.without_cleanup_markers() == before


def test_reports_alone_say_where_an_object_arrived_since(lake):
    lake.run(DAY)
    write_object(lake.logs, DAY, [PING], number=7)
    (told,) = warnings(lake, lake.run(DAY, assets=["top_rejected_pairs"]))
    assert told.startswith(
        f"Objects of {DAY} arrived or changed after they were read for rejected_flows: 2 objects of "
    )
    lake.run(DAY)
    assert warnings(lake, lake.run(DAY, assets=["top_rejected_pairs"])) == []


def test_a_day_that_is_more_than_a_query_may_scan_fails_alone(lake):
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    engine = lake.watch()

    def limit(text: str) -> None:
        first, last = (
            re.search(r"BETWEEN '(\S+)' AND '(\S+)'", text).groups() if text.startswith("UNLOAD") else ("", "")
        )
        if first and first <= str(NEXT_DAY) <= last:
            raise ScanLimitError("CANCELLED", "Bytes scanned limit was exceeded", text)

    engine.before = limit
    asset, words = failure(lake.run(DAY, LAST_DAY, DAILY))
    assert asset == FEW_REPORTS[0]
    assert "Bytes scanned limit was exceeded" in words
    assert f"\nNot done: {NEXT_DAY}. Done: 2 other days." in words


def test_an_engine_that_may_not_read_stops_the_run_at_once(lake):
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    engine = lake.watch()

    def deny(text: str) -> None:
        if text.startswith("UNLOAD"):
            raise QueryError("PERMISSION_DENIED", f"Access Denied: s3://logs/{FOLDER}/a.log.gz", text)

    engine.before = deny
    words = failure(lake.run(DAY, LAST_DAY, DAILY))[1]
    assert words.startswith("PERMISSION_DENIED")
    assert [text.startswith("UNLOAD") for text in engine.statements].count(True) == 1


def test_no_more_than_some_statements_fail_for_a_day_each(lake, monkeypatch):
    monkeypatch.setattr("assets.datasets.unload.MAX_FAILED_STATEMENTS", 1)
    for day in (DAY, NEXT_DAY):
        path = write_object(lake.logs, day, [PING], number=9)
        path.write_bytes(path.read_bytes()[:-9])
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    engine = lake.watch()
    words = failure(lake.run(DAY, LAST_DAY, DAILY))[1]
    assert f"\nNot done: {DAY}, {NEXT_DAY}, {LAST_DAY}. Done: no other day." in words
    assert [text.startswith("UNLOAD") for text in engine.statements].count(True) == 2


def test_an_object_that_may_not_be_read_fails_its_own_day(lake, monkeypatch):
    head = FolderStore.head

    def denied(self, key, size):
        if key.startswith(FOLDER):
            raise FlowLakeError(f"Access denied while reading {key}")
        return head(self, key, size)

    monkeypatch.setattr(FolderStore, "head", denied)
    lake.run(NEXT_DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    words = failure(lake.run(DAY, NEXT_DAY, DAILY[:1]))[1]
    assert words.startswith(f"Access denied while reading {FOLDER}/")
    assert f"\nNot done: {DAY}. Done: 1 other day." in words


def test_a_listing_that_fails_after_the_scan_costs_no_other_scan(lake):
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    engine = lake.watch()
    listed = FolderStore.list

    def refuse(self, prefix):
        if prefix.startswith(FOLDER):
            raise FlowLakeError(f"AWS refused ListObjectsV2 while listing {prefix}: SlowDown")
        return listed(self, prefix)

    with pytest.MonkeyPatch.context() as patch:
        engine.after = lambda text: text.startswith("UNLOAD") and patch.setattr(FolderStore, "list", refuse)
        words = failure(lake.run(DAY, NEXT_DAY, DAILY))[1]
    assert words.startswith("AWS refused ListObjectsV2") and f"\nNot done: {DAY}. Done: 1 other day." in words
    assert [text.startswith("UNLOAD") for text in engine.statements].count(True) == 1


def test_a_damaged_object_fails_its_own_day_and_the_others_are_done(lake):
    path = write_object(lake.logs, NEXT_DAY, [MANY_PACKETS], number=9)
    path.write_bytes(path.read_bytes()[:-9])
    write_object(lake.logs, LAST_DAY, [FEW_PACKETS])
    result = lake.run(DAY, LAST_DAY)
    asset, words = failure(result)
    assert asset == "daily_page"
    assert words.startswith(f"{path} cannot be read to its end")
    assert words.endswith(f"\nNot done: {NEXT_DAY}. Done: 2 other days. Run again for the days not done.")
    assert sorted(metadata(result, "rejected_flows")) == [str(DAY), str(LAST_DAY)]
    asset, words = failure(lake.run(DAY, LAST_DAY, ["top_rejected_pairs"]))
    assert f"has no partition for {NEXT_DAY}. Materialize rejected_flows for that first." in words
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
    assert report_rows(lake.results, "top_rejected_pairs", LAST_DAY) == [[7, "203.0.113.9", "10.0.0.5", str(LAST_DAY)]]
    assert not (lake.results / "reports/top_rejected_pairs" / f"{NEXT_DAY}.csv").exists()


# Today


def test_todays_reports_are_told_to_be_of_a_part_of_it(lake):
    today = datetime.now(timezone.utc).date()
    write_object(lake.logs, today, [FEW_PACKETS])
    assert f"{today} is not over yet (UTC): its reports tell of a part of it." in warnings(lake, lake.run(today))


# Whose results


def test_results_say_whose_flow_logs_they_are_made_from(lake):
    lake.run(DAY)
    assert (lake.results / SOURCE_RECORD).read_text().splitlines() == [
        lake.target.bucket.sources().sources[0].location,
        "embedded",
    ]


@pytest.mark.parametrize("assets", [["rejected_flows"], ["top_rejected_pairs"]])
def test_no_asset_is_made_from_results_of_another_catalog(lake, assets):
    lake.run(DAY)
    source = lake.target.bucket.sources().sources[0].location
    (lake.results / SOURCE_RECORD).write_text(f"{source}\nAWS Glue of account 123456789012 in eu-west-1\n")
    before = lake.without_cleanup_markers()
    assert "(tables: AWS Glue of account 123456789012 in eu-west-1)" in failure(lake.run(DAY, assets=assets))[1]
    assert lake.without_cleanup_markers() == before


def test_results_of_another_source_are_left_alone_even_without_tables(lake):
    lake.run(DAY)
    before = files_in(lake.results / "reports")
    for table in ("vpc_flow_logs", "rejected_flows"):
        lake.target.athena.execute(f"DROP TABLE vpc_flow_lake.{table}")
    (lake.results / SOURCE_RECORD).write_text("s3://another/AWSLogs/210987654321/vpcflowlogs/eu-west-1/")
    asset, words = failure(lake.run(DAY))
    assert asset == "vpc_flow_logs"
    assert words.startswith(f"The results in {lake.results} were made from the flow logs in s3://another/")
    assert files_in(lake.results / "reports") == before


# What one query may scan


def test_days_are_scanned_together_as_far_as_one_query_may_scan(lake):
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    write_object(lake.logs, LAST_DAY, [FEW_PACKETS])
    sizes = [found.size for found in inspect_days(lake.target.bucket, [DAY, NEXT_DAY, LAST_DAY]).values()]
    engine = lake.watch()
    engine.limit = max(sizes[0] + sizes[1], sizes[2])
    assert lake.run(DAY, LAST_DAY, DAILY).success
    spans = [re.search(r"BETWEEN '(\S+)' AND '(\S+)'", text) for text in engine.statements if text.startswith("UNLOAD")]
    assert [span.groups() for span in spans] == [(str(DAY), str(NEXT_DAY)), (str(LAST_DAY), str(LAST_DAY))]


def test_a_day_that_is_too_large_is_refused_before_it_is_scanned(lake):
    lake.run(DAY, assets=["vpc_flow_logs_bucket", "vpc_flow_log", "vpc_flow_logs"])
    size = inspect_days(lake.target.bucket, [DAY])[DAY].size
    engine = lake.watch()
    engine.limit = size - 1
    asset, words = failure(lake.run(DAY, NEXT_DAY, DAILY))
    assert asset == FEW_REPORTS[0]
    assert words.startswith(f"The objects of {DAY} are {size:,} bytes, and one query may scan {size - 1:,}. Raise ")
    assert f"\nNot done: {DAY}. Done: 1 other day." in words
    assert [text for text in engine.statements if text.startswith("UNLOAD") and f"'{DAY}'" in text] == []


@pytest.mark.parametrize("words", ["2021/09/03", "2021/09/99"])
def test_rejected_flows_alone_are_not_made_from_a_partition_that_points_elsewhere(lake, words):
    lake.run(DAY)
    before = lake.without_cleanup_markers()
    location = lake.target.bucket.sources().sources[0].location + words
    lake.target.athena.execute(
        f"ALTER TABLE vpc_flow_lake.vpc_flow_logs PARTITION (dt='{DAY}') SET LOCATION '{location}'"
    )
    kept = {key: digest for key, digest in before.items() if not key.startswith("catalog.")}
    assert f"{DAY} points at {location}. Mend it with" in failure(lake.run(DAY, assets=["rejected_flows"]))[1]
    assert {k: d for k, d in lake.without_cleanup_markers().items() if not k.startswith("catalog.")} == kept


def test_an_object_without_a_line_is_told(lake):
    path = put(lake, OTHER_FLOW_LOG)
    path.write_bytes(b"")
    (told,) = warnings(lake, lake.run(DAY))
    assert told.startswith(f"Objects without a line, not even a header: {path}.")


@pytest.mark.parametrize(
    "name", [OTHER_FLOW_LOG.replace("1234", "9999", 1), OTHER_FLOW_LOG.replace("us-east", "eu-west")]
)
def test_objects_of_another_account_or_region_are_told(lake, name):
    put(lake, name, HEADER_LINE, FEW_PACKETS.replace("eni-0a", "eni-0z"))
    (told,) = warnings(lake, lake.run(DAY))
    assert told.startswith(
        "Some objects are called as those of another account or region than 123456789012 in us-east-1"
    )


# What is hidden, and what lies in no day's folder


@pytest.mark.parametrize(
    "name",
    [f".{OTHER_FLOW_LOG}.Xy12Zw", f"_{OTHER_FLOW_LOG}", f"._{OTHER_FLOW_LOG}", f"_old/{OTHER_FLOW_LOG}"],
    ids=["of-rsync", "set-aside", "of-a-mac", "folder"],
)
def test_objects_that_athena_passes_over_by_name_are_told(lake, name):
    (lake.logs / FOLDER / name).parent.mkdir(exist_ok=True)
    path = put(lake, name, HEADER_LINE, FEW_PACKETS)
    result = lake.run(DAY)
    assert result.success
    (warning,) = warnings(lake, result)
    assert warning.startswith(f"Athena passes over names that begin with a dot or an underscore: {path}. But for that,")
    assert not checks(result)["objects_understood"]


def test_a_hidden_name_of_an_object_that_is_read_is_nothing_to_tell(lake):
    own = next((lake.logs / FOLDER).iterdir())
    put(lake, f".{own.name}.Xy12Zw", HEADER_LINE)
    put(lake, f"._{own.name}", "of a Mac")
    put(lake, ".DS_Store", "of a Mac")
    put(lake, "_SUCCESS")
    result = lake.run(DAY)
    assert result.success
    assert warnings(lake, result) == []


def test_objects_in_no_days_folder_are_told(lake):
    folder = lake.logs / FOLDER.removesuffix("/09/02") / "9" / "2"
    folder.mkdir(parents=True)
    shutil.copy(next((lake.logs / FOLDER).iterdir()), folder)
    result = lake.run(DAY)
    assert result.success
    (warning,) = warnings(lake, result)
    assert warning == (
        "Objects of flow logs lie in no day's folder (<yyyy>/<MM>/<dd>/), so that no report counts them: "
        f"{folder.parent}. Move them into their day's folder, then run again."
    )
    assert not checks(result)["set_up_as_recommended"]


# Copies


def test_a_copy_under_another_valid_name_is_told(lake):
    own = min((lake.logs / FOLDER).iterdir())
    copy = own.with_name(own.name.replace("T0005Z_00000000", "T0010Z_ffffffff"))
    shutil.copy(own, copy)
    result = lake.run(DAY)
    assert result.success
    (warning,) = warnings(lake, result)
    assert warning == (
        f"Some objects are copies under another name, byte for byte: {copy} of {own}. Reports count their records "
        "once. A query of the table counts each object."
    )
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_a_copy_in_two_folders_is_left_out_of_both(lake):
    own = min((lake.logs / FOLDER).iterdir())
    for hour in ("00", "01"):
        copy = own.parent / hour / own.name.replace("T0005Z_00000000", "T0010Z_ffffffff")
        copy.parent.mkdir()
        shutil.copy(own, copy)
    lake.run(DAY)
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_objects_of_records_without_times_may_be_alike_and_all_count(lake):
    for path in (lake.logs / FOLDER).iterdir():
        path.unlink()
    text = b"srcaddr dstaddr action packets\n198.51.100.7 10.20.1.15 REJECT 1\n"
    for minute in (5, 15, 25):
        name = (
            f"123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_{DAY:%Y%m%d}T00{minute:02}Z_{minute:08x}.log.gz"
        )
        (lake.logs / FOLDER / name).write_bytes(gzip.compress(text, mtime=0))
    result = lake.run(DAY)
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == with_day([[3, "198.51.100.7", "10.20.1.15"]], DAY)
    (told,) = [words for words in warnings(lake, result) if "the same records" in words]
    assert "If they are copies, their records count twice. Records without start and end may be alike." in told


def test_copies_of_other_flow_logs_and_more_copies_than_are_left_out_are_a_warning(lake, monkeypatch):
    monkeypatch.setattr("assets.copies.MAX_LEFT_OUT", 1)
    own = min((lake.logs / FOLDER).iterdir())
    names = ["T0010Z_ffffffff", "T0015Z_ffffffff", "T0020Z_ffffffff"]
    copies = [own.with_name(own.name.replace("T0005Z_00000000", name)) for name in names]
    copies[2] = copies[2].with_name(copies[2].name.replace("fl-0123456789abcdef0", "fl-0123456789abcdef1"))
    for copy in copies:
        shutil.copy(own, copy)
    told = "\n".join(inspect_days(lake.target.bucket, [DAY])[DAY].warnings)
    assert f"byte for byte: {copies[0]} of {own}." in told
    assert f"so that these count twice: {own}, {copies[1]}, {copies[2]}." in told


@pytest.mark.parametrize("how", ["another level", "unpacked", "another mtime"])
@pytest.mark.parametrize("others", [0, 20], ids=["looked at", "not looked at"])
def test_a_copy_that_is_packed_otherwise_is_told(lake, how, others):
    own = write_object(lake.logs, DAY, [FEW_PACKETS.replace("eni-0a", f"eni-{n}") for n in range(500)], number=12)
    text = gzip.decompress(own.read_bytes())
    copy = own.with_name(own.name.replace("_0000000c", "_ffffffff"))
    for number in range(others):
        record = MANY_PACKETS.replace("203.0.113.9", f"203.0.113.{number}0")
        write_object(lake.logs, DAY, [record] * (number + 1), number=number % 12 + 13 * (number // 12)).touch()
    if how == "unpacked":
        copy = copy.with_suffix("")
        copy.write_bytes(text)
    else:
        copy.write_bytes(gzip.compress(text, 1 if how == "another level" else 9, mtime=7))
    (warning,) = [told for told in inspect_days(lake.target.bucket, [DAY])[DAY].warnings if "the same records" in told]
    assert warning == (
        "Some objects hold the same records under different names, so that these count twice: "
        f"{own}, {copy}. Remove all but one of them, and run again."
    )


def test_a_part_of_an_object_under_another_name_is_told(lake):
    records = [FEW_PACKETS.replace("eni-0a", f"eni-{number}") for number in range(500)]
    own, part = (write_object(lake.logs, DAY, records[:count], number=10 + count // 500) for count in (500, 300))
    (warning,) = inspect_days(lake.target.bucket, [DAY])[DAY].warnings
    assert f"the same records under different names, so that these count twice: {part}, {own}." in warning


def test_objects_of_one_size_and_other_records_are_no_copies(lake):
    for number in range(2):
        write_object(lake.logs, DAY, [FEW_PACKETS.replace("eni-0a", f"eni-{number}")], number=10 + number)
    assert inspect_days(lake.target.bucket, [DAY])[DAY].warnings == ()


def test_objects_of_one_size_and_other_checksums_are_not_opened_to_compare_them(lake, monkeypatch):
    for number in range(40):
        write_object(lake.logs, DAY, [FEW_PACKETS.replace("eni-0a", f"eni-{number:04d}")], number=number)
    looks = set()
    first_look = assets.object_looks.first_look
    monkeypatch.setattr(
        assets.object_looks, "first_look", lambda name, *rest: looks.add(name) or first_look(name, *rest)
    )
    assert inspect_days(lake.target.bucket, [DAY])[DAY].warnings == ()
    assert len(looks) <= INSPECTED_PER_FLOW_LOG + 2


def test_more_objects_of_one_size_than_are_compared_are_told(lake, monkeypatch):
    for number in range(30):
        write_object(lake.logs, DAY, [], number=number)
    monkeypatch.setattr(FolderStore, "most_compared", 2)
    (warning,) = inspect_days(lake.target.bucket, [DAY])[DAY].warnings
    assert " objects have the size of another one, and 2 of them were compared: " in warning


def test_objects_of_a_header_alone_are_no_copies(lake):
    for number in range(2):
        write_object(lake.logs, DAY, [], number=10 + number)
    result = lake.run(DAY)
    assert result.success
    assert warnings(lake, result) == []


# Objects that are not what an earlier run read


def test_objects_that_are_gone_are_missed_though_others_came(lake):
    lake.run(DAY)
    before = lake.without_cleanup_markers()
    sorted((lake.logs / FOLDER).iterdir())[0].unlink()
    write_object(lake.logs, DAY, [FEW_PACKETS], number=8)
    asset, words = failure(lake.run(DAY, assets=DAILY))
    assert (asset, lake.without_cleanup_markers()) == ("daily_datasets", before)
    assert words.startswith(f"Logs of {DAY} are gone: of 2 objects that an earlier run read, 1 are left in ")


def test_an_object_that_became_smaller_is_missed(lake):
    lake.run(DAY)
    before = lake.without_cleanup_markers()
    write_object(lake.logs, DAY, [FEW_PACKETS], number=0)
    asset, words = failure(lake.run(DAY, assets=DAILY))
    assert (asset, lake.without_cleanup_markers()) == ("daily_datasets", before)
    assert words.startswith(f"Objects of {DAY} are smaller than an earlier run read them: ")
    for key in re.search(r"remove (.+) and run again", words)[1].split(", "):
        Path(key).unlink()
    assert lake.run(DAY, assets=DAILY).success


def test_a_day_that_a_parallel_run_made_from_more_objects_stays(lake, monkeypatch):
    lake.run(DAY)
    mark_complete = partition_swap.mark_complete

    def slow(*given):
        monkeypatch.setattr(partition_swap, "mark_complete", mark_complete)
        write_object(lake.logs, DAY, [FEW_PACKETS], number=8)
        assert lake.run(DAY, assets=DAILY).success
        return mark_complete(*given)

    monkeypatch.setattr(partition_swap, "mark_complete", slow)
    asset, words = failure(lake.run(DAY, assets=DAILY))
    assert asset == "daily_datasets"
    assert words.startswith(f"Logs of {DAY} are gone: of 3 objects that an earlier run read, 2 are left in ")
    assert report_rows(lake.results, "top_rejected_pairs", DAY)[0][0] == 47 + 7
    assert len(lake.rejected_files()) == 1


def test_reports_of_older_rejected_flows_of_another_database_are_told(lake, tmp_path, instance):
    first, second = (Lake(lake.logs, tmp_path, instance, database=f"lake_{number}") for number in (1, 2))
    assert first.run(DAY).success
    write_object(lake.logs, DAY, [FEW_PACKETS], number=8)
    assert second.run(DAY).success
    (warning,) = warnings(first, first.run(DAY, assets=["top_rejected_pairs"]))
    assert warning.startswith(
        f"Objects of {DAY} arrived or changed after they were read for rejected_flows: 2 objects of"
    )
