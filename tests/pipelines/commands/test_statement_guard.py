"""Which statements `make sql` executes without WRITE=1, and into which folders none is written."""

from pathlib import Path

import pytest

from flowlogs.errors import FlowLakeError
from pipelines.commands.statement_guard import require_permitted
from resources.embedded.folder_store import FolderStore

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
        "SELECTED",
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
    with pytest.raises(FlowLakeError, match="REJECT records and reports"):
        require_permitted(f"/* all */ unload (SELECT 1) TO 's3://results/{folder}'", RESULTS, write=True)
