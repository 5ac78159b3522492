"""`make sql` for people: what it tells of a name, a day or a word that is not there, and reports as tables."""

from pathlib import Path

from click.testing import CliRunner, Result
from lake import Lake
from support import DAY, NEXT_DAY

from assets.page.asset import page_key
from assets.tables import CELL_LENGTH
from pipelines.commands.__main__ import main


def sql(statement: str, *options: str) -> Result:
    return CliRunner().invoke(main, ["sql", *options, "--", statement])


def table(statement: str) -> list[list[str]]:
    """The cells of what a statement prints as a table."""
    found = sql(statement)
    assert found.exit_code == 0, found.stderr
    lines = found.stdout.split("\n\n")[0].split("\n")
    return [line.split() for line in lines if not line.startswith("-")]


def test_what_is_asked_of_a_filled_lake(filled: Lake) -> None:
    # A report is a table, partitioned by day, without being in the catalog.
    assert table("SELECT packetcount, sourceaddress, dt FROM top_rejected_pairs ORDER BY 1 DESC LIMIT 1") == [
        ["packetcount", "sourceaddress", "dt"],
        ["47", "203.0.113.9", str(DAY)],
    ]
    assert table(f"SELECT count(*) AS n FROM rejected_flow_details WHERE dt = '{DAY}'") == [["n"], ["4"]]
    assert table("SHOW TABLES 'top_*'") == [["tab_name"]]
    assert table("DESCRIBE top_rejected_ports")[-1] == ["dt", "string"]

    # A day that no partition has is told.
    silent = sql(f"SELECT count(*) AS n FROM top_rejected_pairs WHERE dt = '{NEXT_DAY}'")
    assert silent.stdout.split()[2] == "0"
    assert silent.stderr == (
        f"\nWarning: No partition of top_rejected_pairs meets \"dt\" = '{NEXT_DAY}', so that no row of it is read. It "
        f"has one: dt={DAY}.\n"
    )
    assert "No partition of rejected_flows meets" in sql("SELECT 1 AS x FROM rejected_flows WHERE dt = 'x'").stderr
    assert "have no partition" not in sql(f"SELECT 1 AS x FROM rejected_flows WHERE dt = '{DAY}'").stderr
    # Days that are in the folder are told as before, also behind a view.
    assert sql("CREATE VIEW raw AS SELECT * FROM vpc_flow_logs", "--write").exit_code == 0
    told = sql(f"SELECT count(*) AS n FROM raw WHERE dt = '{NEXT_DAY}'").stderr
    assert f"Flow logs on {NEXT_DAY} are in the folder, and vpc_flow_logs has no partition for them" in told
    assert "No partition of" not in told

    # A misspelt name gets the right one.
    told = sql("SELECT * FROM vpc_flow_log").stderr
    assert "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.vpc_flow_lake.vpc_flow_log' does not exist." in told
    assert "\nDid you mean vpc_flow_logs? The tables that `make run` makes are vpc_flow_logs, rejected_flows, " in told
    assert "Did you mean top_rejected_pairs?" in sql("SELECT * FROM top_rejected_pair").stderr
    assert "Did you mean raw?" in sql("SELECT * FROM raws").stderr
    assert "Did you mean rejected_flows?" in sql("DESCRIBE rejectedflows").stderr

    # An unknown column gets those that are there, and AWS's names for them.
    told = sql("SELECT srcaddr FROM vpc_flow_logs").stderr
    assert (
        "COLUMN_NOT_FOUND: line 1:8: Column 'srcaddr' cannot be resolved. Did you mean sourceaddress (srcaddr)?" in told
    )
    assert "The columns of vpc_flow_logs, with AWS's names in parentheses: version, account (account-id), " in told

    # A word that begins no statement is no unsupported statement.
    told = sql("\n SELEC 1").stderr
    assert "SYNTAX_ERROR: line 2:2: no statement begins with 'SELEC'. Did you mean SELECT?" in told

    # What changes something needs WRITE=1; what was prepared only reads.
    for statement in (
        "CREATE OR REPLACE VIEW raw AS SELECT 1 AS one",
        "DROP VIEW raw",
        "PREPARE days FROM SELECT 1",
        "DEALLOCATE PREPARE days",
        "MSCK REPAIR TABLE vpc_flow_logs",
        "ALTER TABLE vpc_flow_logs DROP PARTITION (dt='2021-09-02')",
    ):
        assert "WRITE=1" in sql(statement).stderr
    assert sql("PREPARE days FROM SELECT count(*) AS n FROM vpc_flow_logs WHERE dt = ?", "--write").exit_code == 0
    assert table(f"EXECUTE days USING '{DAY}'") == [["n"], ["7"]]

    # A text is printed as it is, also a long one; cells of a table are cut.
    assert "CREATE VIEW vpc_flow_lake.raw AS\nSELECT * FROM vpc_flow_logs\n" in sql("SHOW CREATE VIEW raw").stdout
    assert sql("EXPLAIN SELECT dt FROM raw").stdout.startswith("What the embedded engine would read; ")
    cell = table("SELECT array_agg(sourceaddress || destinationaddress || account) AS a FROM vpc_flow_logs")
    assert len(" ".join(cell[1])) <= CELL_LENGTH + 20
    assert Path(filled.results / page_key(DAY)).exists()


def test_a_new_table_is_not_written_among_the_results(filled: Lake) -> None:
    statement = "CREATE TABLE t WITH (external_location = 's3://vpc-flow-lake-results/reports/t/') AS SELECT 1 AS one"
    assert "is where datasets and reports are kept" in sql(statement, "--write").stderr
