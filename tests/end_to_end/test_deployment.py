"""Production, as deploy/ has it: Dagster on Debian's Postgres, with the compose file's commands and environment.

There is no container here. What the image would hold is copied to where its Dockerfile says, and only the hosts and
ports of the containers are replaced by this machine's.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import boto3
import dagster as dg
import pytest
import yaml
from aws_double.server import AwsDouble
from aws_lineage import BUCKET, DAILY, make_vpc, policy, report, settings, succeed, upload
from dagster._core.definitions.run_request import InstigatorType
from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._core.events import RunFailureReason
from dagster._core.execution.retries import auto_reexecution_should_retry_run
from dagster._core.remote_origin import GrpcServerCodeLocationOrigin, RemoteRepositoryOrigin
from dagster._core.scheduler.instigation import InstigatorState, InstigatorStatus, ScheduleInstigatorData
from dagster._grpc.client import DagsterGrpcClient
from support import (
    BIN,
    DAY,
    ROOT,
    SMALL_DETAILS,
    SMALL_LOGS,
    SMALL_TOP,
    command_environment,
    files_in,
    with_day,
    write_object,
)

from pipelines.settings import Settings, read_settings

DEPLOY = ROOT / "deploy"
COMPOSE = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))
SCHEDULE = "daily_reject_reports_schedule"
PASSWORD = "correct horse battery staple"
REGION = "us-east-1"


@pytest.fixture(scope="module")
def postgres() -> Iterator[int]:
    """The port of a Postgres with the compose file's user, password and empty database."""
    programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    user: dict[str, Any] = {"user": "postgres", "group": "postgres"} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="flow-lake-postgres-") as name, ExitStack() as started:
        folder, port = Path(name), free_port()
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        if user:
            for path in (folder, folder / "password"):
                shutil.chown(path, *user.values())

        def call(program: str, *arguments: str, **others: Any) -> None:
            command = [programs / program, *arguments]
            subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL, **user, **others)

        call(
            "initdb",
            *("--pgdata=data", "--username=dagster", "--pwfile=password", "--auth=scram-sha-256"),
            *("--encoding=UTF8", "--locale=C", "--no-sync"),
        )
        options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off"
        call("pg_ctl", "start", "--wait", "--pgdata=data", "--log=log", f"--options={options}")
        started.callback(call, "pg_ctl", "stop", "--pgdata=data", "--mode=immediate")
        call(
            "createdb",
            *("--host=127.0.0.1", f"--port={port}", "--username=dagster", "dagster"),
            env={**os.environ, "PGPASSWORD": PASSWORD},
        )
        yield port


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[AwsDouble]:
    """The double, with this process's environment pointing at it."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    server = AwsDouble(REGION)
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    yield server
    server.stop()


def free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


def image(folder: Path) -> Path:
    """The folder as the Dockerfile makes /app."""
    folder.mkdir()
    for line in (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith("COPY "):
            *sources, target = line.split()[1:]
            for source in map(ROOT.joinpath, sources):
                if source.is_dir():
                    shutil.copytree(source, folder / target)
                else:
                    (folder / target).mkdir(exist_ok=True)
                    shutil.copy2(source, folder / target)
    return folder


def interpolated(value: str, given: Mapping[str, str]) -> str:
    """A value of the compose file with a user's variables."""

    def value_of(match: re.Match[str]) -> str:
        name, otherwise, text = match.groups()
        if otherwise == ":+":
            return text if given.get(name) else ""
        assert given.get(name) or otherwise == ":-", f"{name}: {text}"
        return given.get(name) or text

    # The innermost first: a value may be what another one stands for.
    while (found := re.sub(r"\$\{(\w+)(:[?+-])([^{}]*)\}", value_of, value)) != value:
        value = found
    return value


def container_environment(given: Mapping[str, str], service: str = "code") -> dict[str, str]:
    """What the compose file makes of a user's variables for a service."""
    values = {
        name: given.get(name) if value is None else interpolated(value, given)
        for name, value in COMPOSE["services"][service]["environment"].items()
    }
    return {name: value for name, value in values.items() if value is not None}


class Deployment:
    """The services of the compose file as processes of this machine, in the folder `app` that is the image."""

    def __init__(self, app: Path, given: Mapping[str, str], postgres: int) -> None:
        self.app = app
        self.environment = {
            **container_environment(given),
            "DAGSTER_HOME": str(app / "dagster"),
            "DAGSTER_CODE_HOST": "127.0.0.1",
            "DAGSTER_POSTGRES_HOST": "127.0.0.1",
            "DAGSTER_POSTGRES_PORT": str(postgres),
        }
        self.code_port, self.ui_port = free_port(), free_port()
        workspace = app / "dagster" / "workspace.yaml"
        workspace.write_text(self._here(workspace.read_text(encoding="utf-8")), encoding="utf-8")
        self._started: list[subprocess.Popen[bytes]] = []

    def start(self, service: str) -> None:
        program, *arguments = shlex.split(self._here(COMPOSE["services"][service]["command"]))
        with (self.app / f"{service}.log").open("wb") as log:
            process = subprocess.Popen(
                [BIN / program, *arguments],
                cwd=self.app,
                env={**command_environment(self.app), **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)

    def stop(self) -> None:
        for process in self._started:
            process.terminate()
        for process in self._started:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()

    def wait(self, condition: Callable[[], Any], what: str, seconds: float = 90) -> Any:
        """What the condition gives once it is true."""
        until = time.monotonic() + seconds
        while not (found := condition()):
            assert time.monotonic() < until, f"{what} did not happen\n{self.logs()}"
            time.sleep(0.2)
        return found

    def logs(self) -> str:
        return "\n".join(f"{path.name}\n{path.read_text(encoding='utf-8')}" for path in sorted(self.app.glob("*.log")))

    def _here(self, text: str) -> str:
        here = {"4000": str(self.code_port), "3000": str(self.ui_port), "0.0.0.0": "127.0.0.1"}
        return re.sub(r"\b(4000|3000|0\.0\.0\.0)\b", lambda match: here[match[0]], text)


@contextmanager
def deployed(app: Path, given: Mapping[str, str], postgres: int) -> Iterator[Deployment]:
    deployment = Deployment(app, given, postgres)
    try:
        yield deployment
    finally:
        deployment.stop()


def code_is_served(deployment: Deployment) -> bool:
    with suppress(DagsterUserCodeUnreachableError):
        return bool(DagsterGrpcClient(port=deployment.code_port, host="127.0.0.1").ping("are you there"))
    return False


def last_tick() -> datetime:
    """The last time that the schedule's hour, 01:00 UTC, was struck."""
    now = datetime.now(timezone.utc)
    return (now - timedelta(hours=1)).replace(hour=1, minute=0, second=0, microsecond=0)


def write_logs(folder: Path, day: date) -> Path:
    for number, lines in enumerate(SMALL_LOGS[DAY]):
        write_object(folder, day, lines, number=number)
    return folder


def first_seen(schedule: str, when: datetime, code_port: int) -> InstigatorState:
    """What a daemon writes down of a schedule that it sees for the first time at that moment."""
    location = GrpcServerCodeLocationOrigin(host="127.0.0.1", port=code_port, location_name="vpc-flow-lake")
    origin = RemoteRepositoryOrigin(location, "__repository__").get_instigator_origin(schedule)
    data = ScheduleInstigatorData("0 1 * * *", when.timestamp())
    return InstigatorState(origin, InstigatorType.SCHEDULE, InstigatorStatus.DECLARED_IN_CODE, data)


def finished_run(instance: dg.DagsterInstance) -> dg.DagsterRun | None:
    runs = instance.get_runs(dg.RunsFilter(tags={"dagster/schedule_name": SCHEDULE}))
    return runs[0] if runs and runs[0].is_finished else None


def runs_in_the_ui(port: int) -> Any:
    query = {"query": "{ runsOrError { ... on Runs { results { runId status } } } }"}
    request = Request(f"http://127.0.0.1:{port}/graphql", json.dumps(query).encode())
    request.add_header("Content-Type", "application/json")
    with suppress(OSError), urlopen(request, timeout=10) as answer:
        return json.load(answer)["data"]["runsOrError"]["results"]
    return None


def test_a_tick_of_the_daemon_materializes_the_day(
    aws: AwsDouble, postgres: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tick = last_tick()
    day = tick.date() - timedelta(days=1)
    vpc = make_vpc()
    given = {
        **aws.environment_of(aws.user("daily", policy("iam-policy-daily.json"))),
        "FLOWLAKE_BUCKET": BUCKET,
        "FLOWLAKE_REGION": REGION,
        "FLOWLAKE_VPC_IDS": vpc,
        "FLOWLAKE_START_DATE": str(day - timedelta(days=30)),
        "DAGSTER_POSTGRES_PASSWORD": PASSWORD,
    }
    app = image(tmp_path / "app")
    in_the_image = {*files_in(app)}
    with deployed(app, given, postgres) as deployment:
        deployment.start("code")
        succeed(settings([vpc]), selection="vpc_flow_logs_bucket,vpc_flow_log,vpc_flow_logs")
        upload(write_logs(tmp_path / "logs", day))
        aws.set(enforce_iam=True)
        for name, value in deployment.environment.items():
            monkeypatch.setenv(name, value)
        # First one, then the other: two that make Dagster's tables at the same moment get in each other's way.
        deployment.wait(lambda: code_is_served(deployment), "the start of the code server")
        with dg.DagsterInstance.get() as instance:
            instance.add_instigator_state(first_seen(SCHEDULE, tick - timedelta(minutes=1), deployment.code_port))
            deployment.start("daemon")
            deployment.start("webserver")
            run = deployment.wait(lambda: finished_run(instance), "the scheduled run")
            in_the_ui = deployment.wait(lambda: runs_in_the_ui(deployment.ui_port), "the start of the webserver")
            assert run.status == dg.DagsterRunStatus.SUCCESS, deployment.logs()
            assert datetime.fromisoformat(run.tags[".dagster/scheduled_execution_time"]) == tick
            assert run.tags["dagster/partition"] == day.isoformat()
            for asset in DAILY.split(","):
                assert instance.get_materialized_partitions(dg.AssetKey(asset)) == {day.isoformat()}
            assert in_the_ui == [{"runId": run.run_id, "status": "SUCCESS"}]
    written = {f"/app/{name}" for name in {*files_in(app)} - in_the_image if not name.endswith((".log", ".pyc"))}
    assert all(name.startswith(tuple(COMPOSE["services"]["code"]["tmpfs"])) for name in written), written
    aws.set(enforce_iam=False)
    assert report("top_rejected_pairs", day) == with_day(SMALL_TOP[DAY], day)
    assert report("rejected_flow_details", day) == with_day(SMALL_DETAILS[DAY], day)
    assert "top_rejected_pairs - STEP_SUCCESS" in printed_by(run.run_id)


def printed_by(run_id: str) -> str:
    """What a run printed, as it is in S3."""
    s3 = boto3.client("s3")
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"dagster-logs/storage/{run_id}/compute_logs/")["Contents"]
    # A run of more than half a minute is uploaded on the way, too.
    whole = [item["Key"] for item in found if not item["Key"].endswith(".partial")]
    assert sorted(Path(key).suffix for key in whole) == [".err", ".out"]
    return "".join(s3.get_object(Bucket=BUCKET, Key=key)["Body"].read().decode() for key in whole)


def test_the_instance_repeats_killed_runs_and_runs_two_at_once(
    postgres: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    environment = container_environment(
        {"FLOWLAKE_BUCKET": BUCKET, "FLOWLAKE_REGION": REGION, "DAGSTER_POSTGRES_PASSWORD": PASSWORD}
    )
    for name, value in {
        **environment,
        "DAGSTER_POSTGRES_HOST": "127.0.0.1",
        "DAGSTER_POSTGRES_PORT": str(postgres),
    }.items():
        monkeypatch.setenv(name, value)
    shutil.copy2(DEPLOY / "dagster.yaml", tmp_path)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert "postgres" in type(instance.run_storage).__module__
        assert instance.get_concurrency_config().run_queue_config.max_concurrent_runs == 2
        assert (instance.run_retries_enabled, instance.run_retries_max_retries) == (True, 2)
        for reason, repeated in ((RunFailureReason.STEP_FAILURE, False), (RunFailureReason.RUN_EXCEPTION, True)):
            failed = instance.add_run(dg.DagsterRun("a job", status=dg.DagsterRunStatus.FAILURE))
            assert auto_reexecution_should_retry_run(instance, failed, reason) is repeated
        assert instance.run_monitoring_enabled
        assert instance.run_monitoring_max_runtime_seconds == 4 * 60 * 60
        assert not instance.telemetry_enabled


@pytest.mark.parametrize("service", COMPOSE["services"])
def test_a_container_has_no_capabilities_and_a_root_to_read(service: str) -> None:
    found = COMPOSE["services"][service]
    assert found["cap_drop"] == ["ALL"]
    assert found["security_opt"] == ["no-new-privileges:true"]
    assert found["read_only"] is True
    assert "/tmp" in found["tmpfs"]
    assert not {"cap_add", "privileged"} & {*found}


def test_no_container_runs_as_root() -> None:
    lines = (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
    assert [line for line in lines if line.startswith("USER ")] == ["USER flowlake"]
    users = {name: service.get("user") for name, service in COMPOSE["services"].items()}
    assert users == {"postgres": "postgres", "code": None, "webserver": None, "daemon": None}


def test_the_image_is_built_from_what_it_copies_alone() -> None:
    lines = (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
    sources = [
        source
        for line in (DEPLOY / "Dockerfile").read_text(encoding="utf-8").splitlines()
        if line.startswith("COPY ")
        for source in line.split()[1:-1]
    ]
    assert lines[1:] == ["*", *(f"!{source}" for source in sources), "**/__pycache__"]


def test_every_setting_reaches_the_containers() -> None:
    expected = {f"FLOWLAKE_{name.upper()}" for name in Settings.model_fields}
    for service in ("code", "daemon", "webserver"):
        assert {
            name for name in COMPOSE["services"][service]["environment"] if name.startswith("FLOWLAKE_")
        } == expected


@pytest.mark.parametrize("service", ["code", "daemon", "webserver"])
def test_files_of_ones_own_are_mounted_where_the_settings_say(service: str) -> None:
    given = {"FLOWLAKE_NAMES": "/home/a/names.csv", "FLOWLAKE_REPORTS": "/home/a/reports"}
    mounted = {
        interpolated(volume["source"], given): volume["target"] for volume in COMPOSE["services"][service]["volumes"]
    }
    needed = {"FLOWLAKE_BUCKET": BUCKET, "FLOWLAKE_REGION": REGION, "DAGSTER_POSTGRES_PASSWORD": PASSWORD}
    made = container_environment({**given, **needed}, service)
    assert mounted == {given[name]: made[name] for name in given}
    assert all(volume["read_only"] for volume in COMPOSE["services"][service]["volumes"])


def test_what_is_not_set_is_the_default_in_the_containers(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"FLOWLAKE_BUCKET": BUCKET, "FLOWLAKE_REGION": REGION, "DAGSTER_POSTGRES_PASSWORD": PASSWORD}
    for name, value in container_environment(given).items():
        monkeypatch.setenv(name, value)
    assert read_settings() == Settings(target="aws", bucket=BUCKET, region=REGION)


@pytest.mark.parametrize("works_in", [None, "eu-west-1"])
def test_all_clients_of_the_containers_work_in_one_region(works_in: str | None) -> None:
    given = {"FLOWLAKE_BUCKET": BUCKET, "FLOWLAKE_REGION": REGION, "DAGSTER_POSTGRES_PASSWORD": PASSWORD}
    made = container_environment({**given, **({"AWS_REGION": works_in} if works_in else {})})
    assert (made["FLOWLAKE_REGION"], made.get("AWS_REGION")) == (REGION, works_in)
    assert made["AWS_DEFAULT_REGION"] == (works_in or REGION)


def test_the_classroom_example_is_a_complete_env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = (ROOT / "examples" / "secworkshop.env").read_text(encoding="utf-8")
    filled_in = text.replace("<initials>", "ab").replace("<the id of SecWorkshopVPC>", "vpc-0a1b2c3d4e5f60718")
    (tmp_path / ".env").write_text(filled_in, encoding="utf-8")
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / ".env")
    assert read_settings() == Settings(
        target="aws",
        region="ap-northeast-1",
        bucket="ab-vpcflowlog-secworkshop",
        vpc_ids=("vpc-0a1b2c3d4e5f60718",),
        flow_log_name="Secworkshopvpc_flow2S3",
        aggregation_seconds=600,
        traffic_type="ALL",
    )
