"""The reports that compare a day with the 7 days before: each with its own, and with those that there are."""

from datetime import date, timedelta
from pathlib import Path

import pytest
from dataset_rows import DatasetRows, Row, flow, in_hour

HISTORY = ("new_rejected_sources", "new_rejected_ports", "rejected_ports_change", "large_uploads", "silent_interfaces")
SIX = "2001:db8::6"


def day(number: int) -> str:
    return str(date(2024, 2, 27) + timedelta(number))


@pytest.fixture
def lake(tmp_path: Path) -> DatasetRows:
    return DatasetRows(tmp_path)


@pytest.mark.parametrize("report", HISTORY)
def test_a_day_without_days_before_has_no_rows(lake: DatasetRows, report: str) -> None:
    for number in (0, 8):
        lake.put("traffic_by_hour", day(number), [in_hour(0, 5000)])
        lake.put("traffic_summary", day(number), [flow("192.0.2.1", "10.0.0.1", 22), upload("192.0.2.1", 10**9)])
    assert lake.rows_of(report, *map(day, range(9))) == []


def test_new_rejected_sources(lake: DatasetRows) -> None:
    def put(number: int, *rows: Row) -> None:
        lake.put("traffic_summary", day(number), rows)
        lake.put("traffic_by_hour", day(number), [in_hour(0, action="ACCEPT")])

    put(0, flow("192.0.2.1", "10.0.0.1", 22), flow("192.0.2.2", "10.0.0.1", 22))
    put(1, flow("192.0.2.2", "10.0.0.1", 22, action="ACCEPT"), flow("192.0.2.3", "10.0.0.1", 22, action="ACCEPT"))
    # Day 2 has a partition and no rows; days 3 to 6 are missing.
    lake.put("traffic_summary", day(2), [])
    lake.put("traffic_by_hour", day(2), [])
    put(
        7,
        flow("192.0.2.1", "10.0.0.1", 22),  # seen 7 days ago
        flow("192.0.2.3", "10.0.0.1", 22, records=40, endtime=900),
        flow("192.0.2.3", "10.0.0.2", 22, records=60, starttime=5),
        flow(SIX, "2001:db8::1", 22, records=99, numpackets=None),
        flow(None, "10.0.0.1", 22),
    )
    put(8, flow("192.0.2.2", "10.0.0.1", 22), flow("192.0.2.1", "10.0.0.1", 22), flow(None, "10.0.0.1", 22))
    assert lake.rows_of("new_rejected_sources", *map(day, range(10))) == [
        ("192.0.2.3", 100, 2, 5, 900, day(7), True),
        (SIX, 99, None, 100, 160, day(7), False),
        (None, 1, 1, 100, 160, day(7), False),
        ("192.0.2.2", 1, 1, 100, 160, day(8), False),  # 8 days ago is not seen
    ]


def test_new_rejected_ports(lake: DatasetRows) -> None:
    lake.put("traffic_by_hour", day(0), [in_hour(0), in_hour(0, serviceport=None), in_hour(0, serviceport=80)])
    lake.put("traffic_by_hour", day(1), [in_hour(0, serviceport=443, action="ACCEPT")])
    lake.put(
        "traffic_by_hour",
        day(7),
        [
            in_hour(0),
            in_hour(0, serviceport=None),
            in_hour(0, protocol=17),
            in_hour(5, 99, serviceport=443),
            in_hour(6, 1, serviceport=443, interfaceid="eni-2"),
        ],
    )
    lake.put("traffic_by_hour", day(8), [in_hour(0), in_hour(0, serviceport=80), in_hour(0, protocol=17)])
    assert lake.rows_of("new_rejected_ports", *map(day, range(10))) == [
        (443, 6, 100, 200, 2, day(7), True),
        (22, 17, 1, 2, 1, day(7), False),
        (80, 6, 1, 2, 1, day(8), False),
    ]


def test_rejected_ports_change(lake: DatasetRows) -> None:
    def put(number: int, ssh: int, web: int, other: int = 0) -> None:
        rows = [in_hour(0, 1, action="ACCEPT"), in_hour(0, ssh), in_hour(1, web, serviceport=80)]
        if other:
            rows.append(in_hour(0, other, serviceport=None, protocol=17))
        lake.put("traffic_by_hour", day(number), rows)

    put(0, ssh=10, web=7)
    put(1, ssh=20, web=7, other=5)
    lake.put("traffic_by_hour", day(2), [in_hour(3, 1, action="ACCEPT")])  # nothing was rejected
    # Days 3 to 5 are missing, and are no zeros.
    put(6, ssh=1000, web=7)
    put(7, ssh=41, web=1)
    assert lake.rows_of("rejected_ports_change", day(6), day(7)) == [
        (22, 6, 1000, 10.0, 990.0, 3, day(6), True),
        (80, 6, 7, 7.0, 0.0, 3, day(6), False),
        (22, 6, 41, 15.0, 26.0, 4, day(7), False),  # of 0, 10, 20, 1000
        (80, 6, 1, 7.0, -6.0, 4, day(7), False),
    ]
    assert lake.rows_of("rejected_ports_change", day(1)) == [
        (22, 6, 20, 10.0, 10.0, 1, day(1), False),
        (None, 17, 5, 0.0, 5.0, 1, day(1), False),
        (80, 6, 7, 7.0, 0.0, 1, day(1), False),
    ]


def upload(destination: str, numbytes: int | None, **more: object) -> Row:
    return flow("10.0.0.1", destination, 443, **{"action": "ACCEPT", "numbytes": numbytes, **more})


def test_large_uploads(lake: DatasetRows) -> None:
    def put(number: int, *rows: Row) -> None:
        lake.put("traffic_summary", day(number), rows)
        lake.put("traffic_by_hour", day(number), [in_hour(0)])

    much = 100_000_000
    put(0, upload("192.0.2.1", 1), upload("192.0.2.2", 1, action="REJECT"))
    put(
        7,
        upload("192.0.2.1", much),  # got one byte 7 days ago
        upload("192.0.2.2", much - 1),
        upload("192.0.2.2", 1, sourceaddress="10.0.0.2", endtime=900),
        upload("192.0.2.3", much - 1),
        upload("172.16.0.9", much),  # private
        upload("192.0.2.4", much, traffic_path=1),  # it leaves elsewhere
        upload("192.0.2.4", much, traffic_path=8, interfaceid="eni-nat", flow_direction="egress"),
        upload("192.0.2.5", much, flow_direction="ingress"),
        upload("192.0.2.6", None),
        upload(SIX, 2 * much, sourceaddress="2001:db8::1", flow_direction="egress", pkt_dst_aws_service="S3"),
    )
    put(8, upload("192.0.2.1", much), upload("192.0.2.2", much), upload("192.0.2.7", much, flow_direction="-"))
    assert lake.rows_of("large_uploads", *map(day, range(10))) == [
        (SIX, "S3", 2 * much, "2001:db8::1", "eni-1", 2 * much, 1, 100, 160, day(7), True),
        ("192.0.2.2", None, much, "10.0.0.1", "eni-1", much - 1, 1, 100, 160, day(7), True),
        ("192.0.2.2", None, much, "10.0.0.2", "eni-1", 1, 1, 100, 900, day(7), True),
        ("192.0.2.4", None, much, "10.0.0.1", "eni-nat", much, 1, 100, 160, day(7), True),
        ("192.0.2.7", None, much, "10.0.0.1", "eni-1", much, 1, 100, 160, day(8), True),
    ]


def test_silent_interfaces(lake: DatasetRows) -> None:
    def put(number: int, *names: str, silent: str = "") -> None:
        rows = [in_hour(0, interfaceid=name, action="ACCEPT") for name in names]
        if silent:
            rows.append(in_hour(0, 24, interfaceid=silent, action="-", logstatus="NODATA", numbytes=None))
        rows.append(in_hour(0, interfaceid="-", action="-", logstatus="NODATA"))
        lake.put("traffic_by_hour", day(number), rows)

    put(0, "eni-1", "eni-2", "eni-3", silent="eni-4")
    put(1, "eni-1", "eni-2")
    # Day 2 is missing.
    put(3, "eni-1", "eni-2", silent="eni-3")
    put(4, "eni-1", silent="eni-2")
    put(5, "eni-1")
    put(8, "eni-1", "eni-2")
    assert lake.rows_of("silent_interfaces", *map(day, range(9))) == [
        ("eni-3", day(0), True, 1, 1, 80, 0, day(1), False),
        ("eni-3", day(0), False, 1, 1, 80, 24, day(3), False),
        ("eni-2", day(3), True, 3, 3, 240, 24, day(4), True),
        ("eni-3", day(0), False, 1, 1, 80, 0, day(4), False),
        ("eni-2", day(3), False, 3, 3, 240, 0, day(5), False),
        ("eni-3", day(0), False, 1, 1, 80, 0, day(5), False),
    ]
