"""Two days that have objects in common by way of links: told by name, since their records would count on both."""

import os
from pathlib import Path

import pytest
from lake import Lake, failure
from support import DAY, FEW_PACKETS, NEXT_DAY, SMALL_TOP, report_rows, with_day, write_object

from assets.day_objects import inspect_days
from flowlogs.layout import LogSource

SOURCE = LogSource("any-bucket", "123456789012", "us-east-1")


@pytest.fixture
def days(lake: Lake) -> tuple[Path, Path]:
    """The folders of DAY and NEXT_DAY."""
    return lake.logs / SOURCE.day_prefix(DAY), lake.logs / SOURCE.day_prefix(NEXT_DAY)


def move_away(folder: Path) -> Path:
    """Move a day's folder out of the bucket; returns where it is."""
    return folder.rename(folder.parents[6] / f"{folder.name}-elsewhere")


def problems(lake: Lake) -> dict[str, str]:
    """By day, why it cannot be read."""
    found = inspect_days(lake.target.bucket, [DAY, NEXT_DAY])
    return {day.isoformat(): look.problem for day, look in found.items() if look.problem}


def shared_problem(lake: Lake, day: str, other: str) -> str:
    return (
        f"{lake.logs}/{SOURCE.prefix}{day.replace('-', '/')} has objects in common with the folder of {other}, by way "
        "of a link: each of their records would be counted on both days. Remove the link, or put the day's own objects "
        "in its place; then run again."
    )


BOTH = {"2021-09-02": "2021-09-03", "2021-09-03": "2021-09-02"}


def test_a_day_that_is_a_link_to_another_fails_both(lake, days):
    move_away(days[0])
    days[0].symlink_to(days[1])
    assert problems(lake) == {day: shared_problem(lake, day, other) for day, other in BOTH.items()}


def test_two_days_that_are_links_to_one_folder_both_fail(lake, days):
    elsewhere = move_away(days[0])
    move_away(days[1]).rename(lake.logs / "nowhere")
    for day in days:
        day.symlink_to(elsewhere)
    assert problems(lake) == {day: shared_problem(lake, day, other) for day, other in BOTH.items()}


def test_a_month_that_is_a_link_to_another_fails_its_days(lake, days):
    days[0].parent.parent.joinpath("08").symlink_to(days[0].parent)
    assert problems(lake) == {day: shared_problem(lake, day, day.replace("-09-", "-08-")) for day in BOTH}


@pytest.mark.parametrize("inside", ["folder", "object", "folder behind a folder"])
def test_a_day_that_holds_a_link_to_another_fails(lake, days, inside):
    (theirs,) = days[1].iterdir()
    if inside == "folder":
        (days[0] / "more").symlink_to(days[1])
    elif inside == "object":
        (days[0] / theirs.name).symlink_to(theirs)
    else:
        (lake.logs / "between").mkdir()
        (lake.logs / "between/more").symlink_to(days[1])
        (days[0] / "more").symlink_to(lake.logs / "between")
    assert problems(lake) == {"2021-09-02": shared_problem(lake, "2021-09-02", "2021-09-03")}


def test_a_link_in_circles_hides_no_other(lake, days):
    for name in ("0", "z"):
        (days[0] / name).symlink_to(name)
    (days[0] / "more").symlink_to(days[1])
    assert problems(lake)["2021-09-02"] == shared_problem(lake, "2021-09-02", "2021-09-03")


def test_of_a_range_only_the_linked_days_fail(lake, days):
    write_object(lake.logs, NEXT_DAY.replace(day=4), [FEW_PACKETS])
    write_object(lake.logs, NEXT_DAY.replace(day=5), [FEW_PACKETS])
    (days[0].parent / "05").rename(lake.logs / "moved")
    (days[0].parent / "05").symlink_to(days[0].parent / "04")
    asset, words = failure(lake.run(DAY, NEXT_DAY.replace(day=5)))
    assert asset == "daily_page"  # the last one: the others are made for the other days
    assert "Not done: 2021-09-04, 2021-09-05. Done: 2 other days." in words


def test_days_that_are_links_to_folders_of_their_own_are_read(lake, days):
    for day in days:
        day.symlink_to(move_away(day))
    assert problems(lake) == {}
    assert lake.run(DAY).success
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_hard_links_and_what_athena_passes_over_are_no_reason(lake, days):
    (theirs,) = days[1].iterdir()
    os.link(theirs, days[0] / theirs.name)
    (days[0] / "_more").symlink_to(days[1])
    (days[0] / ".more").symlink_to(days[1])
    assert problems(lake) == {}
