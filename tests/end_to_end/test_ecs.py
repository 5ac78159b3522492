"""Production on ECS, as deploy/ecs has it: the template, and a run launched on the server that stands in for AWS.

There is no Fargate and no CloudFormation here: no container starts. What ECS would be told is looked at, and told.
"""

import json
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import boto3
import dagster as dg
import pytest
import yaml
from aws_double.permissions import verdict
from aws_double.server import AwsDouble
from aws_lineage import BUCKET
from dagster._config import process_config
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import LaunchRunContext, WorkerStatus
from dagster._core.origin import DEFAULT_DAGSTER_ENTRY_POINT, JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.storage.config import pg_config
from dagster_aws.ecs import EcsRunLauncher
from support import BIN, ROOT

from pipelines.build import build_definitions
from pipelines.settings import Settings

ECS = ROOT / "deploy" / "ecs"
TEMPLATE = (ECS / "template.yaml").read_text(encoding="utf-8")
INSTANCE = yaml.safe_load((ECS / "dagster.yaml").read_text(encoding="utf-8"))
COMPOSE_INSTANCE = yaml.safe_load((ROOT / "deploy" / "dagster.yaml").read_text(encoding="utf-8"))
ACCOUNT = "123456789012"
WEBHOOK = f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:flow-lake-webhook-AbCdEf"


def test_the_template_has_no_fault_that_cfn_lint_knows() -> None:
    linted = subprocess.run([BIN / "cfn-lint", ECS / "template.yaml"], capture_output=True, text=True, check=False)
    assert (linted.returncode, linted.stdout) == (0, ""), linted.stdout


class _Loader(yaml.SafeLoader):
    """Reads the short forms of CloudFormation's functions as their long ones."""


def _function(loader: yaml.SafeLoader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        raise TypeError(node)
    return {suffix if suffix == "Ref" else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _function)

DOCUMENT: dict[str, Any] = yaml.load(TEMPLATE, _Loader)

PSEUDO = {
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::Region": "us-east-1",
    "AWS::StackName": "flow-lake",
    "AWS::URLSuffix": "amazonaws.com",
}
ATTRIBUTES = {
    "Cluster": "flow-lake-cluster",
    "Cluster.Arn": f"arn:aws:ecs:us-east-1:{ACCOUNT}:cluster/flow-lake-cluster",
    "LogGroup": "flow-lake-logs",
    "LogGroup.Arn": f"arn:aws:logs:us-east-1:{ACCOUNT}:log-group:flow-lake-logs:*",
    "Database.Endpoint.Address": "database.example.us-east-1.rds.amazonaws.com",
    "Database.Endpoint.Port": "5432",
    "DatabaseSecret": f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:database-AbCdEf",
    "ExecutionRole.Arn": f"arn:aws:iam::{ACCOUNT}:role/execution",
    "RunRole.Arn": f"arn:aws:iam::{ACCOUNT}:role/run",
    "ServiceRole.Arn": f"arn:aws:iam::{ACCOUNT}:role/service",
}
NOTHING = object()


def resolved(value: Any, parameters: Mapping[str, str]) -> Any:
    """A part of the template as CloudFormation resolves it, by the resources' attributes above and these parameters."""
    known = {**PSEUDO, **ATTRIBUTES, **parameters}
    if isinstance(value, list):
        return [item for one in value if (item := resolved(one, parameters)) is not NOTHING]
    if not isinstance(value, dict):
        return value
    if set(value) == {"Ref"}:
        return NOTHING if value["Ref"] == "AWS::NoValue" else known[value["Ref"]]
    if set(value) == {"Fn::GetAtt"}:
        return known[value["Fn::GetAtt"]]
    if set(value) == {"Fn::Sub"}:
        return re.sub(r"\$\{([^}]+)\}", lambda match: known[match[1]], value["Fn::Sub"])
    if set(value) == {"Fn::If"}:
        condition, then, otherwise = value["Fn::If"]
        return resolved(then if resolved(DOCUMENT["Conditions"][condition], parameters) else otherwise, parameters)
    if set(value) == {"Fn::Not"}:
        return not resolved(value["Fn::Not"][0], parameters)
    if set(value) == {"Fn::Equals"}:
        one, other = resolved(value["Fn::Equals"], parameters)
        return bool(one == other)
    return {key: item for key, one in value.items() if (item := resolved(one, parameters)) is not NOTHING}


def given(**others: str) -> dict[str, str]:
    """The parameters of a stack."""
    defaults = {key: one["Default"] for key, one in DOCUMENT["Parameters"].items() if "Default" in one}
    return {**defaults, "FlowLogsBucket": BUCKET, "SettingsBucket": "company-settings", **others}


def properties(resource: str, **others: str) -> dict[str, Any]:
    """The properties of a resource."""
    found: dict[str, Any] = resolved(DOCUMENT["Resources"][resource]["Properties"], given(**others))
    return found


def request(value: Any) -> Any:
    """Properties of a task definition as the API takes them: names begin with a small letter there, but for options."""
    if isinstance(value, list):
        return list(map(request, value))
    if not isinstance(value, dict):
        return value
    return {key if key.startswith("awslogs") else key[0].lower() + key[1:]: request(one) for key, one in value.items()}


def containers(resource: str, **others: str) -> dict[str, dict[str, Any]]:
    return {one["Name"]: one for one in properties(resource, **others)["ContainerDefinitions"]}


TASKS = ("RunTask", "ServiceTask")


def test_the_parameters_are_those_that_the_docs_give() -> None:
    told = (
        (ROOT / "docs" / "aws.md").read_text(encoding="utf-8").partition("--parameter-overrides")[2].partition("```")[0]
    )
    named = set(re.findall(r"(\w+)=", told))
    needed = {name for name, one in DOCUMENT["Parameters"].items() if "Default" not in one}
    assert needed <= named <= {*DOCUMENT["Parameters"]}


@pytest.mark.parametrize("task", TASKS)
def test_a_container_has_no_capabilities_and_a_root_to_read(task: str) -> None:
    for container in containers(task).values():
        assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
        assert container["ReadonlyRootFilesystem"] is True
        assert container["MountPoints"] == [{"SourceVolume": "tmp", "ContainerPath": "/tmp", "ReadOnly": False}]
        assert not {"Privileged", "User"} & {*container}
    assert properties(task)["Volumes"] == [{"Name": "tmp"}]
    # A volume of Fargate belongs to root, unless the image has it too.
    assert "VOLUME /tmp" in (ROOT / "deploy" / "Dockerfile").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize("task", TASKS)
def test_passwords_come_from_the_secret_store(task: str) -> None:
    password = {"Name": "DAGSTER_POSTGRES_PASSWORD", "ValueFrom": f"{ATTRIBUTES['DatabaseSecret']}:password::"}
    webhook = {"Name": "FLOWLAKE_ALERT_WEBHOOK", "ValueFrom": WEBHOOK}
    for container in containers(task).values():
        assert container["Secrets"] == [password]
        assert not {"DAGSTER_POSTGRES_PASSWORD", "FLOWLAKE_ALERT_WEBHOOK"} & {
            one["Name"] for one in container["Environment"]
        }
    for container in containers(task, AlertWebhookSecretArn=WEBHOOK).values():
        assert container["Secrets"] == [password, webhook]
    database = DOCUMENT["Resources"]["Database"]["Properties"]["MasterUserPassword"]
    assert database == {"Fn::Sub": "{{resolve:secretsmanager:${DatabaseSecret}:SecretString:password}}"}


def test_all_containers_have_what_the_instance_takes_from_the_environment() -> None:
    wanted = set(re.findall(r"\{env: (\w+)\}", (ECS / "dagster.yaml").read_text(encoding="utf-8")))
    for task in TASKS:
        for container in containers(task).values():
            told = {one["Name"]: one["Value"] for one in container["Environment"]}
            assert wanted <= {*told, *(one["Name"] for one in container["Secrets"])}
            assert told["DAGSTER_HOME"] == "/app/dagster/ecs"
            assert told["DAGSTER_ECS_RUN_TASK_DEFINITION"] == properties("RunTask")["Family"]
            settings = "arn:aws:s3:::company-settings/settings/flowlake.env"
            assert container["EnvironmentFiles"] == [{"Type": "s3", "Value": settings}]


def test_the_code_server_is_where_the_others_look_for_it() -> None:
    workspace = yaml.safe_load((ROOT / "deploy" / "workspace.yaml").read_text(encoding="utf-8"))
    found = containers("ServiceTask")
    assert found["code"]["Command"][:7] == ["dagster", "code-server", "start", "--host", "127.0.0.1", "--port", "4000"]
    assert workspace["load_from"][0]["grpc_server"]["port"] == 4000
    assert found["daemon"]["Command"] == ["dagster-daemon", "run", "--workspace", "/app/dagster/workspace.yaml"]
    for name in ("daemon", "webserver"):
        assert found[name]["DependsOn"] == [{"ContainerName": "code", "Condition": "HEALTHY"}]
        assert {"Name": "DAGSTER_CODE_HOST", "Value": "127.0.0.1"} in found[name]["Environment"]


def test_there_are_never_two_daemons() -> None:
    service = DOCUMENT["Resources"]["Service"]["Properties"]
    assert service["DesiredCount"] == 1
    assert service["DeploymentConfiguration"]["MaximumPercent"] == 100
    assert service["DeploymentConfiguration"]["MinimumHealthyPercent"] == 0


def test_the_ui_is_reached_from_nowhere_unless_a_network_is_named() -> None:
    ingress = DOCUMENT["Resources"]["UiIngress"]
    assert ingress["Condition"] == "HasUi"
    assert resolved(DOCUMENT["Conditions"]["HasUi"], given()) is False
    assert resolved(DOCUMENT["Conditions"]["HasUi"], given(UiFromCidr="10.1.0.0/16")) is True
    assert not [
        name
        for name, one in DOCUMENT["Resources"].items()
        if one["Type"] == "AWS::EC2::SecurityGroup" and "SecurityGroupIngress" in one["Properties"]
    ]
    assert DOCUMENT["Resources"]["Database"]["Properties"]["PubliclyAccessible"] is False


def test_the_instance_is_that_of_the_compose_file_but_for_where_runs_run() -> None:
    expected = json.loads(json.dumps(COMPOSE_INSTANCE))
    found = json.loads(json.dumps(INSTANCE))
    assert found.pop("run_launcher")["class"] == "EcsRunLauncher"
    assert found.pop("local_artifact_storage")["config"] == {"base_dir": "/tmp/dagster"}
    assert found["compute_logs"]["config"].pop("local_dir").startswith("/tmp/")
    assert found["run_monitoring"].pop("start_timeout_seconds") == 600
    assert found["storage"]["postgres"]["postgres_db"].pop("params") == {"sslmode": "require"}
    assert found == expected


# What each of the template's actions can be granted on, by the Service Authorization Reference (2026).
RESOURCES: Mapping[str, str] = {
    "ecr:GetAuthorizationToken": r"\*",
    "ecr:BatchGetImage": r"arn:aws:ecr:[^:]+:\d{12}:repository/.+",
    "ecr:GetDownloadUrlForLayer": r"arn:aws:ecr:[^:]+:\d{12}:repository/.+",
    "logs:CreateLogStream": r"arn:aws:logs:[^:]+:\d{12}:log-group:.+",
    "logs:PutLogEvents": r"arn:aws:logs:[^:]+:\d{12}:log-group:.+:\*",
    "logs:GetLogEvents": r"arn:aws:logs:[^:]+:\d{12}:log-group:.+:\*",
    "s3:GetObject": r"arn:aws:s3:::[^/]+/.+",
    "s3:GetBucketLocation": r"arn:aws:s3:::[^/]+",
    "secretsmanager:GetSecretValue": r"arn:aws:secretsmanager:[^:]+:\d{12}:secret:.+",
    "ecs:RunTask": r"arn:aws:ecs:[^:]+:\d{12}:task-definition/[^:]+:\*",
    "ecs:TagResource": r"arn:aws:ecs:[^:]+:\d{12}:task/.+",
    "ecs:DescribeTasks": r"arn:aws:ecs:[^:]+:\d{12}:task/.+",
    "ecs:StopTask": r"arn:aws:ecs:[^:]+:\d{12}:task/.+",
    "ecs:DescribeTaskDefinition": r"\*",
    "ec2:DescribeNetworkInterfaces": r"\*",
    "iam:PassRole": r"arn:aws:iam::\d{12}:role/.+",
}


def role_statements(role: str, **others: str) -> list[dict[str, Any]]:
    """The statements of a role's own policies, each with lists."""
    found = [
        one
        for document in properties(role, **others).get("Policies", [])
        for one in document["PolicyDocument"]["Statement"]
    ]
    for statement in found:
        for key in ("Action", "Resource"):
            statement[key] = statement[key] if isinstance(statement[key], list) else [statement[key]]
    return found


@pytest.mark.parametrize("role", ["ExecutionRole", "ServiceRole"])
def test_each_action_is_granted_on_what_it_can_be_granted_on(role: str) -> None:
    for statement in role_statements(role, PolicyArns="", AlertWebhookSecretArn=WEBHOOK):
        for action in statement["Action"]:
            for resource in statement["Resource"]:
                assert re.fullmatch(RESOURCES[action], resource), (action, resource)


TASK = f"arn:aws:ecs:us-east-1:{ACCOUNT}:task/flow-lake-cluster/0123456789abcdef"
DEFINITION = f"arn:aws:ecs:us-east-1:{ACCOUNT}:task-definition"


@pytest.mark.parametrize(
    ("action", "resource", "context", "allowed"),
    [
        ("ecs:RunTask", f"{DEFINITION}/flow-lake-run:3", {"ecs:cluster": ATTRIBUTES["Cluster.Arn"]}, True),
        ("ecs:RunTask", f"{DEFINITION}/flow-lake-run:3", {"ecs:cluster": f"{ATTRIBUTES['Cluster.Arn']}-other"}, None),
        ("ecs:RunTask", f"{DEFINITION}/payroll:1", {"ecs:cluster": ATTRIBUTES["Cluster.Arn"]}, None),
        ("ecs:TagResource", TASK, {"ecs:CreateAction": "RunTask"}, True),
        ("ecs:TagResource", TASK, {}, None),
        ("ecs:StopTask", TASK, {}, True),
        ("ecs:StopTask", TASK.replace("flow-lake-cluster", "payroll"), {}, None),
        ("iam:PassRole", ATTRIBUTES["RunRole.Arn"], {"iam:PassedToService": "ecs-tasks.amazonaws.com"}, True),
        ("iam:PassRole", ATTRIBUTES["ExecutionRole.Arn"], {"iam:PassedToService": "ecs-tasks.amazonaws.com"}, True),
        ("iam:PassRole", ATTRIBUTES["RunRole.Arn"], {"iam:PassedToService": "ec2.amazonaws.com"}, None),
        (
            "iam:PassRole",
            f"arn:aws:iam::{ACCOUNT}:role/admin",
            {"iam:PassedToService": "ecs-tasks.amazonaws.com"},
            None,
        ),
        ("ecs:RegisterTaskDefinition", f"{DEFINITION}/flow-lake-run:4", {}, None),
        ("secretsmanager:GetSecretValue", ATTRIBUTES["DatabaseSecret"], {}, None),
    ],
)
def test_the_service_starts_its_own_runs_and_nothing_else(
    action: str, resource: str, context: Mapping[str, str], allowed: bool | None
) -> None:
    assert verdict(role_statements("ServiceRole", PolicyArns=""), action, resource, context) is allowed


@pytest.mark.parametrize("webhook", ["", WEBHOOK])
def test_a_task_is_started_with_its_own_secrets_and_no_others(webhook: str) -> None:
    found = role_statements("ExecutionRole", AlertWebhookSecretArn=webhook)
    secrets = (
        ATTRIBUTES["DatabaseSecret"],
        WEBHOOK,
        f"arn:aws:secretsmanager:us-east-1:{ACCOUNT}:secret:others-AbCdEf",
    )
    allowed = [verdict(found, "secretsmanager:GetSecretValue", secret, {}) for secret in secrets]
    assert allowed == [True, True if webhook else None, None]


def test_runs_have_no_rights_but_those_of_the_policies() -> None:
    role = properties("RunRole", PolicyArns="arn:aws:iam::123456789012:policy/vpc-flow-lake")
    assert "Policies" not in role
    assert role["ManagedPolicyArns"] == "arn:aws:iam::123456789012:policy/vpc-flow-lake"


@contextmanager
def task_metadata(cluster: str, task: str) -> Iterator[str]:
    """What a container of ECS can ask about its own task: a server, and its address."""

    class Metadata(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"Cluster": cluster, "TaskARN": task}).encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Metadata)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def register(task: str) -> str:
    """Register a task definition of the template; returns its ARN."""
    asked = request(properties(task))
    for container in asked["containerDefinitions"]:
        container["memory"] = 512  # moto's ECS needs it, Fargate does not
    answer = boto3.client("ecs").register_task_definition(**asked)
    return str(answer["taskDefinition"]["taskDefinitionArn"])


def test_a_run_is_a_task_of_its_own_where_the_daemon_is(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ecs, ec2 = boto3.client("ecs"), boto3.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})  # moto's ECS asks for interfaces' names
    subnet = ec2.create_subnet(VpcId=vpc, CidrBlock="10.0.1.0/24")["Subnet"]["SubnetId"]
    group = ec2.create_security_group(GroupName="tasks", Description="tasks", VpcId=vpc)["GroupId"]
    cluster = ecs.create_cluster(clusterName="flow-lake-cluster")["cluster"]["clusterArn"]
    run_definition, service_definition = register("RunTask"), register("ServiceTask")
    network = {"awsvpcConfiguration": {"subnets": [subnet], "securityGroups": [group], "assignPublicIp": "DISABLED"}}
    (service,) = ecs.run_task(
        cluster=cluster, taskDefinition=service_definition, launchType="FARGATE", networkConfiguration=network
    )["tasks"]
    for one in containers("ServiceTask")["daemon"]["Environment"]:
        monkeypatch.setenv(one["Name"], one["Value"])
    # The history is SQLite's here: test_deployment.py has it in Postgres.
    (tmp_path / "dagster.yaml").write_text(yaml.safe_dump({"run_launcher": INSTANCE["run_launcher"]}), encoding="utf-8")
    with (
        task_metadata(cluster, service["taskArn"]) as address,
        dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(tmp_path))) as instance,
    ):
        monkeypatch.setenv("ECS_CONTAINER_METADATA_URI_V4", address)
        launcher = instance.run_launcher
        assert isinstance(launcher, EcsRunLauncher)
        pointer = ModuleCodePointer("pipelines.definitions", "defs")
        repository = RepositoryPythonOrigin("/usr/local/bin/python", pointer, entry_point=DEFAULT_DAGSTER_ENTRY_POINT)
        job = build_definitions(Settings()).resolve_job_def("teardown")
        run = instance.create_run_for_job(job, job_code_origin=JobPythonOrigin("teardown", repository))
        launcher.launch_run(LaunchRunContext(run, None))
        (task,) = [
            found
            for found in ecs.describe_tasks(cluster=cluster, tasks=ecs.list_tasks(cluster=cluster)["taskArns"])["tasks"]
            if found["taskDefinitionArn"] == run_definition
        ]
        (override,) = task["overrides"]["containerOverrides"]
        assert (override["name"], override["command"][:3]) == ("run", ["dagster", "api", "execute_run"])
        assert run.run_id in override["command"][3]
        # "overrides", RunTask, Amazon ECS API reference: 8,192 characters at most.
        assert len(json.dumps(task["overrides"])) < 8_192
        (attached,) = task["attachments"]
        details = {one["name"]: one["value"] for one in attached["details"]}
        assert details["subnetId"] == subnet
        (interface,) = ec2.describe_network_interfaces(NetworkInterfaceIds=[details["networkInterfaceId"]])[
            "NetworkInterfaces"
        ]
        assert [found["GroupId"] for found in interface["Groups"]] == [group]
        launched = instance.get_run_by_id(run.run_id)
        assert launched is not None and launched.tags["ecs/task_arn"] == task["taskArn"]
        assert launcher.check_run_worker_health(launched).status == WorkerStatus.RUNNING
        assert launcher.terminate(run.run_id)
        (stopped,) = ecs.describe_tasks(cluster=cluster, tasks=[task["taskArn"]])["tasks"]
        assert stopped["lastStatus"] == "STOPPED"


def test_the_whole_instance_is_what_dagster_takes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, aws: AwsDouble
) -> None:
    for one in containers("ServiceTask")["daemon"]["Environment"]:
        monkeypatch.setenv(one["Name"], one["Value"])
    monkeypatch.setenv("DAGSTER_POSTGRES_PASSWORD", "secret")
    boto3.client("ecs").create_cluster(clusterName="flow-lake-cluster")
    register("RunTask")
    (tmp_path / "dagster.yaml").write_text((ECS / "dagster.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    found = InstanceRef.from_dir(str(tmp_path))
    assert type(found.run_launcher).__name__ == "EcsRunLauncher"
    assert type(found.compute_log_manager).__name__ == "S3ComputeLogManager"
    assert type(found.local_artifact_storage).__name__ == "LocalArtifactStorage"
    checked = process_config(pg_config(), INSTANCE["storage"]["postgres"])
    assert checked.success and checked.value is not None
    assert checked.value["postgres_db"]["hostname"] == ATTRIBUTES["Database.Endpoint.Address"]
    for name in ("run_storage", "event_storage", "schedule_storage"):
        assert "dagster_postgres" in getattr(found, f"{name}_data").module_name
