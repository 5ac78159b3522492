"""The audits of `make check`: secrets in files, vulnerabilities of pinned packages. A server here stands in for OSV."""

import json
import os
import runpy
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from support import ROOT

AUDIT, SCAN = ROOT / ".ci" / "audit.py", ROOT / ".ci" / "scan_secrets.py"
PINS = f"""\
click==8.1.7 \\
    --hash=sha256:{"0" * 64}
jinja2==3.1.4 \\
    --hash=sha256:{"1" * 64}
"""
KEY = "AKIA" + "QWERTYUIOPASDFGH"


@contextmanager
def osv(vulnerable: Mapping[str, str]) -> Iterator[str]:
    """A server that knows a vulnerability of these packages, by their names; its address."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            name = asked["package"]["name"]
            fixed = {"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "9.9"}]}
            affected = {"package": {"name": name, "ecosystem": "PyPI"}, "ranges": [fixed]}
            known = {"id": vulnerable.get(name), "aliases": ["CVE-2026-1"], "affected": [affected], "summary": "bad"}
            body = json.dumps({"vulns": [known]} if name in vulnerable else {}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1/query"
    server.shutdown()
    server.server_close()


@pytest.fixture
def pinned(tmp_path: Path) -> Path:
    """A project of pins alone."""
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "dev.txt").write_text(PINS)
    (tmp_path / ".ci").mkdir()
    (tmp_path / ".ci" / "known_vulnerabilities.txt").write_text("# none\n")
    return tmp_path


def run(script: Path, root: Path, **environment: str) -> tuple[int, str]:
    ran = subprocess.run(
        [sys.executable, script, root], env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    return ran.returncode, ran.stdout + ran.stderr


def test_packages_without_known_vulnerabilities_pass(pinned: Path) -> None:
    with osv({}) as address:
        assert run(AUDIT, pinned, OSV_URL=address) == (0, "No known vulnerabilities in 2 packages.\n")


def test_a_known_vulnerability_fails_the_check(pinned: Path) -> None:
    with osv({"jinja2": "PYSEC-2026-7"}) as address:
        code, said = run(AUDIT, pinned, OSV_URL=address)
    assert code == 1
    assert said.startswith("jinja2 3.1.4: ") and "fixed in 9.9" in said


@pytest.mark.parametrize("name", ["PYSEC-2026-7", "CVE-2026-1"])
def test_a_vulnerability_that_is_listed_with_a_reason_passes(pinned: Path, name: str) -> None:
    (pinned / ".ci" / "known_vulnerabilities.txt").write_text(f"jinja2 {name} no template is a user's\n")
    with osv({"jinja2": "PYSEC-2026-7"}) as address:
        assert run(AUDIT, pinned, OSV_URL=address)[0] == 0


def test_a_vulnerability_that_is_listed_without_a_reason_is_an_error(pinned: Path) -> None:
    (pinned / ".ci" / "known_vulnerabilities.txt").write_text("jinja2 PYSEC-2026-7\n")
    code, said = run(AUDIT, pinned, OSV_URL="http://127.0.0.1:9/")
    assert code == 1 and "lacks a part: package, id, and why it cannot be used here" in said


def test_without_a_network_it_is_said_and_passes(pinned: Path) -> None:
    code, said = run(AUDIT, pinned, OSV_URL="http://127.0.0.1:9/v1/query")
    assert code == 0
    assert (
        said.startswith("NOT AUDITED: ")
        and "Whether requirements/dev.txt has known vulnerabilities is not known." in said
    )


def test_pins_that_cannot_be_read_are_an_error(pinned: Path) -> None:
    (pinned / "requirements" / "dev.txt").write_text("jinja2>=3\n")
    code, said = run(AUDIT, pinned, OSV_URL="http://127.0.0.1:9/v1/query")
    assert code == 1 and "cannot be audited" in said


def test_a_package_that_the_service_says_nothing_of_is_not_audited() -> None:
    not_audited: Any = runpy.run_path(str(AUDIT))["not_audited"]
    packages = [{"name": "a", "version": "1", "vulns": []}, {"name": "b", "skip_reason": "not found"}]
    assert not_audited(packages) == ["b"]


def test_a_key_in_a_file_fails_the_check_and_one_that_is_listed_does_not(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text(f'KEY = "{KEY}"\n')
    (tmp_path / ".ci").mkdir()
    code, said = run(SCAN, tmp_path)
    assert code == 1 and said.startswith("settings.py:1: AWS Access Key (")
    assert KEY not in said
    digest = said.partition("(")[2].partition(")")[0]
    (tmp_path / ".ci" / "known_secrets.txt").write_text(f"settings.py {digest} a key of nobody\n")
    assert run(SCAN, tmp_path) == (0, "No secrets in 2 files.\n")
    (tmp_path / ".ci" / "known_secrets.txt").write_text(f"settings.py {digest}\n")
    code, said = run(SCAN, tmp_path)
    assert code == 1 and "lacks a part: file, hash, and why it is no secret" in said


def test_every_secret_that_is_listed_has_a_file() -> None:
    parse_known: Any = runpy.run_path(str(SCAN))["parse_known"]
    known = parse_known((ROOT / ".ci" / "known_secrets.txt").read_text(encoding="utf-8"))
    assert all((ROOT / path).is_file() for path, _ in known)
