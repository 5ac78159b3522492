"""Where AWS puts flow logs, and whose logs a bucket is found to hold."""

from datetime import date, datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlogs.errors import FlowLakeError
from flowlogs.layout import (
    HIVE,
    OLD_HIVE,
    PLAIN,
    LogSource,
    find_flow_log,
    find_owner,
    find_source,
    find_sources,
    find_window,
    is_visible,
    owner_prefix,
)

SOURCE = LogSource("flow-logs", "123456789012", "eu-west-1")
PREFIX = "AWSLogs/123456789012/vpcflowlogs/eu-west-1/"
DAY = date(2024, 2, 29)


def test_a_source_is_a_prefix_and_a_location() -> None:
    assert SOURCE.prefix == PREFIX
    assert SOURCE.location == f"s3://flow-logs/{PREFIX}"


def test_a_day_is_a_folder_in_it() -> None:
    assert SOURCE.day_prefix(DAY) == f"{PREFIX}2024/02/29/"
    assert SOURCE.day_location(DAY) == f"s3://flow-logs/{PREFIX}2024/02/29"


def test_an_objects_name_tells_its_source_flow_log_and_window() -> None:
    window = datetime(2024, 2, 29, 23, 55, tzinfo=timezone.utc)
    assert SOURCE.object_key("fl-0a1b", window, "4c5d") == (
        f"{PREFIX}2024/02/29/123456789012_vpcflowlogs_eu-west-1_fl-0a1b_20240229T2355Z_4c5d.log.gz"
    )


@pytest.mark.parametrize(
    "key",
    [
        SOURCE.object_key("fl-0a1b", datetime(2024, 2, 29, tzinfo=timezone.utc), "4c5d").replace(
            "123456789012", "\u0661" * 12
        ),
        SOURCE.object_key("fl-0a1b", datetime(2024, 2, 29, tzinfo=timezone.utc), "4c5d").replace(
            "eu-west-1", "eu-west-\uff11"
        ),
    ],
)
def test_digits_that_aws_does_not_write_are_no_account_and_no_region(key: str) -> None:
    assert (find_source("flow-logs", key), find_flow_log(key), find_window(key)) == (None, None, None)


def test_a_key_is_no_path() -> None:
    key = SOURCE.object_key("fl-0a1b", datetime(2024, 2, 29, tzinfo=timezone.utc), "4c5d")
    assert find_flow_log(key) == "fl-0a1b"
    assert (find_flow_log(f"{key}/"), find_flow_log(f"{key}/."), find_owner(f"{key}/.")) == (None, None, None)
    assert not is_visible(f"{PREFIX}2024/02/29/./a.log", PREFIX)


def test_digits_that_aws_does_not_write_are_no_day_and_no_window() -> None:
    key = SOURCE.object_key("fl-0a1b", datetime(2024, 2, 29, tzinfo=timezone.utc), "4c5d").replace(
        "2024", "\uff12\uff10\uff12\uff14"
    )
    assert (SOURCE.find_day(key), find_flow_log(key), find_window(key)) == (None, None, None)


@pytest.mark.parametrize(
    "region",
    [
        "us-east-1",
        "ap-southeast-5",
        "us-gov-west-1",
        "us-iso-east-1",
        "us-isob-east-1",
        "mx-central-1",
        "eusc-de-east-1",
    ],
)
def test_regions_of_every_partition_of_aws(region: str) -> None:
    assert LogSource("flow-logs", "123456789012", region).region == region
    found = find_source("flow-logs", f"AWSLogs/123456789012/vpcflowlogs/{region}/")
    assert found == LogSource("flow-logs", "123456789012", region)


@pytest.mark.parametrize(
    ("bucket", "account", "region", "problem"),
    [
        ("Flow-Logs", "123456789012", "eu-west-1", "'Flow-Logs' is not a bucket's name."),
        ("ab", "123456789012", "eu-west-1", "'ab' is not a bucket's name."),
        ("a" * 64, "123456789012", "eu-west-1", f"'{'a' * 64}' is not a bucket's name."),
        ("flow'logs", "123456789012", "eu-west-1", "\"flow'logs\" is not a bucket's name."),
        ("flow-logs", "12345678901", "eu-west-1", "'12345678901' is not an AWS account id (12 digits)."),
        ("flow-logs", "12345678901x", "eu-west-1", "'12345678901x' is not an AWS account id (12 digits)."),
        ("flow-logs", "123456789012\n", "eu-west-1", "'123456789012\\n' is not an AWS account id (12 digits)."),
        ("flow-logs", "123456789012", "eu-west", "'eu-west' is not an AWS region, such as eu-west-1."),
        ("flow-logs", "123456789012", "../..", "'../..' is not an AWS region, such as eu-west-1."),
        ("flow-logs", "123456789012", "", "'' is not an AWS region, such as eu-west-1."),
    ],
)
def test_what_cannot_be_a_source_is_refused(bucket: str, account: str, region: str, problem: str) -> None:
    with pytest.raises(FlowLakeError) as error:
        LogSource(bucket, account, region)
    assert str(error.value) == problem


@pytest.mark.parametrize(
    ("key", "source"),
    [
        (PREFIX, ("123456789012", "eu-west-1")),
        (PREFIX.rstrip("/"), ("123456789012", "eu-west-1")),
        (f"{PREFIX}2024/02/29/a.log.gz", ("123456789012", "eu-west-1")),
        ("AWSLogs/123456789012/CloudTrail/eu-west-1/", None),
        ("AWSLogs/123456789012/vpcflowlogs/", None),
        ("AWSLogs/1234/vpcflowlogs/eu-west-1/", None),
        ("AWSLogs/123456789012/vpcflowlogs/nowhere/", None),
        ("AWSLogs/123456789012/vpcflowlogs/eu-west-1-old/", None),
        ("", None),
    ],
)
def test_the_source_that_a_key_belongs_to(key: str, source: tuple[str, str] | None) -> None:
    assert find_source("flow-logs", key) == (LogSource("flow-logs", *source) if source else None)


@pytest.mark.parametrize("prefix", ["", "network/flow/", "AWSLogs/old/"])
@pytest.mark.parametrize("organization", ["", "o-a1b2c3d4e5/"])
@pytest.mark.parametrize("service", [PLAIN, HIVE, OLD_HIVE])
@pytest.mark.parametrize("hourly", [False, True])
def test_a_source_is_found_by_the_keys_of_its_objects_in_every_layout(
    prefix: str, organization: str, service: str, hourly: bool
) -> None:
    source = LogSource("flow-logs", "123456789012", "eu-west-1", f"{prefix}AWSLogs/{organization}", service)
    key = source.object_key("fl-0a1b", datetime(2024, 2, 29, 23, 55), "4c5d", hourly=hourly)  # noqa: DTZ001
    assert find_source("flow-logs", key) == find_source("flow-logs", source.prefix) == source
    assert source.find_day(key) == DAY
    assert source.find_day(source.day_prefix(DAY)) == DAY
    assert source.day_location(DAY) == f"s3://flow-logs/{source.day_prefix(DAY)}".rstrip("/")
    assert owner_prefix(source) == prefix


def test_hive_compatible_folders_are_named_by_keys() -> None:
    source = LogSource("flow-logs", "123456789012", "eu-west-1", service=HIVE)
    assert source.object_key("fl-0a1b", datetime(2024, 2, 29, 7, 5), "4c5d", hourly=True, extension="log.parquet") == (  # noqa: DTZ001
        "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=eu-west-1/year=2024/month=02/day=29/"
        "hour=07/123456789012_vpcflowlogs_eu-west-1_fl-0a1b_20240229T0705Z_4c5d.log.parquet"
    )


def test_every_source_is_found_in_the_folders_of_a_bucket() -> None:
    sources = [
        LogSource("flow-logs", "123456789012", "eu-west-1"),
        LogSource("flow-logs", "123456789012", "us-east-1"),
        LogSource("flow-logs", "210987654321", "eu-west-1", service=HIVE),
        LogSource("flow-logs", "210987654321", "eu-west-1", "AWSLogs/o-a1b2c3d4e5/"),
    ]
    others = ["AWSLogs/123456789012/CloudTrail/eu-west-1/", "AWSLogs/notes/", "a/AWSLogs/123456789012/vpcflowlogs/x/"]
    prefixes = [*(source.prefix for source in sources), *others]
    listed: list[str] = []

    def folders_in(folder: str) -> set[str]:
        listed.append(folder)
        below = (prefix.removeprefix(folder) for prefix in prefixes if prefix.startswith(folder) and prefix != folder)
        return {f"{folder}{name.partition('/')[0]}/" for name in below}

    assert sorted(find_sources("flow-logs", "", folders_in)) == sorted(sources)
    assert not [folder for folder in listed if "CloudTrail" in folder or "notes" in folder]


@pytest.mark.parametrize(
    ("key", "day"),
    [
        (f"{PREFIX}2024/02/29/a.log.gz", DAY),
        (f"{PREFIX}2024/02/29/", DAY),
        (f"{PREFIX}2024/02/29", None),
        (f"{PREFIX}2024/02/29/11/a.log.gz", DAY),
        (f"{PREFIX}2024/02/30/a.log.gz", None),
        (f"{PREFIX}2023/02/29/a.log.gz", None),
        (f"{PREFIX}2024/2/29/a.log.gz", None),
        (f"{PREFIX}2024/02", None),
        (f"{PREFIX}backup/2024/02/29/a.log.gz", None),
        ("2024/02/29/a.log.gz", None),
        (PREFIX, None),
    ],
)
def test_the_day_that_a_key_lies_in(key: str, day: date | None) -> None:
    assert SOURCE.find_day(key) == day


@given(day=st.dates(date(1970, 1, 1)))
def test_every_day_is_found_in_its_folder(day: date) -> None:
    assert SOURCE.find_day(f"{SOURCE.day_prefix(day)}a.log.gz") == day


@pytest.mark.parametrize(
    ("name", "visible"),
    [
        ("a.log.gz", True),
        ("a_.b", True),
        ("folder/a", True),
        ("_a", False),
        (".a", False),
        ("_folder/a", False),
        ("folder/.deep/a", False),
        ("folder/_a", False),
    ],
)
def test_objects_that_hive_and_athena_see(name: str, visible: bool) -> None:
    assert is_visible(f"{PREFIX}{name}", PREFIX) is visible


def test_a_hidden_name_above_the_prefix_hides_nothing() -> None:
    assert is_visible("_logs/.old/a", "_logs/.old/")
