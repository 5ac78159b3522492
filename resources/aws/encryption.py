"""A bucket's default encryption, and whether flow logs can be delivered into a bucket with a KMS key.

Source: "Required key policy for use with SSE-KMS" ("Publish flow logs to Amazon S3", Amazon VPC user guide, 2026). The
key has to be customer-managed and given by its ARN, and its policy has to allow the delivery service. S3 and EC2 accept
any other key without an error; then nothing is delivered. Encryption is only read here, never changed.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flowlogs.bucket_policy import allows_delivery, key_statement
from flowlogs.errors import FlowLakeError
from resources.aws.clients import AccessDeniedError, AwsClients, aws_errors, error_code

AWS_MANAGED = "alias/aws/s3"

_AWS_MANAGED_POLICY = "auto-"
"""What the id of the policy of a key begins with that AWS manages (``auto-s3-2``, as public listings of keys show)."""

_INSTEAD = "Let its default encryption be SSE-S3, or a key of KMS that you manage, given by its ARN"


@dataclass(frozen=True)
class DefaultEncryption:
    """What a bucket's default encryption is: AES256, aws:kms or aws:kms:dsse; with a key of KMS, as it is given."""

    algorithm: str
    key: str | None = None

    @property
    def of_results(self) -> dict[str, str] | None:
        """The same as Athena is told it for a workgroup's results; None where the bucket's default has to do it.

        A workgroup takes a key's ARN or id ("EncryptionConfiguration", Athena API reference), and no alias.
        """
        if self.algorithm == "AES256":
            return {"EncryptionOption": "SSE_S3"}
        if self.algorithm == "aws:kms" and self.key and "alias/" not in self.key:
            return {"EncryptionOption": "SSE_KMS", "KmsKey": self.key}
        return None


def default_encryption(clients: AwsClients, bucket: str) -> DefaultEncryption | None:
    """A bucket's default encryption; None where there is none, or where the caller may not look at it."""
    from botocore.exceptions import ClientError

    try:
        with aws_errors(f"looking at the encryption of the bucket {bucket}"):
            try:
                found = clients.client("s3").get_bucket_encryption(Bucket=bucket)
            except ClientError as error:
                if error_code(error) == "ServerSideEncryptionConfigurationNotFoundError":
                    return None
                raise
    except AccessDeniedError:
        return None
    rule: dict[str, Any] = found["ServerSideEncryptionConfiguration"]["Rules"][0]["ApplyServerSideEncryptionByDefault"]
    return DefaultEncryption(rule["SSEAlgorithm"], rule.get("KMSMasterKeyID") or None)


def encryption_problems(clients: AwsClients, bucket: str) -> Iterator[str]:
    """Why flow logs cannot be delivered because of the bucket's KMS key, and the policy statement that allows them."""
    found = default_encryption(clients, bucket)
    if found is None or found.algorithm == "AES256":
        return
    statement = f"The key's policy needs the statement {json.dumps(key_statement())}"
    if found.key is None or AWS_MANAGED in found.key:
        yield (
            f"objects are encrypted with {AWS_MANAGED}, a key that AWS manages: no flow log is delivered into such a "
            f"bucket. {_INSTEAD}. {statement}"
        )
    elif not found.key.startswith("arn:") or ":alias/" in found.key:
        yield (
            f"the key of KMS that objects are encrypted with is given as {found.key}: flow logs are delivered where it "
            f"is given by its ARN (arn:…:key/…). {statement}"
        )
    elif (problem := _key_policy_problem(clients, bucket, found.key)) is not None:
        yield f"{problem}. {statement}"


def _key_policy_problem(clients: AwsClients, bucket: str, key: str) -> str | None:
    """Why the delivery service may not be allowed to use the key; None where its policy allows it."""
    try:
        with aws_errors(f"looking at the policy of the key {key}"):
            kms = clients.client("kms", clients.region_of(bucket))
            policy = json.loads(kms.get_key_policy(KeyId=key, PolicyName="default")["Policy"])
    except FlowLakeError as error:
        return f"whether flow logs may use the key of KMS that objects are encrypted with is not known: {error}"
    if str(policy.get("Id", "")).startswith(_AWS_MANAGED_POLICY):
        return (
            f"objects are encrypted with {key}, a key that AWS manages, whose policy cannot be changed: no flow log is "
            f"delivered into such a bucket. {_INSTEAD}"
        )
    if allows_delivery(policy, clients.account):
        return None
    return f"flow logs may not use the key of KMS that objects are encrypted with, {key}: nothing is delivered"
