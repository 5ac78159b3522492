"""AWS for tests: moto's S3, EC2, Glue, STS and IAM behind real HTTP, with an Athena that really executes.

As a command (``python -m tests.aws_double --port 5555``) it serves until it is interrupted; `AwsDouble` starts that
command and controls it. The control API is HTTP and JSON on the same port:

- ``POST /double/reset``: as at the start; nothing of what was created is left.
- ``POST /double/settings {name: value, …}``: see `state.Settings`.
- ``GET /double/calls``, ``GET /double/queries``: every AWS call, every statement since the last reset.
- ``POST /double/user {"name", "region", "policies": […]}``: an IAM user with these policies; returns its keys.
- ``POST /double/foreign-bucket {"name", "region", …}``: a bucket that belongs to somebody else.
"""

import argparse
import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .state import ACCOUNT

ROOT = Path(__file__).resolve().parents[2]


class AwsDouble:
    """A running double. `environment` is what boto3 needs to talk to it as its administrator."""

    def __init__(self, region: str = "us-east-1") -> None:
        command = [sys.executable, "-m", "tests.aws_double", "--port", "0", "--until-end-of-input"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True)
        self.url = self._process.stdout.readline().strip()
        if not self.url:
            raise RuntimeError("the double of AWS did not start")
        self.region = region
        self.account = ACCOUNT
        self._clients: dict[str, Any] = {}

    @property
    def environment(self) -> dict[str, str]:
        return self.environment_of({"AccessKeyId": "AKIAADMINISTRATOR000", "SecretAccessKey": "secret"})

    def environment_of(self, keys: Mapping[str, str]) -> dict[str, str]:
        """The environment of a user that `user` made."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
            "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        }

    def client(self, service: str) -> Any:
        """The administrator's client, whoever the environment says is calling."""
        if service not in self._clients:
            import boto3

            names = {"AWS_ACCESS_KEY_ID": "aws_access_key_id", "AWS_SECRET_ACCESS_KEY": "aws_secret_access_key"}
            keys = {parameter: self.environment[name] for name, parameter in names.items()}
            self._clients[service] = boto3.client(service, region_name=self.region, endpoint_url=self.url, **keys)
        return self._clients[service]

    def set(self, **settings: Any) -> None:
        self._send("settings", settings)

    def calls(self, *actions: str) -> list[dict[str, str]]:
        """The AWS calls since the last reset, in order; only these ``service:Action``, if any are named."""
        return [c for c in self._send("calls") if not actions or f"{c['service']}:{c['action']}" in actions]

    def queries(self) -> list[dict[str, Any]]:
        """The statements since the last reset, in order, each as GetQueryExecution tells it, with its ``Caller``."""
        return self._send("queries")

    def user(self, name: str, *policies: Mapping[str, Any]) -> dict[str, str]:
        """A new user's AccessKeyId and SecretAccessKey."""
        return self._send("user", {"name": name, "region": self.region, "policies": policies})

    def foreign_bucket(self, name: str, **others: str) -> None:
        """A bucket of another `account` (of nobody's that we know, if none is named), `open_to` an account."""
        self._send("foreign-bucket", {"name": name, "region": self.region, **others})

    def reset(self) -> None:
        self._send("reset", {})

    def stop(self) -> None:
        self._process.kill()  # it has nothing to put away
        self._process.wait()

    def _send(self, what: str, data: Any = None) -> Any:
        body = None if data is None else json.dumps(data).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/double/{what}", body)) as answer:
            return json.load(answer)


def application() -> Callable[[dict[str, Any], Callable], Iterable[bytes]]:
    """The WSGI application: control, a log of calls, injected errors, and moto for the rest."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from . import athena, moto_gaps, permissions, state
    from .wire import describe_call, error_body

    for part in (athena, moto_gaps, permissions):
        part.install()
    aws = DomainDispatcherApplication(create_backend_app)
    controls = {
        "settings": lambda data: state.change(data),
        "calls": lambda _: state.CALLS,
        "queries": lambda _: athena.queries(),
        "user": lambda data: permissions.create_user(data["name"], data["region"], data["policies"]),
        "foreign-bucket": lambda data: moto_gaps.create_foreign_bucket(**data),
        "reset": lambda _: _reset(),
    }

    def serve(environ: dict[str, Any], start_response: Callable) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path.startswith("/double/"):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            answer = json.dumps(controls[path.removeprefix("/double/")](json.loads(body or "{}")))
            start_response("200 OK", [("Content-Type", "application/json")])
            return [answer.encode()]
        call = describe_call(environ)
        state.CALLS.append(call)
        if error := state.injected_error(call):
            code = str(error["code"])
            status = "503 Service Unavailable" if call["service"] in ("s3", "ec2") else "400 Bad Request"
            status = error.get("status", status)
            start_response(status, [("Content-Type", "application/x-amz-json-1.1"), ("x-amzn-ErrorType", code)])
            return [error_body(call["service"], code, "Rate exceeded").encode()]
        if refused := moto_gaps.refused_by_s3(call, environ):
            status, headers, body = refused
            start_response(status, headers)
            return [b"" if environ["REQUEST_METHOD"] == "HEAD" else body]
        return aws(environ, start_response)

    def _reset() -> None:
        from moto.moto_api._internal.models import moto_api_backend

        state.reset()
        moto_api_backend.reset()

    return serve


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="AWS for tests, on this machine.")
    parser.add_argument("--port", type=int, default=5555, help="0: any that is free")
    parser.add_argument("--until-end-of-input", action="store_true", help="end with the process that started this one")
    options = parser.parse_args(arguments)
    if options.until_end_of_input:
        threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    # moto reads these when it is imported: no access to the buckets of other accounts, no machine images to load.
    os.environ |= {"MOTO_S3_ALLOW_CROSSACCOUNT_ACCESS": "false", "MOTO_EC2_LOAD_DEFAULT_AMIS": "false"}
    from moto.moto_server.werkzeug_app import MotoRequestHandler
    from werkzeug.serving import make_server

    class QuietHandler(MotoRequestHandler):
        def log_request(self, *_: Any) -> None:
            """Calls are asked for, not printed."""

    server = make_server("127.0.0.1", options.port, application(), threaded=True, request_handler=QuietHandler)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
