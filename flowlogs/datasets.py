"""The datasets that are made from a day's records in one scan: their columns, and how each is computed.

`rejected_flows` has a row for each REJECT record. The other two sum up all records of the day, also those that were
accepted, so that reports read little. All datasets have the same columns whatever the flow logs' format is.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from flowlogs.addresses import is_internet_sql
from flowlogs.fields import (
    ACCOUNT_COLUMN,
    ADDRESS_HEADERS,
    FIELD_OF,
    FIELDS,
    PARTITION_COLUMN,
    REGION_COLUMN,
    Field,
)

DATASET_COLUMN = "dataset"
"""The column by which one UNLOAD separates the datasets that it writes."""

FIRST_EPHEMERAL_PORT = 32_768
"""Where the ports begin that Linux gives to clients (``net.ipv4.ip_local_port_range``): a service listens below it."""


@dataclass(frozen=True)
class Computed:
    """A column that is computed from a record: its name, its Hive type, and Trino's expression.

    `{srcport}` in the expression is the column of that field, by the field's name with underscores.
    """

    column: str
    type: str
    expression: str


Key = Field | Computed


def _by_service(destination: str, source: str) -> str:
    """An expression that is one of these, by which end of the traffic is a service; else NULL."""
    return (
        f"CASE WHEN {{dstport}} < {FIRST_EPHEMERAL_PORT} AND ({{srcport}} IS NULL OR {{dstport}} <= {{srcport}}) "
        f"THEN {destination} WHEN {{srcport}} < {FIRST_EPHEMERAL_PORT} THEN {source} END"
    )


SERVICE_PORT = Computed("serviceport", "int", _by_service("{dstport}", "{srcport}"))
SERVICE_END = Computed("service_end", "string", _by_service("'destination'", "'source'"))
HOUR = Computed("hour", "int", "CAST({start} % 86400 / 3600 AS integer)")


@dataclass(frozen=True)
class Sum:
    """A column that sums up the records of a group: its name, and Trino's aggregate of the columns of DERIVED_COLUMNS.

    Its Hive type is bigint.
    """

    column: str
    aggregate: str
    field: Field | None = None


_RECORDS = Sum("records", "count(*)")
_PACKETS = Sum("numpackets", "sum(numpackets)", FIELD_OF["packets"])
_BYTES = Sum("numbytes", "sum(numbytes)", FIELD_OF["bytes"])
_START = Sum("starttime", "min(starttime)", FIELD_OF["start"])
_END = Sum("endtime", "max(endtime)", FIELD_OF["end"])


@dataclass(frozen=True)
class Dataset:
    """A dataset: the name of its table and asset, what it is in words, and its columns.

    With `sums`, the records of the same `keys` are one row, which sums them up. Without, each record is a row. Each row
    has also the account and the region of its folder. `action`: only records with this action are in it.
    """

    name: str
    description: str
    keys: tuple[Key, ...]
    sums: tuple[Sum, ...] = ()
    action: str | None = None

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """The columns of the dataset's table, without the day, with their Hive types."""
        return tuple(self._columns())

    def _columns(self) -> Iterator[tuple[str, str]]:
        owner = ((ACCOUNT_COLUMN, "string"), (REGION_COLUMN, "string"))
        if self.sums:
            yield from owner
        yield from ((key.column, key.type) for key in self.keys)
        yield from ((found.column, "bigint") for found in self.sums)
        if not self.sums:
            yield from owner

    @property
    def partitioned_columns(self) -> tuple[tuple[str, str], ...]:
        """The same with the day."""
        return (*self.columns, (PARTITION_COLUMN, "string"))


def coarser(dataset: Dataset) -> Dataset:
    """The dataset with each IPv4 address of the internet as its network of 256 addresses, such as ``203.0.113.0/24``.

    A sum of so many records that an engine runs out of resources has fewer rows then. A dataset of records stays as it
    is.
    """
    if not dataset.sums:
        return dataset
    return replace(dataset, keys=tuple(_network(key) if _is_address(key) else key for key in dataset.keys))


def _is_address(key: Key) -> bool:
    return isinstance(key, Field) and key.header in ADDRESS_HEADERS


def _network(key: Key) -> Computed:
    assert isinstance(key, Field)
    place = f"{{{key.underscored}}}"
    return Computed(
        key.column,
        key.type,
        f"CASE WHEN {place} LIKE '%.%' AND {is_internet_sql(place)} "
        f"THEN regexp_replace({place}, '[.][0-9]+$', '.0/24') ELSE {place} END",
    )


def _fields(*headers: str) -> tuple[Field, ...]:
    return tuple(FIELD_OF[header] for header in headers)


REJECTED_FLOWS = Dataset(
    "rejected_flows",
    "The day's REJECT records, every field, as Parquet. Each row is one record.",
    FIELDS,
    action="REJECT",
)

TRAFFIC_SUMMARY = Dataset(
    "traffic_summary",
    "All of the day's traffic, summed up by who talked to whom. serviceport is the port of the end that is a service: "
    f"the lower of the two below {FIRST_EPHEMERAL_PORT}. service_end says which end that is: source or destination.",
    (
        *_fields("interface-id", "srcaddr", "dstaddr"),
        SERVICE_PORT,
        *_fields("protocol", "action", "log-status"),
        SERVICE_END,
        *_fields("flow-direction", "traffic-path", "pkt-srcaddr", "pkt-dstaddr"),
        *_fields("pkt-src-aws-service", "pkt-dst-aws-service", "vpc-id", "subnet-id", "az-id", "instance-id"),
        *_fields("interface-type", "next-hop-interface-id", "next-hop-interface-type", "next-hop-subnet-id"),
        *_fields("next-hop-az-id", "next-hop-vpc-id", "instance-tag", "instance-tag-2", "interface-tag"),
        *_fields("interface-tag-2", "asg-tag", "asg-tag-2"),
    ),
    (_RECORDS, _PACKETS, _BYTES, _START, _END),
)

TRAFFIC_BY_HOUR = Dataset(
    "traffic_by_hour",
    "All of the day's traffic, summed up by hour (UTC, of the record's start), network interface, service port, "
    "protocol, action and status.",
    (
        *_fields("interface-id"),
        SERVICE_PORT,
        *_fields("protocol", "action", "log-status"),
        HOUR,
    ),
    (_RECORDS, _PACKETS, _BYTES),
)

DATASETS: Mapping[str, Dataset] = {
    dataset.name: dataset for dataset in (REJECTED_FLOWS, TRAFFIC_SUMMARY, TRAFFIC_BY_HOUR)
}
"""All datasets, by their names."""
