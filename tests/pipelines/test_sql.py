"""`make sql` in this process: whose rows it gives, and what it warns of."""

import gzip
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from lake import Lake
from support import DAY, NEXT_DAY, files_in, write_object

from pipelines.commands.__main__ import main

COUNT = "SELECT count(*) AS flows FROM {}"


@pytest.fixture
def filled(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The lake with a day of its own, as the settings in the environment name it."""
    assert lake.run(DAY).success
    monkeypatch.setenv("FLOWLAKE_BUCKET", str(lake.logs))
    monkeypatch.setenv("FLOWLAKE_RESULTS", str(lake.results))
    return lake


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
