"""boto3's clients for one account and region, made when first needed, and AWS's errors in words that help.

Credentials, profile, region and endpoints are boto3's own business (``AWS_PROFILE``, ``AWS_REGION``,
``AWS_ENDPOINT_URL``).
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

ACCESS_DENIED = {"AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "Forbidden", "403"}

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


class AwsClients:
    """One session's clients. Thread-safe, as boto3's clients are."""

    def __init__(self, region: str | None = None) -> None:
        self._region = region
        self._making = Lock()

    @cached_property
    def session(self) -> "boto3.Session":
        import boto3

        # boto3 knows AWS_DEFAULT_REGION alone; AWS's other tools and services say AWS_REGION.
        return boto3.Session(region_name=self._region or os.environ.get("AWS_REGION"))

    @cached_property
    def region(self) -> str:
        region = self.session.region_name
        if not region:
            raise FlowLakeError("No AWS region is set: set AWS_REGION (or FLOWLAKE_REGION, or a profile that has one).")
        return str(region)

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

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3 makes its clients at run time
        """A client of the service, for this session's region."""
        with self._making:  # a session, unlike its clients, is not for several threads at once
            if service not in self._clients:
                self._clients[service] = self.session.client(service, region_name=self.region, config=self.config)
            return self._clients[service]

    @cached_property
    def _clients(self) -> dict[str, Any]:
        return {}


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
        return FlowLakeError(
            f"Access denied while {doing}: grant {iam_action(error)} to the caller "
            f"(the policies in deploy/ have every action that is needed). AWS said: {message}"
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
}
