"""Where AWS puts flow logs, and whose logs a bucket is found to hold."""

from datetime import date, datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flowlogs.errors import FlowLakeError
from flowlogs.layout import LogSource, choose_source, find_source, is_visible, unsupported_layout

SOURCE = LogSource("flow-logs", "123456789012", "eu-west-1")
PREFIX = "AWSLogs/123456789012/vpcflowlogs/eu-west-1/"
DAY = date(2024, 2, 29)


def test_a_source_is_a_prefix_and_a_location() -> None:
    assert SOURCE.prefix == PREFIX
    assert SOURCE.location == f"s3://flow-logs/{PREFIX}"


def test_a_day_is_a_folder_in_it() -> None:
    assert SOURCE.day_prefix(DAY) == f"{PREFIX}2024/02/29/"
    assert SOURCE.day_location(DAY) == f"s3://flow-logs/{PREFIX}2024/02/29"


def test_the_locations_of_days_are_in_the_order_of_the_days() -> None:
    days = [date(2024, 3, 1), DAY]
    assert list(SOURCE.day_locations(days).items()) == [(day, SOURCE.day_location(day)) for day in days]
    assert SOURCE.day_locations([]) == {}


def test_an_objects_name_tells_its_source_flow_log_and_window() -> None:
    window = datetime(2024, 2, 29, 23, 55, tzinfo=timezone.utc)
    assert SOURCE.object_key("fl-0a1b", window, "4c5d") == (
        f"{PREFIX}2024/02/29/123456789012_vpcflowlogs_eu-west-1_fl-0a1b_20240229T2355Z_4c5d.log.gz"
    )


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
    assert find_source(f"AWSLogs/123456789012/vpcflowlogs/{region}/") == ("123456789012", region)


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
        ("logs/AWSLogs/123456789012/vpcflowlogs/eu-west-1/", None),
        ("", None),
    ],
)
def test_the_source_that_a_key_belongs_to(key: str, source: tuple[str, str] | None) -> None:
    assert find_source(key) == source


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


ONE = ("123456789012", "eu-west-1")
TWO = ("123456789012", "us-east-1")
THREE = ("210987654321", "us-east-1")


@pytest.mark.parametrize(
    ("found", "account", "region", "chosen"),
    [
        ([ONE], None, None, ONE),
        ([ONE, ONE], None, None, ONE),
        ([ONE], "123456789012", "eu-west-1", ONE),
        ([ONE, TWO], None, "us-east-1", TWO),
        ([TWO, THREE], "210987654321", None, THREE),
        ([ONE, TWO, THREE], "123456789012", "us-east-1", TWO),
    ],
)
def test_the_source_that_the_settings_leave_is_chosen(
    found: list[tuple[str, str]], account: str | None, region: str | None, chosen: tuple[str, str]
) -> None:
    assert choose_source("flow-logs", iter(found), account, region, "logs/") == LogSource("flow-logs", *chosen)


def problem(found: list[tuple[str, str]], account: str | None, region: str | None) -> str:
    with pytest.raises(FlowLakeError) as error:
        choose_source("flow-logs", found, account, region, where="/data/logs")
    return str(error.value)


def test_several_sources_are_listed_as_settings_to_choose_by() -> None:
    assert problem([THREE, ONE, TWO, ONE], None, None) == (
        "/data/logs holds flow logs of several accounts or regions. Choose one by setting these variables:\n"
        "  FLOWLAKE_ACCOUNT_ID=123456789012 FLOWLAKE_REGION=eu-west-1\n"
        "  FLOWLAKE_ACCOUNT_ID=123456789012 FLOWLAKE_REGION=us-east-1\n"
        "  FLOWLAKE_ACCOUNT_ID=210987654321 FLOWLAKE_REGION=us-east-1"
    )


def test_where_the_settings_leave_none_those_that_there_are_are_listed() -> None:
    assert problem([ONE], None, "us-east-1") == (
        "/data/logs holds no flow logs for FLOWLAKE_ACCOUNT_ID=(any) FLOWLAKE_REGION=us-east-1. It holds:\n"
        "  FLOWLAKE_ACCOUNT_ID=123456789012 FLOWLAKE_REGION=eu-west-1"
    )


def test_a_bucket_without_flow_logs_says_what_to_name_instead() -> None:
    assert problem([], None, None) == (
        "/data/logs holds no flow logs: there is no AWSLogs/<account>/vpcflowlogs/<region>/ in it. "
        "Set FLOWLAKE_BUCKET (or LOGS=) to the folder that contains AWSLogs, as `aws s3 sync` leaves it."
    )


@pytest.mark.parametrize(
    ("folder", "told"),
    [
        ("a/b/AWSLogs/123456789012/vpcflowlogs/", "behind a prefix (a/b/AWSLogs/)"),
        (
            "AWSLogs/o-a1b2c3d4e5/123456789012/vpcflowlogs/",
            "below an organization's id (AWSLogs/o-a1b2c3d4e5/123456789012/vpcflowlogs/)",
        ),
        (
            "AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/",
            "in Hive-compatible folders (AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/)",
        ),
        (
            "a/AWSLogs/aws-account-id=123456789012/service=vpcflowlogs/",
            "behind a prefix (a/AWSLogs/) and in Hive-compatible folders "
            "(a/AWSLogs/aws-account-id=123456789012/service=vpcflowlogs/)",
        ),
    ],
)
def test_a_layout_that_is_not_read_yet_is_told(folder: str, told: str) -> None:
    assert unsupported_layout(folder) == f"flow logs {told}, which are not read yet"


@pytest.mark.parametrize(
    "folder",
    [
        "AWSLogs/123456789012/vpcflowlogs/",
        "AWSLogs/123456789012/CloudTrail/",
        "a/AWSLogs/123456789012/elasticloadbalancing/",
        "a/AWSLogs/",
        "AWSLogs/aws-account-id=123456789012/",
        "a/",
    ],
)
def test_a_layout_that_is_read_or_no_flow_logs_is_not_told(folder: str) -> None:
    assert unsupported_layout(folder) is None


@pytest.mark.parametrize(
    "key", [f"{PREFIX}2024/02/29_$folder$", f"{PREFIX}2024/02/29/00_$folder$", f"{PREFIX}2024/02/29/"]
)
def test_what_stands_for_a_folder_is_not_visible(key: str) -> None:
    assert not is_visible(key, PREFIX)
