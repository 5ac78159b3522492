"""Looks for passwords and keys in the project's files with detect-secrets.

It fails for any that known_secrets.txt does not list.
"""

import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from detect_secrets import SecretsCollection
from detect_secrets.settings import default_settings

ROOT = Path(__file__).resolve().parent.parent
KNOWN = Path(".ci/known_secrets.txt")

# Random text is in many test data. What has the form of a key, or is called a password, is found without these.
LEFT_OUT_PLUGINS = ("Base64HighEntropyString", "HexHighEntropyString")
VERIFICATION = "detect_secrets.filters.common.is_ignored_due_to_verification_policies"
"""The filter that asks the service of a key whether it is one."""

LEFT_OUT_FILES = ("requirements/*", "*.png")


def parse_known(text: str) -> set[tuple[str, str]]:
    """The files and hashes that are listed. A line without a reason is an error."""
    known = set()
    for line in text.splitlines():
        if line and not line.startswith("#"):
            path, digest, reason = [*line.split(maxsplit=2), "", ""][:3]
            if not reason:
                raise SystemExit(f"{KNOWN}: {line!r} lacks a part: file, hash, and why it is no secret.")
            known.add((path, digest))
    return known


def unknown_secrets(found: Mapping[str, list[dict[str, object]]], known: Iterable[tuple[str, str]]) -> list[str]:
    """A line for each secret that is not listed: where it is, what it is, and its hash."""
    listed = set(known)
    return [
        f"{path}:{one['line_number']}: {one['type']} ({one['hashed_secret']})"
        for path, secrets in sorted(found.items())
        for one in secrets
        if (path, str(one["hashed_secret"])) not in listed
    ]


def project_files(root: Path) -> list[str]:
    """The files that Git knows of; without Git, all that are not hidden, made or installed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        names = [name for name in listed.stdout.decode().split("\0") if name and (root / name).is_file()]
    else:
        paths = [path.relative_to(root) for path in sorted(root.rglob("*")) if path.is_file()]
        names = [path.as_posix() for path in paths if path.parts[0] != "data" and not path.parts[0].startswith(".v")]
    return [name for name in names if not any(Path(name).match(pattern) for pattern in LEFT_OUT_FILES)]


def scan(root: Path, files: Iterable[str]) -> dict[str, list[dict[str, object]]]:
    """What detect-secrets finds in these files, by file."""
    # In this process: the command has a pool of processes, and waits for ever if one of them is killed.
    with default_settings() as settings:
        settings.disable_plugins(*LEFT_OUT_PLUGINS)
        settings.disable_filters(VERIFICATION)
        found = SecretsCollection(root=str(root))
        for name in files:
            found.scan_file(name)
        result: dict[str, list[dict[str, object]]] = found.json()
    return result


def main(root: Path) -> int:
    """Scan the project; returns the exit code."""
    files = project_files(root)
    known = root / KNOWN
    unknown = unknown_secrets(
        scan(root, files), parse_known(known.read_text(encoding="utf-8") if known.exists() else "")
    )
    for line in unknown:
        print(line)
    if unknown:
        print(f"Take these out of the files, and change what was published. What is none is a line in {KNOWN}.")
        return 1
    print(f"No secrets in {len(files)} files.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT))
