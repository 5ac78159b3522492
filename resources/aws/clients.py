"""boto3's clients, made when first needed: where they work, whose buckets they talk to, and AWS's errors in words.

Credentials, profile, region and endpoints are boto3's own business (``AWS_PROFILE``, ``AWS_REGION``,
``AWS_ENDPOINT_URL``). Where no region is set, clients work where the bucket of results is.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from threading import Lock
from typing import TYPE_CHECKING, Any

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable

if TYPE_CHECKING:
    import boto3
    from botocore.config import Config
    from botocore.exceptions import ClientError

CREATED_BY = {"created-by": "vpc-flow-lake"}
"""The tag on everything that this project creates: what lacks it belongs to somebody else."""

MAX_ATTEMPTS = 8

CONFLICTS = {"ConditionalRequestConflict", "OperationAborted"}
"""What S3 answers (409) while another request works on the same: "try again" ("Error responses", S3 API reference)."""

CONFLICT_SECONDS = (0.5, 1.0, 2.0, 4.0)
"""How long it is waited before each time that such a request is asked again."""

ACCESS_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403"}

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
    """The caller lacks a permission; the text names it."""


class AwsClients:
    """One session's clients. Thread-safe, as boto3's clients are.

    `logs_region` is whose flow logs are read or created, if that is set; `results_bucket` the bucket that results are
    written to, which Athena has to be near; `archive_account` whose logs are read, where the bucket may be its own.
    """

    def __init__(
        self, logs_region: str | None = None, results_bucket: str | None = None, archive_account: str | None = None
    ) -> None:
        self._logs_region = logs_region
        self._results_bucket = results_bucket
        self._archive_account = archive_account
        self._making = Lock()
        self._clients: dict[tuple[str, str], Any] = {}
        self._regions: dict[str, str] = {}
        self._owners: dict[str, str] = {}

    @cached_property
    def session(self) -> "boto3.Session":
        import boto3

        # boto3 knows AWS_DEFAULT_REGION alone; AWS's other tools and services say AWS_REGION.
        session = boto3.Session(region_name=os.environ.get("AWS_REGION"))
        # PyAthena makes its clients of this session too.
        session.events.register("provide-client-params.s3", self._name_owner)
        session.events.register("needs-retry.s3", _after_conflict)
        return session

    @cached_property
    def region(self) -> str:
        """Where clients work: in boto3's region, else where the bucket of results is, or is to be."""
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
        """The region of a bucket, also of one that the caller may not use; None where there is none, or S3 is silent.

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
        with self._making:
            s3 = self.session.client("s3", region_name=asked, config=self.config)
        # Whose it is, is asked later, in the region that this finds.
        s3.meta.events.unregister("provide-client-params.s3", self._name_owner)
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
        """The account that a bucket has to be of: the caller's; or that of the archive, where the caller's has none.

        Names of buckets are shared by all of AWS: without this, one that a stranger made would be taken for ours.
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

    def _name_owner(self, params: dict[str, Any], model: Any, **_: Any) -> dict[str, Any] | None:  # noqa: ANN401
        """Botocore asks this before each call of S3: the bucket's owner is named in all that can name one."""
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
        if "AWS_MAX_ATTEMPTS" not in os.environ:
            retries["total_max_attempts"] = MAX_ATTEMPTS
        return Config(
            retries=retries,
            connect_timeout=10,
            read_timeout=60,
            user_agent_extra="vpc-flow-lake",
        )

    def client(self, service: str, region: str | None = None) -> Any:  # noqa: ANN401 - boto3 makes them at run time
        """A client of the service, for this session's region or another one."""
        key = (service, region or self.region)
        with self._making:  # a session, unlike its clients, is not for several threads at once
            if key not in self._clients:
                self._clients[key] = self.session.client(service, region_name=key[1], config=self.config)
            return self._clients[key]


def _after_conflict(attempts: int, response: tuple[Any, dict[str, Any]] | None = None, **_: Any) -> float | None:  # noqa: ANN401
    """Botocore asks this after each answer of S3, beside its own rules: the seconds to wait before it asks again."""
    code = response[1].get("Error", {}).get("Code") if response else None
    return CONFLICT_SECONDS[attempts - 1] if code in CONFLICTS and attempts <= len(CONFLICT_SECONDS) else None


@contextmanager
def aws_errors(doing: str) -> Iterator[None]:
    """Turn what AWS refuses in the block into words."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise refusal(error, doing) from error
    except BotoCoreError as error:
        raise FlowLakeError(f"AWS could not be asked ({doing}): {printable(str(error))}") from error


def error_code(error: "ClientError") -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def refusal(error: "ClientError", doing: str) -> FlowLakeError:
    """What AWS refused while `doing` something, and for a missing permission what to grant."""
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
    "GetKeyPolicy": "kms",
}
