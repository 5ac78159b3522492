"""Makes boto3's clients when they are first needed, with their region, bucket owners, retries, and errors in words.

Credentials, profile, region and endpoints are read by boto3 (``AWS_PROFILE``, ``AWS_REGION``, ``AWS_ENDPOINT_URL``),
unless they are given. If no region is set, clients work in the region of the bucket of results.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from threading import Lock
from typing import TYPE_CHECKING, Any

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

CREATED_BY = {"created-by": "vpc-flow-lake"}
"""The tag on everything that this project creates. What does not have it belongs to somebody else."""

MAX_ATTEMPTS = 8

CONFLICTS = {"ConditionalRequestConflict", "OperationAborted"}
"""What S3 answers (409) while another request works on the same: "try again" ("Error responses", S3 API reference)."""

CONFLICT_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""How long it is waited before each time that such a request is asked again."""

ACCESS_DENIED = {
    *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403"),
    *("AuthorizationError", "AuthorizationErrorException"),  # SNS's
}

NO_BUCKET = {"404", "NoSuchBucket"}

# The IAM action of an S3 operation, where it is not the operation's own name (Service Authorization Reference, 2026).
_S3_ACTIONS: Mapping[str, str] = {
    "HeadBucket": "ListBucket",
    "ListObjectsV2": "ListBucket",
    "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
    "GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "PutBucketEncryption": "PutEncryptionConfiguration",
    "GetBucketEncryption": "GetEncryptionConfiguration",
    "PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "HeadObject": "GetObject",
}


class AccessDeniedError(FlowLakeError):
    """The caller lacks a permission, which the text names."""


@dataclass(frozen=True)
class Boto3Options:
    """What sessions and clients are made with, by boto3's own names. What is not given, boto3 finds as everywhere."""

    session: Mapping[str, str] = field(default_factory=dict)
    client: Mapping[str, str | bool] = field(default_factory=dict)
    max_attempts: int | None = None


class AwsClients:
    """The clients of one session. They are thread-safe.

    `logs_region` is the region of the flow logs, if it is set. `results_bucket` is the bucket of results, which has to
    be in Athena's region. `archive_account` is the account whose logs are read; it may own the bucket.
    """

    def __init__(
        self,
        logs_region: str | None = None,
        results_bucket: str | None = None,
        archive_account: str | None = None,
        options: Boto3Options = Boto3Options(),
    ) -> None:
        self._logs_region = logs_region
        self._results_bucket = results_bucket
        self._archive_account = archive_account
        self._options = options
        self._creation_lock = Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._regions: dict[str, str] = {}
        self._owners: dict[str, str] = {}

    @cached_property
    def session(self) -> "boto3.Session":
        import boto3

        # boto3 itself reads only AWS_DEFAULT_REGION. AWS's other tools and services use AWS_REGION.
        session = boto3.Session(**{"region_name": os.environ.get("AWS_REGION") or None, **self._options.session})
        if self._options.client:
            session.client = partial(session.client, **self._options.client)
        # PyAthena makes its clients of this session too.
        session.events.register("provide-client-params.s3", self._add_bucket_owner)
        session.events.register("needs-retry.s3", _after_conflict)
        return session

    @cached_property
    def region(self) -> str:
        """The region of the clients: boto3's, else that of the bucket of results."""
        region = self.session.region_name
        if not region and self._results_bucket:
            region = self.region_of(self._results_bucket)
        if not region and not self._logs_region:
            raise FlowLakeError("No AWS region is set: set AWS_REGION (or FLOWLAKE_REGION, or a profile that has one).")
        return str(region or self._logs_region)

    @property
    def logs_region(self) -> str:
        """The region of the VPCs whose flow logs these are."""
        return self._logs_region or self.region

    def region_of(self, bucket: str) -> str | None:
        """The region of a bucket, also of one without access; None where it does not exist, or S3 does not say.

        botocore finds it in the same way when S3 redirects it (`S3RegionRedirectorv2.get_bucket_region`).
        """
        if bucket not in self._regions:
            found = self._find_region(bucket)
            if found is None:
                return None
            self._regions[bucket] = found
        return self._regions[bucket]

    def _find_region(self, bucket: str) -> str | None:
        from botocore.exceptions import ClientError

        asked = self.session.region_name or self._logs_region or "us-east-1"
        with self._creation_lock:
            s3 = self.session.client("s3", region_name=asked, config=self.config)
        # The owner is asked for later, in the region that this finds.
        s3.meta.events.unregister("provide-client-params.s3", self._add_bucket_owner)
        with aws_errors(f"looking for the region of the bucket {bucket}"):
            try:
                answer = s3.head_bucket(Bucket=bucket)
            except ClientError as error:
                if error_code(error) not in ACCESS_DENIED | NO_BUCKET:
                    raise
                answer = error.response
        region = answer["ResponseMetadata"]["HTTPHeaders"].get("x-amz-bucket-region")
        return str(region) if region else None

    def owner_of(self, bucket: str) -> str:
        """The account that has to own a bucket: the caller's, or that of the archive where the caller does not own it.

        Bucket names are shared by all of AWS. Without this check, a stranger's bucket could be taken for ours.
        """
        if bucket not in self._owners:
            self._owners[bucket] = self._find_owner(bucket)
        return self._owners[bucket]

    def _find_owner(self, bucket: str) -> str:
        from botocore.exceptions import ClientError

        if self._archive_account is None:
            return self.account
        with aws_errors(f"looking for the bucket {bucket}"):
            try:
                self.client("s3").head_bucket(Bucket=bucket, ExpectedBucketOwner=self.account)
            except ClientError as error:
                if error_code(error) in ACCESS_DENIED:
                    return self._archive_account
                if error_code(error) not in NO_BUCKET:
                    raise
        return self.account

    def _add_bucket_owner(self, params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any] | None:  # noqa: ANN401
        """A hook of botocore before each call of S3: it adds the bucket's expected owner where the call takes one."""
        known = model.input_shape.members if model.input_shape else {}
        if "Bucket" not in params or "ExpectedBucketOwner" in params or "ExpectedBucketOwner" not in known:
            return None
        return {**params, "ExpectedBucketOwner": self.owner_of(params["Bucket"])}

    @cached_property
    def partition(self) -> str:
        """What ARNs of this region begin with after ``arn:``: aws, aws-us-gov, aws-cn, …"""
        with aws_errors("looking at the region"):
            return str(self.session.get_partition_for_region(self.region))

    @cached_property
    def account(self) -> str:
        """The caller's account id."""
        with aws_errors("asking AWS who is calling"):
            return str(self.client("sts").get_caller_identity()["Account"])

    @cached_property
    def config(self) -> "Config":
        from botocore.config import Config

        # Standard mode backs off with jitter; it retries throttling, 5xx and broken connections, and nothing else. How
        # often can be set as everywhere with boto3 (AWS_MAX_ATTEMPTS); its default of 3 is few for Athena's quotas.
        retries: dict[str, Any] = {"mode": "standard"}
        if self._options.max_attempts or "AWS_MAX_ATTEMPTS" not in os.environ:
            retries["total_max_attempts"] = self._options.max_attempts or MAX_ATTEMPTS
        return Config(
            retries=retries,
            connect_timeout=10,
            read_timeout=60,
            user_agent_extra="vpc-flow-lake",
        )

    def client(self, service: str, region: str | None = None) -> Any:  # noqa: ANN401 - boto3 makes them at run time
        """A client of the service, for this session's region or another one."""
        key = (service, region or self.region)
        with self._creation_lock:  # a session, unlike its clients, is not for several threads at once
            if key not in self._clients:
                self._clients[key] = self.session.client(service, region_name=key[1], config=self.config)
            return self._clients[key]


def _after_conflict(attempts: int, response: tuple[Any, dict[str, Any]] | None = None, **_: Any) -> float | None:  # noqa: ANN401
    """Botocore asks this after each answer of S3, beside its own rules: the seconds to wait before it asks again."""
    code = response[1].get("Error", {}).get("Code") if response else None
    return CONFLICT_SECONDS[attempts - 1] if code in CONFLICTS and attempts <= len(CONFLICT_SECONDS) else None


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Turn errors of AWS in the block into FlowLakeError."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise as_flow_lake_error(error, doing) from error
    except BotoCoreError as error:
        raise FlowLakeError(f"AWS could not be asked ({doing}): {printable(str(error))}") from error


def error_code(error: "ClientError") -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def as_flow_lake_error(error: "ClientError", doing: str) -> FlowLakeError:
    """The error of a refused request, and for a missing permission what to grant. `doing` describes the request."""
    code, message = error_code(error), printable(error.response.get("Error", {}).get("Message", ""))
    if code in ACCESS_DENIED:
        return AccessDeniedError(
            f"Access denied while {doing}: grant {iam_action(error)} to the caller "
            f"(the policies in deploy/ have every action that is needed). AWS said: {message}"
        )
    if code == "NoSuchBucket":
        bucket = error.response.get("Error", {}).get("BucketName", "")
        message += (
            f": {printable(bucket)}. A bucket of FLOWLAKE_RESULTS that is not that of FLOWLAKE_BUCKET is not created "
            "here: create it, or correct the name."
        )
    return FlowLakeError(f"AWS refused {error.operation_name} while {doing}: {code}: {message}")


def iam_action(error: "ClientError") -> str:
    """The IAM action that an operation asks for."""
    operation = error.operation_name
    message = str(error.response.get("Error", {}).get("Message", ""))
    named = message.partition("authorized to perform: ")[2].split(" ")[0].rstrip(".,")
    if named:
        return named
    service = _SERVICE_OF_OPERATION.get(operation, "s3")
    return f"{service}:{_S3_ACTIONS.get(operation, operation) if service == 's3' else operation}"


_SERVICE_OF_OPERATION: Mapping[str, str] = {
    "CreateFlowLogs": "ec2",
    "DescribeFlowLogs": "ec2",
    "DeleteFlowLogs": "ec2",
    "DescribeVpcs": "ec2",
    "DescribeSubnets": "ec2",
    "DescribeNetworkInterfaces": "ec2",
    "DescribeInstances": "ec2",
    "GetKeyPolicy": "kms",
    "Publish": "sns",
}
