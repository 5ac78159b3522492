"""The reports of what leaves, and what it costs: each byte once. Two days, and a third without rows."""

from pathlib import Path

import pytest
from dataset_rows import DatasetRows, Row, flow

A, B, EMPTY = DAYS = ("2024-03-09", "2024-03-10", "2024-03-11")
SIX, OWN_SIX = "2001:db8::6", "2001:db8:1::1"
GB = 1_000_000_000


@pytest.fixture
def lake(tmp_path: Path) -> DatasetRows:
    lake = DatasetRows(tmp_path)
    lake.put("traffic_summary", EMPTY, [])
    return lake


def sent(source: str, destination: str, numbytes: int | None = GB, **more: object) -> Row:
    return flow(source, destination, 443, **{"action": "ACCEPT", "numbytes": numbytes, **more})


OUT = [
    sent("10.0.0.1", "192.0.2.1"),
    sent("10.0.0.1", "192.0.2.1", records=2),
    sent("10.0.0.1", "192.0.2.2", flow_direction="-"),
    sent("192.0.2.1", "10.0.0.1"),
    sent("10.0.0.1", "10.0.0.2"),
    flow("10.0.0.1", "192.0.2.1", 443, numbytes=GB),
    # Where the log has the direction, it says what leaves.
    sent(OWN_SIX, SIX, 2 * GB, interfaceid="eni-2", flow_direction="egress"),
    sent(SIX, OWN_SIX, interfaceid="eni-2", flow_direction="ingress"),
    sent("10.0.0.3", "192.0.2.1", interfaceid="eni-2", flow_direction="ingress"),
    # Through a NAT gateway, whose interface has the same bytes again.
    sent("10.0.0.4", "192.0.2.4", interfaceid="eni-4", flow_direction="egress", traffic_path=1),
    sent("10.0.0.9", "192.0.2.4", None, interfaceid="eni-nat", flow_direction="egress", traffic_path=8),
    sent("10.0.0.1", "192.0.2.5", pkt_dst_aws_service="S3"),
    sent("10.0.0.1", "192.0.2.5", 1, pkt_dst_aws_service="-"),
]


def test_egress_internet(lake: DatasetRows) -> None:
    lake.put("traffic_summary", A, OUT)
    lake.put("traffic_summary", B, [sent("10.0.0.1", "192.0.2.1", 1_500_000)])
    assert lake.rows_of("egress_internet", *DAYS) == [
        ("eni-1", 3, 3 * GB + 1, 4, 0.27, A),
        ("eni-2", 1, 2 * GB, 1, 0.18, A),
        ("eni-nat", 1, None, 1, None, A),
        ("eni-1", 1, 1_500_000, 1, 0.0001, B),
    ]


def test_egress_aws_services(lake: DatasetRows) -> None:
    lake.put(
        "traffic_summary",
        A,
        [
            sent("10.0.0.1", "192.0.2.1", pkt_dst_aws_service="EC2"),
            sent("10.0.0.2", "192.0.2.1", pkt_dst_aws_service="EC2"),
            sent(OWN_SIX, SIX, pkt_dst_aws_service="S3", flow_direction="egress"),
            sent(OWN_SIX, SIX, pkt_dst_aws_service="S3", flow_direction="egress", traffic_path=1),
            sent(OWN_SIX, SIX, pkt_dst_aws_service="S3", flow_direction="ingress"),
            sent(OWN_SIX, SIX, pkt_dst_aws_service="S3"),
            sent("10.0.0.1", "192.0.2.1", pkt_dst_aws_service="CLOUDFRONT", interfaceid="eni-2"),
            sent("10.0.0.1", "192.0.2.1", pkt_dst_aws_service="-"),
            sent("10.0.0.1", "192.0.2.1", pkt_dst_aws_service=None),
        ],
    )
    lake.put("traffic_summary", B, [sent("10.0.0.1", "192.0.2.1", None, pkt_dst_aws_service="S3")])
    assert lake.rows_of("egress_aws_services", *DAYS) == [
        ("EC2", "eni-1", 2 * GB, 2, 0.02, A),
        ("CLOUDFRONT", "eni-2", GB, 1, None, A),
        ("S3", "eni-1", GB, 1, 0.0, A),
        ("S3", "eni-1", None, 1, None, B),
    ]


def test_cross_zone_traffic(lake: DatasetRows) -> None:
    across = {"az_id": "use1-az1", "next_hop_az_id": "use1-az2"}
    lake.put(
        "traffic_summary",
        A,
        [
            sent("10.0.0.1", "10.0.1.1", **across, flow_direction="egress"),
            sent("10.0.0.2", "10.0.1.1", **across),
            sent("10.0.1.1", "10.0.0.1", **across, flow_direction="ingress"),
            sent("10.0.0.1", "10.0.0.2", az_id="use1-az1", next_hop_az_id="use1-az1"),
            sent("10.0.0.1", "192.0.2.1", az_id="use1-az1", next_hop_az_id="-"),
            sent("10.0.0.1", "192.0.2.1", az_id="use1-az1", next_hop_az_id=None),
            sent(OWN_SIX, SIX, 2 * GB, az_id="use1-az2", next_hop_az_id="use1-az3"),
            flow("10.0.0.1", "10.0.1.1", 443, **across),
        ],
    )
    lake.put("traffic_summary", B, [sent("10.0.0.1", "10.0.1.1", None, **across)])
    assert lake.rows_of("cross_zone_traffic", *DAYS) == [
        ("eni-1", "use1-az1", "use1-az2", 2 * GB, 2, 0.04, A),
        ("eni-1", "use1-az2", "use1-az3", 2 * GB, 1, 0.04, A),
        ("eni-1", "use1-az1", "use1-az2", None, 1, None, B),
    ]


def test_nat_traffic(lake: DatasetRows) -> None:
    """The records of AWS's example of a NAT gateway ("Flow log record examples", Amazon VPC user guide)."""
    inside, gateway, outside = "10.0.1.5", "10.0.0.220", "203.0.113.5"

    def record(source: str, destination: str, own_source: str, own_destination: str, numbytes: int, **more) -> Row:
        own = {"pkt_srcaddr": own_source, "pkt_dstaddr": own_destination}
        return sent(source, destination, numbytes, **{"interfaceid": "eni-nat", **own, **more})

    lake.put(
        "traffic_summary",
        A,
        [
            record(inside, outside, inside, outside, 1 * GB, interfaceid="eni-inside"),
            record(inside, gateway, inside, outside, 1 * GB),
            record(gateway, outside, gateway, outside, 1 * GB),
            record(outside, gateway, outside, gateway, 3 * GB),
            record(gateway, inside, outside, inside, 3 * GB),
            record(outside, inside, outside, inside, 3 * GB, interfaceid="eni-inside"),
            record("10.0.1.6", gateway, "10.0.1.6", outside, 5),
            record("10.0.1.6", gateway, "10.0.1.6", outside, 1, action="REJECT"),
            # A load balancer, and a pod behind its node's address.
            record("10.0.2.1", "10.0.2.2", "192.168.0.1", "10.0.2.2", 7),
            record("10.0.2.1", "10.0.2.2", None, "-", 7),
            # NAT64 is between the IPv6 address inside and one that begins with 64:ff9b.
            record("fd00::1", "fd00::9", "fd00::1", SIX, 2),
        ],
    )
    lake.put("traffic_summary", B, [record(inside, gateway, inside, outside, 1_000_000)])
    assert lake.rows_of("nat_traffic", *DAYS) == [
        (inside, "eni-nat", 4 * GB, 1 * GB, 3 * GB, 0.18, A),
        ("10.0.1.6", "eni-nat", 5, 5, 0, 0.0, A),
        ("fd00::1", "eni-nat", 2, 2, 0, 0.0, A),
        (inside, "eni-nat", 1_000_000, 1_000_000, 0, 0.0, B),
    ]
