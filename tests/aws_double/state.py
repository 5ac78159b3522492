"""What tests set on the double and what it remembers for them: one of each per server process.

Hardly anything but data lives here, so that every part of the double can read it without knowing the others.
"""

import threading
from dataclasses import asdict, dataclass, field, fields
from typing import Any

ACCOUNT = "123456789012"
STRANGER = "999999999999"
"""The account that owns the buckets that belong to somebody else."""


@dataclass
class Settings:
    """What a test can change while the server runs. All as AWS behaves by default."""

    enforce_iam: bool = False
    queued_seconds: float = 0
    running_seconds: float = 0
    scanned_bytes: int | None = None
    """What every SELECT is said to have scanned, to reach a workgroup's limit (10 MB at least) with few records."""
    fail_queries: list[dict[str, str] | None] = field(default_factory=list)
    """How the next queries end, in order: ``{"state": "FAILED", "reason": "…"}``, or None for one that is to succeed.

    An UNLOAD that fails has written all its files by then; any other query is not executed.
    """
    errors: list[dict[str, Any]] = field(default_factory=list)
    """Calls that are refused so many times: ``{"service": "athena", "action": …, "code": …, "count": 2}`` each.

    S3 and EC2 answer 503, which is asked again, unless the error has a ``status`` of its own.
    """
    deliver_logs_status: str = "SUCCESS"
    deliver_logs_error_message: str | None = None
    most_flow_logs: int = 100
    """How many flow logs a resource may have; more are refused one by one, with FlowLogsLimitExceeded."""
    replace_bucket_policy: bool = True
    """CreateFlowLogs replaces the bucket's policy where its caller owns the bucket and may get and put the policy.

    Source: "Amazon S3 bucket permissions for flow logs", VPC user guide (2026): "This policy overwrites any existing
    policy attached to the bucket". False: it is not known whether AWS does where the policy lets the delivery in.
    """


SETTINGS = Settings()
CALLS: list[dict[str, str]] = []
"""Every AWS call since the last reset: service, action, region, access key, expected bucket owner."""

QUERIES: dict[str, Any] = {}
"""Every run of a statement since the last reset, by its id (`query.Query`)."""

TOKENS: dict[str, str] = {}
"""The id of the run that each ClientRequestToken started."""

_lock = threading.Lock()


def change(values: dict[str, Any]) -> None:
    """Set some settings; raises KeyError for one that does not exist."""
    known = {setting.name for setting in fields(Settings)}
    for name, value in values.items():
        if name not in known:
            raise KeyError(name)
        setattr(SETTINGS, name, value)


def reset() -> None:
    change(asdict(Settings()))
    CALLS.clear()
    for query in QUERIES.values():
        query.finish("CANCELLED", "The double was reset.")
    QUERIES.clear()
    TOKENS.clear()


def injected_error(call: dict[str, str]) -> dict[str, Any] | None:
    """The error that this call is to be refused with, if it is."""
    with _lock:
        for error in SETTINGS.errors:
            if error["count"] > 0 and all(call[key] == error[key] for key in ("service", "action")):
                error["count"] -= 1
                return error
    return None


def next_failure() -> dict[str, str] | None:
    with _lock:
        return SETTINGS.fail_queries.pop(0) if SETTINGS.fail_queries else None
