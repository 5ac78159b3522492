"""Every setting of the project, read in this one place: from the environment, or from ``.env`` at the project's root.

What a setting means is told in ``.env.example``. Nothing is looked up here, neither on disk nor in AWS.
"""

import hashlib
import os
import re
from datetime import date
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from flowlogs.errors import FlowLakeError
from flowlogs.layout import ACCOUNT_ID, BUCKET_NAME, REGION
from flowlogs.statements import IDENTIFIER

PROJECT_ROOT = Path(__file__).resolve().parent.parent
PREFIX = "FLOWLAKE_"
DEFAULT_BUCKET = "data/bucket"


class Settings(BaseSettings):
    """The settings, validated; `read_settings` is how to get them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=PROJECT_ROOT / ".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    target: Literal["embedded", "aws"] = "embedded"
    bucket: str = DEFAULT_BUCKET
    results: str | None = None
    account_id: Annotated[str | None, Field(pattern=f"^{ACCOUNT_ID.pattern}$")] = None
    region: Annotated[str | None, Field(pattern=f"^{REGION.pattern}$")] = None
    vpc_ids: Annotated[tuple[str, ...], NoDecode] = ()
    database: Annotated[str, Field(pattern=f"^{IDENTIFIER.pattern}$")] = "vpc_flow_lake"
    table: Annotated[str, Field(pattern=f"^{IDENTIFIER.pattern}$")] = "vpc_flow_logs"
    workgroup: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,128}$")] = "vpc-flow-lake"
    start_date: date = date(2021, 1, 1)
    traffic_type: Literal["ACCEPT", "REJECT", "ALL"] = "ALL"
    aggregation_seconds: Literal[60, 600] = 600
    flow_log_name: Annotated[str, Field(min_length=1, max_length=256)] = "vpc-flow-lake"
    scan_limit_bytes: Annotated[int, Field(ge=10_000_000)] = 100_000_000_000
    query_timeout_seconds: Annotated[float, Field(gt=0)] = 1_800

    @field_validator("vpc_ids", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("vpc_ids")
    @classmethod
    def _are_vpc_ids(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for vpc_id in value:
            if not re.fullmatch(r"vpc-[0-9a-f]{8,17}", vpc_id):
                raise ValueError(f"{vpc_id!r} is not a VPC id, such as vpc-0a1b2c3d4e5f60718")
        return value

    @field_validator("aggregation_seconds", mode="before")
    @classmethod
    def _to_int(cls, value: object) -> object:
        return int(value) if isinstance(value, str) and value.isdigit() else value

    @property
    def bucket_folder(self) -> Path:
        """The folder that is the bucket (embedded)."""
        return _from_root(self.bucket)

    @property
    def is_default_bucket(self) -> bool:
        """Whether the bucket is the one that this project makes for itself."""
        return self.bucket_folder == _from_root(DEFAULT_BUCKET)

    @property
    def results_folder(self) -> Path:
        """The folder of everything derived (embedded): the one that is set, or one that is this bucket's own."""
        if self.results is not None:
            return _from_root(self.results)
        if self.is_default_bucket:
            return PROJECT_ROOT / "data" / "results"
        return PROJECT_ROOT / "data" / folder_name(self.bucket_folder)

    @property
    def history_folder(self) -> Path:
        """Dagster's home, for the commands that keep a history."""
        if self.target == "aws":
            return PROJECT_ROOT / "data" / f"aws-{self.bucket}" / "dagster"
        return self.results_folder / "dagster"

    @property
    def results_in_s3(self) -> tuple[str, str]:
        """The bucket and the key prefix of everything derived (aws); the prefix is empty or ends in a slash."""
        bucket, _, prefix = (self.results or f"s3://{self.bucket}").removeprefix("s3://").partition("/")
        return bucket, f"{prefix.rstrip('/')}/" if prefix.rstrip("/") else ""


def read_settings() -> Settings:
    """The settings as the environment and ``.env`` have them now. A FlowLakeError names each wrong variable."""
    try:
        settings = Settings()
    except ValidationError as error:
        raise FlowLakeError(_wrong_variables(error)) from None
    if settings.target == "aws":
        _require_aws_names(settings)
    elif settings.bucket_folder in (settings.results_folder, *settings.results_folder.parents):
        raise FlowLakeError(
            f"FLOWLAKE_RESULTS: {settings.results_folder} lies in the bucket {settings.bucket_folder}, which is "
            "read and never written. Name a folder outside of it."
        )
    return settings


def _require_aws_names(settings: Settings) -> None:
    if "bucket" not in settings.model_fields_set or not BUCKET_NAME.fullmatch(settings.bucket):
        raise FlowLakeError(
            "FLOWLAKE_BUCKET: with FLOWLAKE_TARGET=aws, name the S3 bucket that flow logs are delivered to, such as "
            "my-company-vpc-flow-logs (its bare name, without s3://)."
        )
    if settings.results is not None and not re.fullmatch(rf"s3://{BUCKET_NAME.pattern}(/.*)?", settings.results):
        raise FlowLakeError(
            f"FLOWLAKE_RESULTS={settings.results}: with FLOWLAKE_TARGET=aws, this is an address in S3, such as "
            "s3://my-bucket/flow-lake."
        )


def folder_name(folder: Path) -> str:
    """A name for a folder that is a valid bucket's name, and another one for every other folder."""
    words = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:48].strip("-")
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()
    return f"{words or 'bucket'}-{digest[:8]}"


def _from_root(path: str) -> Path:
    return (PROJECT_ROOT / Path(path).expanduser()).resolve()


def _wrong_variables(error: ValidationError) -> str:
    lines = []
    for problem in error.errors():
        variable = PREFIX + "_".join(str(part) for part in problem["loc"][:1]).upper()
        message = problem["msg"].removeprefix("Value error, ")
        lines.append(f"{variable}={problem['input']!r}: {message}.")
    return "\n".join([*lines, "The environment and .env are where these are set; .env.example explains each."])
