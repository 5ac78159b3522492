"""AWS's wire formats, as far as the double has to know them itself: who calls what, and how an error is written.

Every other answer is written by moto.
"""

import io
import json
import re
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import xmltodict
from moto.core.request import Request
from moto.core.routing import get_service_router
from werkzeug.exceptions import HTTPException

_CREDENTIAL = re.compile(r"Credential=([^/]+)/\d+/([^/]+)/([^/]+)/aws4_request")


def describe_call(environ: dict[str, Any]) -> dict[str, str]:
    """The service, action, region, access key and expected bucket owner of a request; its body can still be read."""
    credential = _CREDENTIAL.search(environ.get("HTTP_AUTHORIZATION", ""))
    if credential is None:
        return {"service": "", "action": environ["PATH_INFO"], "region": "", "access_key": "", "owner": ""}
    access_key, region, service = credential.groups()
    if "HTTP_X_AMZ_TARGET" in environ:
        action = environ["HTTP_X_AMZ_TARGET"].rpartition(".")[2]
    elif service == "s3":
        action = get_service_router("s3").match(Request(environ))[0].name
    else:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = io.BytesIO(body)
        action = parse_qs(body.decode()).get("Action", [""])[0]
    owner = environ.get("HTTP_X_AMZ_EXPECTED_BUCKET_OWNER", "")
    return {"service": service, "action": action, "region": region, "access_key": access_key, "owner": owner}


def tags_of_new_bucket(body: bytes) -> dict[str, str]:
    """The tags in the body of a CreateBucket, which moto passes over."""
    configuration = xmltodict.parse(body, force_list=["Tag"])["CreateBucketConfiguration"] if body else {}
    return {tag["Key"]: tag["Value"] for tag in (configuration.get("Tags") or {}).get("Tag", [])}


def error_body(service: str, code: str, message: str) -> str:
    """An error as the service writes it (Smithy's awsJson1_1, ec2Query, restXml and awsQuery protocols)."""
    parts = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if service == "ec2":
        return f"<Response><Errors><Error>{parts}</Error></Errors><RequestID>1</RequestID></Response>"
    if service == "s3":
        return f"<Error>{parts}<RequestId>1</RequestId></Error>"
    if service in ("iam", "sts", "sns"):
        return f"<ErrorResponse><Error><Type>Sender</Type>{parts}</Error><RequestId>1</RequestId></ErrorResponse>"
    return json.dumps({"__type": code, "message": message})


class Refusal(HTTPException):
    """An error that ends a call, to be raised inside moto's handlers."""

    def __init__(self, service: str, code: str, message: str, status: int = 400) -> None:
        super().__init__(error_body(service, code, message))
        self.code = status
