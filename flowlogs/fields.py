"""The fields of a flow log record, as AWS names them and as the tables' columns name them.

Source: "Flow log records", Amazon VPC user guide (2026, versions 2 to 11; version 6 is of transit gateways alone). The
first 14 are the default format; their column names and types are those of AWS's own Athena instructions, which this
project keeps to the letter. Other columns have AWS's names, with underscores. A field that AWS adds is one more line
here. Which fields a flow log has, and in which order, is in record_format.py.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Field:
    """One field of a record: the table's column, the name in an object's header line, and the Hive type.

    `version` is the version of flow logs that brought it.
    """

    column: str
    header: str
    type: str
    version: int = 2

    @property
    def underscored(self) -> str:
        """The name of the field's column in Parquet objects."""
        return self.header.replace("-", "_")


def _text(version: int, header: str) -> Field:
    return Field(header.replace("-", "_"), header, "string", version)


def _number(version: int, header: str) -> Field:
    return Field(header.replace("-", "_"), header, "int", version)


FIELDS: tuple[Field, ...] = (
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
    _text(3, "vpc-id"),
    _text(3, "subnet-id"),
    _text(3, "instance-id"),
    _number(3, "tcp-flags"),
    _text(3, "type"),
    _text(3, "pkt-srcaddr"),
    _text(3, "pkt-dstaddr"),
    _text(4, "region"),
    _text(4, "az-id"),
    _text(4, "sublocation-type"),
    _text(4, "sublocation-id"),
    _text(5, "pkt-src-aws-service"),
    _text(5, "pkt-dst-aws-service"),
    _text(5, "flow-direction"),
    _number(5, "traffic-path"),
    _text(7, "ecs-cluster-arn"),
    _text(7, "ecs-cluster-name"),
    _text(7, "ecs-container-instance-arn"),
    _text(7, "ecs-container-instance-id"),
    _text(7, "ecs-container-id"),
    _text(7, "ecs-second-container-id"),
    _text(7, "ecs-service-name"),
    _text(7, "ecs-task-definition-arn"),
    _text(7, "ecs-task-arn"),
    _text(7, "ecs-task-id"),
    _text(8, "reject-reason"),
    _text(9, "resource-id"),
    _number(10, "encryption-status"),
    _text(11, "instance-tag"),
    _text(11, "instance-tag-2"),
    _text(11, "interface-tag"),
    _text(11, "interface-tag-2"),
    _text(11, "asg-tag"),
    _text(11, "asg-tag-2"),
    _text(11, "interface-type"),
    _text(11, "next-hop-interface-id"),
    _text(11, "next-hop-subnet-id"),
    _text(11, "next-hop-az-id"),
    _text(11, "next-hop-vpc-id"),
    _text(11, "next-hop-interface-type"),
)
"""Every field that a flow log of a VPC, subnet or network interface can have, in the order of AWS's list."""

DEFAULT_FIELDS = FIELDS[:14]

HEADER_LINE = " ".join(field.header for field in DEFAULT_FIELDS)

FIELD_OF: Mapping[str, Field] = {
    **{field.underscored: field for field in FIELDS},
    **{field.header: field for field in FIELDS},
}
"""The field, by its name in a header line or in a Parquet object."""

ADDRESS_HEADERS = frozenset({"srcaddr", "dstaddr", "pkt-srcaddr", "pkt-dstaddr"})
"""The fields that hold an IPv4 or IPv6 address."""

TIME_COLUMNS = frozenset({"starttime", "endtime"})
"""The columns that hold a time, in seconds since 1970 (UTC)."""

PARTITION_COLUMN = "dt"
"""The day, as text (``2021-01-31``): the tables are partitioned by it."""

ACCOUNT_COLUMN, REGION_COLUMN = "aws_account_id", "aws_region"
"""The account and region in whose folder an object lies: columns of derived tables, and of raw tables over several."""

DERIVED_COLUMNS: tuple[tuple[str, str], ...] = (
    *((field.column, field.type) for field in FIELDS),
    (ACCOUNT_COLUMN, "string"),
    (REGION_COLUMN, "string"),
)
"""The columns of derived tables, with their Hive types, whatever the format of the flow logs was."""
