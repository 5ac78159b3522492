"""The documented commands, each as a process of its own: what they print, write and leave alone, and how they fail."""

import gzip
import json
import random
import re
import shutil
import signal
import socket
import subprocess
import time
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from support import (
    ACCEPTED,
    BIN,
    DAY,
    FEW_PACKETS,
    FEW_REPORTS,
    MANY_PACKETS,
    NEXT_DAY,
    PING,
    SMALL_DETAILS,
    SMALL_TOP,
    command,
    command_environment,
    copy_project,
    files_in,
    finished,
    flow_lake,
    known_answers,
    make,
    report_rows,
    run,
    with_day,
    write_object,
    write_small_logs,
)
from webhook_receiver import TOKEN, webhook_receiver

from assets.results_source import SOURCE_RECORD
from flowlogs.datasets import DATASETS
from flowlogs.errors import FlowLakeError
from flowlogs.statements import TableName
from pipelines.commands.history import LOCK_TAG, History, history
from pipelines.settings import Settings
from resources.embedded.catalog import Catalog

MATERIALIZE = ("dagster", "asset", "materialize", "-m", "pipelines.definitions")
WHOLE_LINEAGE = (*MATERIALIZE, "--select", "*", "--partition", DAY)
DAILY_ASSETS = ",".join(["vpc_flow_logs_partition", *DATASETS, *FEW_REPORTS, "daily_page"])
RANGE = (*MATERIALIZE, "--select", DAILY_ASSETS, "--partition-range", f"{DAY}...{NEXT_DAY}")


def reports_in(results: Path) -> dict[str, str]:
    """The files of reports by name, each by its digest; of the day's totals, what they say.

    Without the digest of the objects: that has the times of their files, which differ from bucket to bucket.
    """
    found = dict(files_in(results / "reports"))
    for name in [name for name in found if name.startswith("day_totals/")]:
        totals = json.loads((results / "reports" / name).read_text())
        assert re.fullmatch("[0-9a-f]{32}", totals["covered"].pop("digest"))
        found[name] = json.dumps(totals)
    return found


def rejected_in(results: Path) -> tuple[dict[str, int], int]:
    """By day, how many files of rejected flows the day's partition points at; and how many there are altogether."""
    name = TableName("vpc_flow_lake", "rejected_flows")
    pointed_at = {
        partition.values[0]: len(list((results / partition.location.partition("-results/")[2]).glob("*")))
        for partition in Catalog(results / "catalog.sqlite").partitions(name)
    }
    return pointed_at, len(list((results / "datasets").rglob("dataset=rejected_flows/*.parquet")))


def others_in(results: Path) -> dict[str, str]:
    """The files that a second run of the same days leaves as they are."""
    found = files_in(results)
    return {name: digest for name, digest in found.items() if not name.startswith(("catalog.", "datasets/"))}


# dagster asset materialize


@pytest.fixture(scope="session")
def materialized(project, small_logs, tmp_path_factory) -> tuple[Path, dict[str, object]]:
    """Results of the whole lineage for a day and of a range of days, and the settings that they were made with."""
    home = tmp_path_factory.mktemp("materialized")
    settings = {"FLOWLAKE_BUCKET": small_logs, "FLOWLAKE_RESULTS": home / "results", "DAGSTER_HOME": home / "dagster"}
    (home / "dagster").mkdir()
    (home / "elsewhere").mkdir()
    for arguments in (WHOLE_LINEAGE, RANGE):
        code, output = run(project, *arguments, cwd=home / "elsewhere", **settings)
        assert code == 0, output
    return home / "results", settings


def test_dagster_materializes_days_from_any_folder(materialized):
    results, _ = materialized
    for day in (DAY, NEXT_DAY):
        assert report_rows(results, "top_rejected_pairs", day) == with_day(SMALL_TOP[day], day)
        assert report_rows(results, "rejected_flow_details", day) == with_day(SMALL_DETAILS[day], day)
    made = [
        f"{report}/{day}.{kind}" for day in (DAY, NEXT_DAY) for report in FEW_REPORTS for kind in ("csv", "parquet")
    ]
    pages = [name for day in (DAY, NEXT_DAY) for name in (f"{day}.html", f"day_totals/{day}.json")]
    assert sorted(reports_in(results)) == sorted([*made, *pages, "index.html"])


def test_each_day_of_a_range_has_metadata_of_its_own_in_the_history(materialized, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(materialized[1]["DAGSTER_HOME"]))
    with dg.DagsterInstance.get() as instance:
        events = instance.fetch_materializations(dg.AssetKey("top_rejected_pairs"), limit=2).records
    rows = {event.partition_key: event.asset_materialization.metadata["dagster/row_count"].value for event in events}
    assert rows == {"2021-09-02": 3, "2021-09-03": 1}


@pytest.mark.parametrize("arguments", [WHOLE_LINEAGE, RANGE], ids=["whole lineage", "range of days"])
def test_materializing_again_leaves_the_same_files_and_one_copy_of_the_rejected_flows(project, materialized, arguments):
    results, settings = materialized
    before = others_in(results)
    assert run(project, *arguments, **settings)[0] == 0
    assert others_in(results) == before
    assert rejected_in(results) == ({str(DAY): 1, str(NEXT_DAY): 1}, 2)


def test_two_runs_at_once_leave_the_files_that_one_leaves(project, materialized, tmp_path):
    results, settings = materialized
    settings = {"FLOWLAKE_BUCKET": settings["FLOWLAKE_BUCKET"], "FLOWLAKE_RESULTS": tmp_path / "results"}
    for arguments in (WHOLE_LINEAGE, RANGE):
        both = [command(project, *arguments, cwd=tmp_path, **settings) for _ in range(2)]
        assert [finished(process)[0] for process in both] == [0, 0]
    assert others_in(tmp_path / "results") == others_in(results)
    # Whichever came last, each day is there once; what the other wrote may be left for a later run to throw away.
    pointed_at, copies = rejected_in(tmp_path / "results")
    assert pointed_at == {str(DAY): 1, str(NEXT_DAY): 1}
    assert 2 <= copies <= 5


def test_a_failure_in_dagsters_command_names_the_object(project, tmp_path):
    logs = write_small_logs(tmp_path / "logs")
    damaged = write_object(logs, DAY, ["x"], number=9)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    code, output = run(project, *WHOLE_LINEAGE, FLOWLAKE_BUCKET=logs, FLOWLAKE_RESULTS=tmp_path / "results")
    assert code == 1
    assert f"{damaged} cannot be read to its end" in output


def test_a_missing_folder_in_dagsters_command_names_the_variable(project, tmp_path):
    code, output = run(project, *WHOLE_LINEAGE, FLOWLAKE_BUCKET=tmp_path / "x", FLOWLAKE_RESULTS=tmp_path / "results")
    assert code == 1
    assert f"FLOWLAKE_BUCKET: {tmp_path}/x does not exist." in output


# make run, on the default bucket


def test_make_run_says_what_happened_yesterday_and_where_the_page_is(whole_project):
    days = {datetime.now(timezone.utc).date() - timedelta(days=1)}
    code, output = make(whole_project, "run")
    days.add(datetime.now(timezone.utc).date() - timedelta(days=1))
    assert code == 0, output
    (day,) = re.findall(r"^Day      (\S+) \(UTC\)$", output, re.MULTILINE)
    assert day in map(str, days)
    assert f"\nLogs     {whole_project}/data/bucket (simulated: no VPC is behind them)\nResults  " in output
    assert f"\nResults  {whole_project}/data/results\n" in output
    reports = whole_project / "data/results/reports"
    end = output[output.index("\nSIMULATED: ") :]
    read = r"[\d,]+ records read, [\d,]+ rejected by [\d,]+ sources, 0 unreadable\."
    assert re.search(rf"^{read}\n\d+ rows need a look, in \d+ reports; first: .*\n\nLook first at\n", end, re.MULTILINE)
    assert len(re.findall(r"^  \d\. .+$", end, re.MULTILINE)) == 5
    assert end.endswith(
        f"\nPage     {reports.as_uri()}/{day}.html\nAll days {reports.as_uri()}/index.html\n"
        f"Files    {reports}/<report>/{day}.csv and .parquet\n"
    )
    assert (reports / f"{day}.html").is_file()
    assert (reports / "index.html").is_file()
    for kind in ("parquet", "csv"):
        assert (reports / f"top_rejected_pairs/{day}.{kind}").is_file()


@pytest.fixture(scope="session")
def simulated(tmp_path_factory) -> Path:
    """The data folder after one undisturbed run on the default bucket."""
    project = copy_project(tmp_path_factory.mktemp("simulated"))
    code, output = flow_lake(project, "run", "--date", DAY)
    assert code == 0, output
    return project / "data"


def visible(files: dict[str, str]) -> dict[str, str]:
    return {name: digest for name, digest in files.items() if "/." not in f"/{name}"}


def test_running_again_on_the_default_bucket_leaves_the_same_files(simulated):
    bucket, results = files_in(simulated / "bucket"), reports_in(simulated / "results")
    assert flow_lake(simulated.parent, "run", "--date", DAY)[0] == 0
    assert (files_in(simulated / "bucket"), reports_in(simulated / "results")) == (bucket, results)


def test_two_runs_at_once_on_a_new_default_bucket_leave_the_files_that_one_leaves(simulated, new_project):
    both = [command(new_project, "python", "-m", "pipelines.commands", "run", "--date", str(DAY)) for _ in range(2)]
    outcomes = [finished(process) for process in both]
    assert [code for code, _ in outcomes] == [0, 0], outcomes
    data = new_project / "data"
    assert files_in(data / "bucket") == files_in(simulated / "bucket")
    assert reports_in(data / "results") == reports_in(simulated / "results")


def test_runs_that_are_killed_leave_nothing_behind_but_what_the_next_run_completes(simulated, new_project):
    data, clean = new_project / "data", files_in(simulated / "bucket")
    moments = [random.uniform(0.8, 3) for _ in range(4)]
    for moment in moments:
        process = command(new_project, "python", "-m", "pipelines.commands", "run", "--date", str(DAY))
        time.sleep(moment)
        process.kill()
        finished(process)
        assert visible(files_in(data / "bucket")).items() <= clean.items(), moments
        assert reports_in(data / "results").items() <= reports_in(simulated / "results").items(), moments
    code, output = flow_lake(new_project, "run", "--date", DAY)
    assert code == 0, (moments, output)
    assert files_in(data / "bucket") == clean, moments
    assert reports_in(data / "results") == reports_in(simulated / "results"), moments
    assert sorted(path.name for path in (data / "results").iterdir()) == sorted(
        path.name for path in (simulated / "results").iterdir()
    )


def test_a_default_bucket_that_somebody_filled_is_read_and_never_written(new_project):
    bucket = write_small_logs(new_project / "data/bucket")
    write_object(bucket, DAY, [], account="123456789012", region="us-east-1", number=8)
    before = files_in(bucket)
    code, output = flow_lake(new_project, "run", "--date", DAY)
    assert code == 0, output
    assert report_rows(new_project / "data/results", "top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)
    assert files_in(bucket) == before


def test_logs_that_are_copied_into_the_simulated_bucket_are_told(new_project):
    flow_lake(new_project, "run", "--date", DAY)
    bucket = new_project / "data/bucket"
    theirs = write_object(bucket, DAY, [ACCEPTED], account="999999999999", region="eu-west-1")
    before = files_in(bucket), reports_in(new_project / "data/results")
    code, output = flow_lake(new_project, "run", "--date", NEXT_DAY)
    assert (code, output.count("Error: ")) == (1, 1)
    assert f"holds what that never delivered: {theirs}. Simulated flow logs are never mixed with others" in output
    assert (files_in(bucket), reports_in(new_project / "data/results")) == before


def test_results_of_simulated_logs_take_no_others(new_project):
    flow_lake(new_project, "run", "--date", DAY)
    shutil.rmtree(new_project / "data/bucket")
    write_object(new_project / "data/bucket", NEXT_DAY, [FEW_PACKETS])
    before = files_in(new_project / "data/results/reports")
    words = failed(flow_lake(new_project, "run", "--date", NEXT_DAY))
    assert "/vpcflowlogs/us-east-1/ (tables: embedded, simulated), and these settings read s3://" in words
    assert files_in(new_project / "data/results/reports") == before


def test_results_of_an_older_versions_simulation_go_on(new_project):
    flow_lake(new_project, "run", "--date", DAY)
    note = new_project / "data/results" / SOURCE_RECORD
    note.write_text("".join(f"{line}\n" for line in note.read_text().splitlines()[:2]))
    assert flow_lake(new_project, "run", "--date", NEXT_DAY)[0] == 0


# make run, on logs of one's own


# A day of each folder: its other days are asked for in process, where the assets are tested.
@pytest.mark.parametrize("known", {known.folder: known for known in known_answers()}.values(), ids=str)
def test_the_reports_of_logs_of_ones_own_are_right_and_the_logs_untouched(project, small_logs, tmp_path, known):
    folder = known.folder or small_logs
    before = files_in(folder)
    code, output = flow_lake(project, "run", "--logs", folder, "--date", known.day, FLOWLAKE_RESULTS=tmp_path)
    assert code == 0, output
    assert report_rows(tmp_path, "top_rejected_pairs", known.day) == with_day(known.top, known.day)
    assert report_rows(tmp_path, "rejected_flow_details", known.day) == with_day(known.details, known.day)
    assert files_in(folder) == before


def test_make_run_tells_of_the_last_day_in_the_folder(project, tmp_path):
    logs = write_small_logs(tmp_path / "logs of mine")
    code, output = make(project, "run", f"LOGS={logs}")
    assert code == 0, output
    (results,) = re.findall(rf"^Results  ({project}/data/logs-of-mine-[0-9a-f]{{8}})$", output, re.MULTILINE)
    assert output.startswith(f"Day      2021-09-03 (UTC)\nLogs     {logs}\nResults  {results}\n")
    assert "SIMULATED" not in output
    assert output.endswith(
        "\n1 record read, 1 rejected by 1 source, 0 unreadable.\n"
        "No report found a row that needs a look; most packets were rejected from 192.0.2.1 to 10.0.0.5: 5 packets.\n\n"
        "Most packets were rejected from\n  1. 192.0.2.1 to 10.0.0.5: 5 packets.\n\n"
        "100 % complete. Only 1 of the 7 days before has objects, too few to learn from: computed from the day's own "
        "objects and records.\n\n"
        f"Page     file://{results}/reports/2021-09-03.html\n"
        f"All days file://{results}/reports/index.html\n"
        f"Files    {results}/reports/<report>/2021-09-03.csv and .parquet\n"
    )


def test_a_record_cannot_command_the_terminal(project, tmp_path):
    logs = tmp_path / "logs"
    write_object(logs, DAY, ["2 123456789012 eni-0a \x1b[2J 10.0.0.5 1 2 6 5 200 1630627200 1630627260 REJECT OK"])
    code, output = flow_lake(project, "run", "--logs", logs, FLOWLAKE_RESULTS=tmp_path / "results")
    assert code == 0
    assert r"\x1b[2J" in output
    assert "\x1b[2J" not in output


def test_a_run_is_complete_even_if_nobody_reads_its_lines_to_the_end(project, small_logs, tmp_path):
    process = command(
        project, "python", "-m", "pipelines.commands", "run", "--logs", str(small_logs), FLOWLAKE_RESULTS=tmp_path
    )
    process.stdout.readline()
    process.stdout.close()
    process.wait(60)
    assert report_rows(tmp_path, "top_rejected_pairs", NEXT_DAY) == with_day(SMALL_TOP[NEXT_DAY], NEXT_DAY)


def test_two_folders_of_logs_never_share_results(new_project, tmp_path):
    busy = "2 123456789012 eni-1 1.1.1.1 2.2.2.2 1 2 6 9999 1 1630540800 1630540860 REJECT OK"
    results = []
    for parent, most in (("a", [47, "203.0.113.9", "10.0.0.5"]), ("b", [9999, "1.1.1.1", "2.2.2.2"])):
        logs = write_small_logs(tmp_path / parent / "logs")
        if parent == "b":
            write_object(logs, DAY, [busy], number=9)
        code, output = flow_lake(new_project, "run", "--logs", logs, "--date", DAY)
        assert code == 0, output
        results.append((Path(re.findall(r"^Results  (.*)$", output, re.MULTILINE)[0]), most))
    assert sorted(path for path, _ in results) == sorted((new_project / "data").iterdir())
    for path, most in results:
        assert report_rows(path, "top_rejected_pairs", DAY)[0] == [*most, "2021-09-02"]
        assert sorted(file.name for file in path.iterdir()) == [
            ".lock",
            "catalog.sqlite",
            "dagster",
            "datasets",
            "reports",
            "source",
        ]


def test_a_bucket_may_have_any_name_and_be_a_link(new_project, tmp_path):
    (tmp_path / "elsewhere").mkdir()
    write_small_logs(tmp_path / "мои логи & more")
    (new_project / "my link").symlink_to(tmp_path / "мои логи & more")
    code, output = flow_lake(
        new_project, "run", "--date", DAY, cwd=tmp_path / "elsewhere", FLOWLAKE_BUCKET="my link", FLOWLAKE_RESULTS="out"
    )
    assert code == 0, output
    assert report_rows(new_project / "out", "top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_logs_are_relative_to_where_the_command_is_typed(project, small_logs, tmp_path):
    code, output = flow_lake(
        project,
        "run",
        "--logs",
        small_logs.name,
        cwd=small_logs.parent,
        FLOWLAKE_RESULTS=tmp_path,
        FLOWLAKE_TARGET="aws",
    )
    assert code == 0, output
    assert f"\nLogs     {small_logs}\n" in output


def test_a_day_without_objects_ends_with_a_warning_that_tells_the_days_with_some(project, small_logs, tmp_path):
    code, output = flow_lake(project, "run", "--logs", small_logs, "--date", "2021-09-04", FLOWLAKE_RESULTS=tmp_path)
    assert code == 0, output
    assert "\n0 records read: the logs of this day hold none.\n" in output
    assert output.endswith(
        f"\nWarning: Nothing was delivered on 2021-09-04: {small_logs}/AWSLogs/123456789012/vpcflowlogs/us-east-1/"
        "2021/09/04 holds no objects. Days that do: 2021-09-02, 2021-09-03.\n"
    )


# make sql


def test_make_sql_prints_the_rows_of_a_select(project, materialized):
    _, settings = materialized
    code, output = flow_lake(
        project,
        "sql",
        "SELECT action, count(*) AS flows, sum(numpackets) AS packets FROM vpc_flow_logs GROUP BY 1 ORDER BY flows",
        **settings,
    )
    assert code == 0
    assert output.startswith(
        "action      flows    packets\n"
        "--------  -------  ---------\n"
        "ACCEPT          1       9000\n"
        "-               2\n"
        "REJECT          5         55\n"
        "\n3 rows, "
    )
    assert re.fullmatch(r"3 rows, \d+ bytes scanned, \d+\.\d\d s\.", output.splitlines()[-1])


@pytest.fixture
def warned_of(project, tmp_path) -> tuple[Path, dict[str, object]]:
    """Logs of a day that was made, and then lost an object's header line; and the settings that it was made with."""
    logs = write_small_logs(tmp_path / "logs")
    settings = {"FLOWLAKE_BUCKET": logs, "FLOWLAKE_RESULTS": tmp_path / "results"}
    assert run(project, *WHOLE_LINEAGE, **settings)[0] == 0
    path = write_object(logs, DAY, [], number=9)
    path.write_bytes(gzip.compress(f"{FEW_PACKETS}\n{MANY_PACKETS}\n".encode()))
    return path, settings


def test_make_sql_warns_of_an_object_that_is_read_wrongly(project, warned_of):
    path, settings = warned_of
    statement = f"SELECT count(*) AS records FROM vpc_flow_logs WHERE dt = '{DAY}'"
    done = subprocess.run(
        [BIN / "python", "-m", "pipelines.commands", "sql", statement],
        cwd=project,
        env=command_environment(project, **settings),
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[2].strip() == "8"
    assert done.stderr.startswith(f"\nWarning: {path} has no header line. Athena passes over the first line")
    assert done.stderr.count("Warning:") == 1


def test_make_sql_warns_of_an_object_that_is_there_twice(project, tmp_path):
    packed = write_object(tmp_path / "logs", DAY, [ACCEPTED])
    settings = {"FLOWLAKE_BUCKET": tmp_path / "logs", "FLOWLAKE_RESULTS": tmp_path / "results"}
    assert run(project, *WHOLE_LINEAGE, **settings)[0] == 0
    packed.with_suffix("").write_bytes(gzip.decompress(packed.read_bytes()))
    code, output = flow_lake(project, "sql", "SELECT count(*) AS flows FROM vpc_flow_logs", **settings)
    assert code == 0
    assert "\nWarning: Some objects are there twice, so that their records count twice: " in output


def test_make_sql_warns_of_objects_that_are_gone_since_the_last_run(project, tmp_path):
    logs, results = tmp_path / "logs", tmp_path / "results"
    kept, gone = (
        write_object(logs, DAY, [line], number=number) for number, line in enumerate([ACCEPTED, MANY_PACKETS])
    )
    settings = {"FLOWLAKE_BUCKET": logs, "FLOWLAKE_RESULTS": results}
    assert run(project, *WHOLE_LINEAGE, **settings)[0] == 0
    gone.unlink()
    code, output = flow_lake(project, "sql", "SELECT count(*) AS flows FROM vpc_flow_logs", **settings)
    assert code == 0
    assert (
        f"Warning: Logs of {DAY} are gone: of 2 objects that an earlier run read, 1 are left in {kept.parent}" in output
    )
    code, output = flow_lake(project, "sql", "SELECT count(*) AS flows FROM rejected_flows", **settings)
    assert code == 0
    assert f"Warning: Objects of {DAY} came, went or changed after they were read for rejected_flows" in output


def test_make_sql_warns_where_the_files_of_a_partition_are_gone(project, warned_of):
    _, settings = warned_of
    for file in settings["FLOWLAKE_RESULTS"].glob("datasets/*/dt=*/dataset=rejected_flows/*.parquet"):
        file.unlink()
    code, output = flow_lake(project, "sql", "SELECT count(*) AS flows FROM rejected_flows", **settings)
    assert code == 0
    assert "\nWarning: Partitions of rejected_flows point at folders that hold no objects" in output
    assert f"dt={DAY}: {settings['FLOWLAKE_RESULTS']}/datasets/" in output


def test_make_sql_says_nothing_of_a_day_on_which_nothing_was_rejected(project, tmp_path):
    write_object(tmp_path / "logs", DAY, [ACCEPTED])
    settings = {"FLOWLAKE_BUCKET": tmp_path / "logs", "FLOWLAKE_RESULTS": tmp_path / "results"}
    assert run(project, *WHOLE_LINEAGE, **settings)[0] == 0
    code, output = flow_lake(project, "sql", "SELECT count(*) AS flows FROM rejected_flows", **settings)
    assert code == 0
    assert "Warning" not in output


def test_make_sql_passes_quotes_on(project, small_logs, materialized):
    results, _ = materialized
    statement = """SELECT "dt", '"' AS quote FROM "vpc_flow_lake"."vpc_flow_logs" WHERE dt = '2021-09-03'"""
    code, output = make(project, "sql", f"LOGS={small_logs}", f"Q={statement}", f"FLOWLAKE_RESULTS={results}")
    assert code == 0, output
    assert output.startswith('dt          quote\n----------  -------\n2021-09-03  "\n\n1 row, ')


def test_make_sql_says_what_makes_the_table(project, small_logs, tmp_path):
    code, output = flow_lake(
        project, "sql", "--logs", small_logs, "SELECT 1 FROM vpc_flow_logs", FLOWLAKE_RESULTS=tmp_path
    )
    assert code == 1
    assert output.startswith("\nError: TABLE_NOT_FOUND: ")
    assert output.endswith(
        "\nThe statement was:\nSELECT 1 FROM vpc_flow_logs\n"
        "The table of flow logs is there once `make run` has made it.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_make_sql_names_the_tables_where_another_is_asked_for(project, materialized):
    words = failed(flow_lake(project, "sql", "SELECT 1 FROM vpc_flow_log", **materialized[1]))
    tables = "vpc_flow_logs, rejected_flows, traffic_summary, traffic_by_hour"
    assert words.endswith(
        f"\nDid you mean vpc_flow_logs? The tables that `make run` makes are {tables}. Each report is a table, too: "
        "`make reports` lists them.\n"
    )


def test_make_sql_tells_what_is_wrong_with_a_statement(project, materialized):
    code, output = flow_lake(project, "sql", "SELECT nothing FROM vpc_flow_logs", **materialized[1])
    assert code == 1
    assert re.match(r"\nError: COLUMN_NOT_FOUND: .*nothing", output)
    assert "Traceback" not in output


# Errors: one message that names what is wrong, an exit code, no traceback

NAME_THE_FOLDER = "Name the folder that contains AWSLogs, as `aws s3 sync` leaves it.\n"


def failed(outcome: tuple[int, str]) -> str:
    """The words after the last "Error: " of a command that must have failed."""
    code, output = outcome
    assert code == 1, output
    assert "Traceback" not in output
    return output.rpartition("\nError: ")[2]


@pytest.mark.parametrize("text", ["2021-9-2", "2021-02-30", "yesterday", "20210902", "2021-09-02T00:00", "2021-09-02 "])
def test_a_malformed_date_is_an_error(project, small_logs, tmp_path, text):
    outcome = flow_lake(project, "run", "--logs", small_logs, "--date", text, FLOWLAKE_RESULTS=tmp_path)
    assert failed(outcome) == f"DATE={text} is not a day: write it as year-month-day, such as 2021-09-02.\n"


def test_a_day_before_the_first_partition_is_an_error(project, small_logs, tmp_path):
    outcome = flow_lake(project, "run", "--logs", small_logs, "--date", "2020-12-31", FLOWLAKE_RESULTS=tmp_path)
    assert failed(outcome).startswith(
        "2020-12-31 is outside the daily partitions, which run from 2021-01-01 (FLOWLAKE_START_DATE) to "
    )


def test_a_day_that_has_not_begun_is_an_error(project, small_logs, tmp_path):
    date = datetime.now(timezone.utc).date() + timedelta(days=1)
    outcome = flow_lake(project, "run", "--logs", small_logs, "--date", date, FLOWLAKE_RESULTS=tmp_path)
    assert failed(outcome).startswith(f"{date} is outside the daily partitions, which run from 2021-01-01 ")


def test_today_is_reported_with_the_warning_that_it_is_not_over(project, tmp_path):
    today = datetime.now(timezone.utc).date()
    write_object(tmp_path / "logs", today, [FEW_PACKETS])
    code, output = flow_lake(project, "run", "--logs", tmp_path / "logs", FLOWLAKE_RESULTS=tmp_path / "results")
    assert code == 0, output
    assert report_rows(tmp_path / "results", "top_rejected_pairs", today)[0][:3] == [7, "203.0.113.9", "10.0.0.5"]
    assert f"{today} is not over yet (UTC)" in output


def test_a_day_before_that_got_objects_is_told_and_its_page_says_when_they_were_read(project, tmp_path):
    logs, results = write_small_logs(tmp_path / "logs"), tmp_path / "results"

    def run_day(date):
        code, output = flow_lake(project, "run", "--logs", logs, "--date", date, FLOWLAKE_RESULTS=results)
        assert code == 0, output
        return output

    run_day(DAY)
    write_object(logs, DAY, [FEW_PACKETS, PING], number=9)
    told = f"{DAY}: 1 object arrived since its reports were made: make run LOGS={logs} DATE={DAY}"
    assert told in run_day(NEXT_DAY)
    output = run_day(DAY)
    assert told not in output
    assert re.search(r"\nUpdated \d\d:\d\d on \d{4}-\d\d-\d\d \(UTC\): 1 late object, 2 records\.\n", output)


def test_a_folder_that_is_missing_is_an_error(project, tmp_path):
    assert failed(flow_lake(project, "run", "--logs", tmp_path / "x")) == (
        f"LOGS={tmp_path}/x: {tmp_path}/x does not exist. {NAME_THE_FOLDER}"
    )


def test_logs_that_are_a_link_to_nowhere_are_told_as_that(project, tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    assert failed(flow_lake(project, "run", "--logs", "link", cwd=tmp_path)) == (
        f"LOGS=link: {tmp_path}/link is a link to {tmp_path}/gone, which does not exist. {NAME_THE_FOLDER}"
    )


def test_logs_that_are_a_file_are_an_error(project, tmp_path):
    (tmp_path / "logs.zip").write_text("")
    words = failed(flow_lake(project, "run", "--logs", tmp_path / "logs.zip"))
    assert words == f"LOGS={tmp_path}/logs.zip: it is not a folder. {NAME_THE_FOLDER}"


@pytest.mark.parametrize("logs", ["loop", "~nobody-of-that-name/logs", ""])
def test_logs_that_nobody_can_look_at_are_an_error(project, tmp_path, logs):
    (tmp_path / "loop").symlink_to("loop")
    words = failed(flow_lake(project, "run", "--logs", logs, cwd=tmp_path))
    assert words.startswith(f"LOGS={logs}: it ")
    assert words.endswith(NAME_THE_FOLDER)


def test_results_that_are_a_link_to_nowhere_are_told_as_that(project, small_logs, tmp_path):
    (tmp_path / "dagster").symlink_to("/nowhere")
    assert failed(flow_lake(project, "run", "--logs", small_logs, FLOWLAKE_RESULTS=tmp_path)) == (
        f"Dagster's history cannot be kept in {tmp_path}/dagster: it is a link to /nowhere, which does not exist. "
        "Bring back what it led to, or remove the link, or name another place in FLOWLAKE_RESULTS.\n"
    )


def test_a_days_folder_that_is_a_link_to_nowhere_has_advice(project, tmp_path):
    logs = write_small_logs(tmp_path / "logs")
    day = logs / "AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/02"
    shutil.rmtree(day)
    day.symlink_to("/nowhere")
    outcome = flow_lake(project, "run", "--logs", logs, "--date", DAY, FLOWLAKE_RESULTS=tmp_path / "results")
    assert failed(outcome) == (
        f"vpc_flow_logs_partition failed: {day} is a link to /nowhere, which cannot be read. Bring back what it led "
        "to, or remove the link; then run again.\n"
    )


@pytest.mark.parametrize("name", ["history/runs.db", "history/runs/index.db", "schedules/schedules.db"])
@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (lambda database: b"x" * 9_000, "file is not a database"),
        (lambda database: database[:5_000], "database disk image is malformed"),
    ],
    ids=["garbage", "cut"],
)
def test_a_damaged_history_is_told_what_to_move_away(
    project, small_logs, materialized, tmp_path, name, damage, problem
):
    with history(Settings(results=str(tmp_path))):
        pass
    database = tmp_path / "dagster" / name
    database.write_bytes(damage(database.read_bytes()))
    assert failed(flow_lake(project, "run", "--logs", small_logs, FLOWLAKE_RESULTS=tmp_path)) == (
        f"Dagster's history cannot be kept in {tmp_path}/dagster: {problem}. It is damaged. Move the folders history "
        "and schedules away, which lie in there; then run again, which begins a new history. Logs and reports are not "
        "touched by that.\n"
    )


@pytest.mark.parametrize("text", ["a: [", "bogus: 1", "\xff"])
def test_settings_of_dagster_that_are_wrong_are_told(project, small_logs, tmp_path, text):
    (tmp_path / "dagster").mkdir()
    (tmp_path / "dagster/dagster.yaml").write_text(text, encoding="latin-1")
    words = failed(flow_lake(project, "run", "--logs", small_logs, FLOWLAKE_RESULTS=tmp_path))
    assert words.startswith(f"Dagster's own settings {tmp_path}/dagster/dagster.yaml cannot be read: ")
    assert words.endswith("\nFix that file, or remove it; then run again.\n")


def test_several_accounts_are_an_error_that_lists_them_with_the_variables(project, tmp_path):
    write_object(tmp_path, DAY, [], account="111111111111", region="eu-west-1")
    write_object(tmp_path, DAY, [], account="222222222222", region="eu-west-2")
    assert failed(flow_lake(project, "run", "--logs", tmp_path)) == (
        f"{tmp_path} holds flow logs of several accounts or regions. Choose one by setting these variables, or several "
        "with commas between them, or all with FLOWLAKE_ACCOUNT_ID='*' FLOWLAKE_REGION='*':\n"
        "  FLOWLAKE_ACCOUNT_ID=111111111111 FLOWLAKE_REGION=eu-west-1\n"
        "  FLOWLAKE_ACCOUNT_ID=222222222222 FLOWLAKE_REGION=eu-west-2\n"
    )


def test_results_in_the_bucket_are_an_error(project, small_logs):
    outcome = flow_lake(project, "run", "--logs", small_logs, FLOWLAKE_RESULTS=small_logs / "results")
    assert failed(outcome).startswith(f"FLOWLAKE_RESULTS: {small_logs}/results lies in the bucket {small_logs}, ")
    assert not (small_logs / "results").exists()


def test_a_wrong_setting_is_an_error(project):
    assert failed(flow_lake(project, "run", FLOWLAKE_TRAFFIC_TYPE="some")).startswith(
        "FLOWLAKE_TRAFFIC_TYPE='some': expected ALL, ACCEPT or REJECT.\n"
    )


def test_a_relative_home_of_dagster_is_an_error(project, small_logs, tmp_path):
    outcome = flow_lake(project, "run", "--logs", small_logs, FLOWLAKE_RESULTS=tmp_path, DAGSTER_HOME="here")
    assert failed(outcome) == "DAGSTER_HOME=here is a relative path, which Dagster refuses: make it absolute.\n"


@pytest.mark.parametrize("variable", ["DAGSTER_HOME", "TMPDIR"])
def test_what_would_be_written_into_the_logs_is_an_error(project, tmp_path, variable):
    logs = write_small_logs(tmp_path / "logs")
    before = sorted(logs.rglob("*"))
    settings = {variable: logs / "AWSLogs", "FLOWLAKE_RESULTS": tmp_path / "results"}
    words = failed(flow_lake(project, "run", "--logs", logs, **settings))
    assert f"{logs}/AWSLogs, which lies in " in words
    assert variable in words
    assert (sorted(logs.rglob("*")), (tmp_path / "results").exists()) == (before, False)


@pytest.mark.parametrize("name", [".lock", "dagster.yaml"])
def test_nothing_of_the_history_is_written_through_a_link(tmp_path, name):
    home, theirs = tmp_path / "results/dagster", tmp_path / "theirs"
    home.mkdir(parents=True)
    (home / name).symlink_to(theirs)
    settings = Settings(results=str(tmp_path / "results"))
    with suppress(FlowLakeError), history(settings):
        pass
    assert not theirs.exists()


def test_an_object_that_cannot_be_read_is_an_error_that_names_it(project, tmp_path):
    logs, results = write_small_logs(tmp_path / "logs"), tmp_path / "results"
    assert flow_lake(project, "run", "--logs", logs, "--date", DAY, FLOWLAKE_RESULTS=results)[0] == 0
    before = reports_in(results)
    damaged = write_object(logs, DAY, ["x"], number=9)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    outcome = flow_lake(project, "run", "--logs", logs, "--date", DAY, FLOWLAKE_RESULTS=results)
    assert re.match(rf"\w+ failed: {damaged} cannot be read to its end: ", failed(outcome))
    assert reports_in(results) == before


def test_alerts_of_a_run_are_sent_and_its_address_is_not_printed(project, tmp_path):
    logs, results = write_small_logs(tmp_path / "logs"), tmp_path / "results"
    damaged = write_object(logs, DAY, ["x"], number=9)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    with webhook_receiver() as receiver:
        settings = {"FLOWLAKE_RESULTS": results, "FLOWLAKE_ALERT_WEBHOOK": receiver.url}
        outcomes = [flow_lake(project, "run", "--logs", logs, "--date", DAY, **settings) for _ in range(2)]
        (message,) = receiver.messages
        assert (message["cause"], message["days"]) == ("failed run", ["2021-09-02"])
        assert message["lines"][0].startswith(f"daily_datasets: {damaged} cannot be read to its end: ")
        damaged.unlink()
        receiver.answers = [404]
        empty = flow_lake(project, "run", "--logs", logs, "--date", "2021-09-04", **settings)
    for outcome in outcomes:
        assert failed(outcome).startswith(f"daily_datasets failed: {damaged} cannot be read to its end: ")
    code, output = empty
    assert code == 0
    assert "Warning: An alert was not sent, and is tried again at the next occasion: the webhook at 127.0.0.1" in output
    assert not [text for _, text in (*outcomes, empty) if TOKEN in text]
    kept = [path for path in results.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
    assert kept == []


def test_with_the_setting_a_run_says_that_its_day_lacks_an_object(project, tmp_path):
    logs, results = write_small_logs(tmp_path / "logs"), tmp_path / "results"
    damaged = write_object(logs, DAY, ["x"], number=9)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    settings = {"FLOWLAKE_RESULTS": results, "FLOWLAKE_LEAVE_OUT_DAMAGED": "true"}
    code, output = flow_lake(project, "run", "--logs", logs, "--date", DAY, **settings)
    assert code == 0
    assert f"\nWarning: {DAY} is made without 1 damaged object: {damaged} (" in output
    assert report_rows(results, "top_rejected_pairs", DAY) == with_day(SMALL_TOP[DAY], DAY)


def test_a_range_with_a_damaged_day_makes_the_others_and_fails(project, tmp_path):
    logs, results = write_small_logs(tmp_path / "logs"), tmp_path / "results"
    damaged = write_object(logs, NEXT_DAY, ["x"], number=9)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    assert flow_lake(project, "run", "--logs", logs, "--date", DAY, FLOWLAKE_RESULTS=results)[0] == 0
    page = results / f"reports/{DAY}.html"
    page.unlink()
    code, output = run(
        project,
        *RANGE,
        FLOWLAKE_BUCKET=logs,
        FLOWLAKE_RESULTS=results,
        DAGSTER_HOME=results / "dagster",
    )
    assert code != 0
    assert f"Not done: {NEXT_DAY}. Done: 1 other day. Run again for the days not done." in output
    assert page.exists() and not page.with_name(f"{NEXT_DAY}.html").exists()


def test_results_that_cannot_be_made_are_an_error_that_names_the_variable(project, small_logs, tmp_path):
    (tmp_path / "file").write_text("")
    outcome = flow_lake(project, "run", "--logs", small_logs, FLOWLAKE_RESULTS=tmp_path / "file/results")
    assert failed(outcome) == (
        f"Dagster's history cannot be kept in {tmp_path}/file/results/dagster: Not a directory. Free some space or "
        "make the folder writable, or name another place in FLOWLAKE_RESULTS.\n"
    )


@pytest.mark.parametrize("kilobytes", [0, 150])
def test_a_full_disk_is_an_error_that_names_the_place_and_leaves_the_reports(
    project, small_logs, materialized, tmp_path, kilobytes
):
    results, _ = materialized
    before = reports_in(results)
    home = tmp_path / "new home"
    limited = f"ulimit -f {kilobytes * 2}; exec {BIN}/python -m pipelines.commands run --logs {small_logs} --date {DAY}"
    words = failed(run(project, "/bin/sh", "-c", limited, FLOWLAKE_RESULTS=results, DAGSTER_HOME=home))
    assert words.startswith(f"Dagster's history cannot be kept in {home}: ")
    assert words.endswith("or name another place in DAGSTER_HOME.\n")
    assert reports_in(results) == before


def test_a_catalog_that_cannot_be_written_is_an_error_that_names_it(project, small_logs, tmp_path):
    (tmp_path / "results/catalog.sqlite").mkdir(parents=True)
    outcome = flow_lake(project, "run", "--logs", small_logs, FLOWLAKE_RESULTS=tmp_path / "results")
    words = failed(outcome)
    assert words.startswith(f"vpc_flow_logs failed: The catalog {tmp_path}/results/catalog.sqlite cannot be written: ")
    assert "FLOWLAKE_RESULTS" in words


# make, and variables that it does not know


@pytest.mark.parametrize(
    ("target", "typed", "words"),
    [
        ("run", "logs=x", "`make run` has no variable logs. Did you mean LOGS=…?"),
        ("run", "Logs=x", "`make run` has no variable Logs. Did you mean LOGS=…?"),
        ("run", "LOG=x", "`make run` has no variable LOG. Did you mean LOGS=…?"),
        ("run", "BUCKET=x", "`make run` has no variable BUCKET. Did you mean LOGS=…?"),
        ("run", "date=2021-09-02", "`make run` has no variable date. Did you mean DATE=…?"),
        ("run", "DAY=2021-09-02", "`make run` has no variable DAY. Did you mean DATE=…?"),
        ("run", "when=2021-09-02", "`make run` has no variable when. It takes LOGS=…, DATE=…."),
        ("run", "Q=SELECT 1", "`make run` has no variable Q. It takes LOGS=…, DATE=…."),
        ("run", "LOGS=", "LOGS= is empty: give it a value, or leave it out."),
        ("sql", "q=SELECT 1", "`make sql` has no variable q. Did you mean Q=…?"),
        ("sql", "DATE=2021-09-02", "`make sql` has no variable DATE. It takes Q=…, LOGS=…, ROWS=…, WRITE=…."),
        ("sql", "rows=1", "`make sql` has no variable rows. Did you mean ROWS=…?"),
        ("dev", "port=1", "`make dev` has no variable port. Did you mean PORT=…?"),
    ],
)
def test_a_misspelt_variable_of_make_is_an_error(project, target, typed, words):
    code, output = make(project, target, typed)
    assert code == 2
    assert f"\nError: {words}\n" in output
    assert not (project / "data/bucket").exists()


@pytest.mark.parametrize(
    ("target", "name", "meant"),
    [
        ("run", "logs", "LOGS"),
        ("run", "Date", "DATE"),
        ("run", "LGOS", "LOGS"),
        ("run", "DATEE", "DATE"),
        ("sql", "rows", "ROWS"),
        ("sql", "q", "Q"),
        ("dev", "port", "PORT"),
    ],
)
def test_a_misspelt_variable_in_front_of_make_is_an_error(project, target, name, meant):
    code, output = make(project, target, **{name: "1"})
    assert code == 2
    assert (
        f"\nError: `make {target}` has no variable {name}, which is set in the environment. Did you mean {meant}=…? "
        f"If not, unset it: unset {name}\n"
    ) in output
    assert not (project / "data/bucket").exists()


def test_a_variable_in_front_of_make_may_not_be_empty(project):
    code, output = make(project, "run", LOGS="")
    assert code == 2
    assert "\nError: LOGS= is empty: give it a value, or leave it out.\n" in output


def test_variables_of_other_programs_are_no_mistakes(project, small_logs, materialized):
    others = ("LOG", "LOG_LEVEL", "LOGNAME", "DATA", "DIR", "BUCKET", "PORT", "PORTS", "UPDATE", "USER", "_", "DAY")
    arguments = (f"LOGS={small_logs}", "Q=SELECT 1 AS one", f"FLOWLAKE_RESULTS={materialized[0]}")
    code, output = make(project, "sql", *arguments, **dict.fromkeys(others, "1"))
    assert code == 0, output


def test_variables_of_the_environment_may_be_typed_to_make(project, small_logs, materialized):
    arguments = (f"LOGS={small_logs}", "Q=SELECT 1 AS one", f"FLOWLAKE_RESULTS={materialized[0]}", "TMPDIR=/tmp")
    code, output = make(project, "sql", *arguments)
    assert code == 0, output


@pytest.mark.parametrize("logs", ["s3://bucket/prefix", "https://bucket.s3.amazonaws.com/"])
def test_an_address_in_logs_says_how_a_bucket_is_read(project, logs):
    words = failed(flow_lake(project, "run", "--logs", logs))
    assert words.startswith(
        f"LOGS={logs} is an address, and LOGS names a folder. Copy the bucket into one (aws s3 sync "
    )
    assert "FLOWLAKE_TARGET=aws and FLOWLAKE_BUCKET=" in words


# make sql reads


@pytest.mark.parametrize(
    "statement",
    [
        "DROP TABLE rejected_flows",
        "  -- SELECT\n/* SELECT */ DROP TABLE rejected_flows",
        "ALTER TABLE rejected_flows DROP PARTITION (dt = '2021-09-02')",
        "CREATE TABLE a AS SELECT 1 AS b",
        "UNLOAD (SELECT 1 AS a) TO 's3://vpc-flow-lake-results/x/' WITH (format = 'PARQUET')",
        "INSERT INTO rejected_flows SELECT 1",
        "EXPLAIN /* */ ANALYZE INSERT INTO rejected_flows SELECT 1",
        "PREPARE a FROM SELECT 1",
    ],
)
def test_a_statement_that_writes_needs_the_switch(project, materialized, statement):
    words = failed(flow_lake(project, "sql", statement, **materialized[1]))
    assert 'If that is what you want, say so: make sql WRITE=1 Q="…"' in words
    assert rejected_in(materialized[0])[0] == {str(DAY): 1, str(NEXT_DAY): 1}


@pytest.mark.parametrize("statement", ["(SELECT 1)", "/* a */ -- b\nwith a AS (SELECT 1 AS b) SELECT * FROM a"])
def test_a_statement_that_reads_needs_no_switch(project, materialized, statement):
    code, output = flow_lake(project, "sql", statement, **materialized[1])
    assert code == 0, output


def test_make_sql_writes_with_the_switch(project, small_logs, tmp_path):
    results = tmp_path / "results"
    for arguments in (
        ("sql", "WRITE=1", "Q=CREATE DATABASE a"),
        ("sql", "Q=SELECT 1 AS one"),
    ):
        code, output = make(project, *arguments, f"LOGS={small_logs}", f"FLOWLAKE_RESULTS={results}")
        assert code == 0, output
    assert Catalog(results / "catalog.sqlite").has_database("a")


@pytest.mark.parametrize("folder", ["datasets", "datasets/x/", "reports/top_rejected_pairs"])
def test_unload_among_the_projects_own_results_is_refused(project, materialized, folder):
    statement = f"UNLOAD (SELECT 1 AS a) TO 's3://vpc-flow-lake-results/{folder}' WITH (format = 'PARQUET')"
    before = files_in(materialized[0])
    words = failed(flow_lake(project, "sql", "--write", statement, **materialized[1]))
    assert words.startswith(f"s3://vpc-flow-lake-results/{folder} is where datasets and reports are kept: ")
    assert files_in(materialized[0]) == before


def test_make_sql_shows_the_first_rows_and_says_that_there_are_more(project, small_logs, materialized):
    arguments = (f"LOGS={small_logs}", f"FLOWLAKE_RESULTS={materialized[0]}")
    numbers = f"UNNEST(ARRAY{list(range(32))})"
    statement = f"Q=SELECT a.n FROM {numbers} AS a (n) CROSS JOIN {numbers} AS b (n)"
    code, output = make(project, "sql", statement, *arguments)
    assert code == 0, output
    assert len(output.splitlines()) == 1_004
    assert "\n\nThe first 1,000 rows; there are more (ROWS=… shows another number), 0 bytes scanned, " in output
    _, output = make(project, "sql", statement, "ROWS=1024", *arguments)
    assert "\n\n1,024 rows, 0 bytes scanned, " in output


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("many", "not a number: write digits alone"),
        ("1e3", "not a number: write digits alone"),
        ("1,000", "not a number: write digits alone"),
        ("0", "too small: it is at least 1"),
        ("00", "too small: it is at least 1"),
        ("-1", "too small: it is at least 1"),
        ("1000000000", "too large: it is at most 999999999"),
    ],
)
def test_a_number_of_rows_that_cannot_be_is_an_error(project, text, problem):
    words = f"ROWS={text} is {problem}, such as ROWS=4000.\n"
    assert failed(flow_lake(project, "sql", "--rows", text, "SELECT 1")) == words


@pytest.mark.parametrize("arguments", [[], ["Q="], ["Q=  "]], ids=["missing", "empty", "blank"])
def test_make_sql_without_a_statement_shows_one(project, arguments):
    code, output = make(project, "sql", *arguments)
    assert code == 2
    assert (
        "\nError: `make sql` needs a statement. For example:\n"
        '  make sql Q="SELECT action, count(*) AS flows FROM vpc_flow_logs GROUP BY action"\n'
    ) in output


def test_port_0_is_an_error_that_says_what_is_least(project):
    words = "PORT=0 is too small: it is at least 1, such as PORT=4000.\n"
    assert failed(flow_lake(project, "dev", "--port", "0")) == words


# make dev


def test_a_port_in_use_is_an_error_that_names_it(project):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, output = make(project, "dev", f"PORT={port}")
    assert code == 2
    assert (
        f"\nError: The UI cannot be opened on port {port} of 127.0.0.1: another program uses it. "
        "Choose another one: make dev PORT=3001\n"
    ) in output


# What a record or a name can do to whoever reads of it


def test_an_objects_name_cannot_forge_a_line_of_an_error(project, tmp_path):
    logs = write_small_logs(tmp_path / "logs")
    damaged = write_object(logs, DAY, ["x"], number=9)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    damaged.rename(damaged.with_name("x\n\nError: gone\x1b[2J\u202e.log.gz"))
    settings = {"FLOWLAKE_BUCKET": logs, "FLOWLAKE_RESULTS": tmp_path / "results"}
    for command_line in (("python", "-m", "pipelines.commands", "run", "--date", DAY), WHOLE_LINEAGE):
        code, output = run(project, *command_line, **settings)
        assert code == 1
        assert r"/x\n\nError: gone\x1b[2J\u202e.log.gz cannot be read to its end: " in output
        assert "\nError: gone" not in output
        assert "\x1b[2J" not in output
        assert "\u202e" not in output


def test_a_field_of_10_mb_is_cut_for_people_and_whole_in_files(project, tmp_path):
    logs, long = tmp_path / "logs", "9" * 10_000_000
    write_object(logs, DAY, [MANY_PACKETS.replace("203.0.113.9", long), *[FEW_PACKETS] * 99])
    code, output = flow_lake(project, "run", "--logs", logs, "--date", DAY, FLOWLAKE_RESULTS=tmp_path / "results")
    assert code == 0, output[:1_000]
    assert len(output) < 100_000
    assert f"{'9' * 99}…" in output
    assert report_rows(tmp_path / "results", "top_rejected_pairs", DAY)[1][1] == long


def test_a_warning_is_shown_by_dagsters_command_too(project, small_logs, tmp_path):
    arguments = (*MATERIALIZE, "--select", "*", "--partition", "2021-09-04")
    code, output = run(project, *arguments, FLOWLAKE_BUCKET=small_logs, FLOWLAKE_RESULTS=tmp_path / "results")
    assert code == 0, output
    assert re.search("WARNING.*Nothing was delivered on 2021-09-04: ", output)


# Runs that do not come to their end


@pytest.fixture(scope="session")
def slow_logs(tmp_path_factory) -> Path:
    """Logs whose scan takes some seconds."""
    logs = tmp_path_factory.mktemp("slow-logs")
    write_object(logs, DAY, [MANY_PACKETS] * 4_000_000)
    return logs


def started_run(project: Path, logs: Path, results: Path) -> subprocess.Popen[str]:
    """A run that has begun to scan the day."""
    process = command(
        project,
        "python",
        "-m",
        "pipelines.commands",
        "run",
        "--logs",
        logs,
        "--date",
        DAY,
        FLOWLAKE_RESULTS=results,
    )
    while "to be written" not in process.stdout.readline():
        assert process.poll() is None
    return process


def statuses(results: Path) -> list[str]:
    home = results / "dagster"
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(home))) as instance:
        return [run.status.value for run in instance.get_runs()]


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped_says_so_in_one_line(project, slow_logs, tmp_path, number, status):
    process = started_run(project, slow_logs, tmp_path)
    process.send_signal(number)
    code, output = finished(process)
    assert (code, output) == (status, "\nStopped. Unfinished work was not changed. Run again.\n")
    assert statuses(tmp_path) == ["CANCELED"]


INTERRUPTED = """
import os, runpy, signal, sys
from resources.embedded.bucket import FolderBucket

ensure = FolderBucket.ensure

def interrupted(self):
    if "dagster" in sys.modules:
        {moment}
    return ensure(self)

FolderBucket.ensure = interrupted
sys.argv[0] = "pipelines.commands"
runpy.run_module("pipelines.commands", run_name="__main__")
"""

IN_A_DESTRUCTOR = """
        import time
        class Last:
            def __del__(self):
                os.kill(os.getpid(), signal.SIG{name})
                for _ in range(1000): pass
        Last()
        time.sleep(30)
        os._exit(9)
"""

KEPT_BY_SOMEBODY = """
        try:
            os.kill(os.getpid(), signal.SIG{name})
            for _ in range(1000): pass
        except BaseException:
            import logging
            logging.getLogger("library").exception("closing")
"""


@pytest.mark.parametrize(("name", "status"), [("INT", 130), ("TERM", 143)])
@pytest.mark.parametrize("moment", [IN_A_DESTRUCTOR, KEPT_BY_SOMEBODY], ids=["destructor", "kept"])
def test_a_run_is_stopped_though_its_exception_is_lost(project, small_logs, tmp_path, moment, name, status):
    script = tmp_path / "interrupted.py"
    script.write_text(INTERRUPTED.format(moment=moment.format(name=name).strip()))
    code, output = run(project, "python", script, "run", "--logs", small_logs, FLOWLAKE_RESULTS=tmp_path / "results")
    assert (code, output.partition("\n\n")[2]) == (
        status,
        "\nStopped. Unfinished work was not changed. Run again.\n",
    )
    assert statuses(tmp_path / "results") == ["CANCELED"]


def test_make_help_tells_of_every_command(project):
    code, output = make(project, "help")
    told = re.findall(r"^  make (\w+) +\S", output, re.MULTILINE)
    targets = re.findall(r"^(\w+):.*##", (project / "Makefile").read_text(), re.MULTILINE)
    assert (code, told) == (0, targets)
    assert {"run", "sql", "dev", "test"} < set(told)


def test_a_signal_during_the_imports_prints_nothing(project, tmp_path):
    (tmp_path / "click.py").write_text("import time\nprint('importing', flush=True)\ntime.sleep(60)\n")
    process = command(project, "python", "-m", "pipelines.commands", "run", PYTHONPATH=f"{tmp_path}:{project}")
    assert process.stdout.readline() == "importing\n"
    process.send_signal(signal.SIGINT)
    assert finished(process) == (-signal.SIGINT, "")


def test_a_signal_that_the_shell_ignores_stops_nothing(project, tmp_path):
    (tmp_path / "click.py").write_text(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nprint('on')\nos._exit(0)\n"
    )
    ignoring = f"trap '' INT; exec {BIN}/python -m pipelines.commands run"
    assert run(project, "/bin/sh", "-c", ignoring, PYTHONPATH=f"{tmp_path}:{project}") == (0, "on\n")


def test_what_dagster_leaves_out_after_a_failure_is_not_told(project, tmp_path):
    logs = write_small_logs(tmp_path / "logs")
    damaged = write_object(logs, DAY, ["x"], number=9)
    damaged.write_bytes(damaged.read_bytes()[:-9])
    words = flow_lake(project, "run", "--logs", logs, "--date", DAY, FLOWLAKE_RESULTS=tmp_path / "results")[1]
    assert "Not executing" not in words
    assert words.count("cannot be read to its end") == 1


def test_a_run_that_was_killed_is_marked_failed_by_the_next(project, slow_logs, tmp_path):
    process = started_run(project, slow_logs, tmp_path)
    living = History(None, tmp_path / "dagster", "X")
    process.kill()
    finished(process)
    assert statuses(tmp_path) == ["STARTED"]
    with living.running():
        assert flow_lake(project, "run", "--logs", slow_logs, "--date", DAY, FLOWLAKE_RESULTS=tmp_path)[0] == 0
        assert statuses(tmp_path) == ["SUCCESS", "FAILURE"]
        assert len(list((tmp_path / "dagster/.running").iterdir())) == 1


def test_a_run_that_lives_and_one_of_others_stay_as_they_are(tmp_path, monkeypatch):
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with history(Settings()) as kept, kept.running() as tags:
        for others in ({}, tags, {LOCK_TAG: "another-machine.0"}):
            job = dg.GraphDefinition("job").to_job()
            made = kept.instance.create_run_for_job(job, tags=others)
            assert made.status == dg.DagsterRunStatus.NOT_STARTED
        with history(Settings()) as again:
            assert {run.status.value for run in again.instance.get_runs()} == {"NOT_STARTED"}


def test_a_failed_check_is_told_in_words(project, tmp_path):
    (project / "failing.py").write_text(
        "import runpy, sys\n"
        "from resources.ensured import Ensured\n"
        "from resources.flow_log import ExistingLogs\n"
        "ExistingLogs.ensure = lambda self: Ensured(errors=('fl-1 delivers nothing.',))\n"
        "sys.argv[0] = 'pipelines.commands'\n"
        "runpy.run_module('pipelines.commands', run_name='__main__')\n"
    )
    logs = write_small_logs(tmp_path / "logs")
    outcome = run(project, "python", "failing.py", "run", "--logs", logs, FLOWLAKE_RESULTS=tmp_path / "results")
    assert failed(outcome) == (
        "vpc_flow_log failed its check delivers_readable_records:\n  fl-1 delivers nothing.\n"
        "Nothing was made from it, and nothing was changed. Fix this and run again.\n"
    )


def test_a_missing_report_is_not_told_as_a_fault_of_the_history(tmp_path):
    with pytest.raises(FileNotFoundError), history(Settings(results=str(tmp_path))):
        raise FileNotFoundError(tmp_path / "reports/x.parquet")


def test_a_warning_that_two_assets_give_is_told_once_on_the_way_and_once_at_the_end(project, tmp_path):
    logs = write_small_logs(tmp_path / "logs")
    (logs / "AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/02/desktop.ini").write_text("[x]\n")
    code, output = flow_lake(project, "run", "--logs", logs, "--date", DAY, FLOWLAKE_RESULTS=tmp_path / "results")
    assert code == 0, output
    assert output.count("desktop.ini is no object of a flow log") == 2


@pytest.mark.parametrize("value", ["0", "no", "false", "off", "yes"])
def test_make_sql_writes_for_nothing_but_write_1(new_project, value):
    code, output = make(new_project, "sql", f"WRITE={value}", "Q=CREATE DATABASE a")
    assert code != 0
    assert "make sql WRITE=1" in output
    assert not (new_project / "data").exists()


def test_a_port_beyond_the_last_one_is_an_error(new_project):
    code, output = make(new_project, "dev", "PORT=70000")
    assert code != 0
    assert "PORT=70000 is not a port: the last one is 65535." in output
