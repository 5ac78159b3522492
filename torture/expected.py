"""The rows that a day must have in each dataset and report, in plain Python, from the lines that were delivered."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from torture.records import ACCOUNT, REGION, Deliveries

Row = tuple[object, ...]
Tables = dict[str, list[Row]]

NUMBERS = {0, 5, 6, 7, 8, 9, 10, 11}
"""Which of the 14 fields are numbers."""

DATASETS = ("rejected_flows", "traffic_summary", "traffic_by_hour")
REPORTS = ("top_rejected_pairs", "rejected_flow_details")

RECORD = [
    "version",
    "account",
    "interfaceid",
    "sourceaddress",
    "destinationaddress",
    "sourceport",
    "destinationport",
    "protocol",
    "numpackets",
    "numbytes",
    "starttime",
    "endtime",
    "action",
    "logstatus",
]
"""The columns of a record."""

COLUMNS = {
    "rejected_flows": [
        *RECORD,
        "aws_account_id",
        "aws_region",
    ],
    "traffic_summary": [
        "aws_account_id",
        "aws_region",
        "interfaceid",
        "sourceaddress",
        "destinationaddress",
        "serviceport",
        "protocol",
        "action",
        "logstatus",
        "service_end",
        "records",
        "numpackets",
        "numbytes",
        "starttime",
        "endtime",
    ],
    "traffic_by_hour": [
        "aws_account_id",
        "aws_region",
        "interfaceid",
        "serviceport",
        "protocol",
        "action",
        "logstatus",
        "hour",
        "records",
        "numpackets",
        "numbytes",
    ],
    "top_rejected_pairs": ["packetcount", "sourceaddress", "destinationaddress", "dt"],
    "rejected_flow_details": [
        *RECORD,
        "dt",
    ],
}
"""The columns that are compared. The others are those of fields that the flow log lacks."""


def expected_tables(deliveries: Deliveries, day: date) -> Tables:
    """The rows of each dataset, in any order, and of each report, in its order."""
    records = [_fields(line) for line in deliveries.lines(day)]
    rejected = [record for record in records if record[12] == "REJECT"]
    return {
        "rejected_flows": [(*record, ACCOUNT, REGION) for record in rejected],
        "traffic_summary": _summary(records),
        "traffic_by_hour": _by_hour(records),
        "top_rejected_pairs": [(*row, day.isoformat()) for row in _top_pairs(rejected)],
        "rejected_flow_details": [(*row, day.isoformat()) for row in _details(rejected)],
    }


def _fields(line: str) -> Row:
    return tuple(
        None if at in NUMBERS and text == "-" else int(text) if at in NUMBERS else text
        for at, text in enumerate(line.split(" "))
    )


def _service(source: int | None, destination: int | None) -> tuple[int | None, str | None]:
    """The port of the end that is a service, and which end it is."""
    if destination is not None and destination < 32_768 and (source is None or destination <= source):
        return destination, "destination"
    if source is not None and source < 32_768:
        return source, "source"
    return None, None


def _sum(values: Iterable[object]) -> int | None:
    known = [value for value in values if isinstance(value, int)]
    return sum(known) if known else None


def _summary(records: Sequence[Row]) -> list[Row]:
    groups: dict[Row, list[Row]] = defaultdict(list)
    for record in records:
        port, end = _service(record[5], record[6])  # type: ignore[arg-type]
        groups[(ACCOUNT, REGION, *record[2:5], port, record[7], *record[12:14], end)].append(record)
    return [
        (
            *key,
            len(of_key),
            _sum(record[8] for record in of_key),
            _sum(record[9] for record in of_key),
            min(record[10] for record in of_key),  # type: ignore[type-var]
            max(record[11] for record in of_key),  # type: ignore[type-var]
        )
        for key, of_key in groups.items()
    ]


def _by_hour(records: Sequence[Row]) -> list[Row]:
    groups: dict[Row, list[Row]] = defaultdict(list)
    for record in records:
        port, _ = _service(record[5], record[6])  # type: ignore[arg-type]
        hour = record[10] % 86_400 // 3_600  # type: ignore[operator]
        groups[(ACCOUNT, REGION, record[2], port, record[7], *record[12:14], hour)].append(record)
    return [
        (*key, len(of_key), _sum(record[8] for record in of_key), _sum(record[9] for record in of_key))
        for key, of_key in groups.items()
    ]


def _nulls_last(value: object, *, descending: bool = False) -> tuple[bool, object]:
    return (value is None, 0 if value is None else -value if descending else value)  # type: ignore[operator]


def _top_pairs(rejected: Sequence[Row]) -> list[Row]:
    groups: dict[Row, list[object]] = defaultdict(list)
    for record in rejected:
        groups[record[3:5]].append(record[8])
    rows = [(_sum(packets), *pair) for pair, packets in groups.items()]
    return sorted(rows, key=lambda row: (_nulls_last(row[0], descending=True), row[1:]))[:20]


def _details(rejected: Sequence[Row]) -> list[Row]:
    order = (10, 2, 3, 5, 4, 6, 7, 9)
    return sorted(
        rejected,
        key=lambda row: (_nulls_last(row[8], descending=True), *(_nulls_last(row[at]) for at in order)),
    )[:100]
