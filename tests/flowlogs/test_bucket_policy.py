"""What a key's policy lets the delivery service do, as far as it tells."""

from typing import Any

import pytest

from flowlogs.bucket_policy import allows_delivery, key_statement

ACCOUNT = "123456789012"
DENY = {"Effect": "Deny", "Principal": "*", "Action": "kms:*", "Resource": "*"}


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
        pytest.param([], False, id="nothing"),
    ],
)
def test_a_keys_policy_lets_delivery_use_it_or_not(statements: list[dict[str, Any]], lets: bool) -> None:
    assert allows_delivery({"Statement": statements}, ACCOUNT) is lets
