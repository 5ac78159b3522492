"""Which objects of a bucket expire by its lifecycle rules, and the rules of a bucket that this project creates.

Source: "Lifecycle configuration elements", Amazon S3 user guide (2026). Rules are the plain structures that S3 tells.
"""

from collections.abc import Iterable, Mapping
from typing import Any

Rule = Mapping[str, Any]

UPLOAD_DAYS = 1
"""How long an upload may take before S3 takes it for given up: nothing here writes for longer than some hours."""


def lifecycle_rules(expiring: Mapping[str, int]) -> list[Rule]:
    """Rules by which all below each of these prefixes expires, after so many days; and unfinished uploads end."""
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
    """Whether every object below the prefix expires one day."""
    # What is left of deleted objects may expire alone (ExpiredObjectDeleteMarker).
    return any({"Days", "Date"} & rule.get("Expiration", {}).keys() and _covers(rule, prefix) for rule in rules)


def aborts_uploads(rules: Iterable[Rule]) -> bool:
    """Whether every upload that is not finished ends one day."""
    return any("AbortIncompleteMultipartUpload" in rule and _covers(rule, "") for rule in rules)


def _covers(rule: Rule, prefix: str) -> bool:
    """Whether a rule is of all objects below the prefix: one that chooses by tags or sizes is not."""
    chosen = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    chosen = chosen.get("And", chosen)
    everything = chosen.keys() <= {"Prefix"} and prefix.startswith(chosen.get("Prefix", ""))
    return rule["Status"] == "Enabled" and everything
