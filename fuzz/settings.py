"""Fuzzes settings: any environment and any .env file give settings, or a FlowLakeError whose text is printable."""

import os
import tempfile
from functools import cache
from pathlib import Path
from unittest import mock

from flowlogs.errors import FlowLakeError
from fuzz.choices import Choices
from fuzz.targets import SilentLoss
from pipelines import settings as module
from pipelines.settings import PREFIX, Settings, read_settings

VALUES = (
    "",
    "aws",
    "embedded",
    "data/logs",
    "s3://a-bucket/x",
    "a-bucket",
    "123456789012",
    "*",
    "us-east-1",
    "us-east-1,eu-west-1",
    "${version} ${account-id} ${srcaddr} ${action}",
    "${action}",
    "parquet",
    "true",
    "false",
    "2021-01-31",
    "0",
    "60",
    "600",
    "60.0",
    "1e9",
    "inf",
    "nan",
    "-1",
    "vpc-0a1b2c3d4e5f60718",
    "name",
    "a b",
    "~",
    "~nobody-here/x",
    "/",
    ".",
    "..",
    "x/AWSLogs/",
    "AWSLogs",
    "/dev/null",
    "/proc/self/fd",
    "a" * 5000,
    "10000000",
)
NAMES = [f"{PREFIX}{name.upper()}" for name in Settings.model_fields]
OTHERS = ("DAGSTER_HOME", "TMPDIR", "TEMP", "HOME", f"{PREFIX}TARGE", f"{PREFIX}X", "flowlake_bucket")
SEEDS = [bytes([kind, 3]) * 12 for kind in range(0, 256, 16)]


@cache
def _place() -> Path:
    return Path(tempfile.mkdtemp(prefix="fuzz-"))


def _value(choices: Choices) -> str:
    value = choices.one_of(VALUES) if choices.number(4) else choices.text()
    if choices.chance(10):
        value += choices.one_of(VALUES)
    return value.replace("\0", "")


def check(data: bytes) -> None:
    """Raise an error unless the settings are read, or refused in words."""
    choices = Choices(data)
    given = {choices.one_of([*NAMES, *NAMES, *OTHERS]): _value(choices) for _ in range(1 + choices.number(5))}
    given = {name: value for name, value in given.items() if _can_be_set(name, value)}
    env_file = _place() / ".env"
    env_file.unlink(missing_ok=True)
    if choices.chance(40):
        lines = [f"{choices.one_of(NAMES)}={_value(choices)}" for _ in range(choices.number(3))]
        text = "\n".join([*lines, choices.text(), ""]).encode()
        env_file.write_bytes(choices.damaged(text) if choices.chance(40) else text)
    with (
        mock.patch.dict(os.environ, given, clear=True),
        mock.patch.object(module, "PROJECT_ROOT", _place()),
        mock.patch.dict(Settings.model_config, {"env_file": env_file}),
    ):
        try:
            found = read_settings()
            _use(found)
        except FlowLakeError as error:
            if not str(error).replace("\n", "").isprintable():
                raise SilentLoss(f"not printable: {str(error)!r}") from None


def _can_be_set(name: str, value: str) -> bool:
    try:
        os.fsencode(f"{name}={value}")
    except UnicodeEncodeError:
        return False
    return True


def _use(found: Settings) -> None:
    """What the pipeline computes from settings before it does anything."""
    for name in ("choice", "record_format", "delivery", "dagster_home", "reports_folder", "names_file"):
        getattr(found, name)
    if found.target == "embedded":
        assert found.bucket_folder.is_absolute()
        assert found.results_folder.is_absolute()
    else:
        assert found.results_address.startswith("s3://")
