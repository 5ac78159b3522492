"""The resources as Dagster takes them: what the UI shows of each, and what they make for the assets."""

from pathlib import Path

import boto3
import dagster as dg
import pytest
from aws_lineage import BUCKET
from support import run, write_small_logs

import pipelines.settings
from pipelines.aws_resources import AwsAccount
from pipelines.build import build_definitions
from pipelines.settings import Settings
from pipelines.targets import build_target

BOTO3 = ("AWS_PROFILE", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_MAX_ATTEMPTS")


@pytest.fixture(autouse=True)
def _nothing_of_boto3_is_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pipelines.settings, "PROJECT_ROOT", tmp_path)
    for name in BOTO3:
        monkeypatch.delenv(name, raising=False)


def shown(settings: Settings, name: str) -> dict[str, object]:
    """What the UI shows of a resource: the fields that have a value, without those that are resources."""
    resource = build_definitions(settings).resources[name].get_resource_definition()
    return resource.config_schema.default_value


def made(settings: Settings, name: str) -> object:
    """What a run is handed by that name."""
    resource = build_definitions(settings).resources[name]
    with dg.build_resources({name: resource}) as resources:
        return getattr(resources, name)


NAMES = ["bucket", "flow_log", "network_interfaces", "names_file", "athena", "results", "table"]

LOGS = {
    "prefix": None,
    "account_id": None,
    "region": None,
    "log_format": None,
    "file_format": "plain-text",
    "hive_partitions": False,
    "hourly_partitions": False,
    "leave_out_damaged": False,
}
"""The settings of whose flow logs are read, and how they are delivered."""


def test_the_embedded_targets_settings_are_shown(tmp_path):
    settings = Settings(database="lake", account_id="123456789012", query_timeout_seconds=60, names="names.csv")
    assert {name: shown(settings, name) for name in NAMES} == {
        "bucket": {**LOGS, "bucket": str(tmp_path / "data/bucket"), "account_id": "123456789012"},
        "flow_log": {**LOGS, "account_id": "123456789012", "traffic_type": "ALL", "aggregation_seconds": 600},
        "network_interfaces": {},
        "names_file": {"names": str(tmp_path / "names.csv")},
        "athena": {"database": "lake", "query_timeout_seconds": 60.0},
        "results": {"results": str(tmp_path / "data/results")},
        "table": {"database": "lake", "table": "vpc_flow_logs"},
    }


def aws_settings(**others: object) -> Settings:
    return Settings(**{"target": "aws", "bucket": BUCKET, "region": "eu-west-1", **others})


def test_the_aws_targets_settings_are_shown():
    settings = aws_settings(vpc_ids=("vpc-0a1b2c3d4e5f60718",), results="s3://results/lake", keep_logs_days=90)
    of_vpcs = {"vpc_ids": ["vpc-0a1b2c3d4e5f60718"]}
    results = {"results": "s3://results/lake"}
    names = ("bucket", "flow_log", "network_interfaces", "athena", "results")
    assert {name: shown(settings, name) for name in names} == {
        "bucket": {
            "bucket": BUCKET,
            **LOGS,
            "region": "eu-west-1",
            **of_vpcs,
            **results,
            "keep_logs_days": 90,
            "keep_reports_days": None,
        },
        "flow_log": {
            **LOGS,
            "region": "eu-west-1",
            **of_vpcs,
            "flow_log_name": "vpc-flow-lake",
            "traffic_type": "ALL",
            "aggregation_seconds": 600,
            "second_flow_log": False,
        },
        "network_interfaces": {**of_vpcs, "account_id": None},
        "athena": {
            "database": "vpc_flow_lake",
            "workgroup": "vpc-flow-lake",
            **results,
            "scan_limit_bytes": 100_000_000_000,
            "query_timeout_seconds": 1_800.0,
            **of_vpcs,
        },
        "results": results,
    }


def test_what_boto3_finds_in_the_environment_is_shown(monkeypatch):
    for name in BOTO3:
        monkeypatch.setenv(name, "4")
    found = shown(aws_settings(), "aws")
    assert {name: found[name] for name in ("profile_name", "region_name", "endpoint_url", "max_attempts")} == {
        "profile_name": {"env": "AWS_PROFILE"},
        "region_name": {"env": "AWS_REGION"},
        "endpoint_url": {"env": "AWS_ENDPOINT_URL"},
        "max_attempts": {"env": "AWS_MAX_ATTEMPTS"},
    }


def test_attempts_are_eight_where_nothing_is_set():
    assert shown(aws_settings(), "aws")["max_attempts"] == 8


@pytest.mark.parametrize("own", [False, True], ids=["default bucket", "own folder"])
@pytest.mark.parametrize("name", NAMES)
def test_a_resource_makes_what_the_target_has(tmp_path, own, name):
    settings = Settings(bucket=str(write_small_logs(tmp_path / "logs"))) if own else Settings()
    expected, found = getattr(build_target(settings), name), made(settings, name)
    assert type(found) is type(expected)
    for attribute in ("name", "root", "vpc", "where", "database", "table", "timeout_seconds", "read_only", "path"):
        assert getattr(found, attribute, None) == getattr(expected, attribute, None)


def test_the_resources_of_a_run_share_their_clients(aws):
    definitions = build_definitions(aws_settings())

    @dg.op
    def ask(context: dg.OpExecutionContext, bucket: dg.ResourceParam, athena: dg.ResourceParam) -> None:
        assert bucket.clients is athena.clients is bucket.objects.clients

    @dg.job(resource_defs={name: definitions.resources[name] for name in ("bucket", "athena")})
    def asking() -> None:
        ask()

    assert asking.execute_in_process(instance=dg.DagsterInstance.ephemeral()).success


def test_what_the_account_is_given_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:10")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "7")
    account = AwsAccount(
        endpoint_url="http://127.0.0.1:9",
        region_name="eu-west-1",
        max_attempts=2,
        logs_region=None,
        results_bucket=BUCKET,
        archive_account_id=None,
    )
    with dg.build_resources({"aws": account}) as resources:
        clients = resources.aws
    for service in ("s3", "athena"):
        assert clients.client(service).meta.endpoint_url == "http://127.0.0.1:9"
    assert clients.client("sts").meta.config.retries["total_max_attempts"] == 2
    assert clients.region == "eu-west-1"


def test_an_endpoint_of_one_service_goes_before_the_one_of_all(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_ATHENA", "http://127.0.0.1:10")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    clients = made(aws_settings(), "aws")
    assert clients.client("s3").meta.endpoint_url == "http://127.0.0.1:9"
    assert clients.client("athena").meta.endpoint_url == "http://127.0.0.1:10"


def test_keys_of_the_environment_go_before_a_profile_that_is_set_there(monkeypatch, tmp_path):
    (tmp_path / "config").write_text("[profile other]\naws_access_key_id = OTHER\naws_secret_access_key = x\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_PROFILE", "other")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "MINE")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    expected = boto3.Session().get_credentials().access_key
    assert made(aws_settings(), "aws").session.get_credentials().access_key == expected


def test_the_embedded_target_imports_nothing_of_aws(project):
    code = "import sys, pipelines.definitions; print({'boto3', 'dagster_aws'} & set(sys.modules))"
    assert run(project, "python", "-c", code) == (0, "set()\n")
