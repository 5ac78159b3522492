"""A short run of the torture harness; what it expects of a day; and that it tells when something is wrong."""

from collections import Counter
from pathlib import Path

import pytest
from support import DAY, ROOT, SMALL_DETAILS, SMALL_LOGS, SMALL_TOP, command, with_day

from torture.__main__ import again, table
from torture.child import Child, finish, start
from torture.expected import expected_tables
from torture.page import PAGE, with_table
from torture.records import Deliveries, LogObject
from torture.rounds import Report
from torture.world import without_random_parts


def small_day() -> Deliveries:
    objects = [LogObject(f"{at}", DAY, tuple(lines), b"%d" % at) for at, lines in enumerate(SMALL_LOGS[DAY])]
    return Deliveries({item.key: item for item in objects})


def test_a_round_survives_its_faults_and_counts_them(tmp_path: Path) -> None:
    arguments = ("--seed", 1, "--rounds", 1, "--runs", 1, "--target", "embedded", "--kept", tmp_path / "kept")
    process = command(ROOT, "python", "-m", "torture", *arguments)
    output, _ = process.communicate(timeout=600)
    assert process.returncode == 0, output
    assert "right" in output and "| all |" in output and list((tmp_path / "kept").iterdir()) == []


def test_what_is_expected_of_a_day_is_what_was_written_by_hand() -> None:
    tables = expected_tables(small_day(), DAY)
    assert [list(row) for row in tables["top_rejected_pairs"]] == with_day(SMALL_TOP[DAY], DAY)
    assert [list(row) for row in tables["rejected_flow_details"]] == with_day(SMALL_DETAILS[DAY], DAY)
    assert sum(row[10] for row in tables["traffic_summary"]) == 7
    assert sum(row[8] for row in tables["traffic_by_hour"]) == 7


def test_an_object_that_is_delivered_twice_counts_once() -> None:
    once, twice = small_day(), small_day()
    (first, _) = twice.objects.values()
    twice.objects["copy"] = LogObject("copy", DAY, first.lines, first.data)
    assert expected_tables(twice, DAY) == expected_tables(once, DAY)


@pytest.mark.parametrize("together", [True, False])
def test_a_row_that_is_lost_or_invented_is_told(together: bool) -> None:
    wanted = expected_tables(small_day(), DAY)
    found = {name: [*rows] for name, rows in wanted.items()}
    report = Report("embedded", 1)
    report.compare({str(DAY): found}, {str(DAY): [wanted]}, "here", together)
    assert (report.lost, report.invented, report.wrong) == (0, 0, [])
    found["rejected_flows"][0] = found["rejected_flows"][1]
    found["traffic_by_hour"].append(found["traffic_by_hour"][0])
    report.compare({str(DAY): found}, {str(DAY): [wanted]}, "here", together)
    assert (report.lost, report.invented) == (1, 2)
    assert report.wrong and all(text.startswith(f"here, {DAY}: ") for text in report.wrong)


def test_a_report_in_another_order_is_told() -> None:
    wanted = expected_tables(small_day(), DAY)
    found = {**wanted, "top_rejected_pairs": wanted["top_rejected_pairs"][::-1]}
    report = Report("embedded", 1)
    report.compare({str(DAY): found}, {str(DAY): [wanted]}, "here", True)
    assert "the order of its rows" in report.wrong[0]


def test_a_child_is_stopped_at_its_moment_and_killed_there(tmp_path: Path) -> None:
    def work() -> dict[str, object]:
        for number in range(5):
            (tmp_path / str(number)).write_text("x")
        return {"success": True}

    seen: list[list[str]] = []

    def look(child: Child) -> None:
        seen.append(sorted(path.name for path in tmp_path.iterdir()))
        child.kill()

    (outcome,) = finish(start(work, root=tmp_path, strikes={3: look}))
    assert (outcome.killed, seen) == (True, [["0", "1"]])
    (outcome,) = finish(start(work, root=tmp_path))
    assert (outcome.success, outcome.events) == (True, 5)


def test_a_traceback_in_a_child_is_a_crash() -> None:
    def work() -> dict[str, object]:
        raise ZeroDivisionError

    (outcome,) = finish(start(work))
    assert not outcome.success and "ZeroDivisionError" in outcome.crashes[0]


@pytest.mark.parametrize("name", ["torture", "fuzz"])
def test_the_page_has_a_place_for_each_table(name: str) -> None:
    page = with_table(PAGE.read_text(encoding="utf-8"), name, "| new |")
    assert f"<!-- {name} -->\n| new |\n<!-- end -->" in page
    assert page.count("<!-- end -->") == 2


def test_names_are_compared_without_their_random_parts() -> None:
    name = "datasets/20210902T010203Z-0badcafe-vpc_flow_lake/dt=2021-09-02/0badcafe-1234-4567-89ab-0123456789ab.parquet"
    assert without_random_parts(name) == "datasets/<time>-<hash>-vpc_flow_lake/dt=2021-09-02/<id>.parquet"


def test_the_table_blames_the_kinds_of_a_round_that_went_wrong() -> None:
    right = Report("aws", 1, Counter({"late object": 3}))
    wrong = Report("aws", 2, Counter({"late object": 2, "process killed": 1}), ["x"], lost=4, stray=1)
    wrong.blamed = {"process killed"}
    assert table([right, wrong]).splitlines()[2:] == [
        "| late object | aws | 5 | 5 | 0 | 0 | 0 |",
        "| process killed | aws | 1 | 0 | 4 | 0 | 1 |",
        "| all |  | 6 | 5 | 4 | 0 | 1 |",
    ]
    assert again(7, wrong) == "make torture SEED=7 TARGET=aws ROUND=2"
