"""An object store in S3, below a prefix of a bucket. What the bucket is set up for is in bucket.py."""

import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, BinaryIO

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable
from resources.aws.clients import AwsClients, aws_errors, error_code
from resources.bucket import FolderListing, ObjectStore, StoredObject

ARCHIVED = {"GLACIER", "DEEP_ARCHIVE"}
"""The storage classes whose objects Athena skips without an error ("Amazon S3 Glacier", Athena user guide, 2026)."""

_MD5 = re.compile('"?[0-9a-f]{32}"?')

MAX_KEYS_PER_DELETE = 1_000
"""How many objects DeleteObjects takes ("DeleteObjects", Amazon S3 API reference)."""


class S3Store(ObjectStore):
    """Objects under ``s3://<bucket>/<prefix>``; `prefix` is empty or ends in a slash.

    An ETag is a digest of an object's bytes unless KMS encrypted it or it was put in parts. No listing tells whether
    KMS did: the answers to first looks do.
    """

    most_compared = 500

    def __init__(self, clients: AwsClients, bucket: str, prefix: str = "") -> None:
        self.clients = clients
        self.bucket = bucket
        self.prefix = prefix
        self._encrypts_with_kms = False

    def display_path(self, key: str = "") -> str:
        return printable(self.sql_location(key))

    def sql_location(self, key: str = "") -> str:
        return f"s3://{self.bucket}/{self.prefix}{key}"

    def list(self, prefix: str) -> Iterator[StoredObject]:
        with aws_errors(f"listing {self.display_path(prefix)}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=self.prefix + prefix)
            for page in pages:
                for found in page.get("Contents", []):
                    archived = found.get("StorageClass") in ARCHIVED
                    key = found["Key"].removeprefix(self.prefix)
                    etag, modified = found["ETag"], found["LastModified"]
                    yield StoredObject(key, found["Size"], archived, etag, etag.strip('"'), modified)

    def list_folder(self, prefix: str) -> FolderListing:
        keys, folders = list[str](), list[str]()
        with aws_errors(f"listing {self.display_path(prefix)}"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(
                Bucket=self.bucket, Prefix=self.prefix + prefix, Delimiter="/"
            )
            for page in pages:
                keys += [found["Key"].removeprefix(self.prefix) for found in page.get("Contents", [])]
                folders += [found["Prefix"].removeprefix(self.prefix) for found in page.get("CommonPrefixes", [])]
        return FolderListing(keys, folders)

    def open(self, key: str) -> BinaryIO:
        return io.BytesIO(self.read(key))

    def read(self, key: str) -> bytes:
        with aws_errors(f"reading {self.display_path(key)}"):
            data, _ = self._get(key)
            return data

    def head(self, key: str, size: int) -> bytes:
        from botocore.exceptions import ClientError

        with aws_errors(f"reading {self.display_path(key)}"):
            try:
                data, first = self._get(key, Range=f"bytes=0-{size - 1}")
            except ClientError as error:
                # An empty object has no range at all.
                if error_code(error) == "InvalidRange":
                    return b""
                raise
            self._encrypts_with_kms |= "kms" in first.get("ServerSideEncryption", "")
            return data

    def tail(self, stored: StoredObject, size: int) -> bytes:
        if not stored.size:
            return b""
        with aws_errors(f"reading {self.display_path(stored.key)}"):
            data, last = self._get(stored.key, Range=f"bytes=-{size}")
            self._encrypts_with_kms |= "kms" in last.get("ServerSideEncryption", "")
            return data

    def possible_copies(self, alike: Sequence[StoredObject]) -> Sequence[StoredObject]:
        # The ETag of an object is the MD5 of its bytes, unless it was uploaded in parts or KMS encrypts it ("Object",
        # Amazon S3 API reference).
        if self._encrypts_with_kms or not all(_MD5.fullmatch(stored.version) for stored in alike):
            return alike
        counts = Counter(stored.version for stored in alike)
        return [stored for stored in alike if counts[stored.version] > 1]

    def is_identical(self, one: StoredObject, other: StoredObject) -> bool:
        return one.size == other.size and one.version == other.version

    def replace(self, files: Mapping[str, bytes]) -> None:
        for key, data in files.items():
            with aws_errors(f"writing {self.display_path(key)}"):
                self._s3.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=data)

    def add(self, files: Mapping[str, bytes]) -> None:
        from botocore.exceptions import ClientError

        for key, data in files.items():
            with aws_errors(f"writing {self.display_path(key)}"):
                try:
                    # S3 itself decides who is first ("Conditional writes", Amazon S3 user guide, 2026).
                    self._s3.put_object(Bucket=self.bucket, Key=self.prefix + key, Body=data, IfNoneMatch="*")
                except ClientError as error:
                    if error_code(error) != "PreconditionFailed":
                        raise

    def delete(self, keys: Iterable[str]) -> None:
        waiting = iter(keys)
        while batch := tuple(islice(waiting, MAX_KEYS_PER_DELETE)):
            with aws_errors(f"removing {self.display_path(batch[0])}"):
                answer = self._s3.delete_objects(
                    Bucket=self.bucket,
                    Delete={"Objects": [{"Key": self.prefix + key} for key in batch], "Quiet": True},
                )
            for failed in answer.get("Errors", []):
                raise FlowLakeError(
                    f"{self.display_path(failed['Key'].removeprefix(self.prefix))} cannot be removed: "
                    f"{failed['Code']}: {printable(failed['Message'])}. "
                    "If access is denied, grant s3:DeleteObject there to the caller."
                )

    def _get(self, key: str, **more: str) -> tuple[bytes, Mapping[str, Any]]:
        """An object's bytes, or those of a range, and S3's answer. Where the connection breaks off, it asks once more.

        Botocore asks again until an answer begins, and not where one breaks off.
        """
        from botocore.exceptions import HTTPClientError, IncompleteReadError

        for is_last in (False, True):
            answer = self._s3.get_object(Bucket=self.bucket, Key=self.prefix + key, **more)
            try:
                # Not in a `with` block: that reads the connection itself, without looking whether all has come.
                return answer["Body"].read(), answer
            except (HTTPClientError, IncompleteReadError):
                if is_last:
                    raise
        raise AssertionError("unreachable")

    @property
    def _s3(self) -> Any:  # noqa: ANN401
        return self.clients.client("s3")
