"""The reports of all traffic: exact rows of small datasets. Two days, and a third without rows."""

from pathlib import Path

import pytest
from dataset_rows import DatasetRows, Row, flow, in_hour

from assets.reports.report_files import OWN_FOLDER, parse_report

A, B, EMPTY = DAYS = ("2024-03-09", "2024-03-10", "2024-03-11")
SIX, SIX_TOO = "2001:db8::6", "2001:db8::7"


@pytest.fixture
def lake(tmp_path: Path) -> DatasetRows:
    lake = DatasetRows(tmp_path)
    lake.put("traffic_summary", EMPTY, [])
    lake.put("traffic_by_hour", EMPTY, [])
    return lake


def accepted(source: str | None, destination: str | None, port: int | None = 443, **more: object) -> Row:
    return flow(source, destination, port, **{"action": "ACCEPT", **more})


NODATA = flow("-", "-", None, protocol=None, action="-", logstatus="NODATA", numpackets=None, numbytes=None)


def test_traffic_totals(lake: DatasetRows) -> None:
    without = {"action": "-", "numpackets": None, "numbytes": None}
    lake.put(
        "traffic_by_hour",
        A,
        [
            in_hour(0, 3),
            in_hour(0, 4, interfaceid="eni-2", action="ACCEPT"),
            in_hour(1, 2, logstatus="NODATA", **without),
            in_hour(2, 1, logstatus="SKIPDATA", **without),
            in_hour(2, 5, action="ACCEPT", logstatus="SKIPDATA"),
            in_hour(3, 6, action="accept"),
            in_hour(None, 7, action=None, logstatus=None),
        ],
    )
    lake.put("traffic_by_hour", B, [in_hour(23)])
    assert lake.rows_of("traffic_totals", *DAYS) == [
        (0, 7, 4, 3, 0, 0, 0, 14, 560, A, False),
        (1, 2, 0, 0, 2, 0, 0, None, None, A, False),
        (2, 6, 5, 0, 0, 1, 0, 10, 400, A, True),
        (3, 6, 0, 0, 0, 0, 6, 12, 480, A, True),
        (None, 7, 0, 0, 0, 0, 7, 14, 560, A, True),
        (23, 1, 0, 1, 0, 0, 0, 2, 80, B, False),
    ]


TALK = [
    accepted("10.0.0.1", SIX, numbytes=100),
    accepted("10.0.0.1", "10.0.0.2", 53, protocol=17, numbytes=50, records=3),
    accepted("10.0.0.2", "10.0.0.1", 53, protocol=17, numbytes=7, service_end="source"),
    accepted(None, "10.0.0.3", numbytes=None),
    flow("10.0.0.1", "10.0.0.2", 22, numbytes=10_000),
    NODATA,
]
TALKERS = [
    ("10.0.0.1", 157, 150, 7, 100, 5),
    (SIX, 100, None, 100, 100, 1),
    ("10.0.0.2", 57, 7, 50, None, 4),
    ("10.0.0.3", 0, None, None, None, 1),
    (None, 0, None, None, None, 1),
]


def test_top_talkers(lake: DatasetRows) -> None:
    lake.put("traffic_summary", A, TALK)
    lake.put("traffic_summary", B, [accepted("10.0.0.1", "10.0.0.1")])
    assert lake.rows_of("top_talkers", *DAYS) == [
        *((*row, A) for row in TALKERS),
        ("10.0.0.1", 80, 40, 40, 80, 2, B),
    ]


def packet_level(row: Row) -> Row:
    """The row with its addresses as the packets' own, and those of a load balancer as the record's."""
    own = {"pkt_srcaddr": row["sourceaddress"], "pkt_dstaddr": row["destinationaddress"]}
    return {**row, **own, "sourceaddress": "10.9.9.9", "destinationaddress": "10.9.9.8"}


def test_top_talkers_packet_level(lake: DatasetRows) -> None:
    lake.put("traffic_summary", A, [packet_level(row) for row in TALK])
    lake.put("traffic_summary", B, [packet_level(accepted("10.0.0.1", "10.0.0.1"))])
    assert lake.rows_of("top_talkers_packet_level", *DAYS) == [
        *((*row, A) for row in TALKERS),
        ("10.0.0.1", 80, 40, 40, 80, 2, B),
    ]


PAIRS = [
    accepted("10.0.0.1", SIX, 443, numbytes=30, numpackets=2),
    accepted("10.0.0.1", SIX, 80, numbytes=12, records=2),
    accepted("10.0.0.2", "10.0.0.1", numbytes=42),
    accepted("10.0.0.1", "10.0.0.2", numbytes=None),
    accepted("10.0.0.1", "10.0.0.2", numbytes=None, numpackets=None),
    flow("10.0.0.1", SIX, 443, numbytes=10_000),
    NODATA,
]
PAIR_ROWS = [("10.0.0.1", SIX, 42, 3, 3), ("10.0.0.2", "10.0.0.1", 42, 1, 1), ("10.0.0.1", "10.0.0.2", None, 1, 2)]


def test_top_pairs(lake: DatasetRows) -> None:
    lake.put("traffic_summary", A, PAIRS)
    lake.put("traffic_summary", B, [accepted("10.0.0.1", "10.0.0.1")])
    assert lake.rows_of("top_pairs", *DAYS) == [
        *((*row, A) for row in PAIR_ROWS),
        ("10.0.0.1", "10.0.0.1", 40, 1, 1, B),
    ]


def test_top_pairs_of_one_source_or_destination_are_a_parameter_away(lake: DatasetRows) -> None:
    lake.put("traffic_summary", A, PAIRS)
    path = OWN_FOLDER / "top_pairs.sql"
    text = path.read_text(encoding="utf-8")
    for name, address, expected in (("source", "10.0.0.2", PAIR_ROWS[1:2]), ("destination", SIX, PAIR_ROWS[:1])):
        changed = parse_report(path, text.replace(f"parameter: {name} = '%'", f"parameter: {name} = '{address}'"))
        assert lake.result(changed, A, A).frame.to_numpy().tolist() == [[*row, A] for row in expected]


def test_top_pairs_packet_level(lake: DatasetRows) -> None:
    lake.put("traffic_summary", A, [packet_level(row) for row in PAIRS])
    lake.put("traffic_summary", B, [packet_level(accepted("10.0.0.1", "10.0.0.1"))])
    assert lake.rows_of("top_pairs_packet_level", *DAYS) == [
        *((*row, A) for row in PAIR_ROWS),
        ("10.0.0.1", "10.0.0.1", 40, 1, 1, B),
    ]


def test_top_conversations(lake: DatasetRows) -> None:
    lake.put(
        "traffic_summary",
        A,
        [
            accepted("10.0.0.1", "10.0.0.2", numbytes=500_000_001),
            accepted("10.0.0.1", "10.0.0.2", numbytes=1, interfaceid="eni-2"),
            accepted("10.0.0.1", "10.0.0.3", numbytes=500_000_000, numpackets=10_000),
            accepted(SIX, SIX_TOO, 22, numpackets=10_001),
            accepted("10.0.0.2", "10.0.0.1", service_end="source"),
            accepted("10.0.0.2", "10.0.0.1", None, protocol=17, numbytes=None, numpackets=None),
            flow("10.0.0.2", "10.0.0.1", 22, numpackets=10_001),
        ],
    )
    lake.put("traffic_summary", B, [accepted("10.0.0.1", "10.0.0.2")])
    assert lake.rows_of("top_conversations", *DAYS) == [
        ("eni-1", "10.0.0.1", "10.0.0.2", 443, 6, "destination", 500_000_001, 1, 1, True, A),
        ("eni-1", "10.0.0.1", "10.0.0.3", 443, 6, "destination", 500_000_000, 10_000, 1, False, A),
        ("eni-1", SIX, SIX_TOO, 22, 6, "destination", 40, 10_001, 1, True, A),
        ("eni-1", "10.0.0.2", "10.0.0.1", 443, 6, "source", 40, 1, 1, False, A),
        ("eni-2", "10.0.0.1", "10.0.0.2", 443, 6, "destination", 1, 1, 1, False, A),
        ("eni-1", "10.0.0.2", "10.0.0.1", None, 17, None, None, None, 1, False, A),
        ("eni-1", "10.0.0.1", "10.0.0.2", 443, 6, "destination", 40, 1, 1, False, B),
    ]


@pytest.mark.parametrize(("report", "column"), [("top_instances", "instance_id"), ("top_subnets", "subnet_id")])
def test_top_instances_and_subnets(lake: DatasetRows, report: str, column: str) -> None:
    lake.put(
        "traffic_summary",
        A,
        [
            accepted("10.0.0.1", SIX, **{column: "x-1"}, numbytes=5),
            accepted("10.0.0.1", SIX, **{column: "x-1"}, interfaceid="eni-2", numbytes=5, records=2),
            accepted(SIX, "10.0.0.1", **{column: "x-1"}, numbytes=5),
            accepted("10.0.0.1", SIX, **{column: "-"}, interfaceid="eni-3", numbytes=15),
            accepted("10.0.0.1", SIX, **{column: None}, interfaceid="eni-3", numbytes=None),
            flow("10.0.0.1", SIX, 22, **{column: "x-1"}, numbytes=1000),
        ],
    )
    lake.put("traffic_summary", B, [accepted("10.0.0.1", SIX, **{column: "x-2"})])
    assert lake.rows_of(report, *DAYS) == [
        ("-", 15, 1, 1, 1, A),
        ("x-1", 15, 3, 4, 2, A),
        (None, None, 1, 1, 1, A),
        ("x-2", 40, 1, 1, 1, B),
    ]


def test_traffic_by_ip_version(lake: DatasetRows) -> None:
    lake.put(
        "traffic_summary",
        A,
        [
            accepted("10.0.0.1", "10.0.0.2"),
            accepted("10.0.0.2", "10.0.0.1", records=4, numbytes=1),
            accepted(SIX, SIX_TOO, numbytes=41),
            flow("::ffff:10.0.0.1", SIX_TOO, 22),
            NODATA,
        ],
    )
    lake.put("traffic_summary", B, [accepted(SIX, SIX_TOO)])
    assert lake.rows_of("traffic_by_ip_version", *DAYS) == [
        (4, "ACCEPT", 5, 2, 41, A),
        (6, "ACCEPT", 1, 1, 41, A),
        (6, "REJECT", 1, 1, 40, A),
        (None, "-", 1, None, None, A),
        (6, "ACCEPT", 1, 1, 40, B),
    ]


def test_admin_traffic(lake: DatasetRows) -> None:
    lake.put(
        "traffic_summary",
        A,
        [
            accepted("10.0.0.1", "10.0.0.2", 22, numbytes=18),
            accepted("10.0.0.1", "10.0.0.2", 22, numbytes=9, interfaceid="eni-2"),
            accepted("10.0.0.2", "10.0.0.1", 22, service_end="source", numbytes=18),
            flow(SIX, SIX_TOO, 3389, records=2, numbytes=None),
            flow(SIX, SIX_TOO, 27017, numbytes=None),
            accepted("10.0.0.1", "10.0.0.2", 443),
        ],
    )
    lake.put("traffic_summary", B, [accepted("10.0.0.1", "10.0.0.2", 5432)])
    assert lake.rows_of("admin_traffic", *DAYS) == [
        ("eni-1", "10.0.0.1", "10.0.0.2", 22, 6, "ACCEPT", "destination", 18, 1, 1, A),
        ("eni-1", "10.0.0.2", "10.0.0.1", 22, 6, "ACCEPT", "source", 18, 1, 1, A),
        ("eni-2", "10.0.0.1", "10.0.0.2", 22, 6, "ACCEPT", "destination", 9, 1, 1, A),
        ("eni-1", SIX, SIX_TOO, 3389, 6, "REJECT", "destination", None, 1, 2, A),
        ("eni-1", SIX, SIX_TOO, 27017, 6, "REJECT", "destination", None, 1, 1, A),
        ("eni-1", "10.0.0.1", "10.0.0.2", 5432, 6, "ACCEPT", "destination", 40, 1, 1, B),
    ]


def test_exposed_services(lake: DatasetRows) -> None:
    lake.put(
        "traffic_summary",
        A,
        [
            accepted("192.0.2.1", "10.0.0.2", 22),
            accepted("192.0.2.1", "10.0.0.2", 22, starttime=500),
            accepted("192.0.2.2", "10.0.0.2", 22, flow_direction="ingress"),
            accepted(SIX, SIX_TOO, 5432, flow_direction="-"),
            accepted(SIX_TOO, SIX, 5432, flow_direction="egress"),
            accepted("10.0.0.9", "10.0.0.2", 3389),
            accepted("172.32.0.1", "10.0.0.2", 443),
            accepted("192.0.2.1", "10.0.0.2", 3306, service_end="source"),
            flow("192.0.2.1", "10.0.0.2", 3306),
        ],
    )
    lake.put("traffic_summary", B, [accepted("192.0.2.1", "10.0.0.2", 22, records=2, numbytes=None)])
    assert lake.rows_of("exposed_services", *DAYS) == [
        ("eni-1", "10.0.0.2", 22, 6, 2, 3, 3, 120, A, True),
        ("eni-1", SIX_TOO, 5432, 6, 1, 1, 1, 40, A, False),
        ("eni-1", "10.0.0.2", 22, 6, 1, 2, 1, None, B, True),
    ]


def test_unusual_protocols(lake: DatasetRows) -> None:
    large = {"protocol": 47, "numbytes": 1_000_000}
    lake.put(
        "traffic_summary",
        A,
        [
            *(accepted("10.0.0.1", "192.0.2.1", 0, protocol=number) for number in (1, 6, 17, 58)),
            accepted("10.0.0.1", "192.0.2.1", None, **large),
            accepted("10.0.0.1", "10.0.0.2", None, **large),
            flow("10.0.0.1", "192.0.2.1", None, **large),
            accepted(SIX, "fd00::1", None, protocol=50, numbytes=999_999),
            accepted(SIX, "fd00::1", None, protocol=50, numbytes=1, interfaceid="eni-2"),
            NODATA,
        ],
    )
    lake.put("traffic_summary", B, [flow("10.0.0.1", "10.0.0.2", None, protocol=132)])
    assert lake.rows_of("unusual_protocols", *DAYS) == [
        (SIX, "fd00::1", 50, "ACCEPT", 2, 2, 1_000_000, A, True),
        ("10.0.0.1", "10.0.0.2", 47, "ACCEPT", 1, 1, 1_000_000, A, False),
        ("10.0.0.1", "192.0.2.1", 47, "ACCEPT", 1, 1, 1_000_000, A, True),
        ("10.0.0.1", "192.0.2.1", 47, "REJECT", 1, 1, 1_000_000, A, False),
        ("10.0.0.1", "10.0.0.2", 132, "REJECT", 1, 1, 40, B, False),
    ]
