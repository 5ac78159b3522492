"""A bucket's lifecycle rules: those that this project creates, and what other rules expire.

Source: "Lifecycle configuration elements", Amazon S3 user guide (2026). Rules are the plain structures that S3 returns.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Rule = Mapping[str, Any]

UPLOAD_DAYS = 1
"""After how many days S3 aborts an unfinished upload. Nothing here writes for longer than some hours."""


def lifecycle_rules(expiring: Mapping[str, int]) -> list[Rule]:
    """Rules that let all objects below each prefix expire after so many days, and that abort unfinished uploads."""
    return [
        *(
            {
                "ID": f"expire-{prefix.strip('/').replace('/', '-')}",
                "Status": "Enabled",
                "Filter": {"Prefix": prefix},
                "Expiration": {"Days": days},
            }
            for prefix, days in sorted(expiring.items())
        ),
        {
            # A query that fails, or that Athena tries again, may leave some ("Working with query results, recent
            # queries, and output files", Athena user guide, 2026).
            "ID": "abort-unfinished-uploads",
            "Status": "Enabled",
            "Filter": {"Prefix": ""},
            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOAD_DAYS},
        },
    ]


def expires(rules: Iterable[Rule], prefix: str) -> bool:
    """Whether every object below the prefix expires some day."""
    # A rule may also expire delete markers only (ExpiredObjectDeleteMarker).
    return any({"Days", "Date"} & rule.get("Expiration", {}).keys() and _covers(rule, prefix) for rule in rules)


def aborts_uploads(rules: Iterable[Rule]) -> bool:
    """Whether every unfinished upload is aborted some day."""
    return any("AbortIncompleteMultipartUpload" in rule and _covers(rule, "") for rule in rules)


def _covers(rule: Rule, prefix: str) -> bool:
    """Whether a rule applies to all objects below the prefix. A rule that selects by tags or sizes does not."""
    chosen = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    chosen = chosen.get("And", chosen)
    everything = chosen.keys() <= {"Prefix"} and prefix.startswith(chosen.get("Prefix", ""))
    return rule["Status"] == "Enabled" and everything
