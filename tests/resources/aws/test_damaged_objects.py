"""A damaged object of a range of days on AWS: the other days are done; with the setting, its own day is, too."""

from datetime import date, timedelta
from pathlib import Path

import boto3
import pytest
from aws_double.server import AwsDouble
from aws_lineage import BUCKET, failure, materialize, metadata, report, settings, succeed, upload
from support import FEW_PACKETS, MANY_PACKETS, on_day, write_object

FIRST = date(2021, 9, 1)


@pytest.fixture
def damaged(aws: AwsDouble, tmp_path: Path) -> list[date]:
    """100 days of logs, of which one has a damaged object beside a good one."""
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    days = [FIRST + timedelta(days=number) for number in range(100)]
    for day in days:
        write_object(tmp_path / "logs", day, [on_day(MANY_PACKETS, day)])
    path = write_object(tmp_path / "logs", days[40], [on_day(FEW_PACKETS, days[40])], number=9)
    path.write_bytes(path.read_bytes()[:-9])
    upload(tmp_path / "logs")
    return days


def pages() -> set[str]:
    s3 = boto3.client("s3")
    found = s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix="reports/2021-")
    return {item["Key"].removeprefix("reports/").removesuffix(".html") for page in found for item in page["Contents"]}


def pair(day: date) -> list[list[object]]:
    return [[40, "203.0.113.9", "10.0.0.5", day.isoformat()]]


def test_of_100_days_99_have_reports_and_pages_and_one_is_named(damaged: list[date]) -> None:
    bad, good = damaged[40], [day for day in damaged if day != damaged[40]]
    result = materialize(settings(), damaged[0], damaged[-1])
    words = failure(result)
    assert [event.step_key for event in result.get_step_failure_events()] == ["daily_page"]
    assert f"{bad:%Y/%m/%d}/" in words.splitlines()[0]
    assert words.endswith(f"\nNot done: {bad}. Done: 99 other days. Run again for the days not done.")
    assert pages() == set(map(str, good))
    assert [report("top_rejected_pairs", day) for day in good] == [pair(day) for day in good]


def test_with_the_setting_the_day_is_made_without_the_object_and_says_so(damaged: list[date]) -> None:
    first, bad, last = damaged[39:42]
    result = succeed(settings(leave_out_damaged=True), first, last)
    assert pages() == {str(first), str(bad), str(last)}
    assert [report("top_rejected_pairs", day) for day in (first, bad, last)] == [pair(first), pair(bad), pair(last)]
    text = metadata(result, "daily_page", bad)["made without"]
    assert text.startswith(f"{bad} is made without 1 damaged object: s3://{BUCKET}/AWSLogs/")
    assert "made without" not in metadata(result, "daily_page", last)
