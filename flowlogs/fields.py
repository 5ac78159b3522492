"""The fields of a flow log record, as AWS names them and as the table's columns name them.

Source: "Flow log records", Amazon VPC user guide (default format, version 2). The column names and types are those of
AWS's own Athena instructions, which this project keeps to the letter. The layout of objects is in layout.py, SQL in
statements.py.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One field of a record: the table's column, the name in an object's header line, and the Hive type."""

    column: str
    header: str
    type: str


DEFAULT_FIELDS: tuple[Field, ...] = (
    Field("version", "version", "int"),
    Field("account", "account-id", "string"),
    Field("interfaceid", "interface-id", "string"),
    Field("sourceaddress", "srcaddr", "string"),
    Field("destinationaddress", "dstaddr", "string"),
    Field("sourceport", "srcport", "int"),
    Field("destinationport", "dstport", "int"),
    Field("protocol", "protocol", "int"),
    Field("numpackets", "packets", "bigint"),
    Field("numbytes", "bytes", "bigint"),
    Field("starttime", "start", "bigint"),
    Field("endtime", "end", "bigint"),
    Field("action", "action", "string"),
    Field("logstatus", "log-status", "string"),
)

HEADER_LINE = " ".join(field.header for field in DEFAULT_FIELDS)

TIME_COLUMNS = frozenset({"starttime", "endtime"})
"""The columns that hold a time, in seconds since 1970 (UTC)."""

PARTITION_COLUMN = "dt"
"""The day, as text (``2021-01-31``): the table is partitioned by it."""
