"""The reports of rejected traffic: exact rows of small datasets. Two days, and a third without rows."""

from pathlib import Path

import pytest
from dataset_rows import DatasetRows, Row, flow, in_hour

A, B, EMPTY = DAYS = ("2024-03-09", "2024-03-10", "2024-03-11")
SIX = "2001:db8::6"


@pytest.fixture
def lake(tmp_path: Path) -> DatasetRows:
    lake = DatasetRows(tmp_path)
    lake.put("traffic_summary", EMPTY, [])
    lake.put("traffic_by_hour", EMPTY, [])
    lake.put("rejected_flows", EMPTY, [])
    return lake


def test_top_rejected_sources(lake: DatasetRows) -> None:
    lake.put(
        "traffic_summary",
        A,
        [
            flow("192.0.2.1", "10.0.0.1", 22, numpackets=5, starttime=50, endtime=60),
            flow("192.0.2.1", "10.0.0.2", 22, numpackets=4, endtime=300),
            flow("192.0.2.1", "10.0.0.2", None),
            flow("192.0.2.1", "10.0.0.9", 80, numpackets=1000, action="ACCEPT"),
            flow(SIX, "2001:db8::1", 443, records=2, numpackets=10, numbytes=None),
            flow("192.0.2.0", "10.0.0.1", 1, numpackets=None),
            flow(None, "10.0.0.1", 1, numpackets=None),
        ],
    )
    lake.put("traffic_summary", B, [flow("192.0.2.1", "10.0.0.1", 22)])
    assert lake.rows_of("top_rejected_sources", *DAYS) == [
        # As many packets, fewer records: the other is the first.
        ("192.0.2.1", 3, 10, 120, 2, 1, 50, 300, A),
        (SIX, 2, 10, None, 1, 1, 100, 160, A),
        ("192.0.2.0", 1, None, 40, 1, 1, 100, 160, A),
        (None, 1, None, 40, 1, 1, 100, 160, A),
        ("192.0.2.1", 1, 1, 40, 1, 1, 100, 160, B),
    ]


def test_top_rejected_ports(lake: DatasetRows) -> None:
    lake.put(
        "traffic_summary",
        A,
        [
            flow("192.0.2.1", "10.0.0.1", 22, numpackets=3),
            flow("192.0.2.2", "10.0.0.1", 22),
            flow(SIX, "2001:db8::1", 53, protocol=17, numpackets=4),
            flow("192.0.2.2", "10.0.0.1", None, records=2),
            flow("10.0.0.1", "192.0.2.7", 443, service_end="source", numpackets=99),
            flow("192.0.2.2", "10.0.0.1", 443, action="ACCEPT"),
        ],
    )
    lake.put("traffic_summary", B, [flow("192.0.2.1", "10.0.0.1", 22)])
    assert lake.rows_of("top_rejected_ports", *DAYS) == [
        (22, 6, 2, 4, 2, A),
        (53, 17, 1, 4, 1, A),
        (None, 6, 2, 1, 1, A),
        (22, 6, 1, 1, 1, B),
    ]


def test_rejects_by_hour(lake: DatasetRows) -> None:
    lake.put(
        "traffic_by_hour",
        A,
        [
            in_hour(0, 100),
            in_hour(0, 300, action="ACCEPT"),
            in_hour(1, 2000),
            in_hour(1, 1, action="-", logstatus="NODATA", numpackets=None),
            in_hour(2, 5, action="ACCEPT"),
            in_hour(None, 1, action="-", logstatus="NODATA"),
        ],
    )
    lake.put("traffic_by_hour", B, [in_hour(23, 1000)])
    assert lake.rows_of("rejects_by_hour", *DAYS) == [
        (0, 100, 200, 25.0, 666.7, A, False),
        (1, 2000, 4000, 100.0, 33.3, A, True),
        (2, 0, 0, 0.0, 700.0, A, False),
        (None, 0, 0, None, 700.0, A, False),
        (23, 1000, 2000, 100.0, None, B, False),
    ]


def test_rejects_by_interface(lake: DatasetRows) -> None:
    lake.put(
        "traffic_by_hour",
        A,
        [
            in_hour(0, 3),
            in_hour(1, 1, serviceport=80),
            in_hour(1, 4, serviceport=443, action="ACCEPT"),
            in_hour(1, 4, interfaceid="eni-2", serviceport=None, numpackets=None),
            in_hour(1, 9, interfaceid="eni-3", action="ACCEPT"),
            in_hour(1, 9, interfaceid="eni-2", action="-", logstatus="NODATA"),
        ],
    )
    lake.put("traffic_by_hour", B, [in_hour(0, 1)])
    assert lake.rows_of("rejects_by_interface", *DAYS) == [
        ("eni-1", 4, 8, 2, 50.0, A),
        ("eni-2", 4, None, 0, 100.0, A),
        ("eni-1", 1, 2, 1, 100.0, B),
    ]


def test_rejected_inside(lake: DatasetRows) -> None:
    lake.put(
        "traffic_summary",
        A,
        [
            flow("10.0.0.1", "172.16.0.1", 5432, records=19),
            flow("10.0.0.1", "172.16.0.1", 5432, interfaceid="eni-2", flow_direction="ingress"),
            flow("fd00::1", "fd00::2", 22, records=3),
            flow("10.0.0.1", "192.0.2.1", 443, service_end="source", records=100),
            flow("10.0.0.1", "192.0.2.1", 25, records=100),
            flow(SIX, "2001:db8::99", 25, flow_direction="egress"),
            flow("192.0.2.1", "10.0.0.1", 22, records=1000),
            flow("172.32.0.1", "10.0.0.1", 22, flow_direction="ingress"),
            flow("10.0.0.1", "10.0.0.2", 22, action="ACCEPT"),
        ],
    )
    lake.put("traffic_summary", B, [flow("10.0.0.1", "10.0.0.2", None)])
    assert lake.rows_of("rejected_inside", *DAYS) == [
        ("10.0.0.1", "172.16.0.1", 5432, 6, "destination", True, 20, 2, A, True),
        ("fd00::1", "fd00::2", 22, 6, "destination", True, 3, 1, A, False),
        ("10.0.0.1", "192.0.2.1", 25, 6, "destination", False, 100, 1, A, True),
        ("10.0.0.1", "192.0.2.1", 443, 6, "source", False, 100, 1, A, False),
        (SIX, "2001:db8::99", 25, 6, "destination", False, 1, 1, A, False),
        ("10.0.0.1", "10.0.0.2", None, 6, None, True, 1, 1, B, False),
    ]


def test_scanners(lake: DatasetRows) -> None:
    def scan(source: str, hosts: int, ports: int, **more: object) -> list[Row]:
        six = ":" in source
        return [
            flow(source, f"2001:db8::{host}" if six else f"10.0.0.{host}", port, **more)
            for host in range(1, hosts + 1)
            for port in range(1, ports + 1)
        ]

    lake.put(
        "traffic_summary",
        A,
        [
            *scan("192.0.2.1", 25, 1),
            *scan("192.0.2.1", 25, 1, interfaceid="eni-2"),  # the same addresses, seen twice
            *scan("192.0.2.2", 24, 1),
            *scan("10.0.0.3", 1, 26),
            *scan(SIX, 1, 25, protocol=17, records=2),
            *scan("192.0.2.5", 1, 30, service_end="source"),
            *scan("192.0.2.6", 1, 30, action="ACCEPT"),
        ],
    )
    lake.put("traffic_summary", B, scan("192.0.2.1", 25, 1))
    assert lake.rows_of("scanners", *DAYS) == [
        ("many ports", "10.0.0.3", "10.0.0.1", None, None, 26, 26, 26, A, True),
        ("many addresses", "192.0.2.1", None, 1, 6, 25, 50, 50, A, False),
        ("many ports", SIX, "2001:db8::1", None, None, 25, 50, 25, A, False),
        ("many addresses", "192.0.2.1", None, 1, 6, 25, 25, 25, B, False),
    ]


def test_a_scan_of_an_address_that_is_null_is_told_from_one_of_many(lake: DatasetRows) -> None:
    lake.put("traffic_summary", A, [flow("192.0.2.1", None, port) for port in range(30)])
    assert [row[:6] for row in lake.rows_of("scanners", A)] == [("many ports", "192.0.2.1", None, None, None, 30)]


def test_brute_force(lake: DatasetRows) -> None:
    lake.put(
        "traffic_summary",
        A,
        [
            flow("192.0.2.1", "10.0.0.1", 22, records=990),
            flow("192.0.2.1", "10.0.0.2", 22, records=10, endtime=500),
            flow("192.0.2.1", "10.0.0.2", 3306, records=19),
            flow(SIX, "2001:db8::1", 3389, records=20),
            flow("10.9.0.1", "10.0.0.2", 5432, records=20, numpackets=None),
            flow("192.0.2.1", "10.0.0.2", 80, records=2000),
            flow("192.0.2.1", "10.0.0.2", 22, records=2000, service_end="source"),
            flow("192.0.2.1", "10.0.0.2", 22, records=2000, action="ACCEPT"),
        ],
    )
    lake.put("traffic_summary", B, [flow("192.0.2.1", "10.0.0.1", 22, records=20)])
    assert lake.rows_of("brute_force", *DAYS) == [
        ("192.0.2.1", 22, 6, 1000, 2, 2, 100, 500, A, True),
        ("10.9.0.1", 5432, 6, 20, None, 1, 100, 160, A, True),
        (SIX, 3389, 6, 20, 1, 1, 100, 160, A, False),
        ("192.0.2.1", 22, 6, 20, 1, 1, 100, 160, B, False),
    ]


def test_brute_force_accepted(lake: DatasetRows) -> None:
    def tried(source: str, rejected: int, accepted_until: int | None, port: int = 22) -> list[Row]:
        rows = [flow(source, "10.0.0.1", port, records=rejected, starttime=200, endtime=300)]
        if accepted_until is not None:
            at = {"starttime": 10, "endtime": accepted_until}
            rows.append(flow(source, "10.0.0.2", port, records=2, numbytes=900, action="ACCEPT", **at))
        return rows

    lake.put(
        "traffic_summary",
        A,
        [
            *tried("192.0.2.1", 20, 201),
            *tried(SIX, 21, 9000, 3389),
            *tried("192.0.2.2", 20, 200),  # accepted before the first reject
            *tried("192.0.2.3", 19, 9000),
            *tried("192.0.2.4", 500, None),
            *tried("192.0.2.5", 500, 9000, 80),
        ],
    )
    # Rejected on one day and accepted on the other is another question.
    lake.put("traffic_summary", B, tried("192.0.2.4", 0, 9000)[1:])
    assert lake.rows_of("brute_force_accepted", *DAYS) == [
        (SIX, 3389, 6, 21, 2, 900, 200, 9000, A, True),
        ("192.0.2.1", 22, 6, 20, 2, 900, 200, 201, A, True),
    ]


def record(**fields: object) -> Row:
    return {"interfaceid": "eni-1", "protocol": 6, "numpackets": 2, **fields}


def test_reject_reasons(lake: DatasetRows) -> None:
    lake.put(
        "rejected_flows",
        A,
        [
            record(reject_reason="BPA"),
            record(reject_reason="BPA", numpackets=None),
            record(reject_reason="-"),
            record(reject_reason="-", interfaceid="eni-0"),
            record(reject_reason=None),
        ],
    )
    lake.put("rejected_flows", B, [record(reject_reason="EC")])
    assert lake.rows_of("reject_reasons", *DAYS) == [
        ("BPA", "eni-1", 2, 2, A),
        ("-", "eni-0", 1, 2, A),
        ("-", "eni-1", 1, 2, A),
        (None, "eni-1", 1, 2, A),
        ("EC", "eni-1", 1, 2, B),
    ]


def test_rejected_tcp_flags(lake: DatasetRows) -> None:
    new, after = "a new connection (SYN)", "after a connection was closed (no SYN)"
    lake.put(
        "rejected_flows",
        A,
        [
            *(record(tcp_flags=2, interfaceid=f"eni-{number}") for number in (1, 2, 2)),
            record(tcp_flags=3),
            *(record(tcp_flags=flags, numpackets=7) for flags in (0, 1, 4, 5)),
            record(tcp_flags=18),
            record(tcp_flags=None),
            record(tcp_flags=2, protocol=17),
        ],
    )
    lake.put("rejected_flows", B, [record(tcp_flags=19)])
    answer = "an answer to a new connection (SYN-ACK)"
    assert lake.rows_of("rejected_tcp_flags", *DAYS) == [
        (new, 2, 3, 6, 2, A),
        (new, 3, 1, 2, 1, A),
        (after, 0, 1, 7, 1, A),
        (after, 1, 1, 7, 1, A),
        (after, 4, 1, 7, 1, A),
        (after, 5, 1, 7, 1, A),
        (answer, 18, 1, 2, 1, A),
        ("the log does not say", None, 1, 2, 1, A),
        (answer, 19, 1, 2, 1, B),
    ]


def test_rejected_connections(lake: DatasetRows) -> None:
    lake.put(
        "traffic_summary",
        A,
        [
            flow("192.0.2.1", "10.0.0.1", 22, numpackets=7),
            flow("192.0.2.1", "10.0.0.1", 22, numpackets=7, interfaceid="eni-0"),
            flow(SIX, "2001:db8::1", 0, protocol=58, numpackets=7, records=2),
            flow("192.0.2.1", "10.0.0.1", 80, action="ACCEPT"),
            flow("192.0.2.1", None, None, numpackets=None, numbytes=None),
        ],
    )
    lake.put("traffic_summary", B, [flow("192.0.2.1", "10.0.0.1", 22)])
    assert lake.rows_of("rejected_connections", *DAYS) == [
        ("eni-1", SIX, "2001:db8::1", 0, 58, "destination", 2, 7, 40, A),
        ("eni-0", "192.0.2.1", "10.0.0.1", 22, 6, "destination", 1, 7, 40, A),
        ("eni-1", "192.0.2.1", "10.0.0.1", 22, 6, "destination", 1, 7, 40, A),
        ("eni-1", "192.0.2.1", None, None, 6, None, 1, None, None, A),
        ("eni-1", "192.0.2.1", "10.0.0.1", 22, 6, "destination", 1, 1, 40, B),
    ]
