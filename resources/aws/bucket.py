"""The S3 bucket that flow logs are delivered to: created with the recommended settings, or adopted.

In an adopted bucket, missing statements are added to its policy, and other differences are only reported. A bucket that
is only read is not changed at all. Objects in it are read and written in object_store.py.
"""

import json
import re
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import date
from itertools import islice
from typing import Any

from flowlogs.bucket_lifecycle import (
    Rule,
    aborts_uploads,
    are_of_the_older_kind,
    expires,
    keep_rules,
    keep_rules_of_others,
    lifecycle_rules,
    with_keep_rules,
)
from flowlogs.bucket_policy import (
    Policy,
    Statement,
    bucket_arn,
    delivery_statement_of_many,
    delivery_statements,
    merged,
    statements_of,
    tls_only_statement,
)
from flowlogs.delivery import DEFAULT_DELIVERY, Delivery
from flowlogs.errors import FlowLakeError
from flowlogs.layout import HIVE, OLD_HIVE, PLAIN, TOP, LogSource, find_sources, owner_prefix
from flowlogs.printable import printable
from flowlogs.record_format import RecordFormat
from flowlogs.retention import KEPT_FOR_GOOD, Retention
from flowlogs.sources import (
    ANY_SOURCE,
    Choice,
    LogSources,
    choose_prefix,
    choose_sources,
    prefixes_among,
    sources_behind_prefixes,
)
from resources.aws.clients import (
    ACCESS_DENIED,
    CREATED_BY,
    NO_BUCKET,
    AccessDeniedError,
    AwsClients,
    aws_errors,
    error_code,
)
from resources.aws.encryption import encryption_problems
from resources.aws.object_store import S3Store
from resources.bucket import Bucket
from resources.ensured import Ensured

QUERY_RESULT_DAYS = 30
"""How long query results are kept in a bucket that this project creates; reports are kept for good."""


RUN_OUTPUT = "dagster-logs/"
"""The prefix in the logs' bucket under which deploy/dagster.yaml stores what runs print."""


RUN_OUTPUT_DAYS = 90


ENCRYPTION = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}


PUBLIC_ACCESS_BLOCK = {
    "BlockPublicAcls": True,
    "IgnorePublicAcls": True,
    "BlockPublicPolicy": True,
    "RestrictPublicBuckets": True,
}


OWNERSHIP = "BucketOwnerEnforced"


POLICY_NOTES = "source/"
"""Where the bucket's policy is noted while AWS may replace it, below the results root: see `policy_preserved`.

The note's name begins with an underscore, which says that it is no result.
"""


POLICY_PUTS = 3
"""How often the bucket's policy is put before it is given up: somebody else may replace it at the same time."""


MAX_POLICY_BYTES = 20 << 10
"""How long a bucket's policy may be ("Policies and permissions in Amazon S3", S3 user guide, 2026)."""

POLICY_PAUSE = 1.0
"""Seconds between two of these: S3 may tell a setting as it was for a moment ("Amazon S3 data consistency model")."""


MAX_FOLDERS_SEARCHED = 100
"""How many folders are searched in a bucket without flow logs, and how many folders of each are listed."""


_MAY_LEAD_TO_LOGS = re.compile(r"(?:(?!AWSLogs/)[^/]+/){1,3}")


class S3Bucket(Bucket):
    """The bucket `name`. `query_results` is the prefix of Athena's results that expire, if they are in this bucket.

    Without flow logs of this project (`has_flow_logs`), it is read and never changed. The bucket's policy is noted in
    `notes`, the place of results (the bucket itself, if none is given), while AWS may replace it. `reports` is the
    prefix of reports, if they are in this bucket; `retention` says how long these and the logs are kept.
    """

    def __init__(
        self,
        clients: AwsClients,
        name: str,
        choice: Choice = ANY_SOURCE,
        delivery: Delivery = DEFAULT_DELIVERY,
        expected: RecordFormat | None = None,
        *,
        has_flow_logs: bool = True,
        query_results: str | None = None,
        notes: S3Store | None = None,
        reports: str | None = None,
        retention: Retention = KEPT_FOR_GOOD,
    ) -> None:
        self.clients = clients
        self.name = name
        self.objects = S3Store(clients, name)
        self.notes = notes or self.objects
        self.query_results = query_results
        self.reports = reports
        self.retention = retention
        self.has_flow_logs = has_flow_logs
        self.choice = choice
        self.delivery = delivery
        self.expected_format = expected
        self._sources: LogSources | None = None

    @property
    def arn(self) -> str:
        return bucket_arn(self.clients.partition, self.name)

    def ensure(self) -> Ensured:
        self.require_own_account()
        created = not self._exists()
        if not self.has_flow_logs:
            return self._ensure_read_only(created)
        if created:
            self._create()
        ours = created or self._is_ours()
        warnings = [
            *self._ensure_settings(ours, created),
            *(() if created else self._ensure_retention(ours)),
            *self.restore_policy(),
        ]
        self._ensure_policy(ours)
        if not self._requires_tls():
            warnings.append("requests without TLS are not denied by the bucket's policy")
        warnings += [
            *self._transfer_warnings(),
            *self._prefix_warnings(),
            *encryption_problems(self.clients, self.name),
            *self._versioning_warnings(),
        ]
        return Ensured(
            {
                "arn": self.arn,
                "region": self._bucket_region,
                "whose": "created by this project" if ours else "adopted: only its policy was added to",
                "location": self.sources().description,
            },
            warnings=tuple(warnings),
        )

    def require_own_account(self) -> None:
        """Raise FlowLakeError where flow logs are to be created, and those of other accounts are to be read."""
        own = replace(self._configured_source(), account=self.clients.account)
        if self.has_flow_logs and not self.choice.allows(own):
            raise FlowLakeError(
                f"FLOWLAKE_ACCOUNT_ID is {self.choice.accounts}, and the caller is of {self.clients.account}: flow "
                "logs that it creates are of its own account, and would not be read. To read those of that account, "
                "leave FLOWLAKE_VPC_IDS empty; to create flow logs, leave FLOWLAKE_ACCOUNT_ID empty, or call as that "
                "account. Nothing was changed."
            )

    def _ensure_read_only(self, missing: bool) -> Ensured:
        if missing:
            raise FlowLakeError(
                f"The bucket {self.name} (FLOWLAKE_BUCKET) does not exist, and none is created, since FLOWLAKE_VPC_IDS "
                "names no VPC. Name the bucket that holds your flow logs; or name VPCs in FLOWLAKE_VPC_IDS, to have it "
                "created, with a flow log for each of them."
            )
        return Ensured(
            {
                "arn": self.arn,
                "region": self._bucket_region,
                "whose": "not asked: FLOWLAKE_VPC_IDS names no VPC, so it is read and nothing in its settings changed",
                "location": self.sources().description,
            },
            warnings=(*self._transfer_warnings(), *self._prefix_warnings()),
        )

    @property
    def _bucket_region(self) -> str:
        return self.clients.region_of(self.name) or self.clients.region

    def _transfer_warnings(self) -> list[str]:
        """A warning about a bucket in another region than Athena ("Query across regions", Athena user guide, 2026)."""
        there, here = self._bucket_region, self.clients.region
        if there == here:
            return []
        if self.clients.partition == "aws-cn":
            raise FlowLakeError(
                f"The bucket {self.name} is in {there}, and Athena works in {here}: in China, it reads no bucket of "
                f"another region. Set AWS_REGION={there}, and FLOWLAKE_RESULTS to a bucket there."
            )
        return [
            f"the bucket is in {there}, and Athena works in {here}: AWS bills the transfer of all that is read beside "
            'the scan, 0.01 to 0.02 US dollars a GB from most regions and more from others ("Amazon S3 pricing", Data '
            f"transfer). AWS_REGION={there}, with FLOWLAKE_RESULTS in a bucket there, spares that"
        ]

    def _prefix_warnings(self) -> list[str]:
        """Warnings about flow logs behind other prefixes than those that are read, found with few requests."""
        if self.choice.prefix is not None:
            return []
        read = {owner_prefix(source) for source in self.sources().sources}
        nearby = set(prefixes_among(self._folders_nearby()))
        others = [prefix for prefix in sorted(nearby - read) if any(find_sources(self.name, prefix, self._folders))]
        return [
            f"{self.objects.display_path()} also holds flow logs behind another prefix ({printable(prefix)}{TOP}): "
            "their records are in no report"
            for prefix in others
        ]

    def sources(self) -> LogSources:
        if self._sources is None:
            self._sources = self._find_sources()
        return self._sources

    def delivered_days(self) -> list[date]:
        # Lists folders, a request for each year and month: a bucket may hold millions of keys.
        days: set[date | None] = set()
        for source in self.sources().sources:
            months = [month for year in self._folders(source.prefix) for month in self._folders(year)]
            days |= {source.find_day(day) for month in months for day in self._folders(month)}
        return sorted(day for day in days if day)

    @contextmanager
    def policy_preserved(self) -> Iterator[None]:
        """Restore the policy after a block in which AWS may replace it, as it may when a flow log is created.

        What others have in it is noted first: a run that is killed in the block leaves that to the next one.
        """
        ours, before = self._is_ours(), self._policy()
        noted = self._noted_policy()
        if noted is not None:
            before = merged(noted, statements_of(before)) or noted
        of_others = merged({"Statement": self._required(ours)}, statements_of(before)) is not None
        if of_others:
            self._note_policy(before)
        try:
            yield
        finally:
            self._ensure_policy(ours, before)
        if of_others:
            self._note_policy(None)

    def restore_policy(self) -> list[str]:
        """Put back what a run noted of the policy that was stopped before it could; returns what people should know."""
        noted = self._noted_policy()
        if noted is None:
            return []
        lacking = merged(self._policy(), statements_of(noted)) is not None
        if lacking:
            self._ensure_policy(self._is_ours(), noted)
        self._note_policy(None)
        return [
            "the bucket's policy lacked statements that a run had noted in "
            f"{self.notes.display_path(self._policy_note)} before AWS may have replaced them, and that was stopped: "
            "they are put back"
        ][: int(lacking)]

    @property
    def _policy_note(self) -> str:
        return f"{POLICY_NOTES}_bucket_policy.{self.name}.json"

    def _noted_policy(self) -> Policy | None:
        """What is noted of the policy; None where nothing is, or an empty text, which says that it is put back."""
        key = self._policy_note
        text = self.notes.read(key) if key in self.notes.list_folder(POLICY_NOTES).keys else b""
        try:
            policy: Policy | None = json.loads(text) if text.strip() else None
        except ValueError as error:
            raise FlowLakeError(
                f"{self.notes.display_path(key)} is no JSON ({error}): it is the bucket's policy before a flow log was "
                "created. Mend it, or remove it if the policy is as it should be."
            ) from None
        return policy

    def _note_policy(self, policy: Policy | None) -> None:
        # Emptied and not removed: nobody is granted to delete objects there.
        self.notes.replace({self._policy_note: json.dumps(policy, indent=2).encode() if policy else b""})

    def _find_sources(self) -> LogSources:
        configured, where = self._configured_source(), f"s3://{self.name}"
        if not self.choice.is_keyed and (self.has_flow_logs or (self.choice.account and self.choice.region)):
            there = [source for source in self._layouts_of(configured) if any(self._folders(source.prefix))]
            if there or self.has_flow_logs:
                # What is delivered from now on counts too: its days may lie in folders that are not there yet.
                own = [configured] if self.has_flow_logs else []
                return LogSources(self.name, tuple(dict.fromkeys([*own, *there])), self.choice)
        behind = sources_behind_prefixes(self.name, self.choice, self._folders, self._folders_nearby)
        found = choose_prefix(behind, self.choice, where)
        # What is listed may deliver from now on.
        own = list(self._listed_sources(configured)) if self.has_flow_logs and self.choice.allows(configured) else []
        if found or own:
            return choose_sources(self.name, [*own, *found], self.choice, where)
        return LogSources(self.name, (configured,), self.choice)

    def _listed_sources(self, configured: LogSource) -> Iterator[LogSource]:
        """The accounts and regions that are listed, else the caller's own."""
        for account in sorted(self.choice.named_accounts or {configured.account}):
            for region in sorted(self.choice.named_regions or {configured.region}):
                yield replace(configured, account=account, region=region)

    def _configured_source(self) -> LogSource:
        return LogSource(
            self.name,
            self.choice.account or self.clients.account,
            self.choice.region or self.clients.logs_region,
            self.delivery.root,
            self.delivery.service,
        )

    def _layouts_of(self, configured: LogSource) -> list[LogSource]:
        """The same account and region behind the same prefix, in each layout."""
        return [replace(configured, service=service) for service in (PLAIN, HIVE, OLD_HIVE)]

    def _folders_nearby(self) -> Iterator[str]:
        """Key prefixes of folders that may hold flow logs behind a prefix, found with few requests."""
        waiting = deque([""])
        for _ in range(MAX_FOLDERS_SEARCHED):
            if not waiting:
                return
            for folder in islice(self._folders(waiting.popleft()), MAX_FOLDERS_SEARCHED):
                yield folder
                if _MAY_LEAD_TO_LOGS.fullmatch(folder):
                    waiting.append(folder)

    def _folders(self, prefix: str) -> Iterator[str]:
        with aws_errors(f"listing s3://{self.name}/{prefix}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix, Delimiter="/")
            for page in pages:
                for found in page.get("CommonPrefixes", []):
                    yield found["Prefix"]

    def _exists(self) -> bool:
        from botocore.exceptions import ClientError

        with aws_errors(f"looking for the bucket {self.name}"):
            try:
                self._s3.head_bucket(Bucket=self.name)
            except ClientError as error:
                if error_code(error) in NO_BUCKET:
                    return False
                if error_code(error) in ACCESS_DENIED:
                    raise FlowLakeError(
                        f"The bucket {self.name} (FLOWLAKE_BUCKET) cannot be used: either it belongs to another "
                        f"account than {self.clients.account}{self._or_archive_account()} (names are shared by all of "
                        "AWS): then choose another. Or the caller lacks s3:ListBucket on it (the policies in deploy/ "
                        "have every action that is needed)."
                    ) from None
                raise
        return True

    def _or_archive_account(self) -> str:
        """The other account that may own the bucket, where an archive is read; for an error."""
        if self.has_flow_logs or self.choice.account in (None, self.clients.account):
            return ""
        return f" and {self.choice.account} (FLOWLAKE_ACCOUNT_ID)"

    def _create(self) -> None:
        from botocore.exceptions import ClientError

        # The tag is set by the request itself: a run that is killed right afterwards leaves a bucket known as ours.
        configuration: dict[str, Any] = {"Tags": _tag_list()}
        if self.clients.region != "us-east-1":
            configuration["LocationConstraint"] = self.clients.region
        with aws_errors(f"creating the bucket {self.name}"):
            try:
                self._s3.create_bucket(
                    Bucket=self.name, ObjectOwnership=OWNERSHIP, CreateBucketConfiguration=configuration
                )
            except ClientError as error:
                if error_code(error) == "BucketAlreadyExists":
                    raise FlowLakeError(
                        f"The bucket {self.name} (FLOWLAKE_BUCKET) belongs to another account: bucket names are shared "
                        "by all of AWS. Choose another name."
                    ) from None
                if error_code(error) != "BucketAlreadyOwnedByYou":
                    raise

    def _is_ours(self) -> bool:
        tags = self._read("get_bucket_tagging", "NoSuchTagSet") or {"TagSet": []}
        return all(tag in tags["TagSet"] for tag in _tag_list())

    def _ensure_settings(self, ours: bool, created: bool) -> list[str]:
        """Apply the recommended settings to a new bucket, and to one of `ours` those that it lacks; returns the
        differences.
        """
        expiring = {RUN_OUTPUT: RUN_OUTPUT_DAYS}
        if self.query_results is not None:
            expiring[self.query_results] = QUERY_RESULT_DAYS
        recommended: list[tuple[str, str, str, dict[str, Any], Callable[[dict[str, Any]], bool]]] = [
            (
                "public_access_block",
                "NoSuchPublicAccessBlockConfiguration",
                "public access is not blocked altogether",
                {"PublicAccessBlockConfiguration": PUBLIC_ACCESS_BLOCK},
                lambda found: found["PublicAccessBlockConfiguration"] == PUBLIC_ACCESS_BLOCK,
            ),
            (
                "bucket_encryption",
                "ServerSideEncryptionConfigurationNotFoundError",
                "there is no default encryption",
                {"ServerSideEncryptionConfiguration": ENCRYPTION},
                lambda found: bool(found["ServerSideEncryptionConfiguration"]["Rules"]),
            ),
            (
                "bucket_ownership_controls",
                "OwnershipControlsNotFoundError",
                "object ownership is not enforced, so that access control lists count",
                {"OwnershipControls": {"Rules": [{"ObjectOwnership": OWNERSHIP}]}},
                lambda found: found["OwnershipControls"]["Rules"][0]["ObjectOwnership"] == OWNERSHIP,
            ),
            (
                "bucket_lifecycle_configuration",
                "NoSuchLifecycleConfiguration",
                f"objects under {' or '.join(sorted(expiring))} never expire, or unfinished uploads stay for good",
                {"LifecycleConfiguration": {"Rules": [*lifecycle_rules(expiring), *keep_rules(self._keeping())]}},
                lambda found: (
                    all(expires(found["Rules"], prefix) for prefix in expiring) and aborts_uploads(found["Rules"])
                ),
            ),
        ]
        different = []
        for name, absent, difference, setting, is_right in recommended:
            found = self._read(f"get_{name}", absent)
            if created or (found is None and ours):
                with aws_errors(f"setting up the bucket {self.name}"):
                    getattr(self._s3, f"put_{name}")(Bucket=self.name, **setting)
            elif found is None or not is_right(found):
                different.append(difference)
        return different

    def _keeping(self) -> dict[str, int | None]:
        """For how many days objects below each prefix are kept that the settings speak of; None for good."""
        keeping = {source.prefix: self.retention.logs for source in self.sources().sources}
        return keeping | ({self.reports: self.retention.reports} if self.reports else {})

    def _ensure_retention(self, ours: bool) -> list[str]:
        """Let the bucket's lifecycle have the rules that the settings ask for, and no others of ours for these places.

        Of a bucket that this project did not create, the lifecycle is looked at and not changed. S3 replaces all rules
        at once: those of others are put as they were found.
        """
        keeping = self._keeping()
        rules = keep_rules(keeping)
        if not ours and not rules:
            return []
        setting = self._read("get_bucket_lifecycle_configuration", "NoSuchLifecycleConfiguration") or {"Rules": []}
        found = setting["Rules"]
        if not ours:
            lacking = [
                rule for rule in rules if not expires(found, rule["Filter"]["Prefix"], rule["Expiration"]["Days"])
            ]
            return [self._rules_to_add(lacking, "this project did not create it")] if lacking else []
        changed = with_keep_rules(found, keeping)
        if changed != found and are_of_the_older_kind(found):
            return [self._rules_to_add(rules, "it has rules of the older kind, which have a prefix and no filter")]
        if changed != found:
            # What comes beside the rules is as others set it.
            beside = {key: setting[key] for key in ("TransitionDefaultMinimumObjectSize",) if key in setting}
            with aws_errors(f"setting how long objects are kept in the bucket {self.name}"):
                if changed:
                    configuration = {"Rules": changed}
                    self._s3.put_bucket_lifecycle_configuration(
                        Bucket=self.name, LifecycleConfiguration=configuration, **beside
                    )
                else:
                    self._s3.delete_bucket_lifecycle(Bucket=self.name)
        others = keep_rules_of_others(changed, keeping)
        return [
            "the lifecycle has rules of this project for other places than these settings read, which still let "
            f"objects expire there: {', '.join(map(printable, others))}. Remove them if no other installation needs "
            "them"
        ][: len(others)]

    def _rules_to_add(self, rules: Sequence[Rule], why: str) -> str:
        """A warning: what the settings ask for is not done, and the rules that would do it."""
        return (
            "the bucket's lifecycle does not let objects expire as FLOWLAKE_KEEP_LOGS_DAYS and "
            f"FLOWLAKE_KEEP_REPORTS_DAYS say, and is not changed, since {why}. Change these rules there: "
            f"{json.dumps({'Rules': list(rules)})}"
        )

    def _versioning_warnings(self) -> Iterator[str]:
        """A warning about versioning of the bucket of results, which may be another one.

        There is none where the caller may not look at that other one.
        """
        results = self.notes.bucket
        try:
            with aws_errors(f"looking at the versioning of the bucket {results}"):
                status = self._s3.get_bucket_versioning(Bucket=results).get("Status")
        except AccessDeniedError:
            if results == self.name:
                raise
            return
        if status == "Enabled":
            which, advice = ("the bucket", "Results in a bucket of their own (FLOWLAKE_RESULTS) are recommended")
            if results != self.name:
                which, advice = (f"the bucket of results, {results},", "A bucket without versions is recommended")
            yield (
                f"{which} keeps versions: reports and datasets that are replaced stay, and are paid, "
                "as older versions until a lifecycle rule removes those (NoncurrentVersionExpiration), and what Object "
                f"Lock holds at least as long as that. {advice}"
            )

    def _required(self, ours: bool) -> list[Statement]:
        """What the policy has to say."""
        source, partition = self._configured_source(), self.clients.partition
        tls = [tls_only_statement(partition, self.name)] if ours else []
        listed = list(self._listed_sources(source))
        if len(listed) > 1:
            accounts, regions = {one.account for one in listed}, {one.region for one in listed}
            many = delivery_statement_of_many(partition, self.name, accounts, regions, prefix=owner_prefix(source))
            return [many, *tls]
        delivery = delivery_statements(
            partition,
            self.name,
            source.account,
            source.region,
            prefix=owner_prefix(source),
            hive=source.service != PLAIN,
        )
        return [*delivery, *tls]

    def _ensure_policy(self, ours: bool, kept: Policy | None = None) -> None:
        """Let the policy say what is required, and what the policy that is `kept` did.

        S3 has no condition for it: of two that add at once, one may be lost. So a look is taken whether what was put is
        there, and what is not is put again.
        """
        required = self._required(ours)
        for attempt in range(POLICY_PUTS):
            if attempt:
                time.sleep(POLICY_PAUSE)
            current = self._policy()
            if merged(current, [*statements_of(kept), *required]) is None:
                return
            # As it was, with its version, and behind that what has come since.
            policy = merged(kept or current, [*statements_of(current), *required]) or kept
            if policy is not None:
                self._put_policy(policy)
        if merged(self._policy(), [*statements_of(kept), *required]) is not None:
            raise FlowLakeError(
                f"The policy of the bucket {self.name} lacks statements that were put {POLICY_PUTS} times: somebody "
                "else changes it at the same time. Run again when that is done."
            )

    def _put_policy(self, policy: Policy) -> None:
        text = json.dumps(policy, separators=(",", ":"))
        if len(text) > MAX_POLICY_BYTES:
            raise FlowLakeError(
                f"The policy of the bucket {self.name} would have {len(text):,} bytes, and S3 takes "
                f"{MAX_POLICY_BYTES:,}. Name fewer accounts in FLOWLAKE_ACCOUNT_ID, or remove statements from the "
                "policy that a longer list of accounts replaces. The policy was not changed."
            )
        with aws_errors(f"adding to the policy of the bucket {self.name}"):
            self._s3.put_bucket_policy(Bucket=self.name, Policy=text)

    def _requires_tls(self) -> bool:
        return any(
            statement.get("Effect") == "Deny"
            and statement.get("Condition", {}).get("Bool", {}).get("aws:SecureTransport") == "false"
            for statement in statements_of(self._policy())
        )

    def _policy(self) -> dict[str, Any] | None:
        found = self._read("get_bucket_policy", "NoSuchBucketPolicy")
        policy: dict[str, Any] | None = json.loads(found["Policy"]) if found else None
        return policy

    def _read(self, operation: str, absent: str) -> dict[str, Any] | None:
        """One setting of the bucket; None where AWS answers with the error code `absent`."""
        from botocore.exceptions import ClientError

        with aws_errors(f"looking at the bucket {self.name}"):
            try:
                found: dict[str, Any] = getattr(self._s3, operation)(Bucket=self.name)
            except ClientError as error:
                if error_code(error) == absent:
                    return None
                raise
        return found

    @property
    def _s3(self) -> Any:  # noqa: ANN401
        return self.clients.client("s3")


def _tag_list() -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in CREATED_BY.items()]
