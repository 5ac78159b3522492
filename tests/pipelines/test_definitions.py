"""What Dagster loads: the assets and how they hang together, the job, the schedule, and what loading them costs."""

import json
from datetime import date, datetime, timezone
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.events import RunFailureReason
from dagster._core.execution.retries import auto_reexecution_should_retry_run
from support import DAY, files_in, report_rows, run

import pipelines.settings
from assets.name_snapshots import COLUMNS as NAME_COLUMNS
from assets.reports.report_files import read_reports
from flowlogs.datasets import DATASETS
from flowlogs.fields import DEFAULT_FIELDS
from pipelines.build import build_definitions
from pipelines.settings import Settings

REPORTS = [report for report in read_reports() if not report.fields]
"""Those that need no field beyond the default format's, which the simulated flow log has."""

HEAVY = ("boto3", "botocore", "duckdb", "isal", "numpy", "pandas", "pyarrow", "pyathena", "sqlglot")

ASSETS = {
    "vpc_flow_logs_bucket": ("infrastructure", set()),
    "vpc_flow_log": ("infrastructure", {"vpc_flow_logs_bucket"}),
    "network_interfaces": ("infrastructure", {"vpc_flow_logs_bucket"}),
    "vpc_flow_logs": ("catalog", {"vpc_flow_logs_bucket"}),
    "vpc_flow_logs_partition": ("catalog", {"vpc_flow_log", "vpc_flow_logs"}),
    **{name: ("datasets", {"vpc_flow_logs_partition"}) for name in DATASETS},
    **{report.name: ("reports", set(report.reads)) for report in REPORTS},
    "daily_page": ("reports", {*DATASETS, *(report.name for report in REPORTS)}),
}
DAILY = ("vpc_flow_logs_partition", *DATASETS, *(report.name for report in REPORTS), "daily_page")
JOB = "daily_reject_reports"


@pytest.fixture
def root(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A project's root of this test's own, with a default bucket of its own."""
    monkeypatch.setattr(pipelines.settings, "PROJECT_ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def defs(root) -> dg.Definitions:
    return build_definitions(Settings())


@pytest.fixture
def graph(defs):
    return defs.resolve_asset_graph()


def test_the_definitions_are_loadable(defs):
    dg.Definitions.validate_loadable(defs)


def test_the_lineage_is_that_of_the_design(graph):
    lineage = {
        key.to_user_string(): (
            graph.get(key).group_name,
            {parent.to_user_string() for parent in graph.get(key).parent_keys},
        )
        for key in graph.get_all_asset_keys()
    }
    assert lineage == ASSETS


def test_every_asset_says_what_it_is(graph):
    for key in graph.get_all_asset_keys():
        assert graph.get(key).description
        assert graph.get(key).kinds


FIELDS = [field.column for field in DEFAULT_FIELDS]
COLUMNS = {
    "vpc_flow_logs_bucket": None,
    "vpc_flow_log": FIELDS,
    "network_interfaces": list(NAME_COLUMNS),
    **{name: [column for column, _ in dataset.partitioned_columns] for name, dataset in DATASETS.items()},
    **{report.name: [column.name for column in report.columns] for report in REPORTS},
    "daily_page": None,
}


@pytest.mark.parametrize("name", ASSETS)
def test_every_asset_has_its_columns_before_anything_ran(graph, name):
    schema = graph.get(dg.AssetKey(name)).metadata.get("dagster/column_schema")
    columns = schema and [column.name for column in schema.columns]
    assert columns == COLUMNS.get(name, [*FIELDS, "dt"])


def test_every_asset_says_where_its_data_is_before_anything_ran(graph, root):
    metadata = {name: graph.get(dg.AssetKey(name)).metadata for name in ASSETS}
    found = {name: facts.get("dagster/uri") or facts.get("dagster/table_name") for name, facts in metadata.items()}
    assert found == {
        "vpc_flow_logs_bucket": str(root / "data/bucket"),
        "vpc_flow_log": str(root / "data/bucket/AWSLogs"),
        "network_interfaces": str(root / "data/results/names"),
        "vpc_flow_logs": "vpc_flow_lake.vpc_flow_logs",
        "vpc_flow_logs_partition": "vpc_flow_lake.vpc_flow_logs",
        **{name: f"vpc_flow_lake.{name}" for name in DATASETS},
        "daily_page": str(root / "data/results/reports/index.html"),
        **{report.name: str(root / "data/results/reports" / report.name) for report in REPORTS},
    }


@pytest.mark.parametrize("name", ASSETS)
def test_every_asset_leads_to_its_code(graph, name):
    references = graph.get(dg.AssetKey(name)).metadata["dagster/code_references"].code_references
    lines = [Path(found.file_path).read_text().splitlines()[found.line_number - 1] for found in references]
    labels = ["SQL", "Python"] if name in {report.name for report in REPORTS} else ["Python"]
    assert [found.label for found in references] == labels
    assert lines[-1].lstrip().startswith(("@dg.asset", "@dg.multi_asset"))
    if labels[0] == "SQL":
        assert Path(references[0].file_path).name == f"{name}.sql"


@pytest.mark.parametrize(
    ("target", "kinds"),
    [("embedded", ("file", "python", "duckdb")), ("aws", ("s3", "aws", "athena"))],
    ids=["embedded", "aws"],
)
def test_kinds_are_those_of_the_target(root, target, kinds):
    graph = build_definitions(Settings(target=target, bucket="my-flow-logs")).resolve_asset_graph()
    bucket, flow_log, engine = kinds
    expected = {name: {engine} for name in ("vpc_flow_logs", "vpc_flow_logs_partition")}
    expected |= {"vpc_flow_logs_bucket": {bucket}, "vpc_flow_log": {flow_log}}
    expected["network_interfaces"] = {flow_log, "parquet"}
    expected |= {name: {engine, "parquet"} for name in DAILY[1:]} | {"daily_page": {engine, "html"}}
    assert {name: graph.get(dg.AssetKey(name)).kinds for name in ASSETS} == expected
    assert {graph.get(dg.AssetKey(name)).tags["target"] for name in ASSETS} == {target}


def test_the_daily_assets_have_utc_days_from_the_start_date_to_the_running_one(root):
    graph = build_definitions(Settings(start_date=date(2020, 2, 28))).resolve_asset_graph()
    for name in ASSETS:
        days = graph.get(dg.AssetKey(name)).partitions_def
        if name not in DAILY:
            assert days is None
            continue
        assert days.get_partition_keys()[:3] == ["2020-02-28", "2020-02-29", "2020-03-01"]
        assert days.get_last_partition_key() == datetime.now(timezone.utc).date().isoformat()
        window = days.time_window_for_partition_key("2020-02-29")
        assert window.start == datetime(2020, 2, 29, tzinfo=timezone.utc)
        assert window.end == datetime(2020, 3, 1, tzinfo=timezone.utc)


def test_a_range_of_days_is_one_run(graph):
    for name in DAILY:
        assert graph.get(dg.AssetKey(name)).backfill_policy == dg.BackfillPolicy.single_run()


def test_runs_stay_in_one_process(defs):
    assert defs.executor is dg.in_process_executor
    assert defs.resolve_job_def(JOB).executor_def is dg.in_process_executor


# The job and its schedule


def ticked(defs: dg.Definitions, moment: datetime) -> dg.RunRequest:
    schedule = defs.resolve_schedule_def(f"{JOB}_schedule")
    with dg.build_schedule_context(
        scheduled_execution_time=moment, repository_def=defs.get_repository_def()
    ) as context:
        (request,) = schedule.evaluate_tick(context).run_requests
    return request


def test_the_job_looks_adds_the_partition_then_writes_the_reports(defs):
    job = defs.resolve_job_def(JOB)
    steps = [node.name for node in job.graph.nodes_in_topological_order]
    steps.remove("network_interfaces")  # nothing waits for it
    assert steps[:3] == ["vpc_flow_log", "vpc_flow_logs_partition", "daily_datasets"]
    assert sorted(steps[3:-1]) == [report.name for report in REPORTS]
    assert steps[-1] == "daily_page"


def test_a_daily_run_that_failed_is_not_repeated_by_any_instance(defs):
    tags = defs.resolve_job_def(JOB).run_tags
    settings = {"enabled": True, "max_retries": 2, "retry_on_asset_or_op_failure": True}
    with dg.instance_for_test(overrides={"run_retries": settings}) as instance:
        for reason, repeated in ((RunFailureReason.STEP_FAILURE, False), (RunFailureReason.RUN_EXCEPTION, True)):
            failed = instance.add_run(dg.DagsterRun(JOB, status=dg.DagsterRunStatus.FAILURE, tags=tags))
            assert auto_reexecution_should_retry_run(instance, failed, reason) is repeated


def test_the_schedule_runs_every_day_at_one_utc(defs):
    schedule = defs.resolve_schedule_def(f"{JOB}_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("0 1 * * *", "UTC")
    assert (schedule.job_name, schedule.default_status) == (JOB, dg.DefaultScheduleStatus.RUNNING)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        (datetime(2021, 9, 3, 1, tzinfo=timezone.utc), "2021-09-02"),
        (datetime(2024, 3, 1, 1, tzinfo=timezone.utc), "2024-02-29"),
        (datetime(2022, 1, 1, 1, tzinfo=timezone.utc), "2021-12-31"),
    ],
)
def test_a_tick_asks_for_the_day_that_just_ended(defs, moment, day):
    assert ticked(defs, moment).partition_key == day


def test_the_run_that_a_tick_asks_for_adds_the_partition_and_writes_the_reports(defs, root):
    request = ticked(defs, datetime(2021, 9, 3, 1, tzinfo=timezone.utc))
    with dg.DagsterInstance.ephemeral() as instance:
        lineage = defs.resolve_implicit_global_asset_job_def()
        setup = [dg.AssetKey(name) for name in ASSETS if name not in DAILY]
        assert lineage.execute_in_process(instance=instance, asset_selection=setup).success
        result = defs.resolve_job_def(JOB).execute_in_process(
            instance=instance, partition_key=request.partition_key, tags=request.tags
        )
    materialized = [event.asset_key.to_user_string() for event in result.get_asset_materialization_events()]
    materialized.remove("network_interfaces")
    assert materialized[:4] == ["vpc_flow_logs_partition", *DATASETS]
    assert materialized[-1] == "daily_page"
    assert sorted(materialized) == sorted(DAILY)
    results = root / "data/results"
    assert len(report_rows(results, "top_rejected_pairs", DAY)) == 20
    assert len(report_rows(results, "rejected_flow_details", DAY)) == 100


def test_the_job_says_what_it_needs_where_the_table_was_never_made(defs):
    result = defs.resolve_job_def(JOB).execute_in_process(partition_key="2021-09-02", raise_on_error=False)
    (event,) = result.get_step_failure_events()
    assert event.step_key == "vpc_flow_logs_partition"
    assert event.step_failure_data.user_failure_data.description == (
        "The table `vpc_flow_lake`.`vpc_flow_logs` does not exist. Materialize vpc_flow_logs, which creates it."
    )


# Loading


def test_loading_imports_no_engine_and_no_client_and_touches_no_file(new_project, monkeypatch):
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    before = files_in(new_project)
    code = f"import sys, pipelines.definitions; print([name for name in {HEAVY} if name in sys.modules])"
    assert run(new_project, "python", "-c", code) == (0, "[]\n")
    assert files_in(new_project) == before


@pytest.mark.parametrize("target", ["embedded", "aws"])
def test_the_definitions_of_both_targets_load(root, target):
    defs = build_definitions(Settings(target=target, bucket="my-flow-logs"))
    dg.Definitions.validate_loadable(defs)


def test_a_wrong_setting_ends_dagsters_commands_with_its_words(project):
    code, output = run(project, "dagster", "asset", "list", "-m", "pipelines.definitions", FLOWLAKE_REGION="here")
    assert code == 1
    assert output.splitlines()[-2:] == [
        "Error: FLOWLAKE_REGION='here': expected an AWS region, such as eu-west-1, several with commas between "
        "them, or *.",
        "The environment and .env are where these are set; .env.example explains each.",
    ]
    assert "Traceback" not in output


def test_dg_checks_the_definitions(project):
    code, output = run(project, "dg", "check", "defs")
    assert (code, output.splitlines()[-1]) == (0, "All definitions loaded successfully.")


def test_dg_lists_the_definitions(whole_project):
    code, output = run(whole_project, "dg", "list", "defs", "--json")
    listed = json.loads(output[output.index("{") :])
    assert code == 0
    assert sorted(asset["asset_key"] for asset in listed["assets"]) == sorted(ASSETS)
    assert {JOB, "retention", "teardown"} <= {job["name"] for job in listed["jobs"]}
    assert {schedule["name"]: schedule["cron_schedule"] for schedule in listed["schedules"]} == {
        f"{JOB}_schedule": "0 1 * * *",
        "running_day_schedule": "20 * * * *",
        "retention_schedule": "0 3 * * *",
    }
    assert [sensor["name"] for sensor in listed["sensors"]] == ["late_objects_sensor", "missed_days_sensor"]
