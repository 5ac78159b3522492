"""Which lifecycle rules of a bucket speak of all that is below a prefix."""

from typing import Any

import pytest

from flowlogs.bucket_lifecycle import aborts_uploads, expires, lifecycle_rules

TAG = {"Key": "team", "Value": "audit"}
ALL = {"Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 30}}


@pytest.mark.parametrize(
    ("changed", "enough"),
    [
        pytest.param({}, True, id="all keys"),
        pytest.param({"Filter": {}}, True, id="empty filter"),
        pytest.param({"Filter": {"And": {"Prefix": "results/"}}}, True, id="and of one"),
        pytest.param({"Filter": {"Prefix": "results/"}}, True, id="the prefix"),
        pytest.param({"Filter": {"Prefix": "results/a"}}, False, id="below it"),
        pytest.param({"Filter": {"Prefix": "logs/"}}, False, id="beside it"),
        pytest.param({"Filter": {"Tag": TAG}}, False, id="tagged"),
        pytest.param({"Filter": {"ObjectSizeGreaterThan": 1000}}, False, id="large"),
        pytest.param({"Filter": {"ObjectSizeLessThan": 1000}}, False, id="small"),
        pytest.param({"Filter": {"And": {"Prefix": "", "Tags": [TAG]}}}, False, id="and tagged"),
        pytest.param({"Filter": {"And": {"Prefix": "", "ObjectSizeLessThan": 9}}}, False, id="and small"),
        pytest.param({"Expiration": {"Date": "2030-01-01"}}, True, id="on a date"),
        pytest.param({"Expiration": {"ExpiredObjectDeleteMarker": True}}, False, id="delete markers"),
        pytest.param({"Status": "Disabled"}, False, id="disabled"),
    ],
)
def test_objects_expire_by_a_rule_of_all_of_them(changed: dict[str, Any], enough: bool) -> None:
    assert expires([{**ALL, **changed}], "results/") is enough


def test_a_prefix_beside_a_filter_is_of_older_rules() -> None:
    rule = {"Status": "Enabled", "Prefix": "results/", "Expiration": {"Days": 30}}
    assert expires([rule], "results/")
    assert not expires([rule], "logs/")


@pytest.mark.parametrize(
    ("chosen", "enough"),
    [
        pytest.param({"Prefix": ""}, True, id="all"),
        pytest.param({"Prefix": "a/"}, False, id="some"),
        pytest.param({"ObjectSizeLessThan": 9}, False, id="small"),
    ],
)
def test_uploads_end_by_a_rule_of_all_of_them(chosen: dict[str, Any], enough: bool) -> None:
    rule = {"Status": "Enabled", "Filter": chosen, "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1}}
    assert aborts_uploads([rule]) is enough


def test_the_rules_of_a_created_bucket_are_enough() -> None:
    rules = lifecycle_rules({"derived/results/": 30, "dagster-logs/": 90})
    assert expires(rules, "derived/results/") and expires(rules, "dagster-logs/") and aborts_uploads(rules)
    assert not expires(rules, "AWSLogs/")
