"""The policy statements that a bucket and its KMS key need for the delivery of flow logs, and merging them.

Source: "Publish flow logs to Amazon S3: Amazon S3 bucket permissions", Amazon VPC user guide (2026). Policies are the
plain JSON structures that S3 stores.
"""

import copy
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

Statement = dict[str, Any]
Policy = dict[str, Any]

DELIVERY_SERVICE = "delivery.logs.amazonaws.com"

_OF_CALLERS = ("aws:principal", "aws:userid", "aws:username", "aws:sourcevpc", "aws:sourceip", "kms:calleraccount")
"""What the names of condition keys begin with that a request of an AWS service does not have."""

_OF_SERVICES = ("aws:principalisawsservice", "aws:principalservicename", "aws:principalservicenameslist")
"""Those of them that it has. Source: "AWS global condition context keys", IAM user guide, and "AWS KMS condition keys",
KMS developer guide (2026).
"""


def bucket_arn(partition: str, bucket: str) -> str:
    return f"arn:{partition}:s3:::{bucket}"


def delivery_statements(
    partition: str, bucket: str, account: str, region: str, *, prefix: str = "", hive: bool = False
) -> list[Statement]:
    """What the delivery service needs in order to write this account's flow logs of this region.

    `prefix` is what stands in front of ``AWSLogs/``: empty, or with a closing slash. `hive`: into Hive-compatible
    folders. `partition` is the ARN's partition, one of aws, aws-us-gov, aws-cn.

    AWS's own example also asks for ``s3:x-amz-acl``: left out, because on a bucket with object ownership enforced that
    condition has been reported to deny every delivery silently.
    """
    condition = {
        "StringEquals": {"aws:SourceAccount": account},
        "ArnLike": {"aws:SourceArn": f"arn:{partition}:logs:{region}:{account}:*"},
    }
    service = {"Service": DELIVERY_SERVICE}
    folder = f"{prefix}AWSLogs/{'aws-account-id=' if hive else ''}{account}"
    return [
        {
            "Sid": "AllowFlowLogDelivery",
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:PutObject",
            "Resource": f"{bucket_arn(partition, bucket)}/{folder}/*",
            "Condition": condition,
        },
        {
            "Sid": "AllowFlowLogDeliveryCheck",
            "Effect": "Allow",
            "Principal": service,
            "Action": "s3:GetBucketAcl",
            "Resource": bucket_arn(partition, bucket),
            "Condition": condition,
        },
    ]


def delivery_statement_of_many(
    partition: str, bucket: str, accounts: Iterable[str], regions: Iterable[str], *, prefix: str = ""
) -> Statement:
    """What the delivery service needs in order to write flow logs of several accounts and regions: lists in one
    statement, so that 1,000 accounts stay below the 20 KB that a policy may have.

    The service writes each account's flow logs into the account's own folder below ``AWSLogs/``.
    """
    arn = bucket_arn(partition, bucket)
    return {
        "Sid": "AllowFlowLogDelivery",
        "Effect": "Allow",
        "Principal": {"Service": DELIVERY_SERVICE},
        "Action": ["s3:PutObject", "s3:GetBucketAcl"],
        "Resource": [arn, f"{arn}/{prefix}AWSLogs/*"],
        "Condition": {
            "StringEquals": {"aws:SourceAccount": sorted(accounts)},
            "ArnLike": {"aws:SourceArn": [f"arn:{partition}:logs:{region}:*:*" for region in sorted(regions)]},
        },
    }


def key_statement() -> Statement:
    """What the policy of a bucket's KMS key needs ("Required key policy for use with SSE-KMS", VPC user guide)."""
    return {
        "Sid": "AllowFlowLogDelivery",
        "Effect": "Allow",
        "Principal": {"Service": DELIVERY_SERVICE},
        "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
        "Resource": "*",
    }


def allows_delivery(policy: Policy, account: str) -> bool:
    """Whether a key's policy lets the delivery service encrypt this account's objects, as far as its statements show.

    A denial counts where no condition narrows it.
    """
    needed = ("kms:GenerateDataKey", "kms:Decrypt")
    of_delivery = [one for one in statements_of(policy) if _includes_delivery(one.get("Principal"))]
    allowing = [one for one in of_delivery if one.get("Effect") == "Allow" and _may_be_of(one, account)]
    denying = [one for one in of_delivery if one.get("Effect") == "Deny" and not one.get("Condition")]
    return all(_names(allowing, action) and not _names(denying, action) for action in needed)


def _names(statements: Iterable[Statement], action: str) -> bool:
    patterns = [pattern for statement in statements for pattern in _items(statement.get("Action"))]
    return any(fnmatchcase(action.lower(), pattern.lower()) for pattern in patterns)


def _may_be_of(statement: Statement, account: str) -> bool:
    """Whether a statement's condition leaves it to the delivery service, for this account."""
    for operator, keys in statement.get("Condition", {}).items():
        if "Not" in operator or operator.endswith("IfExists") or operator == "Null":
            continue
        for key, value in keys.items():
            name = key.lower()
            if name == "aws:sourceaccount" and not any(fnmatchcase(account, one) for one in _items(value)):
                return False
            if name == "aws:sourcearn" and not any(_may_be_arn_of(account, one) for one in _items(value)):
                return False
            if name.startswith(_OF_CALLERS) and name not in _OF_SERVICES:
                return False
    return True


def _may_be_arn_of(account: str, pattern: str) -> bool:
    """Whether an ARN, or a pattern of ARNs, may be of the account, which is its fifth part."""
    parts = pattern.split(":", 5)
    return len(parts) < 6 or fnmatchcase(account, parts[4])


def _includes_delivery(principal: object) -> bool:
    """Whether a principal is the delivery service, or everybody, which has two spellings."""
    if isinstance(principal, Mapping):
        return DELIVERY_SERVICE in _items(principal.get("Service")) or "*" in _items(principal.get("AWS"))
    return principal == "*"


def tls_only_statement(partition: str, bucket: str) -> Statement:
    """Denies every request without TLS (AWS Config's rule s3-bucket-ssl-requests-only)."""
    arn = bucket_arn(partition, bucket)
    return {
        "Sid": "DenyWithoutTls",
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [arn, f"{arn}/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }


def merged(policy: Policy | None, required: Iterable[Statement]) -> Policy | None:
    """The policy with the `required` statements added that it lacks; None if it lacks none.

    Its own statements stay as they are. A Sid that is in use gets a number, because S3 wants unique ones.
    """
    present = statements_of(policy)
    taken = {statement.get("Sid") for statement in present}
    added: list[Statement] = []
    for statement in required:
        # Also those that are added here count: two that are required may say the same.
        if any(covers(other, statement) for other in [*present, *added]):
            continue
        sid = _free_sid(str(statement.get("Sid", "")), taken)
        taken.add(sid)
        added.append({**statement, "Sid": sid} if sid else dict(statement))
    if not added:
        return None
    result: Policy = copy.deepcopy(policy) if policy else {"Version": "2012-10-17"}
    result["Statement"] = [*present, *added]
    return result


def statements_of(policy: Policy | None) -> list[Statement]:
    """The policy's statements; a single one may stand without a list around it."""
    statements = copy.deepcopy((policy or {}).get("Statement", []))
    return statements if isinstance(statements, list) else [statements]


def covers(wider: Mapping[str, Any], needed: Mapping[str, Any]) -> bool:
    """Whether a statement says what the `needed` one says, for the same actions or for more."""
    ours, theirs = (set(_items(statement.get("Action"))) for statement in (needed, wider))
    return ours <= theirs and is_equivalent({**wider, "Action": None}, {**needed, "Action": None})


def is_equivalent(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two statements say the same. Their Sid does not matter, nor do order and form of their lists."""
    return _normalized({**one, "Sid": None}) == _normalized({**other, "Sid": None})


def _normalized(value: object) -> object:
    """A value in a form that can be compared: each single item is a list of one, and lists are sorted."""
    if isinstance(value, Mapping):
        return {key: _normalized(item) for key, item in value.items() if item is not None}
    return sorted(_items(value))


def _items(value: object) -> list[str]:
    return [str(item) for item in (value if isinstance(value, Sequence) and not isinstance(value, str) else [value])]


def _free_sid(sid: str, taken: set[Any]) -> str:
    if not sid or sid not in taken:
        return sid
    number = 2
    while f"{sid}{number}" in taken:
        number += 1
    return f"{sid}{number}"
