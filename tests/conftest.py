"""Every test starts from the project's defaults: no setting comes from the environment that it is run in, nor .env."""

import functools
import os
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
from aws_double.server import AwsDouble
from botocore.loaders import JSONFileLoader
from lake import Lake
from support import copy_project, write_small_logs

from pipelines.settings import Settings


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in os.environ:
        if name.startswith("FLOWLAKE_") or name == "DAGSTER_HOME":
            monkeypatch.delenv(name)
    monkeypatch.setitem(Settings.model_config, "env_file", tmp_path / "there-is-no.env")


@pytest.fixture(scope="session")
def small_logs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the small logs, for tests that read it."""
    return write_small_logs(tmp_path_factory.mktemp("small-logs"))


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, with few reports, for commands that leave its default bucket alone."""
    return copy_project(tmp_path_factory.mktemp("project"))


@pytest.fixture
def new_project(tmp_path: Path) -> Path:
    """A copy of the project, with few reports, that nothing was ever run in."""
    return copy_project(tmp_path / "project")


@pytest.fixture
def whole_project(tmp_path: Path) -> Path:
    """A copy of the project with all reports, that nothing was ever run in."""
    return copy_project(tmp_path / "project", all_reports=True)


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A history that ends with the test."""
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


@pytest.fixture
def lake(tmp_path: Path, instance: dg.DagsterInstance) -> Lake:
    """The small logs, and results of the test's own."""
    return Lake(write_small_logs(tmp_path / "logs"), tmp_path, instance)


# Every session of boto3 reads the services' models anew, by a loader of its own: a quarter of the time of a test here.
_parsed = functools.cache(functools.partial(JSONFileLoader.load_file, JSONFileLoader()))
JSONFileLoader.load_file = lambda _, path: _parsed(path)


@pytest.fixture(scope="session")
def aws_server() -> Iterator[AwsDouble]:
    server = AwsDouble()
    yield server
    server.stop()


@pytest.fixture
def aws(aws_server: AwsDouble, monkeypatch: pytest.MonkeyPatch) -> AwsDouble:
    """The double, empty, with this process's environment pointing at it."""
    aws_server.reset()
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    for name, value in aws_server.environment.items():
        monkeypatch.setenv(name, value)
    # The double tells a policy as it is at once, and a query ends soon: nothing has to be waited for.
    monkeypatch.setattr("resources.aws.athena.FIRST_POLL_SECONDS", 0.01)
    monkeypatch.setattr("resources.aws.bucket.POLICY_PAUSE", 0)
    return aws_server
