"""Audits all pinned packages with pip-audit, which asks OSV (osv.dev) for known vulnerabilities.

Without a network nothing is known: it says so and passes, so that the checks work on any machine. CI shows the line.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
KNOWN = Path(".ci/known_vulnerabilities.txt")
PINS = "requirements/dev.txt"  # it has the pins of the others, too
OSV = os.environ.get("OSV_URL", "https://api.osv.dev/v1/query")

NOT_AUDITED = "NOT AUDITED"

UNREACHABLE = ("ConnectionError", "Timeout", "SSLError", "ProxyError", "ServiceError", "ConnectionRefusedError")
"""What the last line of an error names where OSV cannot be asked. Any other error is one of the pins."""


def parse_known(text: str) -> set[tuple[str, str]]:
    """The packages and ids that are listed. A line without a reason is an error."""
    known = set()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            package, vulnerability, reason = [*line.split(maxsplit=2), "", ""][:3]
            if not reason:
                raise SystemExit(f"{KNOWN}: {line!r} lacks a part: package, id, and why it cannot be used here.")
            known.add((package, vulnerability))
    return known


def unknown_vulnerabilities(packages: Sequence[Mapping[str, Any]], known: Iterable[tuple[str, str]]) -> list[str]:
    """A line for each vulnerability that is listed under none of its ids."""
    listed = set(known)
    return [
        f"{package['name']} {package['version']}: {found['id']}, fixed in {', '.join(found['fix_versions']) or 'none'}"
        for package in packages
        for found in package.get("vulns", ())
        if not any((package["name"], name) in listed for name in (found["id"], *found.get("aliases", ())))
    ]


def not_audited(packages: Sequence[Mapping[str, Any]]) -> list[str]:
    """The packages of which the service said nothing."""
    return [str(package["name"]) for package in packages if "skip_reason" in package]


def audit(pins: Path) -> tuple[list[dict[str, Any]], str]:
    """What pip-audit says of each package; and why it says nothing, where it does not."""
    command = [Path(sys.executable).parent / "pip-audit", "--vulnerability-service", "osv", "--osv-url", OSV]
    command += ["--require-hashes", "--disable-pip", "--requirement", pins, "--format", "json"]
    ran = subprocess.run(
        [*command, "--progress-spinner", "off", "--timeout", "10"], capture_output=True, text=True, check=False
    )
    try:
        packages: list[dict[str, Any]] = json.loads(ran.stdout)["dependencies"]
    except ValueError:
        last = (ran.stderr.strip().splitlines() or [f"pip-audit ended with {ran.returncode}"])[-1]
        if not any(name in last for name in UNREACHABLE):
            raise SystemExit(f"{pins} cannot be audited: {last}") from None
        return [], last
    return packages, ""


def main(root: Path) -> int:
    """Audit the pinned packages; returns the exit code."""
    known = parse_known((root / KNOWN).read_text(encoding="utf-8"))
    packages, reason = audit(root / PINS)
    skipped = not_audited(packages)
    vulnerable = unknown_vulnerabilities(packages, known)
    for line in vulnerable:
        print(line)
    if vulnerable:
        print(f"Pin a version without these (make lock), or say in {KNOWN} why they cannot be used here.")
        return 1
    if reason or skipped:
        print(f"{NOT_AUDITED}: {reason or ', '.join(skipped)}. Whether {PINS} has known vulnerabilities is not known.")
        return 0
    print(f"No known vulnerabilities in {len(packages)} packages.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT))
