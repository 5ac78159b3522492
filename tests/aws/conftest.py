"""A server for the whole test session, empty again for each test."""

import functools
from collections.abc import Iterator

import pytest
from botocore.loaders import JSONFileLoader

from .double import AwsDouble

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
    return aws_server
