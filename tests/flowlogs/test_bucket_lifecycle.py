"""Which lifecycle rules of a bucket speak of all that is below a prefix."""

from typing import Any

import pytest

from flowlogs.bucket_lifecycle import (
    aborts_uploads,
    are_of_the_older_kind,
    expires,
    keep_rules,
    keep_rules_of_others,
    lifecycle_rules,
    with_keep_rules,
)

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


def test_objects_that_expire_later_than_asked_are_not_enough() -> None:
    assert expires([ALL], "logs/", within=30)
    assert not expires([ALL], "logs/", within=29)


def test_rules_of_ours_are_added_changed_and_removed_and_others_stay_in_their_places() -> None:
    theirs = [{"ID": "theirs", "Status": "Enabled", "Filter": {"Prefix": "logs/"}, "Expiration": {"Days": 1}}, ALL]
    added = with_keep_rules(theirs, {"logs/": 90, "reports/": None})
    assert added == [*theirs, *keep_rules({"logs/": 90})]
    changed = with_keep_rules([added[2], *theirs], {"logs/": 30, "reports/": 400})
    assert changed == [*keep_rules({"logs/": 30}), *theirs, *keep_rules({"reports/": 400})]
    assert with_keep_rules(changed, {"logs/": None, "reports/": None}) == theirs
    assert with_keep_rules(changed, {"logs/": 30, "reports/": 400}) == changed


def test_rules_of_another_installation_stay_and_are_known() -> None:
    other = keep_rules({"other/": 9})
    assert with_keep_rules(other, {"logs/": None}) == other
    assert keep_rules_of_others(other, {"logs/": 9}) == ["other/"]
    assert keep_rules_of_others(other, {"other/": 9}) == []


def test_a_rule_with_a_prefix_and_no_filter_is_of_the_older_kind() -> None:
    assert are_of_the_older_kind([ALL, {"Status": "Enabled", "Prefix": "logs/", "Expiration": {"Days": 1}}])
    assert not are_of_the_older_kind([ALL])


def test_the_id_of_a_rule_is_as_short_as_s3_takes_it() -> None:
    (rule,) = keep_rules({"x" * 1024: 9})
    assert len(rule["ID"]) <= 255
