"""The parts of the benchmarks that decide something: the logs that they make, the figures, the tables."""

import gzip
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from support import ROOT

from benchmarks import flow_logs, imports, lineage, measure, raw_queries, report
from benchmarks.days import DAY as BENCHMARK_DAY
from flowlogs.fields import HEADER_LINE

DAY = date(2021, 9, 2)

IMPORTS = """\
import time: self [us] | cumulative | imported package
import time:      1000 |       1000 |     yaml
import time:      2000 |       2000 |       dagster.inner
import time:       500 |       2500 |     dagster.part
import time:      4000 |       7500 |   dagster
import time:       100 |        100 |   yaml.late
import time:       300 |       7900 | pipelines.definitions
"""


def cost(seconds: float, peak_mb: float = 100, **others: object) -> dict[str, object]:
    return {"seconds": seconds, "cpu_seconds": seconds, "peak_mb": peak_mb, **others}


def daily(seconds: float, peak_mb: float = 100) -> dict[str, object]:
    """A daily run that starts up in 2 s, scans in 3 s and ends 1 s after its last step."""
    steps = {"vpc_flow_logs": 0.5, "daily_datasets": 3.0, "top_rejected_pairs": 0.25, "rejected_flow_details": 0.25}
    times = {"began": 1000.0, "first_step": 1002.0, "last_step": 999.0 + seconds}
    return cost(seconds, peak_mb, **times, steps=steps, scanned_bytes={"rejected_flows": 30_000})


def counted(**kinds: tuple[int, int]) -> dict[str, dict[str, int]]:
    names = ("ADD PARTITION", "UNLOAD", "SELECT", "other")
    found = {name: kinds.get(name.split()[0].lower(), (0, 0)) for name in names}
    return {name: {"statements": number, "scanned_bytes": scanned} for name, (number, scanned) in found.items()}


def measured() -> dict[str, object]:
    others = (
        "polars",
        "duckdb",
        "duckdb_summary",
        "duckdb_datasets",
        "polars_datasets",
        "mawk",
        "zcat",
        "isal",
        "load",
        "load_empty",
    )
    package = {"dagster": {"own": 6.5, "cumulative": 7.5}}
    folder = {"objects": 100, "records": 1_000, "rejects": 125, "gzip_bytes": 30_000, "text_bytes": 112_000}
    return {
        "measured_on": "2024-01-31",
        "machine": {
            "cores": 2,
            "cpu": "a CPU",
            "ram_bytes": 8 * 2**30,
            "system": "Linux",
            "versions": {"Python": "3.11"},
        },
        "floor_mb": 20.0,
        "rounds": 3,
        "data": {
            "day": folder,
            "tenfold": {**folder, "objects": 1_000},
            "parquet": {"parquet_bytes": 20_000},
            "small": folder,
        },
        "sample_objects": 10,
        "costs": {
            **{name: [cost(2.0), cost(4.0), cost(9.0)] for name in others},
            "day": [daily(seconds, peak) for seconds, peak in ((8.0, 300), (7.0, 310), (30.0, 290))],
            "tenfold": [daily(8.5, 305)],
            "parquet": [daily(6.5)],
            "every_report": [daily(12.0, 400)] * 3,
            "every_report_empty": [daily(6.0)] * 3,
            "empty_day": [daily(6.0)] * 3,
            "empty_graph": [daily(6.0)] * 3,
            "flowlogs_reader": [cost(11.0)] * 3,
            "flowlogs_reader_idle": [cost(1.0)] * 3,
        },
        "imports": {"ours": [{**package, "boto3": {"own": 1.0, "cumulative": 2.0}}], "empty": [package]},
        "queries": [
            {"name": "who", "ours": [2.0, 3.0, 9.0], "by_hand": [2.0, 2.5, 3.0]},
            {"name": "when", "ours": [1.0], "by_hand": [4.0]},
        ],
        "range": {"ours": [cost(20.0)], "empty": [cost(10.0)]},
        "growth": {"1": [0.2, 0.3, 0.1], "3650": [0.21, 0.22, 0.23]},
        "archive": [{"add": 6.0, "source": 0.25, "account": 0.2, "day": 1.5}] * 3,
        "statements": {
            "asked_days": 30,
            "cases": [
                {
                    "days": 1,
                    "reports": 2,
                    "object_bytes": 32_000,
                    "lineage": counted(add=(1, 0), unload=(1, 32_000), select=(2, 800), other=(3, 0)),
                    "one_by_one": counted(add=(1, 0), select=(2, 64_000)),
                }
            ],
        },
    }


def cells(table: str, label: str) -> list[str]:
    """The cells of the table's row that begins with `label`, without it."""
    (row,) = [line for line in table.splitlines() if line.strip("| ").startswith(label)]
    return [cell.strip() for cell in row.strip("|").split(" | ")][1:]


def test_the_same_seed_gives_the_same_text_and_as_many_records_as_were_asked_for(tmp_path: Path) -> None:
    one, other = (flow_logs.write_day(tmp_path / name, DAY, 1_003, objects=4) for name in ("one", "other"))
    texts = {path.name: gzip.decompress(path.read_bytes()).decode() for path in one.iterdir()}
    assert texts == {path.name: gzip.decompress(path.read_bytes()).decode() for path in other.iterdir()}
    lines = [text.splitlines() for text in texts.values()]
    assert all(text.endswith("\n") for text in texts.values())
    assert {first for first, *_ in lines} == {HEADER_LINE}
    assert sum(len(rest) for _, *rest in lines) == 1_003
    assert {len(line.split(" ")) for _, *rest in lines for line in rest} == {14}
    found = flow_logs.facts(one)
    assert (found["objects"], found["records"], found["text_bytes"]) == (4, 1_003, sum(map(len, texts.values())))
    assert found["rejects"] == sum(" REJECT " in line for text in lines for line in text)


def test_a_day_split_into_more_objects_has_the_same_records(tmp_path: Path) -> None:
    whole = flow_logs.write_day(tmp_path / "whole", DAY, 95, objects=2)
    flow_logs.split_day(whole, tmp_path / "split", 10)
    whole_lines, split_lines = (
        [line for path in sorted(folder.iterdir()) for line in gzip.decompress(path.read_bytes()).splitlines()[1:]]
        for folder in (whole, tmp_path / "split")
    )
    assert whole_lines == split_lines
    assert len(list((tmp_path / "split").iterdir())) == 20


def test_a_day_without_records_is_one_object_with_its_header(tmp_path: Path) -> None:
    (only,) = flow_logs.write_day(tmp_path, DAY, 0, objects=1).iterdir()
    assert gzip.decompress(only.read_bytes()).decode() == f"{HEADER_LINE}\n"


def test_imports_are_summed_by_package_and_charged_to_whoever_imports_them_first() -> None:
    assert imports.by_package(IMPORTS) == {
        "yaml": {"own": 1.1, "cumulative": 1.1},
        "dagster": {"own": 6.5, "cumulative": 7.5},
        "pipelines": {"own": 0.3, "cumulative": 7.9},
    }


@pytest.mark.parametrize(
    ("statement", "kind"),
    [
        (
            "-- vpc-flow-lake: x, run 1\nALTER TABLE `a`.`b` ADD IF NOT EXISTS PARTITION (dt='2021-09-02')",
            "ADD PARTITION",
        ),
        ("ALTER TABLE `a`.`b` PARTITION (dt='2021-09-02') SET LOCATION 's3://a/b'", "other"),
        ("UNLOAD (SELECT 1) TO 's3://a/b' WITH (format = 'PARQUET')", "UNLOAD"),
        ("\n-- a comment\nSELECT 1", "SELECT"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "SELECT"),
        ("CREATE DATABASE IF NOT EXISTS `a`", "other"),
    ],
)
def test_a_statement_is_counted_by_its_kind(statement: str, kind: str) -> None:
    assert lineage.kind(statement) == kind


def test_twenty_reports_have_names_of_their_own_and_begin_with_the_projects() -> None:
    reports = lineage.more_reports(20)
    assert len({one.name for one in reports}) == 20
    assert reports[: len(lineage.REPORTS)] == lineage.REPORTS


def test_a_process_is_charged_with_what_its_children_cost() -> None:
    spent = measure.run(["sh", "-c", "python3 -c 'sum(range(3_000_000))' && echo done"])
    assert spent["output"] == "done\n"
    assert 0.03 < spent["cpu_seconds"] < 5
    assert spent["seconds"] > 0.03


def test_a_process_that_fails_says_so_with_its_own_words() -> None:
    with pytest.raises(RuntimeError, match="no such luck"):
        measure.run(["sh", "-c", "echo no such luck >&2; exit 3"])


def test_another_answer_ends_the_benchmark() -> None:
    answer = measure.answer_of("packetcount,sourceaddress,destinationaddress,dt\n47,1.2.3.4,10.0.0.5,2021-09-02\n")
    assert answer == "47,1.2.3.4,10.0.0.5\n"
    measure.require_same({"us": answer, "them": "47,1.2.3.4,10.0.0.5\n"})
    with pytest.raises(SystemExit, match="them answers"):
        measure.require_same({"us": answer, "them": "46,1.2.3.4,10.0.0.5\n"})
    with pytest.raises(SystemExit, match="no answer"):
        measure.require_same({"us": "", "them": ""})


def test_an_asset_that_did_not_run_ends_the_benchmark() -> None:
    measure.require_steps({"b": 1.0, "a": 2.0}, ("a", "b"))
    with pytest.raises(SystemExit, match="^a, b should have been materialized; a were.$"):
        measure.require_steps({"a": 1.0}, ("a", "b"))


def test_the_table_has_medians_ranges_and_ratios_of_medians() -> None:
    table = report.day_table(measured())
    assert cells(table, "**This project**, the classroom") == ["8.00", "7.00 to 30.00", "2.00", "8.00", "310"]
    assert cells(table, "This project, less a day without records") == ["2.00", "", "0.50", "", ""]
    assert cells(table, "Polars, top 20") == ["4.00", "2.00 to 9.00", "1.00", "4.00", "100"]


def test_a_sample_is_scaled_without_its_start_up() -> None:
    table = report.day_table(measured())
    assert cells(table, "flowlogs-reader") == ["101.00", "101.00 to 101.00", "25.25", "101.00", "100"]


def test_a_target_stands_beside_its_measurement() -> None:
    table = report.aims_table(measured())
    assert cells(table, "a run of the two reports") == ["ratio of seconds", "2.00", ""]
    assert cells(table, "two reports of the day") == ["ratio of seconds", "0.50", "1.0"]
    assert cells(table, "every report and the page") == ["ratio of seconds", "1.50", "1.2"]
    assert cells(table, "peak memory of that") == ["MB", "400", "1,500"]
    assert cells(table, "raw logs scanned") == ["ratio of bytes", "1.00", "1"]
    assert cells(table, "peak memory  ") == ["MB", "310", "1,500"]
    assert cells(table, "365 small days") == ["s", "20.0", "60, or 30 (3 empty Dagster runs)"]
    assert cells(table, "one day with 3,650") == ["ratio of seconds", "1.10", "1.2"]


def test_queries_on_the_raw_table_are_told_side_by_side() -> None:
    table = report.queries_table(measured()["queries"])
    assert cells(table, "who") == ["3.00", "2.50", "2.00 to 9.00", "2.00 to 3.00", "1.20"]
    assert cells(report.aims_table(measured()), "a query on the raw table") == ["ratio of seconds", "1.20", "1.3"]


def test_a_query_on_the_raw_table_has_the_rows_that_it_has_by_hand(tmp_path: Path) -> None:
    folder = flow_logs.write_day(tmp_path, BENCHMARK_DAY, 2_000, objects=2)
    for query in raw_queries.QUERIES:
        answers = {who: answer(query, tmp_path, folder)[1] for who, answer in raw_queries.CONTESTANTS.items()}
        assert answers["ours"] == answers["by_hand"] != []


@pytest.mark.parametrize("text", ["0", "-5", "1e6", "", "many"])
def test_a_size_that_is_no_number_from_1_on_is_refused_before_anything_is_made(text: str) -> None:
    spent = subprocess.run(
        [sys.executable, "-m", "benchmarks", "--records", text], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert spent.returncode == 2
    assert f"{text!r} is no whole number from 1 on" in spent.stderr


def test_start_up_is_told_apart_from_the_assets() -> None:
    table = report.startup_table(measured())
    assert cells(table, "`dagster asset materialize`") == ["2.00", "2.00", "1.00"]
    assert cells(table, "the assets") == ["3.00", "3.00", "1.00"]
    assert cells(table, "after the last asset") == ["1.00", "1.00", "1.00"]


def test_the_parts_of_a_run_add_up_to_the_whole() -> None:
    spent = report.parts([daily(8.0)])
    assert list(spent.values()) == [4.0, 0.5, 3.0, 0.5]
    assert sum(spent.values()) == 8.0


def test_statements_are_told_with_what_was_scanned() -> None:
    table = report.statements_table(measured()["statements"]["cases"])
    assert cells(table, "1 ") == ["2", "1", "1", "2", "3", "32 kB", "800 B", "3", "64 kB", "2.00"]


@pytest.mark.parametrize(("number", "text"), [(999, "999 B"), (498_900_000, "499 MB"), (2_270_000_000, "2.27 GB")])
def test_sizes_are_told_in_powers_of_a_thousand(number: int, text: str) -> None:
    assert report.size(number) == text


def test_the_page_has_every_table_and_the_notes_as_they_are() -> None:
    page = report.render(measured())
    for table in report.tables(measured()).values():
        assert table in page
    assert (report.FOLDER / "notes.md").read_text().strip() in page
    assert "only assets need them: boto3" in page
