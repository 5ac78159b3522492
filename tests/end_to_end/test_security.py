"""The threat model of docs/security.md: the tests that it names are there. Those without a better place are here."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import duckdb
import pytest
import yaml
from lake import Lake, failure
from support import DAY, ROOT, SMALL_LOGS, write_object

from flowlogs.errors import FlowLakeError
from flowlogs.statements import text_literal
from pipelines.build import build_definitions
from pipelines.commands.statement_guard import require_permitted
from pipelines.settings import Settings, read_settings
from resources.embedded.folder_store import FolderStore
from resources.embedded.session import Session

PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


def lines_of_the_model() -> list[str]:
    """The rows of the table of what holds."""
    table = PAGE.partition("## What holds")[2].partition("## What is left")[0]
    return [line for line in table.splitlines() if line.startswith("| ") and not line.startswith(("| line", "| ---"))]


def test_each_line_of_the_model_names_a_test() -> None:
    lines = lines_of_the_model()
    assert len(lines) > 20
    assert [line for line in lines if not re.search(r"`tests/[\w/]+\.py::test_\w+`", line)] == []


@pytest.mark.parametrize(("path", "name"), NAMED)
def test_each_test_that_is_named_is_there(path: str, name: str) -> None:
    source = (ROOT / path).read_text(encoding="utf-8")
    assert re.search(rf"^def {name}\(", source, re.MULTILINE), f"{path} has no {name}"


HOSTILE_NAMES = (
    "x'; DROP TABLE vpc_flow_logs; --.log.gz",
    "') OR 1=1 --.log",
    "123456789012_vpcflowlogs_us-east-1_fl-0a1b2c3d'_20210902T0005Z_aaaaaaaa.log.gz",
    "123456789012_vpcflowlogs_us-east-1_fl-0a1b2c3d_20210902T0005Z_aaaa'aaaa.log.gz",
    "a\\'b.log.gz",
)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_an_objects_name_is_in_no_statement(lake: Lake, name: str) -> None:
    path = write_object(lake.logs, DAY, SMALL_LOGS[DAY][0], number=9)
    # Objects in another format are left out by their names, which are then in a statement.
    other = write_object(lake.logs, DAY, SMALL_LOGS[DAY][0], number=8)
    path.rename(path.with_name(name))
    engine = lake.watch()
    result = lake.run(DAY)
    assert not [text for text in engine.statements if name in text or name.replace("'", "''") in text]
    assert other.exists()
    if not result.success:
        assert "Traceback" not in failure(result)[1]
    assert lake.target.athena.find_table(lake.target.table) is not None


@pytest.mark.parametrize("text", ["a'b", "a\\b", "'; DROP TABLE t; --"])
def test_a_text_that_both_parsers_do_not_read_alike_is_refused(text: str) -> None:
    with pytest.raises(FlowLakeError, match="holds a quote or a backslash"):
        text_literal(text)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("FLOWLAKE_PREFIX", "a'b"),
        ("FLOWLAKE_PREFIX", "a\\b"),
        ("FLOWLAKE_PREFIX", "../up"),
        ("FLOWLAKE_ACCOUNT_ID", "123456789012'"),
        ("FLOWLAKE_REGION", "us-east-1'; --"),
        ("FLOWLAKE_DATABASE", "a`b"),
        ("FLOWLAKE_TABLE", 'a"b'),
        ("FLOWLAKE_KEEP_LOGS_DAYS", "0"),
        ("FLOWLAKE_KEEP_DATASETS_DAYS", "-1"),
        ("FLOWLAKE_KEEP_REPORTS_DAYS", "6"),
    ],
)
def test_a_setting_that_would_end_a_text_is_refused(monkeypatch: pytest.MonkeyPatch, variable: str, value: str) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(FlowLakeError, match=f"^{variable}="):
        read_settings()


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE vpc_flow_logs",
        "-- a comment\nDROP TABLE vpc_flow_logs",
        "ALTER TABLE vpc_flow_logs DROP PARTITION (dt='2021-09-02')",
        "UNLOAD (SELECT 1 AS one) TO 's3://a/b/' WITH (format = 'PARQUET')",
        "CREATE TABLE a AS SELECT 1 AS one",
        "INSERT INTO a SELECT 1",
        "EXECUTE something",
    ],
)
def test_make_sql_changes_nothing_unless_it_is_told(tmp_path: Path, statement: str) -> None:
    with pytest.raises(FlowLakeError):
        require_permitted(statement, FolderStore(tmp_path, "FLOWLAKE_RESULTS", "results"), write=False)


@pytest.fixture
def session() -> Iterator[Session]:
    """A session as a query has it, that reads no file."""
    with Session("SELECT 1") as session:
        session.restrict_access([])
        yield session


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM read_csv('/etc/passwd')",
        "SELECT * FROM read_text('/etc/passwd')",
        "SELECT * FROM '/etc/passwd'",
        "SELECT * FROM glob('/etc/*')",
        "SELECT * FROM read_parquet('http://127.0.0.1:9/a.parquet')",
        "COPY (SELECT 1) TO '{folder}/stolen.csv'",
        "ATTACH '{folder}/other.duckdb'",
        "EXPORT DATABASE '{folder}/all'",
        "INSTALL httpfs",
        "LOAD httpfs",
        "SET enable_external_access = true",
        "SET allowed_directories = ['/']",
        "SET allowed_paths = ['/etc/passwd']",
        "RESET enable_external_access",
    ],
)
def test_duckdb_itself_reaches_nothing_but_a_querys_files(session: Session, tmp_path: Path, sql: str) -> None:
    with pytest.raises(duckdb.Error):
        session.connection.execute(sql.replace("{folder}", str(tmp_path))).fetchall()
    assert list(tmp_path.iterdir()) == []


HEADER = """\
-- title: Mine
-- question: What is mine?
-- reads: rejected_flows
-- order: records desc
-- columns:
--   records bigint: how many
--   dt string
"""


DAYS = "WHERE r.dt BETWEEN '{first}' AND '{last}' GROUP BY r.dt"


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        (f"SELECT count(*) AS records, r.dt FROM rejected_flows r, vpc_flow_logs v {DAYS}", "vpc_flow_logs"),
        (
            f'SELECT count(*) AS records, r.dt FROM rejected_flows r, "vpc_flow_lake"."vpc_flow_logs" v {DAYS}',
            "vpc_flow_logs",
        ),
        (f"SELECT count(*) AS records, r.dt FROM rejected_flows r, traffic_summary s {DAYS}", "traffic_summary"),
        (f"SELECT count(*) AS records, r.dt FROM rejected_flows r, read_csv('/etc/passwd') c {DAYS}", "read_csv"),
        (f"SELECT count(*) AS records, r.dt FROM rejected_flows r {DAYS}; DROP TABLE rejected_flows", "SYNTAX_ERROR"),
        (
            f"SELECT count(*) AS records, r.dt FROM rejected_flows r {DAYS}) x; DROP TABLE rejected_flows; --",
            "SYNTAX_ERROR",
        ),
        (f"SELECT count(*) AS records, r.dt FROM rejected_flows r {DAYS} /*", "SYNTAX_ERROR"),
    ],
)
def test_a_report_of_ones_own_reads_the_datasets_alone(tmp_path: Path, query: str, reason: str) -> None:
    (tmp_path / "mine.sql").write_text(f"{HEADER}{query}\n")
    with pytest.raises(FlowLakeError) as error:
        build_definitions(Settings(reports=str(tmp_path)))
    assert "mine.sql, line" in str(error.value) and reason in str(error.value)


def test_a_report_of_ones_own_that_reads_a_dataset_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "mine.sql").write_text(f"{HEADER}SELECT count(*) AS records, r.dt FROM rejected_flows r {DAYS}\n")
    assert (
        dg.AssetKey("mine")
        in build_definitions(Settings(reports=str(tmp_path))).resolve_asset_graph().get_all_asset_keys()
    )


def test_no_key_is_shown_in_the_ui(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "DAGSTER_POSTGRES_PASSWORD"):
        monkeypatch.setenv(name, f"value of {name}")
    definitions = build_definitions(Settings(target="aws", bucket="company-vpc-flow-logs"), [])
    for name, resource in (definitions.resources or {}).items():
        shown = json.dumps(resource.model_dump(mode="json"), default=str) if hasattr(resource, "model_dump") else ""
        assert "value of " not in shown, name
    assert "value of " not in repr(definitions)


def test_the_ui_is_reached_from_its_own_machine_alone() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    published = {name: service["ports"] for name, service in compose["services"].items() if "ports" in service}
    assert published == {"webserver": ["127.0.0.1:3000:3000"]}


@pytest.mark.parametrize("name", ["runtime", "deploy", "dev", "bench"])
def test_every_package_is_pinned_with_its_hash(name: str) -> None:
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    pins = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.lstrip().startswith("#")]
    assert len(pins) > 50
    assert [pin for pin in pins if not re.match(r"[\w.-]+(\[[\w, -]+\])?==\S+ .*--hash=sha256:[0-9a-f]{64}", pin)] == []
    assert "://" not in text
