"""A bucket in the double of AWS, reached through a proxy that cuts connections."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from string import Template
from typing import Any

from pipelines.settings import PROJECT_ROOT, Settings
from tests.aws_double.server import AwsDouble
from torture.cutting_proxy import CuttingProxy
from torture.world import World, without_random_parts

BUCKET = "company-vpc-flow-logs"
LOGS = "AWSLogs/"


class AwsWorld(World):
    """The aws target. `user` is the caller with all permissions that the project's policy gives."""

    target = "aws"

    def __init__(self) -> None:
        super().__init__()
        self.aws = AwsDouble()
        self.proxy = CuttingProxy(self.aws.url)
        self.settings = Settings(target="aws", bucket=BUCKET)
        self.s3 = self.aws.client("s3")
        self.caller: Mapping[str, str] = self.aws.environment
        self.actions: list[str] = []
        self.is_enforced = False
        self.errors: list[dict[str, Any]] = []
        self.own_calls: Counter[str] = Counter()
        self._users = 0

    def environment(self) -> Mapping[str, str]:
        return {**self.caller, "AWS_ENDPOINT_URL": self.proxy.url, "AWS_MAX_ATTEMPTS": "3"}

    def in_child(self) -> None:
        import boto3

        boto3.DEFAULT_SESSION = None

    def _empty(self) -> None:
        self.aws.reset()
        self.is_enforced = False
        self.errors = []
        self.own_calls.clear()
        self.caller = self.aws.environment
        self.s3.create_bucket(Bucket=BUCKET)

    @contextmanager
    def as_administrator(self) -> Iterator[None]:
        """What the world itself does in the block is allowed and not throttled, also while runs are."""
        self.aws.set(enforce_iam=False, errors=[])
        yield
        self.aws.set(enforce_iam=self.is_enforced, errors=self.errors)

    def fail_calls(self, errors: list[dict[str, Any]]) -> None:
        """Let calls fail with these errors from now on; with none, let all succeed."""
        self.errors = errors
        self.aws.set(errors=errors)

    def _put(self, key: str, data: bytes) -> None:
        with self.as_administrator():
            self.s3.put_object(Bucket=BUCKET, Key=key, Body=data)
            self.own_calls["s3:PutObject"] += 1

    def objects(self, prefix: str = "") -> list[dict[str, Any]]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=BUCKET, Prefix=prefix)
        return [item for page in pages for item in page.get("Contents", [])]

    def files(self, prefix: str) -> dict[str, bytes]:
        keys = [item["Key"] for item in self.objects(prefix)]
        return {key: self.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() for key in keys}

    def names(self) -> Counter[str]:
        found = Counter(without_random_parts(item["Key"]) for item in self.objects() if not _is_log(item["Key"]))
        uploads = self.s3.list_multipart_uploads(Bucket=BUCKET).get("Uploads", [])
        found += Counter(f"upload {without_random_parts(item['Key'])}" for item in uploads)
        glue = self.aws.client("glue")
        for database in glue.get_databases()["DatabaseList"]:
            for table in glue.get_tables(DatabaseName=database["Name"])["TableList"]:
                found[f"table {database['Name']}.{table['Name']}"] += 1
                of_table = {"DatabaseName": database["Name"], "TableName": table["Name"]}
                for page in glue.get_paginator("get_partitions").paginate(**of_table):
                    found += Counter(f"partition {table['Name']} {part['Values']}" for part in page["Partitions"])
        return found

    def foreign_changes(self) -> list[str]:
        # Athena itself leaves a placeholder where a partition's folder does not exist ("ALTER TABLE ADD PARTITION").
        logs = [item for item in self.objects(LOGS) if not item["Key"].endswith("_$folder$")]
        there = {item["Key"]: item for item in logs}
        delivered = self.deliveries.objects
        differing = there.keys() ^ delivered.keys()
        same = there.keys() & delivered.keys() - self.deliveries.half
        return sorted(differing | {key for key in same if there[key]["Size"] != len(delivered[key].data)})

    def keep(self, folder: Path) -> None:
        for item in self.objects():
            path = folder / "bucket" / item["Key"]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self.s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read())
        (folder / "calls.json").write_text(json.dumps(self.aws.calls(), indent=1))
        (folder / "queries.json").write_text(json.dumps(self.aws.queries(), indent=1, default=str))

    def on_calibrated(self) -> None:
        self.actions = sorted({f"{call['service']}:{call['action']}" for call in self.aws.calls()})

    def stop(self) -> None:
        self.proxy.stop()
        self.aws.stop()

    # What faults do.

    def become(self, without: str = "") -> None:
        """From here on, runs have the permissions of deploy/iam-policy.json alone, but for this action."""
        self._users += 1
        keys = self.aws.user(f"tortured-{self._users}", policy(without))
        self.caller = self.aws.environment_of(keys)

    def enforce(self) -> None:
        """From here on, the double looks at permissions."""
        self.is_enforced = True
        self.aws.set(enforce_iam=True)

    def become_administrator(self) -> None:
        self.is_enforced = False
        self.aws.set(enforce_iam=False)
        self.caller = self.aws.environment


def _is_log(key: str) -> bool:
    return key.startswith(LOGS)


def policy(without: str = "") -> dict[str, Any]:
    """The project's policy without this action."""
    names = {
        "BUCKET": BUCKET,
        "ACCOUNT_ID": "123456789012",
        "PARTITION": "aws",
        "REGION": "us-east-1",
        "WORKGROUP": "vpc-flow-lake",
        "DATABASE": "vpc_flow_lake",
        "TABLE": "vpc_flow_logs",
    }
    text = (PROJECT_ROOT / "deploy" / "iam-policy.json").read_text(encoding="utf-8")
    document: dict[str, Any] = json.loads(Template(text).substitute(names))
    for statement in document["Statement"]:
        actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        statement["Action"] = [action for action in actions if action != without]
    document["Statement"] = [statement for statement in document["Statement"] if statement["Action"]]
    return document
