"""Which statements `make sql` executes without WRITE=1, and into which folders none is written."""

from pathlib import Path

import pytest

from flowlogs.errors import FlowLakeError
from pipelines.commands.statement_guard import require_permitted
from resources.embedded.folder_store import FolderStore
from resources.engine import QueryError

RESULTS = FolderStore(Path("results"), "FLOWLAKE_RESULTS", "results")


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT 1",
        "((select 1) union (select 2))",
        "( -- first\n (VALUES 1))",
        "/* all */ WITH a AS (SELECT 1) SELECT * FROM a",
        "TABLE flows",
        "SHOW PARTITIONS flows",
        "desc flows",
        "EXPLAIN SELECT 1",
        "(EXPLAIN SELECT 1)",
    ],
)
def test_a_statement_that_only_reads_is_permitted(statement: str) -> None:
    require_permitted(statement, RESULTS, write=False)


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE flows",
        "((DROP TABLE flows))",
        "-- select\nUNLOAD (SELECT 1) TO 's3://b/'",
        "EXPLAIN ANALYZE SELECT 1",
        "EXPLAIN /* all */ analyse SELECT 1",
        "EXECUTE by_day USING '2024-03-01'",
        "PREPARE by_day FROM SELECT 1",
        "MSCK REPAIR TABLE flows",
        "INSERT INTO flows SELECT 1",
        "(",
        "",
    ],
)
def test_any_other_statement_is_refused_without_write(statement: str) -> None:
    with pytest.raises(FlowLakeError, match="WRITE=1"):
        require_permitted(statement, RESULTS, write=False)
    require_permitted(statement, RESULTS, write=True)


@pytest.mark.parametrize("folder", ["reports", "datasets/a/"])
def test_no_unload_writes_among_the_results(folder: str) -> None:
    with pytest.raises(FlowLakeError, match="datasets and reports"):
        require_permitted(f"/* all */ unload (SELECT 1) TO 's3://results/{folder}'", RESULTS, write=True)


@pytest.mark.parametrize(
    "statement", ["CREATE TABLE t WITH (external_location = 's3://results/reports/t') AS SELECT 1"]
)
def test_no_new_table_is_written_among_the_results(statement: str) -> None:
    with pytest.raises(FlowLakeError, match="datasets and reports"):
        require_permitted(statement, RESULTS, write=True)


def test_what_was_prepared_is_executed_where_it_can_only_read() -> None:
    require_permitted("EXECUTE by_day", RESULTS, write=False, prepared_only_read=True)
    with pytest.raises(FlowLakeError, match="WRITE=1"):
        require_permitted("PREPARE by_day FROM SELECT 1", RESULTS, write=False, prepared_only_read=True)


@pytest.mark.parametrize("write", [False, True])
def test_a_text_that_is_no_statement_is_told(write: bool) -> None:
    with pytest.raises(QueryError, match="SYNTAX_ERROR: line 1:1: no statement begins with 'SELECTED'. Did you mean S"):
        require_permitted("SELECTED", RESULTS, write=write)
