"""Writes simulated records as AWS writes them in Parquet: named columns, typed, compressed with gzip."""

import io
from collections.abc import Mapping, Sequence

from flowlogs.record_format import RecordFormat

_ARROW_TYPES = {"int": "int32", "bigint": "int64", "string": "string"}
_NO_NUMBER = "-"


def parquet_object(records: Sequence[Mapping[str, str]], record_format: RecordFormat) -> bytes:
    """The bytes of an object with these records, each given as texts by the names of its fields."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {}
    for field in record_format.fields:
        texts = [record[field.header] for record in records]
        values = texts if field.type == "string" else [None if text == _NO_NUMBER else int(text) for text in texts]
        columns[field.underscored] = pa.array(values, pa.type_for_alias(_ARROW_TYPES[field.type]))
    written = io.BytesIO()
    pq.write_table(pa.table(columns), written, compression="gzip", store_schema=False)
    return written.getvalue()


def parquet_records(data: bytes) -> object:
    """What a Parquet object holds, to compare it with another; None where it is none."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        return pq.read_table(io.BytesIO(data)).to_pydict()
    except (OSError, pa.ArrowException):
        return None
