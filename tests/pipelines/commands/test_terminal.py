"""What `make run` prints in the end: what happened, what to look at first, and where the page and the files are."""

from datetime import date

import pytest

from assets.page.day_totals import DaySummary, DayTotals, summary_bytes, summary_key
from pipelines.commands.terminal import address, print_day
from resources.embedded.folder_store import FolderStore

DAY = date(2021, 9, 2)


@pytest.fixture
def results(tmp_path) -> FolderStore:
    return FolderStore(tmp_path / "my results", "FLOWLAKE_RESULTS", "results")


def kept(results: FolderStore, *look_at: str, need_a_look: int = 0) -> None:
    summary = DaySummary(DayTotals("2021-09-02", need_a_look=need_a_look), ("Nine read.", "Two are odd."), look_at)
    results.replace({summary_key(DAY): summary_bytes(summary)})


def test_the_end_of_a_run_is_the_day_in_short(results, tmp_path, capsys):
    kept(results, "a is new.", "b is old.", need_a_look=2)
    print_day(results, DAY, is_simulated=False)
    assert capsys.readouterr().out == (
        "\nNine read.\nTwo are odd.\n"
        "\nLook first at\n  1. a is new.\n  2. b is old.\n"
        f"\nPage     file://{tmp_path}/my%20results/reports/2021-09-02.html\n"
        f"All days file://{tmp_path}/my%20results/reports/index.html\n"
        f"Files    {tmp_path}/my results/reports/<report>/2021-09-02.csv and .parquet\n"
    )


def test_simulated_logs_are_told_before_anything_else(results, capsys):
    kept(results)
    print_day(results, DAY, is_simulated=True)
    assert capsys.readouterr().out.startswith(
        "\nSIMULATED: these flow logs are made up, and no VPC is behind them.\nNine read.\nTwo are odd.\n\nPage "
    )


def test_without_rows_that_need_a_look_the_top_pairs_are_told(results, capsys):
    kept(results, "a to b: 3 packets.")
    print_day(results, DAY, is_simulated=False)
    assert "\n\nMost packets were rejected from\n  1. a to b: 3 packets.\n\n" in capsys.readouterr().out


def test_a_summary_cannot_command_the_terminal(results, capsys):
    kept(results, "\x1b[2J")
    print_day(results, DAY, is_simulated=False)
    printed = capsys.readouterr().out
    assert r"1. \x1b[2J" in printed
    assert "\x1b" not in printed


def test_a_day_without_a_page_is_not_told(results, capsys):
    print_day(results, DAY, is_simulated=True)
    assert capsys.readouterr().out == ""


def test_only_paths_become_addresses_of_files():
    assert [address(path) for path in ("/a b", "s3://c/d")] == ["file:///a%20b", "s3://c/d"]
