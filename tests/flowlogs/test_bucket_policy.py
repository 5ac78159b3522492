"""What the policies of a bucket and of its key let the delivery service do."""

import json
from typing import Any

import pytest

from flowlogs.bucket_policy import allows_delivery, delivery_statement_of_many, key_statement, merged

ACCOUNT = "123456789012"
DENY = {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}


EVERYBODY = {**key_statement(), "Principal": {"AWS": "*"}}
AS_AWS_MANAGES_KEYS = {"StringEquals": {"kms:CallerAccount": ACCOUNT, "kms:ViaService": "s3.us-east-1.amazonaws.com"}}


def of_source(account: str) -> dict[str, Any]:
    return {**key_statement(), "Condition": {"ArnLike": {"aws:SourceArn": f"arn:aws:logs:*:{account}:*"}}}


def of_account(account: str, operator: str = "StringEquals") -> dict[str, Any]:
    return {**key_statement(), "Condition": {operator: {"aws:SourceAccount": account}}}


@pytest.mark.parametrize(
    ("statements", "lets"),
    [
        pytest.param([key_statement()], True, id="as documented"),
        pytest.param([of_account(ACCOUNT)], True, id="of this account"),
        pytest.param([of_account("999999999999")], False, id="of another account"),
        pytest.param([of_account("1234*", "StringLike")], True, id="of accounts like it"),
        pytest.param([key_statement(), DENY], False, id="denied"),
        pytest.param([key_statement(), {**DENY, "Condition": {"Bool": {"a": "b"}}}], True, id="denied to some"),
        pytest.param([of_source(ACCOUNT)], True, id="of this account's log deliveries"),
        pytest.param([of_source("*")], True, id="of all log deliveries"),
        pytest.param([of_source("999999999999")], False, id="of another account's log deliveries"),
        pytest.param([EVERYBODY], True, id="everybody"),
        pytest.param([{**EVERYBODY, "Principal": "*"}], True, id="everybody in short"),
        pytest.param([{**EVERYBODY, "Condition": AS_AWS_MANAGES_KEYS}], False, id="everybody in the account"),
        pytest.param(
            [{**EVERYBODY, "Principal": "*", "Condition": AS_AWS_MANAGES_KEYS}], False, id="in the account, in short"
        ),
        pytest.param(
            [{**EVERYBODY, "Condition": {"StringEquals": {"aws:PrincipalOrgID": "o-a"}}}], False, id="organization"
        ),
        pytest.param(
            [{**EVERYBODY, "Condition": {"Bool": {"aws:PrincipalIsAWSService": "true"}}}], True, id="AWS's services"
        ),
        pytest.param(
            [{**EVERYBODY, "Condition": {"StringNotEquals": {"aws:PrincipalAccount": "9"}}}], True, id="all but one"
        ),
        pytest.param([key_statement(), {**DENY, "Principal": {"AWS": "*"}}], False, id="denied to everybody"),
        pytest.param([], False, id="nothing"),
    ],
)
def test_a_keys_policy_lets_delivery_use_it_or_not(statements: list[dict[str, Any]], lets: bool) -> None:
    assert allows_delivery({"Statement": statements}, ACCOUNT) is lets


def test_a_thousand_accounts_are_below_what_a_policy_may_have() -> None:
    accounts = [f"{number:012}" for number in range(1000)]
    statement = delivery_statement_of_many(
        "aws", "b" * 63, accounts, ["eu-west-1", "us-east-1"], prefix="network/flow/"
    )
    policy = merged(None, [statement])
    assert len(json.dumps(policy, separators=(",", ":"))) < 20 << 10
    assert merged(policy, [statement]) is None
