"""A bucket's lifecycle rules: those that this project creates, and what other rules expire.

Source: "Lifecycle configuration elements", Amazon S3 user guide (2026). Rules are the plain structures that S3 returns.
"""

import hashlib
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


def expires(rules: Iterable[Rule], prefix: str, within: int | None = None) -> bool:
    """Whether every object below the prefix expires some day; with `within`, after no more than so many days."""
    # A rule may also expire delete markers only (ExpiredObjectDeleteMarker).
    return any(
        {"Days", "Date"} & (expiration := rule.get("Expiration", {})).keys()
        and (within is None or expiration.get("Days", within) <= within)
        and _covers(rule, prefix)
        for rule in rules
    )


KEEP_ID = "vpc-flow-lake-keep-"
"""How the IDs of the rules begin that let logs and reports expire, as the settings say. A digest of the prefix ends an
ID: a rule of this project for another prefix may be another installation's."""


def keep_rules(keeping: Mapping[str, int | None]) -> list[Rule]:
    """The rules that let objects below each prefix expire after so many days; none for a prefix with None."""
    return [
        {"ID": _keep_id(prefix), "Status": "Enabled", "Filter": {"Prefix": prefix}, "Expiration": {"Days": days}}
        for prefix, days in sorted(keeping.items())
        if days is not None
    ]


def with_keep_rules(rules: Iterable[Rule], keeping: Mapping[str, int | None]) -> list[Rule]:
    """A bucket's rules with those of `keep_rules`: added, changed, or removed. All others stay as they are."""
    own = {_keep_id(prefix) for prefix in keeping}
    wanted = {rule["ID"]: rule for rule in keep_rules(keeping)}
    found = [wanted.pop(rule["ID"], None) if rule.get("ID") in own else rule for rule in rules]
    return [*(rule for rule in found if rule is not None), *wanted.values()]


def keep_rules_of_others(rules: Iterable[Rule], keeping: Mapping[str, int | None]) -> list[str]:
    """The prefixes of such rules that are for other prefixes than these."""
    own = {_keep_id(prefix) for prefix in keeping}
    others = [rule for rule in rules if rule.get("ID", "").startswith(KEEP_ID) and rule["ID"] not in own]
    return sorted(rule.get("Filter", {}).get("Prefix", "") for rule in others)


def are_of_the_older_kind(rules: Iterable[Rule]) -> bool:
    """Whether some have their prefix outside of a filter. S3 takes no rules of both kinds in one configuration."""
    return any("Filter" not in rule for rule in rules)


def _keep_id(prefix: str) -> str:
    return f"{KEEP_ID}{hashlib.sha256(prefix.encode()).hexdigest()[:12]}"


def aborts_uploads(rules: Iterable[Rule]) -> bool:
    """Whether every unfinished upload is aborted some day."""
    return any("AbortIncompleteMultipartUpload" in rule and _covers(rule, "") for rule in rules)


def _covers(rule: Rule, prefix: str) -> bool:
    """Whether a rule applies to all objects below the prefix. A rule that selects by tags or sizes does not."""
    chosen = rule.get("Filter", {"Prefix": rule.get("Prefix", "")})
    chosen = chosen.get("And", chosen)
    everything = chosen.keys() <= {"Prefix"} and prefix.startswith(chosen.get("Prefix", ""))
    return rule["Status"] == "Enabled" and everything
