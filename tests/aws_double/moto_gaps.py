"""Where moto's S3 and EC2 (5.2) answer otherwise than AWS does, and it matters to this project.

S3: an object that KMS encrypted has an ETag that is no digest; new buckets have AWS's defaults and the tags they are
created with; a bucket of another account answers 409 when it is created, and 403 unless its policy speaks of the
caller; a request that expects another owner is refused, and one that comes to another region is redirected. EC2: a flow
log to S3 takes no role, is not created where the bucket's policy keeps the delivery service out, may lie below a
folder, and tells its destination options; CreateFlowLogs replaces the bucket's policy, and may create flow logs for
some of the resources alone.
Still missing: paging of DescribeFlowLogs, ClientToken of CreateFlowLogs.
"""

import json
import threading
import uuid
from typing import Any

from moto.ec2.exceptions import EC2ClientError
from moto.ec2.models.flow_logs import FlowLogs, FlowLogsBackend
from moto.ec2.responses.flow_logs import FlowLogs as FlowLogsResponse
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, FakeKey, PublicAccessBlock, S3Backend, s3_backends
from moto.s3.responses import S3Response
from moto.utilities.utils import get_partition

from .permissions import AccessDeniedError, Caller, bucket_of, bucket_statements, caller_of, policy_statements, verdict
from .state import SETTINGS, STRANGER
from .wire import error_body, tags_of_new_bucket

DELIVERY_SERVICE = "delivery.logs.amazonaws.com"

_call = threading.local()
"""Of the call that a thread answers: its `caller`, where IAM is enforced."""

_etag = FakeKey.etag.fget
_create_bucket = S3Backend.create_bucket
_get_bucket = S3Backend.get_bucket
_put_bucket = S3Response._bucket_response_put
_create_flow_logs = FlowLogsBackend.create_flow_logs
_describe_flow_logs = FlowLogsBackend.describe_flow_logs
_create_flow_logs_call = FlowLogsResponse.create_flow_logs


def create_foreign_bucket(name: str, region: str, account: str = STRANGER, open_to: str = "") -> None:
    """A bucket that belongs to another account; its policy lets the account `open_to` do everything."""
    bucket = _create_bucket(s3_backends[account][get_partition(region)], name, region)
    if open_to:
        arn = f"arn:{bucket.partition}:iam::{open_to}:root"
        allow = {"Effect": "Allow", "Principal": {"AWS": arn}, "Action": "s3:*"}
        statement = {**allow, "Resource": [bucket.arn, f"{bucket.arn}/*"]}
        bucket.policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]}).encode()


def refused_by_s3(call: dict[str, str], environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes] | None:
    """What S3 answers to a request that expects another owner, or that came to another region than the bucket's.

    Sources: "Verifying bucket ownership with bucket owner condition", Amazon S3 user guide; `S3RegionRedirectorv2` in
    botocore, which follows such answers.
    """
    bucket = bucket_of(environ["PATH_INFO"].split("/")[1]) if call["service"] == "s3" else None
    if bucket is None or call["action"] == "CreateBucket":
        return None
    headers = [("Content-Type", "application/xml"), ("x-amz-bucket-region", bucket.region_name)]
    if environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", bucket.account_id) != bucket.account_id:
        return "403 Forbidden", headers, error_body("s3", "AccessDenied", "Access Denied").encode()
    if call["region"] not in (bucket.region_name, "aws-global"):
        told = "The bucket you are attempting to access must be addressed using the specified endpoint."
        return "301 Moved Permanently", headers, error_body("s3", "PermanentRedirect", told).encode()
    return None


def create_bucket(backend: S3Backend, bucket_name: str, region_name: str, **others: Any) -> FakeBucket:
    _, owner = s3_backends.bucket_accounts.get(bucket_name, (backend.partition, backend.account_id))
    if owner != backend.account_id:
        raise S3ClientError(
            "BucketAlreadyExists",
            "The requested bucket name is not available. The bucket namespace is shared by all users of the system. "
            "Please select a different name and try again.",
        )
    bucket = _create_bucket(backend, bucket_name, region_name, **others)
    # "Default settings for new S3 buckets FAQ" (access and ownership since April 2023, encryption since January 2023).
    bucket.public_access_block = PublicAccessBlock(True, True, True, True)
    bucket.ownership_rule = "BucketOwnerEnforced"
    bucket.encryption = {
        "Rule": {"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}, "BucketKeyEnabled": "false"}
    }
    return bucket


def put_bucket(response: Any, request: Any, bucket_name: str, querystring: dict[str, Any]) -> Any:
    buckets = response.backend.buckets
    is_new = bucket_name not in buckets
    answer = _put_bucket(response, request, bucket_name, querystring)
    if is_new and bucket_name in buckets:
        response.backend.put_bucket_tagging(bucket_name, tags_of_new_bucket(response.body))
    return answer


def get_bucket(backend: S3Backend, bucket_name: str) -> FakeBucket:
    """What moto asks for as ``bucket/folder`` when a flow log delivers below a folder.

    Another account's is there for those that its policy speaks of.
    """
    name = bucket_name.partition("/")[0]
    found = bucket_of(name)
    root = f"arn:{backend.partition}:iam::{backend.account_id}:root"
    if found and found.account_id != backend.account_id and bucket_statements(found, root):
        return found
    return _get_bucket(backend, name)


def create_flow_logs(backend: Any, **request: Any) -> tuple[list[FlowLogs], list[Any]]:
    if request["log_destination_type"] != "s3":
        return _create_flow_logs(backend, **request)
    if request["deliver_logs_permission_arn"]:
        # As reported to aws-samples/aws-secure-environment-accelerator (issue 1111, 2023).
        raise EC2ClientError("InvalidParameter", "DeliverLogsPermissionArn is not applicable for s3 delivery")
    if not request["log_destination"].startswith(f"arn:{backend.partition}:s3:::"):
        raise EC2ClientError("InvalidParameterValue", f"Invalid LogDestination: {request['log_destination']}")
    name = request["log_destination"].rpartition(":::")[2].partition("/")[0]
    account, region = backend.account_id, backend.region_name
    bucket = s3_backends[account][backend.partition].buckets.get(name)
    replaces = bool(bucket) and SETTINGS.replace_bucket_policy and may_replace_policy(bucket, _call.caller)
    refused = bucket and not replaces and not delivery_allowed(bucket, region)
    if refused or (bucket is None and name in s3_backends.bucket_accounts):
        # As reported to awsdocs/amazon-vpc-user-guide (pull request 28, 2019).
        reason = f"Access Denied for LogDestination: {name}. Please check LogDestination permission"
        return [], [(resource, "400", reason) for resource in request["resource_ids"]]
    present = [flow_log.resource_id for flow_log in backend.flow_logs.values()]
    full = [resource for resource in request["resource_ids"] if present.count(resource) >= SETTINGS.most_flow_logs]
    # The code is that of "Error codes for the Amazon EC2 API"; whether it is told so or by itself, no page says.
    limited = [(resource, "FlowLogsLimitExceeded", "The limit is reached.") for resource in full]
    others = [resource for resource in request["resource_ids"] if resource not in full]
    if not others:
        return [], limited
    created, failed = _create_flow_logs(backend, **{**request, "resource_ids": others})
    if replaces:
        bucket.policy = json.dumps(_delivery_policy(bucket, account, region)).encode()
    return created, [*failed, *limited]


def etag(key: FakeKey) -> str:
    """An object that KMS encrypted has an ETag that is no digest of its bytes ("Object", Amazon S3 API reference)."""
    if key.encryption != "aws:kms":
        return str(_etag(key))
    if not hasattr(key, "etag_of_kms"):
        key.etag_of_kms = f'"{uuid.uuid4().hex}"'
    return str(key.etag_of_kms)


def may_replace_policy(bucket: FakeBucket, caller: Caller | None) -> bool:
    """Whether AWS replaces the policy in the caller's name; everybody may, where IAM is not enforced."""
    try:
        for action in ("GetBucketPolicy", "PutBucketPolicy"):
            if caller:
                caller.require(f"s3:{action}", bucket.arn)
    except AccessDeniedError:
        return False
    return True


def delivery_allowed(bucket: FakeBucket, region: str) -> bool:
    """Whether the delivery service may write where a flow log of the bucket's account and this region writes."""
    key = f"AWSLogs/{bucket.account_id}/vpcflowlogs/{region}/2021/01/31/a.log.gz"
    context = {
        "aws:SourceAccount": bucket.account_id,
        "aws:SourceArn": f"arn:{bucket.partition}:logs:{region}:{bucket.account_id}:delivery-source:a",
        "aws:SecureTransport": "true",
    }
    if bucket.ownership_rule != "BucketOwnerEnforced":
        # Where ACLs are disabled, none is sent (cloudposse/terraform-aws-vpc-flow-logs-s3-bucket, pull request 101).
        context["s3:x-amz-acl"] = "bucket-owner-full-control"
    statements = policy_statements(bucket.name, DELIVERY_SERVICE)
    return verdict(statements, "s3:PutObject", f"{bucket.arn}/{key}", context) is True


def create_flow_logs_call(response: Any) -> Any:
    _call.caller = caller_of(response) if SETTINGS.enforce_iam else None
    answer = _create_flow_logs_call(response)
    options = {"FileFormat": "plain-text", "HiveCompatiblePartitions": False, "PerHourPartition": False}
    for flow_log_id in answer.result["FlowLogIds"]:
        asked = response._get_param("DestinationOptions") or {}
        response.ec2_backend.flow_logs[flow_log_id].destination_options = {**options, **asked}
    return answer


def describe_flow_logs(backend: Any, *arguments: Any, **request: Any) -> list[FlowLogs]:
    for flow_log in backend.flow_logs.values():
        if flow_log.log_destination_type == "s3":
            flow_log.deliver_logs_status = SETTINGS.deliver_logs_status
            flow_log.deliver_logs_error_message = SETTINGS.deliver_logs_error_message
    return _describe_flow_logs(backend, *arguments, **request)


def _delivery_policy(bucket: FakeBucket, account: str, region: str) -> dict[str, Any]:
    """The policy that AWS attaches ("Amazon S3 bucket permissions for flow logs", Amazon VPC user guide, 2026)."""
    allowed = {"Effect": "Allow", "Principal": {"Service": DELIVERY_SERVICE}}
    account_only = {"aws:SourceAccount": account}
    arn_like = {"ArnLike": {"aws:SourceArn": f"arn:{bucket.partition}:logs:{region}:{account}:*"}}
    write = {
        **allowed,
        "Sid": "AWSLogDeliveryWrite",
        "Action": "s3:PutObject",
        "Resource": f"{bucket.arn}/AWSLogs/{account}/*",
        "Condition": {"StringEquals": {**account_only, "s3:x-amz-acl": "bucket-owner-full-control"}, **arn_like},
    }
    check = {
        **allowed,
        "Sid": "AWSLogDeliveryAclCheck",
        "Action": "s3:GetBucketAcl",
        "Resource": bucket.arn,
        "Condition": {"StringEquals": account_only, **arn_like},
    }
    return {"Version": "2012-10-17", "Statement": [write, check]}


def install() -> None:
    FakeKey.etag = property(etag)
    S3Backend.create_bucket = create_bucket
    S3Backend.get_bucket = get_bucket
    S3Response._bucket_response_put = put_bucket
    FlowLogsBackend.create_flow_logs = create_flow_logs
    FlowLogsBackend.describe_flow_logs = describe_flow_logs
    FlowLogsResponse.create_flow_logs = create_flow_logs_call
