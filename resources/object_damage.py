"""Finds out whether an object is damaged: all of its bytes are there to be read, and they are no whole gzip or Parquet.

An object that cannot be fetched is not damaged as far as anybody knows.
"""

import gzip
import io

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable, shortened
from resources.bucket import ObjectStore, StoredObject

CHUNK_BYTES = 1 << 20

MAX_WORDS = 200
"""How many characters of a library's message are told."""


def damage_of(store: ObjectStore, stored: StoredObject) -> str | None:
    """Why an object cannot be read to its end by anybody; None where it can, or where nobody knows.

    This reads all of it.
    """
    try:
        data = store.read(stored.key)
    except FlowLakeError:
        return None
    if len(data) != stored.size:  # it was replaced meanwhile
        return None
    if stored.key.endswith(".gz"):
        return _damaged_gzip(data)
    return _damaged_parquet(data) if stored.key.endswith(".parquet") else None


def _damaged_gzip(data: bytes) -> str | None:
    from isal import igzip, isal_zlib

    try:
        with igzip.open(io.BytesIO(data), "rb") as text:  # type: ignore[no-untyped-call]
            while text.read(CHUNK_BYTES):
                pass
    except (EOFError, gzip.BadGzipFile, isal_zlib.error) as error:  # type: ignore[misc]
        return _words(error)
    return None


def _damaged_parquet(data: bytes) -> str | None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(io.BytesIO(data)) as file:
            for _ in file.iter_batches():
                pass
    except (OSError, pa.ArrowException) as error:
        return _words(error)
    return None


def _words(error: BaseException) -> str:
    return shortened(printable(" ".join(str(error).split())), MAX_WORDS)
