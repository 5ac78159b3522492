"""`make sql` in this process: whose rows it gives, and what it warns of."""

import gzip
import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from lake import Lake
from support import DAY, MANY_PACKETS, NEXT_DAY, files_in, write_object

from pipelines.commands.__main__ import main

COUNT = "SELECT count(*) AS flows FROM {}"


def sql(statement: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["sql", *options, "--", statement])


@pytest.mark.parametrize("table", ["rejected_flows", "vpc_flow_logs"])
def test_rows_of_another_accounts_results_are_not_given(
    filled: Lake, monkeypatch: pytest.MonkeyPatch, table: str
) -> None:
    write_object(filled.logs, DAY, ["x"], account="210987654321")
    monkeypatch.setenv("FLOWLAKE_ACCOUNT_ID", "210987654321")
    before = files_in(filled.results)
    found = sql(COUNT.format(table))
    assert (found.exit_code, found.stdout) == (1, "")
    assert "were made from the flow logs in s3://" in found.stderr
    assert files_in(filled.results) == before


def test_rows_of_another_folders_results_are_not_given(filled: Lake, tmp_path: Path) -> None:
    shutil.copytree(filled.logs, tmp_path / "others")
    found = sql(COUNT.format("rejected_flows"), "--logs", str(tmp_path / "others"))
    assert (found.exit_code, found.stdout) == (1, "")
    assert "Two sources never share tables" in found.stderr


def test_tables_of_another_source_can_be_dropped_as_its_error_says(filled: Lake, tmp_path: Path) -> None:
    filled.logs.rename(tmp_path / "moved")
    statement = "DROP TABLE IF EXISTS `vpc_flow_lake`.`vpc_flow_logs`"
    assert sql(statement, "--write", "--logs", str(tmp_path / "moved")).exit_code == 0


def test_a_file_that_no_run_wrote_is_warned_of(filled: Lake) -> None:
    folder = filled.results / filled.rejected_folder(DAY)
    (file,) = folder.iterdir()
    shutil.copy(file, folder / "mine.parquet")
    found = sql(f"SELECT numpackets FROM rejected_flows WHERE dt = '{DAY}'")
    assert found.exit_code == 0
    assert found.stderr == (
        f"\nWarning: The rows of rejected_flows may not be those that were written: {folder} holds other files than "
        "were written there (mine.parquet). Move away what is not the table's, or make the partitions anew.\n"
    )


def test_a_day_that_is_not_asked_for_is_not_warned_of(filled: Lake) -> None:
    assert filled.run(NEXT_DAY).success
    folder = filled.results / filled.rejected_folder(DAY)
    (file,) = folder.iterdir()
    shutil.copy(file, folder / "mine.parquet")
    assert sql(f"SELECT numpackets FROM rejected_flows WHERE dt = '{NEXT_DAY}'").stderr == ""


@pytest.mark.parametrize("name", [".notes.txt", "_notes.txt"])
def test_a_file_that_is_not_read_is_not_warned_of(filled: Lake, name: str) -> None:
    (filled.results / filled.rejected_folder(DAY) / name).write_text("mine")
    assert sql("SELECT numpackets FROM rejected_flows").stderr == ""


def test_of_many_days_a_few_warnings_are_printed(filled: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.commands.query_warnings.MAX_WARNINGS_OF_DAYS", 1)
    assert filled.run(DAY, NEXT_DAY).success
    for path in filled.logs.rglob("*.gz"):
        path.with_suffix("").write_bytes(gzip.decompress(path.read_bytes()))
    found = sql(COUNT.format("vpc_flow_logs"))
    assert found.exit_code == 0
    assert found.stderr.count("Some objects are there twice") == 1
    assert "Warning: 1 more of such warnings are not shown. Ask for fewer days to see them." in found.stderr


def only_day(filled: Lake, table: str = "vpc_flow_logs") -> str:
    return f"SELECT count(*) AS flows FROM {table} WHERE dt = '{DAY}'"


def test_a_copy_under_another_name_is_warned_of(filled: Lake) -> None:
    path = next(filled.logs.rglob("*20210902*.gz"))
    browsers = path.with_name(path.name.replace(".log", " (1).log"))
    renamed = path.with_name(path.name.replace("_00000000.", "_0badcafe."))
    for copy in (browsers, renamed):
        shutil.copy(path, copy)
    found = sql(only_day(filled))
    assert found.exit_code == 0
    assert f"{browsers} is not called as an object of a flow log is, but reads like one." in found.stderr
    words = "Some objects hold the same records under different names, so that these count twice: "
    assert f"{words}{path}, {renamed}." in found.stderr


@pytest.mark.parametrize("data", [b"", gzip.compress(b"")], ids=["no byte", "no text"])
def test_an_empty_object_is_warned_of(filled: Lake, data: bytes) -> None:
    path = next(filled.logs.rglob("*20210902*.gz"))
    empty = path.with_name(path.name.replace("T0005", "T2205"))
    empty.write_bytes(data)
    assert f"Objects without a line, not even a header: {empty}." in sql(only_day(filled)).stderr


def test_rejected_flows_that_are_older_than_the_objects_are_warned_of(filled: Lake) -> None:
    assert sql(only_day(filled, "rejected_flows")).stderr == ""
    write_object(filled.logs, DAY, [MANY_PACKETS], number=9)
    told = sql(only_day(filled, "rejected_flows")).stderr
    assert f"Objects of {DAY} came, went or changed after they were read for rejected_flows" in told


def test_rejected_flows_of_a_day_that_was_not_over_are_warned_of(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    today = datetime.now(timezone.utc).date()
    write_object(lake.logs, today, [])
    assert lake.run(today).success
    monkeypatch.setenv("FLOWLAKE_BUCKET", str(lake.logs))
    monkeypatch.setenv("FLOWLAKE_RESULTS", str(lake.results))
    told = sql("SELECT count(*) AS flows FROM rejected_flows").stderr
    assert f"{today}: not over (UTC) when the flow logs were read for rejected_flows" in told


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("", True),
        (f"WHERE dt = '{NEXT_DAY}'", True),
        (f"WHERE dt >= '{DAY}'", True),
        (f"WHERE dt BETWEEN '{DAY}' AND '{NEXT_DAY}'", True),
        (f"WHERE dt = '{DAY}'", False),
    ],
)
def test_a_day_that_was_never_added_is_told_where_it_is_asked_for(filled: Lake, where: str, told: bool) -> None:
    found = sql(f"{COUNT.format('vpc_flow_logs')} {where}")
    words = f"Flow logs on {NEXT_DAY} are in the folder, and vpc_flow_logs has no partition for them"
    assert (words in found.stderr) is told


def test_whose_flow_logs_are_simulated_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("pipelines.settings.PROJECT_ROOT", tmp_path)
    monkeypatch.setattr("pipelines.targets.PROJECT_ROOT", tmp_path)
    assert "These flow logs are simulated: no VPC is behind them." in sql("SELECT 1 AS one").stderr
    assert "simulated" not in sql("SELECT 1 AS one", "--logs", str(tmp_path)).stderr


@pytest.mark.parametrize(
    "expression",
    [
        "from_unixtime(1630540800000)",
        "date_add('day', 3000000, DATE '2025-03-04')",
        "date_add('year', -3000, DATE '2025-01-01')",
    ],
)
def test_a_time_that_cannot_be_shown_is_an_error_in_words(filled: Lake, expression: str) -> None:
    found = sql(f"SELECT {expression} AS t")
    assert found.exit_code == 1
    assert "NOT_SUPPORTED: t has dates or times outside of the years 1 to 9999" in found.stderr
