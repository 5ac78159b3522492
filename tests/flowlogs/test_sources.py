"""Whose flow logs are read: what the settings choose among what a bucket holds."""

from datetime import date

import pytest

from flowlogs.errors import FlowLakeError
from flowlogs.layout import HIVE, LogSource
from flowlogs.sources import SOURCES_MARK, Choice, Layout, choose_prefix, choose_sources

ONE = ("123456789012", "eu-west-1")
TWO = ("123456789012", "us-east-1")
THREE = ("210987654321", "us-east-1")
DAY = date(2024, 2, 29)


def sources(*pairs: tuple[str, str]) -> list[LogSource]:
    return [LogSource("flow-logs", *pair) for pair in pairs]


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
    left = choose_sources("flow-logs", sources(*found), Choice(account, region), "logs/")
    assert left.sources == tuple(sources(chosen))
    assert not left.is_keyed
    assert left.partition_values(left.sources[0], DAY) == ("2024-02-29",)
    assert left.description == left.sources[0].location
    assert SOURCES_MARK.fullmatch(left.mark) and left.mark == "-".join(chosen)


@pytest.mark.parametrize(
    ("accounts", "regions", "chosen"),
    [
        ("*", "*", [ONE, TWO, THREE]),
        ("*", None, [ONE, TWO, THREE]),
        (None, "*", [ONE, TWO, THREE]),
        ("123456789012,210987654321", "us-east-1", [TWO, THREE]),
        ("123456789012", "*", [ONE, TWO]),
        ("*", "eu-west-1", [ONE]),
    ],
)
def test_several_sources_are_read_together_where_the_settings_ask_for_them(
    accounts: str | None, regions: str | None, chosen: list[tuple[str, str]]
) -> None:
    left = choose_sources("flow-logs", sources(ONE, TWO, THREE), Choice(accounts, regions), "logs/")
    assert list(left.sources) == sources(*chosen)
    assert left.is_keyed
    assert left.partition_columns == (("dt", "string"), ("aws_account_id", "string"), ("aws_region", "string"))
    assert left.partition_values(left.sources[0], DAY) == ("2024-02-29", *chosen[0])
    assert left.location(left.layouts[0]) == "s3://flow-logs/AWSLogs/"
    assert SOURCES_MARK.fullmatch(left.mark)


def test_a_new_account_changes_neither_the_description_nor_the_mark() -> None:
    before = choose_sources("flow-logs", sources(ONE), Choice("*", "*"), "logs/")
    after = choose_sources("flow-logs", sources(ONE, THREE), Choice("*", "*"), "logs/")
    assert (before.description, before.mark) == (after.description, after.mark)


def test_two_layouts_of_one_account_and_region_are_read_together() -> None:
    plain, hive = LogSource("flow-logs", *ONE), LogSource("flow-logs", *ONE, service=HIVE)
    left = choose_sources("flow-logs", [hive, plain], Choice(), "logs/")
    assert left.layouts == (Layout("AWSLogs/", ""), Layout("AWSLogs/", HIVE))
    assert [left.location(layout) for layout in left.layouts] == [plain.location, hive.location]
    assert left.description == plain.location
    assert left.find_day(hive.day_prefix(DAY)) == left.find_day(plain.day_prefix(DAY)) == DAY


def problem(found: list[tuple[str, str]], choice: Choice) -> str:
    with pytest.raises(FlowLakeError) as error:
        choose_sources("flow-logs", sources(*found), choice, where="/data/logs")
    return str(error.value)


def test_several_sources_are_listed_as_settings_to_choose_by() -> None:
    assert problem([THREE, ONE, TWO, ONE], Choice()) == (
        "/data/logs holds flow logs of several accounts or regions. Choose one by setting these variables, or several "
        "with commas between them, or all with FLOWLAKE_ACCOUNT_ID='*' FLOWLAKE_REGION='*':\n"
        "  FLOWLAKE_ACCOUNT_ID=123456789012 FLOWLAKE_REGION=eu-west-1\n"
        "  FLOWLAKE_ACCOUNT_ID=123456789012 FLOWLAKE_REGION=us-east-1\n"
        "  FLOWLAKE_ACCOUNT_ID=210987654321 FLOWLAKE_REGION=us-east-1"
    )


def test_a_choice_that_is_not_there_is_an_error_with_the_list() -> None:
    assert problem([ONE], Choice(None, "us-east-1")) == (
        "/data/logs holds no flow logs for FLOWLAKE_ACCOUNT_ID=(any) FLOWLAKE_REGION=us-east-1. It holds:\n"
        "  FLOWLAKE_ACCOUNT_ID=123456789012 FLOWLAKE_REGION=eu-west-1"
    )
    assert problem([ONE], Choice("123456789012,210987654321")).startswith(
        "/data/logs holds no flow logs of 210987654321, which FLOWLAKE_ACCOUNT_ID or FLOWLAKE_REGION names."
    )


def test_a_bucket_without_flow_logs_says_what_to_name_instead() -> None:
    assert problem([], Choice()) == (
        "/data/logs holds no flow logs: there is no AWSLogs/<account>/vpcflowlogs/<region>/ in it. "
        "Set FLOWLAKE_BUCKET (or LOGS=) to the folder that contains AWSLogs, as `aws s3 sync` leaves it."
    )


def test_the_only_prefix_is_read_and_several_are_a_choice() -> None:
    found = {"a/": sources(ONE), "b/": []}
    assert choose_prefix(found, Choice(), "/data/logs") == sources(ONE)
    assert choose_prefix({**found, "": sources(TWO)}, Choice(), "/data/logs") == sources(TWO)
    assert choose_prefix({**found, "": sources(TWO)}, Choice(prefix="a/"), "/data/logs") == sources(ONE)
    with pytest.raises(FlowLakeError) as error:
        choose_prefix({**found, "b/": sources(TWO)}, Choice(), "/data/logs")
    assert str(error.value) == (
        "/data/logs holds flow logs behind several prefixes. Choose one by setting this variable:\n"
        "  FLOWLAKE_PREFIX=a\n  FLOWLAKE_PREFIX=b"
    )
