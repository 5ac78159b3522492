"""IAM as AWS evaluates it: who calls, what a call needs, and what the caller's policies and the bucket's say.

What moto 5.2 does by itself when it is told to enforce IAM: it checks the signature and collects the policies of a user
or role (both are used here), but holds every action except S3's against the resource ``*`` only, so that an Allow for
an ARN never applies; it knows no condition but StringEquals on sts:ExternalId and takes any other for true, which turns
a TLS-only bucket policy into one that denies all; it takes PutBucketEncryption, PutPublicAccessBlock and
PutBucketOwnershipControls for s3:CreateBucket (GET: s3:ListBucket), and HeadBucket for an action that does not exist;
and for DeleteObjects it asks for s3:DeleteObject on the bucket, where AWS does for each object.
So actions, resources and conditions are evaluated here. A condition operator that is not known raises an error.

Not evaluated: permission boundaries, session and organization policies, policy variables.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import xmltodict
from moto.core.authorization import ActionAuthenticatorMixin
from moto.core.exceptions import AuthFailureError, InvalidClientTokenIdError, SignatureDoesNotMatchError
from moto.core.responses import ActionResult
from moto.ec2.models import ec2_backends
from moto.iam.access_control import IAMPolicy, PermissionResult, create_access_key
from moto.iam.models import iam_backends
from moto.s3 import responses as s3_responses
from moto.s3.exceptions import S3ClientError
from moto.s3.models import FakeBucket, s3_backends
from moto.utilities.utils import get_partition

from .state import ACCOUNT, QUERIES, SETTINGS
from .wire import Refusal, tags_of_new_bucket

Document = Mapping[str, Any]
Context = Mapping[str, str | list[str]]


class AccessDeniedError(Exception):
    """A caller lacks a permission; the text is AWS's own, up to the full stop."""


@dataclass(frozen=True)
class Caller:
    """Who makes a call, in which account and region, with which policies."""

    arn: str
    account: str
    region: str
    policies: tuple[Document, ...]

    @property
    def partition(self) -> str:
        return get_partition(self.region)

    def require(self, action: str, resources: str | Iterable[str], context: Context | None = None) -> None:
        """Raise AccessDeniedError unless the caller may do this with each of the resources."""
        for resource in [resources] if isinstance(resources, str) else resources:
            statements = [statement for policy in self.policies for statement in _statements(policy)]
            if action.startswith("s3:"):
                # In one account, an Allow of either the bucket's policy or the caller's is enough.
                bucket = resource.rpartition(":::")[2].partition("/")[0]
                statements += policy_statements(bucket, self.arn)
            defaults = {
                "aws:SecureTransport": "true",  # the double speaks HTTP, and stands for an endpoint that speaks TLS
                "aws:RequestedRegion": self.region,
                "aws:PrincipalAccount": self.account,
                "aws:ResourceAccount": self.account,
            }
            allowed = verdict(statements, action, resource, {**defaults, **(context or {})})
            if not allowed:
                why = "no identity-based policy allows" if allowed is None else "of an explicit deny on"
                quoted = f'"{resource}"' if action.startswith("s3:") else resource
                raise AccessDeniedError(
                    f"User: {self.arn} is not authorized to perform: {action} on resource: {quoted} because {why} the "
                    f"{action} action"
                )


def verdict(statements: Iterable[Document], action: str, resource: str, context: Context) -> bool | None:
    """True: allowed; False: denied by a statement; None: no statement speaks of it."""
    allowed = None
    for statement in statements:
        if (
            _matches(statement, "Action", action, re.IGNORECASE)
            and _matches(statement, "Resource", resource)
            and all(_condition_holds(*condition, context) for condition in statement.get("Condition", {}).items())
        ):
            if statement["Effect"] == "Deny":
                return False
            allowed = True
    return allowed


def policy_statements(bucket: str, principal: str) -> list[Document]:
    """The statements of a bucket's policy that speak of a service, or of the ARN of a user or role."""
    found = bucket_of(bucket)
    return bucket_statements(found, principal) if found else []


def bucket_of(name: str) -> FakeBucket | None:
    """A bucket of whatever account."""
    partition, account = s3_backends.bucket_accounts.get(name, ("", ""))
    return s3_backends[account][partition].buckets.get(name) if account else None


def bucket_statements(bucket: FakeBucket, principal: str) -> list[Document]:
    policy = json.loads(bucket.policy) if bucket.policy else {}
    return [statement for statement in _statements(policy) if _speaks_of(statement.get("Principal"), principal)]


def _statements(policy: Document) -> list[Document]:
    return _list(policy.get("Statement", []))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _speaks_of(principal: Any, who: str) -> bool:
    """Whether a bucket policy's Principal covers a service or the ARN of a user or role."""
    if isinstance(principal, dict):
        covering = {"*", who}
        if who.startswith("arn:"):
            account = who.split(":")[4]
            covering |= {account, f"{who.partition('::')[0]}::{account}:root"}
        return bool(covering & {name for names in principal.values() for name in _list(names)})
    return principal == "*"


def _matches(statement: Document, element: str, value: str, flags: int = 0) -> bool:
    negated = f"Not{element}" in statement
    patterns = _list(statement.get(f"Not{element}" if negated else element, []))
    return any(_like(pattern, value, flags) for pattern in patterns) is not negated


def _like(pattern: str, value: str, flags: int = 0) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, value, flags | re.DOTALL) is not None


_COMPARISONS = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringLike": _like,
    "ArnEquals": _like,
    "ArnLike": _like,
    "Bool": lambda wanted, value: wanted.lower() == value,
}


def _condition_holds(operator: str, keys: Mapping[str, Any], context: Context) -> bool:
    """One operator of a Condition ("IAM JSON policy elements: Condition operators", IAM user guide, 2026)."""
    operator = operator.removeprefix("ForAnyValue:")
    if_exists, operator = operator.endswith("IfExists"), operator.removesuffix("IfExists")
    negated = "Not" in operator
    known = {name.lower(): _list(value) for name, value in context.items()}
    for key, wanted in keys.items():
        values = known.get(key.lower())
        if operator == "Null":
            if (values is None) is not (str(wanted).lower() == "true"):
                return False
        elif values is None:
            if not (if_exists or negated):
                return False
        else:
            compare = _COMPARISONS[operator.replace("Not", "", 1)]
            if any(compare(str(w), v) for w in _list(wanted) for v in values) is negated:
                return False
    return True


def caller_of(response: Any) -> Caller | None:
    """Who makes the call that moto is handling; None while IAM is not enforced."""
    if not SETTINGS.enforce_iam:
        return None
    key = create_access_key(response.current_account, response.partition, response.access_key, response.headers)
    documents = tuple(IAMPolicy(policy)._policy_json for policy in key.collect_policies())
    return Caller(key.arn, response.current_account, response.region, documents)


_JSON_CODES = {
    "InvalidClientTokenId": "UnrecognizedClientException",
    "SignatureDoesNotMatch": "InvalidSignatureException",
}


def authorize(response: Any, request_class: type, resource: str = "*") -> None:
    """Takes the place of moto's check of a call: same signature check, our evaluation."""
    if not SETTINGS.enforce_iam:
        return
    path = response.raw_path + (f"?{response.parsed_url.query}" if response.parsed_url.query else "")
    try:
        request = request_class(
            account_id=response.current_account,
            method=response.method,
            path=path,
            data=response.data,
            body=response.raw_body,
            headers=response.headers,
            action=response._get_action(),
        )
        request.check_signature()
    except (InvalidClientTokenIdError, SignatureDoesNotMatchError, AuthFailureError) as error:
        code, service = error.error_type, response.service_name
        if service in ("athena", "glue"):
            code = _JSON_CODES.get(code, code)
        raise Refusal(service, code, error.message, error.code) from None
    caller = caller_of(response)
    service, _, action = request._action.partition(":")
    if caller is None or request._action == "sts:GetCallerIdentity":
        return
    try:
        for needed, resources, context in _needs(response, caller, service, action, resource):
            caller.require(needed, resources, context)
    except AccessDeniedError as denied:
        raise _refusal(service, f"{service}:{action}", str(denied)) from None


def _refusal(service: str, action: str, message: str) -> Exception:
    """The denial in the words and the format of the service that was called."""
    if service == "s3":
        return S3ClientError("AccessDenied", message)
    if service == "ec2":
        message = f"You are not authorized to perform this operation. {message}"
        return Refusal(service, "UnauthorizedOperation", message, 403)
    if service in ("iam", "sts"):
        return Refusal(service, "AccessDenied", message, 403)
    if service == "sns":  # "Common errors", Amazon SNS API reference (2026): AuthorizationError
        return Refusal(service, "AuthorizationError", message, 403)
    if service == "athena":
        message = (
            f"You are not authorized to perform: {action} on the resource. After your AWS administrator or you have "
            "updated your permissions, please try again."
        )
    return Refusal(service, "AccessDeniedException", message)


Need = tuple[str, str | list[str], Context]


def _needs(response: Any, caller: Caller, service: str, action: str, resource: str) -> Iterable[Need]:
    """The permissions that a call needs (Service Authorization Reference, 2026, and what is cited)."""
    get = response._get_param
    where = f"{caller.region}:{caller.account}"
    if service == "ec2":
        yield from _ec2_needs(get, where, caller, action)
    elif service == "glue":
        name = get("Name") or (get("TableInput") or get("DatabaseInput") or {}).get("Name")
        table = get("TableName") or (name if "Table" in action else None)
        yield f"glue:{action}", glue_arns(caller, get("DatabaseName") or name, table), {}
    elif service == "athena":
        query = QUERIES.get(get("QueryExecutionId"))
        workgroup = query.workgroup if query else get("WorkGroup") or get("Name") or "primary"
        arn = get("ResourceARN") or f"arn:{caller.partition}:athena:{where}:workgroup/{workgroup}"
        yield f"athena:{action}", "*" if action.startswith("ListWorkGroups") else arn, {}
        if action == "CreateWorkGroup" and get("Tags"):
            yield "athena:TagResource", arn, {}
    elif service == "kms":
        yield f"kms:{action}", get("KeyId"), {}
    elif service == "sns":
        yield f"sns:{action}", get("TopicArn") or "*", {}
    elif action != "DeleteObject" or resource.count("/"):
        yield f"{service}:{action}", resource, {"s3:prefix": get("prefix") or ""} if action == "ListBucket" else {}
        name, _, key = resource.rpartition(":::")[2].partition("/")
        yield from key_needs(action, name, key)
        if action == "CreateBucket" and "x-amz-object-ownership" in response.headers:
            yield "s3:PutBucketOwnershipControls", resource, {}
        if action == "CreateBucket" and tags_of_new_bucket(response.raw_body):
            yield "s3:TagResource", resource, {}


def key_needs(action: str, bucket: str, key: str, encryption: Mapping[str, str] | None = None) -> Iterable[Need]:
    """What S3 asks KMS for in the caller's name, where an object is encrypted, or is to be, with a key of KMS.

    `encryption` is what the request says, else the bucket's default decides. Key policies leave the answer to IAM, as
    they do unless somebody writes others. Source: "Protecting data with SSE-KMS", Amazon S3 user guide: permissions,
    encryption context.
    """
    found = bucket_of(bucket)
    if found is None or action not in ("GetObject", "PutObject"):
        return
    rule = found.encryption["Rule"] if found.encryption else {}
    default = rule.get("ApplyServerSideEncryptionByDefault", {})
    if action == "GetObject":
        stored = found.keys.get(key)
        kms_key = stored.kms_key_id if stored and stored.encryption == "aws:kms" else None
    elif encryption:
        kms_key = encryption.get("KmsKey")
    else:
        kms_key = default.get("KMSMasterKeyID") if default.get("SSEAlgorithm") == "aws:kms" else None
    if kms_key:
        with_bucket_key = str(rule.get("BucketKeyEnabled")).lower() == "true"
        context = {
            "kms:EncryptionContext:aws:s3:arn": found.arn if with_bucket_key else f"{found.arn}/{key}",
            "kms:ViaService": f"s3.{found.region_name}.amazonaws.com",
        }
        yield "kms:Decrypt" if action == "GetObject" else "kms:GenerateDataKey", kms_key, context


def _ec2_needs(get: Any, where: str, caller: Caller, action: str) -> Iterable[Need]:
    flow_logs = f"arn:{caller.partition}:ec2:{where}:vpc-flow-log"
    if action == "CreateFlowLogs":
        tags = [tag for spec in get("TagSpecifications", []) for tag in spec.get("Tags", [])]
        context = {f"aws:RequestTag/{tag['Key']}": tag["Value"] for tag in tags}
        vpcs = [f"arn:{caller.partition}:ec2:{where}:vpc/{resource}" for resource in get("ResourceIds", [])]
        yield "ec2:CreateFlowLogs", [f"{flow_logs}/*", *vpcs], context
        if tags:
            yield "ec2:CreateTags", f"{flow_logs}/*", {**context, "ec2:CreateAction": "CreateFlowLogs"}
        # "Permissions for IAM principals that publish flow logs to Amazon S3", Amazon VPC user guide.
        yield "logs:CreateLogDelivery", "*", {}
    elif action == "DeleteFlowLogs":
        present = ec2_backends[caller.account][caller.region].flow_logs
        for flow_log_id in get("FlowLogIds", []):
            tags = present[flow_log_id].get_tags() if flow_log_id in present else []
            context = {f"aws:ResourceTag/{tag['key']}": tag["value"] for tag in tags}
            yield "ec2:DeleteFlowLogs", f"{flow_logs}/{flow_log_id}", context
        yield "logs:DeleteLogDelivery", "*", {}
    elif action == "CreateTags":
        resources = get("Resources", [])
        yield "ec2:CreateTags", [f"arn:{caller.partition}:ec2:{where}:*/{resource}" for resource in resources], {}
    else:
        yield f"ec2:{action}", "*", {}


def glue_arns(caller: Caller, database: str | None, table: str | None = None) -> list[str]:
    """The resource and all its ancestors: an action must be allowed on each.

    Source: "Configure access to databases and tables in the AWS Glue Data Catalog", Limitations, Athena user guide.
    """
    root = f"arn:{caller.partition}:glue:{caller.region}:{caller.account}"
    arns = [f"{root}:catalog"]
    if database:
        arns.append(f"{root}:database/{database}")
    if table:
        arns.append(f"{root}:table/{database}/{table}")
    return arns


def _bucket_permission(bucket: FakeBucket, action: str, resource: str) -> PermissionResult:
    """What the bucket's policy says to everybody, conditions included."""
    statements = policy_statements(bucket.name, "*")
    found = verdict(statements, action, resource, {"aws:SecureTransport": "true"})
    return {True: PermissionResult.PERMITTED, False: PermissionResult.DENIED, None: PermissionResult.NEUTRAL}[found]


def delete_objects(response: Any, bucket_name: str, authenticated: bool = True) -> Any:
    """Removes what the caller may remove; the answer, itself no error, tells of each object that is left and why.

    Source: "DeleteObjects", Amazon S3 API reference (2026), with the words that its examples have for a denial.
    """
    asked = xmltodict.parse(response.body, strip_whitespace=False, force_list=["Object"])["Delete"]
    caller = caller_of(response)
    denied, allowed = [], []
    for found in asked["Object"]:
        try:
            if caller:
                caller.require("s3:DeleteObject", f"arn:{caller.partition}:s3:::{bucket_name}/{found['Key']}")
            allowed.append(found)
        except AccessDeniedError:
            denied.append({"Key": found["Key"], "Code": "AccessDenied", "Message": "Access Denied"})
    deleted, _ = response.backend.delete_objects(bucket_name, allowed, False)
    response.data["Action"] = "DeleteObjects"
    told = [] if asked.get("Quiet") == "true" else [{"Key": key} for key, *_ in deleted]
    return response.serialized(ActionResult({"Deleted": told, "Errors": denied}))


def create_user(name: str, region: str, policies: Iterable[Document]) -> dict[str, str]:
    """A user with these policies, in the partition of the region, and its keys."""
    iam = iam_backends[ACCOUNT][get_partition(region)]
    iam.create_user(region, name)
    for number, policy in enumerate(policies):
        iam.put_user_policy(name, f"policy-{number}", json.dumps(policy))
    key = iam.create_access_key(name)
    return {"AccessKeyId": key.access_key_id, "SecretAccessKey": key.secret_access_key}


def install() -> None:
    """Put this module in the place of moto's checks."""
    ActionAuthenticatorMixin._authenticate_and_authorize_action = authorize
    FakeBucket.get_permission = _bucket_permission
    s3_responses.S3Response._bucket_response_delete_keys = delete_objects
    buckets = s3_responses.ACTION_MAP["BUCKET"]
    buckets["HEAD"]["DEFAULT"] = "ListBucket"
    for method, verb in (("GET", "Get"), ("PUT", "Put"), ("DELETE", "Put")):
        buckets[method] |= {
            "encryption": f"{verb}EncryptionConfiguration",
            "publicAccessBlock": f"{verb}BucketPublicAccessBlock",
            "ownershipControls": f"{verb}BucketOwnershipControls",
        }
