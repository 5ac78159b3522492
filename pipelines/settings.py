"""Reads and validates all settings: from the environment, or from ``.env`` at the project's root.

``.env.example`` explains each setting. This makes no request and opens no file, except `.env`; it follows links.
"""

import hashlib
import io
import os
import re
from collections.abc import Iterable
from datetime import date
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

from dotenv import dotenv_values
from dotenv.parser import parse_stream
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from flowlogs.datasets import DATASETS
from flowlogs.delivery import Delivery
from flowlogs.errors import FlowLakeError
from flowlogs.fields import DEFAULT_FIELDS
from flowlogs.layout import ACCOUNT_ID, BUCKET_NAME, REGION
from flowlogs.printable import printable
from flowlogs.record_format import DEFAULT_FORMAT, FILE_FORMATS, TEXT, RecordFormat, parse_log_format
from flowlogs.retention import LEAST_DAYS, MOST_DAYS, Retention
from flowlogs.sources import Choice
from flowlogs.statements import IDENTIFIER
from resources.folder_links import linked_folders

PROJECT_ROOT = Path(__file__).resolve().parent.parent
PREFIX = "FLOWLAKE_"
DEFAULT_BUCKET = "data/bucket"

DAGSTER_HOME = "DAGSTER_HOME"
"""Dagster's own variable."""

_DAGSTER_FOLDERS = (".", ".running", "history", "history/runs", "logs", "schedules", "storage")
"""The folders below Dagster's home in which Dagster (1.13) and the commands write."""

_TEMPORARY_FOLDER_VARIABLES = ("TMPDIR", "TEMP", "TMP")
"""The variables that name the folder of temporary files, for Python and for most programs."""

VpcId = Annotated[str, Field(pattern=r"^vpc-[0-9a-f]{8,17}$")]

_SECRETS = frozenset({"alert_webhook"})
"""The settings whose values nobody is shown, not even in an error about them."""

_OF_PATHS = "see FLOWLAKE_BUCKET, FLOWLAKE_RESULTS and FLOWLAKE_NAMES"

_IDENTIFIER_WORDS = "a name of lower-case letters, digits and underscores that does not begin with a digit"

_KEPT_IN_WORDS = f"a number of days, at least {LEAST_DAYS}, or nothing to keep them for good"


def _one_or_several(pattern: re.Pattern[str]) -> str:
    return rf"^(?:\*|{pattern.pattern}(?:,{pattern.pattern})*)$"


def _whole_match(pattern: re.Pattern[str]) -> str:
    return f"^(?:{pattern.pattern})$"


def choice_of(accounts: str | None, regions: str | None, prefix: str | None) -> Choice:
    """Whose flow logs are read, by the settings' texts."""
    return Choice(_in_order(accounts), _in_order(regions), f"{prefix}/" if prefix else None)


def _in_order(names: str | None) -> str | None:
    """Names with commas between them, in an order that does not depend on how they were written."""
    return ",".join(sorted(set(names.split(",")))) if names else names


def format_of(log_format: str | None, file_format: str) -> RecordFormat | None:
    """The format of records and objects, by the settings' texts; None where they ask for nothing."""
    stored_as = FILE_FORMATS[file_format]
    if log_format:
        return parse_log_format(log_format, stored_as)
    return RecordFormat(DEFAULT_FIELDS, stored_as) if stored_as != TEXT else None


def delivery_of(record_format: RecordFormat | None, hive: bool, hourly: bool, prefix: str | None) -> Delivery:
    """How a flow log that is created delivers."""
    return Delivery(record_format or DEFAULT_FORMAT, hive, hourly, f"{prefix}/" if prefix else "")


class _LogFormatOfEnvFile(PydanticBaseSettingsSource):
    """FLOWLAKE_LOG_FORMAT as ``.env`` has it. In other settings, ``${NAME}`` there stands for a variable."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[object, str, bool]:
        path = self.config.get("env_file")
        found = dotenv_values(path, interpolate=False, encoding="utf-8") if isinstance(path, Path) else {}
        return found.get(f"{PREFIX}{field_name.upper()}"), field_name, False

    def __call__(self) -> dict[str, object]:
        value, name, _ = self.get_field_value(self.settings_cls.model_fields["log_format"], "log_format")
        return {name: value} if value else {}


class Settings(BaseSettings):
    """The validated settings. Use `read_settings` to get them."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX,
        env_file=PROJECT_ROOT / ".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
    )

    # A description completes the error "…: expected <description>".
    target: Literal["embedded", "aws"] = Field("embedded", description="embedded or aws")
    bucket: str = DEFAULT_BUCKET
    results: str | None = None
    prefix: str | None = Field(
        None,
        pattern=r"^[^\s/'\\\x00-\x1f\x7f._][^\s/'\\\x00-\x1f\x7f]*(/[^\s/'\\\x00-\x1f\x7f._][^\s/'\\\x00-\x1f\x7f]*)*$",
        description="what stands in front of AWSLogs/, such as network/flow",
    )
    account_id: str | None = Field(
        None,
        pattern=_one_or_several(ACCOUNT_ID),
        description="the 12 digits of an AWS account, several with commas between them, or *",
    )
    region: str | None = Field(
        None,
        pattern=_one_or_several(REGION),
        description="an AWS region, such as eu-west-1, several with commas between them, or *",
    )
    log_format: str | None = Field(
        None, description="AWS's own format, such as ${version} ${account-id} ${srcaddr} ${action}"
    )
    file_format: Literal["plain-text", "parquet"] = Field("plain-text", description="plain-text or parquet")
    hive_partitions: bool = Field(False, description="true or false")
    hourly_partitions: bool = Field(False, description="true or false")
    vpc_ids: Annotated[tuple[VpcId, ...], NoDecode] = Field(
        (), description="VPC ids, such as vpc-0a1b2c3d4e5f60718, with commas between them"
    )
    database: str = Field("vpc_flow_lake", pattern=_whole_match(IDENTIFIER), description=_IDENTIFIER_WORDS)
    table: str = Field("vpc_flow_logs", pattern=_whole_match(IDENTIFIER), description=_IDENTIFIER_WORDS)
    workgroup: str = Field(
        "vpc-flow-lake",
        pattern=r"^[A-Za-z0-9._-]{1,128}$",
        description="a workgroup's name, of letters, digits, dots, hyphens and underscores",
    )
    start_date: date = Field(date(2021, 1, 1), description="a day, such as 2021-01-31")
    traffic_type: Literal["ACCEPT", "REJECT", "ALL"] = Field("ALL", description="ALL, ACCEPT or REJECT")
    aggregation_seconds: Literal[60, 600] = Field(600, description="60 or 600")
    names: str | None = None
    second_flow_log: bool = Field(False, description="true or false")
    flow_log_name: str = Field("vpc-flow-lake", max_length=256, description="at most 256 characters")
    coarse_summary: bool = Field(False, description="true or false")
    lateness_days: int = Field(3, ge=0, le=31, description="a number of days from 0 (none) to 31")
    leave_out_damaged: bool = Field(False, description="true or false")
    alert_sns_topic: str | None = Field(
        None,
        pattern=_whole_match(re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}")),
        description="the ARN of a standard topic, such as arn:aws:sns:eu-west-1:123456789012:flow-lake",
    )
    alert_webhook: SecretStr | None = Field(
        None, description="an address that begins with https:// (http:// on this machine alone)"
    )
    alert_link: str | None = Field(
        None,
        pattern=r"^https?://[^\s\x00-\x1f\x7f<>]{1,500}$",
        description="the address of Dagster's UI, such as https://dagster.example.com",
    )
    alert_least_records: int = Field(10, ge=1, description="a number of records, at least 1")
    scan_limit_bytes: int = Field(100_000_000_000, ge=10_000_000, description="a number of bytes, at least 10000000")
    query_timeout_seconds: float = Field(
        1_800, gt=0, le=604_800, allow_inf_nan=False, description="a number of seconds, at most 604800 (a week)"
    )

    keep_logs_days: int | None = Field(None, ge=LEAST_DAYS, le=MOST_DAYS, description=_KEPT_IN_WORDS)
    keep_datasets_days: int | None = Field(None, ge=LEAST_DAYS, le=MOST_DAYS, description=_KEPT_IN_WORDS)
    keep_reports_days: int | None = Field(None, ge=LEAST_DAYS, le=MOST_DAYS, description=_KEPT_IN_WORDS)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        own = _LogFormatOfEnvFile(settings_cls)
        return init_settings, env_settings, own, dotenv_settings, file_secret_settings

    @field_validator("vpc_ids", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("account_id", "region", mode="before")
    @classmethod
    def _without_blanks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return ",".join(part.strip() for part in value.split(",") if part.strip())

    @field_validator("prefix", mode="before")
    @classmethod
    def _without_slashes(cls, value: object) -> object:
        return value.strip("/").removesuffix("AWSLogs").rstrip("/") or None if isinstance(value, str) else value

    @field_validator("log_format")
    @classmethod
    def _is_a_log_format(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                found = parse_log_format(value)
            except FlowLakeError as error:
                raise ValueError(str(error)) from None
            if found.position("action") is None:
                raise ValueError("a format with ${action}, without which nobody can tell what was rejected")
        return value

    @field_validator("alert_webhook")
    @classmethod
    def _is_an_address(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not is_webhook_address(value.get_secret_value()):
            raise ValueError("not an address")
        return value

    @field_validator("start_date", mode="before")
    @classmethod
    def _is_written_as_a_day(cls, value: object) -> object:
        # pydantic would take digits alone for seconds since 1970.
        if isinstance(value, str) and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", value):
            raise ValueError("not a day")
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
        """Whether the bucket is the default one, which is simulated."""
        return is_default_bucket(self.bucket_folder)

    reports: str | None = Field(None, description="a folder of your own .sql reports")

    @property
    def reports_folder(self) -> Path | None:
        """The folder of the user's own reports, if one is named."""
        return None if self.reports is None else _from_root(self.reports)

    @property
    def results_folder(self) -> Path:
        """The folder of all results (embedded): the one that is set, or a folder for this source alone.

        A source is a bucket and, if they are set, an account and a region.
        """
        if self.results is not None:
            return _from_root(self.results)
        if self.is_default_bucket:
            return PROJECT_ROOT / "data" / "results"
        return PROJECT_ROOT / "data" / "-".join([folder_name(self.bucket_folder), *self._chosen])

    @property
    def names_file(self) -> Path | None:
        """The file of the user's own names of addresses, if one is set."""
        return _from_root(self.names) if self.names is not None else None

    @property
    def choice(self) -> Choice:
        """Whose flow logs are read."""
        return choice_of(self.account_id, self.region, self.prefix)

    @property
    def record_format(self) -> RecordFormat | None:
        """The format of records and objects that is set; None where neither is."""
        return format_of(self.log_format, self.file_format)

    @property
    def delivery(self) -> Delivery:
        """How a flow log that is created delivers."""
        return delivery_of(self.record_format, self.hive_partitions, self.hourly_partitions, self.prefix)

    @property
    def retention(self) -> Retention:
        """For how long what is made is kept. Logs of a folder of the user's own are never removed."""
        logs, left = self.keep_logs_days, None
        if logs is not None and self.target == "embedded" and not self.is_default_bucket:
            left = f"{printable(str(self.bucket_folder))} is a folder of your own, which is read and never written"
            logs = None
        elif logs is not None and self.target == "aws" and not self.vpc_ids:
            left = (
                f"FLOWLAKE_VPC_IDS names no VPC, so that s3://{self.bucket} is read, and nothing in its settings is "
                "changed. Its owner can give it a lifecycle rule (docs/aws.md)"
            )
        return Retention(logs, self.keep_datasets_days, self.keep_reports_days, left)

    @property
    def _chosen(self) -> list[str]:
        """The prefix, account and region that are set, if any, as parts of a folder's name."""
        named = (self.prefix, _in_order(self.account_id), _in_order(self.region))
        return [name.replace("*", "all").replace(",", "+").replace("/", "+") for name in named if name]

    @property
    def history_folder(self) -> Path:
        """Dagster's home, for the commands that keep a history."""
        if self.target == "aws":
            return PROJECT_ROOT / "data" / "-".join(["aws", self.bucket, *self._chosen]) / "dagster"
        return self.results_folder / "dagster"

    @property
    def dagster_home(self) -> Path:
        """The folder of Dagster's history: DAGSTER_HOME, or the history folder."""
        return Path(os.environ.get(DAGSTER_HOME) or self.history_folder)

    @property
    def results_address(self) -> str:
        """The ``s3://`` address of all results (aws)."""
        return self.results or f"s3://{self.bucket}"


def is_webhook_address(text: str) -> bool:
    """Whether a text is an address that alerts may be posted to: encrypted, or on this machine."""
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    is_local = parts.hostname in ("localhost", "127.0.0.1", "::1")
    # A name and password in an address would not be sent, and nobody would be told.
    is_plain = text.isascii() and text.isprintable() and " " not in text and "@" not in parts.netloc
    return bool(parts.hostname) and is_plain and (parts.scheme == "https" or (parts.scheme == "http" and is_local))


def bucket_and_prefix(address: str) -> tuple[str, str]:
    """The bucket and the key prefix of an ``s3://`` address. The prefix is empty or ends in a slash."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    return bucket, f"{prefix.rstrip('/')}/" if prefix.rstrip("/") else ""


def is_default_bucket(folder: Path) -> bool:
    """Whether a folder is the default bucket. If that is a link, somebody else made it, and it is not."""
    return folder == _from_root(DEFAULT_BUCKET) and not (PROJECT_ROOT / DEFAULT_BUCKET).is_symlink()


def read_settings() -> Settings:
    """The current settings. Raises FlowLakeError, which names each wrong variable."""
    misspelt = _misspelled([*os.environ, *_variables_in(PROJECT_ROOT / ".env")])
    if misspelt:
        raise FlowLakeError("\n".join(misspelt))
    try:
        settings = Settings()
    except ValidationError as error:
        raise FlowLakeError(_wrong_variables(error)) from None
    if settings.table in DATASETS:
        raise FlowLakeError(
            f"FLOWLAKE_TABLE={settings.table}: so is a table called that is made from the flow logs. Choose "
            "another name."
        )
    if settings.target == "aws":
        _require_aws_names(settings)
    else:
        _require_separate_folders(settings)
    return settings


def _variables_in(path: Path) -> list[str]:
    """The variables that a .env file sets. Raises FlowLakeError, with the line, where a line sets none."""
    if not path.is_file():
        return []
    try:
        bindings = list(parse_stream(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    except OSError as error:
        raise FlowLakeError(f"{printable(str(path))} cannot be read: {error.strerror}. Make it readable.") from error
    except UnicodeDecodeError as error:
        raise FlowLakeError(f"{printable(str(path))} cannot be read: {error}. Save it as UTF-8.") from error
    for binding in bindings:
        if binding.error or (binding.value is None and (binding.key or "").startswith(PREFIX)):
            line = binding.original.string.strip()
            if secret := next((name for name in _SECRETS if name.upper() in line.upper()), None):
                line = f"{PREFIX}{secret.upper()}…"
            raise FlowLakeError(
                f"{printable(str(path))}, line {binding.original.line}: {printable(line)!r} sets nothing. Write "
                "NAME=value, or # in front of a line that is not a setting."
            )
    return [binding.key for binding in bindings if binding.key]


def _misspelled(variables: Iterable[str]) -> list[str]:
    """An error for each variable that is not a setting, but has nearly the name of one. It would have no effect."""
    names = [name.upper() for name in Settings.model_fields]
    ours = {found: found.upper().removeprefix(PREFIX) for found in variables if found.upper().startswith(PREFIX)}
    near = {found: get_close_matches(name, names, n=1, cutoff=0.8) for found, name in ours.items() if name not in names}
    return [
        f"{found} is not a setting. Did you mean {PREFIX}{meant[0]}?" for found, meant in sorted(near.items()) if meant
    ]


def _require_separate_folders(settings: Settings) -> None:
    for variable, value in (("FLOWLAKE_BUCKET", settings.bucket), ("FLOWLAKE_RESULTS", settings.results)):
        if value and "://" in value:
            raise FlowLakeError(
                f"{variable}={value!r}: with FLOWLAKE_TARGET=embedded, this is a folder. Logs in S3 can be copied into "
                "one (aws s3 sync), or read where they are with FLOWLAKE_TARGET=aws."
            )
    bucket, results = settings.bucket_folder, settings.results_folder.resolve()
    linked = linked_folders(bucket)
    inside = next((place for place in (bucket, *linked) if results in place.parents), None)
    if inside:
        raise FlowLakeError(
            f"{printable(str(inside))} ({_in_words(inside, bucket)}) lies in the folder of results "
            f"{printable(str(results))}, which is written to, and a bucket is only read. Name a folder outside of it "
            "in FLOWLAKE_RESULTS."
        )
    if bucket in (results, *results.parents):
        where, bucket_shown = printable(str(results)), printable(str(bucket))
        if settings.results is None:
            raise FlowLakeError(
                f"{bucket_shown} (FLOWLAKE_BUCKET, or LOGS=) is a folder that this project's results lie in ({where}), "
                "and a bucket is read, never written. Name the folder that contains AWSLogs. If that is this one, name "
                "a folder outside of it in FLOWLAKE_RESULTS."
            )
        raise FlowLakeError(
            f"FLOWLAKE_RESULTS: {where} lies in the bucket {bucket_shown}, which is read and never written. "
            "Name a folder outside of it."
        )
    if held := _find_logs(results, bucket, linked):
        raise FlowLakeError(
            f"FLOWLAKE_RESULTS: {printable(str(results))} lies in {held}, which is read and never written. Name a "
            "folder outside of it."
        )
    home = settings.dagster_home
    for folder in (home / name for name in _DAGSTER_FOLDERS):
        if held := _find_logs(folder, bucket, linked):
            raise FlowLakeError(
                f"Dagster's history would be kept in {printable(str(folder))}, which lies in {held}: that is read, and "
                f"never written. Name a folder outside of it in {DAGSTER_HOME}."
            )
    for variable, temporary in _temporary_folders():
        if held := _find_logs(Path(temporary), bucket, linked):
            raise FlowLakeError(
                f"Temporary files are kept in {printable(temporary)}, which lies in {held}: that is read, and never "
                f"written. Name another folder in {variable}; then run again."
            )


def _temporary_folders() -> list[tuple[str, str]]:
    """Where Python may keep temporary files, and the variable that says so: without one, below ``/tmp``."""
    named = [(name, os.environ[name]) for name in _TEMPORARY_FOLDER_VARIABLES if os.environ.get(name)]
    return named or [(_TEMPORARY_FOLDER_VARIABLES[0], "/tmp")]  # noqa: S108 - nothing is written here


def _find_logs(path: Path, bucket: Path, linked: Iterable[Path]) -> str | None:
    """The folder of logs that a path is or is in, through any links, in words; None if it lies in none.

    Logs are in the bucket, where links in it lead, and in every folder with the name AWSLogs.
    """
    real = Path(os.path.realpath(os.path.expanduser(path)))  # noqa: PTH111 - leaves ~nobody as it is
    above = (real, *real.parents)
    for place in (bucket, *linked):
        if place in above:
            where = "the bucket " if place == bucket else ""
            return f"{where}{printable(str(place))} ({_in_words(place, bucket)})"
    named = next((place for place in above if place.name == "AWSLogs"), None)
    return f"{printable(str(named))}, where flow logs are delivered" if named else None


def _in_words(place: Path, bucket: Path) -> str:
    """What a folder of logs is, beside its path."""
    variables = "FLOWLAKE_BUCKET, or LOGS="
    return variables if place == bucket else f"where a link in {printable(str(bucket))} leads; {variables}"


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
    if settings.results is not None and "//" in settings.results.removeprefix("s3://").rstrip("/"):
        raise FlowLakeError(
            f"FLOWLAKE_RESULTS={settings.results}: a folder has no name between two slashes, and Athena writes "
            "elsewhere then. Write one slash."
        )


def folder_name(folder: Path) -> str:
    """A valid bucket name for a folder, which is different for every folder."""
    words = re.sub(r"[^a-z0-9]+", "-", folder.name.lower()).strip("-")[:48].strip("-")
    digest = hashlib.sha256(os.fsencode(folder)).hexdigest()
    return f"{words or 'bucket'}-{digest[:8]}"


def _from_root(path: str) -> Path:
    try:
        folder = (PROJECT_ROOT / Path(path).expanduser()).resolve()
        str(folder).encode()
    except UnicodeEncodeError:
        raise FlowLakeError(f"{path!r} ({_OF_PATHS}) is not UTF-8: rename it.") from None
    except RuntimeError as error:  # the home of a user that does not exist, or links that go round in a circle
        raise FlowLakeError(f"{path} ({_OF_PATHS}) cannot be found: {error}") from None
    return folder


def _wrong_variables(error: ValidationError) -> str:
    wrong = {str(problem["loc"][0]): problem["input"] for problem in error.errors()}
    shown = {name: "(a secret)" if name in _SECRETS else repr(value) for name, value in wrong.items()}
    lines = [
        f"{PREFIX}{name.upper()}={value}: expected {Settings.model_fields[name].description}."
        for name, value in shown.items()
    ]
    return "\n".join([*lines, "The environment and .env are where these are set; .env.example explains each."])
