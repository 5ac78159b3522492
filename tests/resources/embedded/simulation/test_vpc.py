"""The simulated VPC: that its days can be repeated anywhere, and that they read like a real VPC's."""

import gzip
import os
import subprocess
import sys
import zlib
from collections import Counter, defaultdict
from datetime import date, datetime, timezone
from functools import cache
from hashlib import sha256
from ipaddress import ip_address, ip_network
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support import ROOT

from flowlogs.errors import FlowLakeError
from flowlogs.fields import HEADER_LINE
from flowlogs.layout import LogSource, find_source
from resources.embedded.simulation.vpc import SimulatedVpc

SOURCE = LogSource("flow-logs", "123456789012", "eu-west-1")
DAY = date(2026, 11, 21)
MIDNIGHT = 1_795_219_200
VPC = SimulatedVpc(SOURCE)

IN_THE_VPC = (ip_network("10.0.0.0/16"), ip_network("2001:db8:1234:1a00::/56"))
NOBODYS = tuple(
    map(ip_network, ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "198.18.0.0/15", "2001:db8:8000::/36"))
)
ATTACKERS = NOBODYS[:3]

DIGEST_OF_A_DAY = """
from datetime import date
from hashlib import sha256
from flowlogs.layout import LogSource
from resources.embedded.simulation.vpc import SimulatedVpc

digest = sha256()
for key, data in SimulatedVpc(LogSource("flow-logs", "123456789012", "eu-west-1")).objects(date(2026, 11, 21)):
    digest.update(key.encode() + data)
print(digest.hexdigest())
"""


class Record(NamedTuple):
    version: str
    account: str
    interface: str
    source: str
    destination: str
    source_port: str
    destination_port: str
    protocol: str
    packets: str
    bytes: str
    start: str
    end: str
    action: str
    status: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.source, self.destination

    @property
    def flow(self) -> tuple[str, ...]:
        return self[3:8]

    @property
    def reply(self) -> tuple[str, ...]:
        return self.destination, self.source, self.destination_port, self.source_port, self.protocol


@cache
def texts_of(vpc: SimulatedVpc, day: date = DAY) -> list[tuple[str, str]]:
    return [(key, gzip.decompress(data).decode()) for key, data in vpc.objects(day)]


@cache
def records_of(vpc: SimulatedVpc, day: date = DAY) -> list[Record]:
    return [Record(*line.split(" ")) for _, text in texts_of(vpc, day) for line in text.splitlines()[1:]]


def flows_of(vpc: SimulatedVpc, day: date = DAY) -> list[Record]:
    return [record for record in records_of(vpc, day) if record.status == "OK"]


def rejected(day: date = DAY) -> list[Record]:
    return [record for record in flows_of(VPC, day) if record.action == "REJECT"]


def packets_by_pair(records: list[Record]) -> Counter:
    packets: Counter = Counter()
    for record in records:
        packets[record.pair] += int(record.packets)
    return packets


@cache
def lies_in(address: str, networks: tuple) -> bool:
    return any(ip_address(address) in network for network in networks)


def window_of(key: str) -> int:
    """The epoch second at which an object's delivery window begins, from its name."""
    stamp = key.rsplit("/", 1)[1].split("_")[4]
    return int(datetime.strptime(stamp, "%Y%m%dT%H%MZ").replace(tzinfo=timezone.utc).timestamp())


# The same day again.


def test_every_process_makes_the_same_bytes_of_a_day():
    here = sha256(b"".join(key.encode() + data for key, data in VPC.objects(DAY))).hexdigest()
    elsewhere = [
        subprocess.run(
            [sys.executable, "-c", DIGEST_OF_A_DAY],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hash_seed in ("1", "2")
    ]
    assert elsewhere == [here, here]


def test_the_text_of_a_day_is_the_one_that_was_always_made():
    # Folders that were simulated earlier hold this text. Whoever changes it on purpose says so in the CHANGELOG.
    # Of the text, not of the bytes: those depend on the build of zlib too.
    text = "".join(text for _, text in texts_of(VPC))
    assert sha256(text.encode()).hexdigest() == "1f20230b3ddd5525bdcce8deafeeacedbdd79c704689f95059c8be476bb180eb"


def test_the_order_in_which_days_are_asked_for_does_not_matter():
    other = date(2026, 11, 22)
    forwards = [list(VPC.objects(day)) for day in (DAY, other)]
    backwards = [list(VPC.objects(day)) for day in (other, DAY)]
    in_turns = [list(days) for days in zip(*zip(VPC.objects(DAY), VPC.objects(other), strict=True), strict=True)]
    assert forwards == backwards[::-1] == in_turns


@pytest.mark.parametrize(
    "other",
    [
        SimulatedVpc(SOURCE, seed=1),
        SimulatedVpc(LogSource("flow-logs", "210987654321", "eu-west-1")),
        SimulatedVpc(LogSource("flow-logs", "123456789012", "us-east-1")),
    ],
    ids=["seed", "account", "region"],
)
def test_another_seed_account_or_region_is_another_vpc(other):
    assert {record.interface for record in records_of(other)}.isdisjoint(r.interface for r in records_of(VPC))
    assert other.flow_log_id != VPC.flow_log_id
    assert packets_by_pair(flows_of(other)) != packets_by_pair(flows_of(VPC))


def test_the_bucket_has_no_part_in_the_traffic():
    assert list(SimulatedVpc(LogSource("elsewhere", "123456789012", "eu-west-1")).objects(DAY)) == list(
        VPC.objects(DAY)
    )


def test_days_differ_in_traffic_but_not_in_interfaces():
    other = date(2026, 11, 22)
    assert {record.interface for record in records_of(VPC, other)} == {r.interface for r in records_of(VPC)}
    external = [{r.source for r in rejected(day) if not lies_in(r.source, IN_THE_VPC)} for day in (DAY, other)]
    assert len(external[0] & external[1]) < 0.05 * len(external[0])


# Objects.


def test_keys_are_those_that_aws_gives():
    folder = "AWSLogs/123456789012/vpcflowlogs/eu-west-1/2026/11/21/"
    name = "123456789012_vpcflowlogs_eu-west-1_fl-c2c02d6748ed2b641_20261121T"
    keys = VPC.object_keys(DAY)
    assert keys[:2] == [f"{folder}{name}0000Z_2c7b659a.log.gz", f"{folder}{name}0005Z_16913f91.log.gz"]
    assert keys[-1] == f"{folder}{name}2355Z_52301906.log.gz"


def test_there_is_an_object_for_every_five_minutes():
    assert [window_of(key) for key in VPC.object_keys(DAY)] == list(range(MIDNIGHT, MIDNIGHT + 86_400, 300))


def test_keys_are_sorted_and_are_those_of_the_objects():
    keys = VPC.object_keys(DAY)
    assert keys == sorted(set(keys)) == [key for key, _ in VPC.objects(DAY)]


def test_keys_take_no_generation(monkeypatch):
    monkeypatch.setattr(SimulatedVpc, "_records", lambda *_: pytest.fail("generated records"))
    assert len(VPC.object_keys(DAY)) == 288


def test_neither_traffic_type_nor_aggregation_changes_the_keys():
    assert SimulatedVpc(SOURCE, "REJECT", 60).object_keys(DAY) == VPC.object_keys(DAY)


@settings(max_examples=40, deadline=None)
@given(
    account=st.from_regex(r"[0-9]{12}", fullmatch=True),
    region=st.sampled_from(["eu-west-1", "us-gov-east-1", "ap-southeast-4"]),
    day=st.dates(date(2015, 6, 10), date(2099, 12, 31)),
    seed=st.integers(),
)
def test_keys_lead_back_to_their_source_and_day(account, region, day, seed):
    source = LogSource("flow-logs", account, region)
    keys = SimulatedVpc(source, seed=seed).object_keys(day)
    assert {find_source("flow-logs", key) for key in keys} == {source}
    assert {source.find_day(key) for key in keys} == {day}


def test_an_object_is_one_gzip_member_with_a_constant_header():
    for _, data in VPC.objects(DAY):
        assert data[:10] == b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"
        member = zlib.decompressobj(wbits=31)
        member.decompress(data)
        assert member.eof and member.unused_data == b""


def test_every_object_is_a_header_and_records_of_fourteen_fields():
    for _, text in texts_of(VPC):
        header, *lines = text.split("\n")
        assert header == HEADER_LINE
        assert lines.pop() == ""
        assert lines and all(len(line.split(" ")) == 14 for line in lines)


@pytest.mark.parametrize("day", [DAY, date(2026, 11, 20), date(2024, 2, 29), date(2021, 1, 31)])
def test_a_day_has_25_to_40_thousand_records(day):
    assert 25_000 <= len(records_of(VPC, day)) <= 40_000


# Records and their windows.

both_aggregations = pytest.mark.parametrize("seconds", [60, 600])


@both_aggregations
def test_a_record_ends_in_its_objects_window_and_begins_in_its_day(seconds):
    for key, text in texts_of(SimulatedVpc(SOURCE, aggregation_seconds=seconds)):
        window = window_of(key)
        for line in text.splitlines()[1:]:
            record = Record(*line.split(" "))
            assert window <= int(record.end) < window + 300
            assert MIDNIGHT <= int(record.start) <= int(record.end) < MIDNIGHT + 86_400


@both_aggregations
def test_no_record_of_an_interface_crosses_the_boundaries_of_its_aggregation_windows(seconds):
    # A bit for each second at which the interface's windows could begin; a record rules out those it spans.
    ruled_out: dict[str, int] = defaultdict(int)
    for record in records_of(SimulatedVpc(SOURCE, aggregation_seconds=seconds)):
        length = int(record.end) - int(record.start)
        assert length < seconds
        span = ((1 << length) - 1) << ((int(record.start) + 1) % seconds)
        ruled_out[record.interface] |= span | span >> seconds
    every_second = (1 << seconds) - 1
    assert len(ruled_out) == 10
    assert all(spans & every_second != every_second for spans in ruled_out.values())


@both_aggregations
def test_a_flow_has_one_record_for_each_window(seconds):
    vpc = SimulatedVpc(SOURCE, aggregation_seconds=seconds)
    starts = defaultdict(list)
    for record in flows_of(vpc):
        starts[record.interface, record.action, record.flow].append((int(record.start), int(record.end)))
    repeated = [sorted(spans) for spans in starts.values() if len(spans) > 1]
    assert len(repeated) > 50
    assert all(earlier[1] < later[0] for spans in repeated for earlier, later in zip(spans, spans[1:], strict=False))


def test_windows_of_interfaces_are_staggered():
    phases = {
        record.interface: int(record.start) % 600
        for record in records_of(VPC)
        if record.status == "NODATA" and int(record.end) - int(record.start) == 599
    }
    assert len(set(phases.values())) == len(phases) >= 2


def test_nodata_means_that_the_interface_had_no_traffic():
    flows, silences = defaultdict(list), defaultdict(list)
    for record in records_of(VPC):
        group = {"OK": flows, "NODATA": silences}.get(record.status)
        if group is not None:
            group[record.interface].append((int(record.start), int(record.end)))
    for interface, spans in silences.items():
        for begin, last in spans:
            assert not any(begin <= first <= last for first, _ in flows[interface])


def test_the_spare_interfaces_have_nodata_in_every_window_of_the_day():
    spans = defaultdict(list)
    for record in records_of(VPC):
        spans[record.interface].append((int(record.start), int(record.end), record.status))
    spare = [sorted(found) for found in spans.values() if {status for _, _, status in found} == {"NODATA"}]
    assert len(spare) == 2
    for found in spare:
        assert (found[0][0], found[-1][1]) == (MIDNIGHT, MIDNIGHT + 86_399)
        assert all(
            later[0] == earlier[1] + 1 <= earlier[0] + 600 for earlier, later in zip(found, found[1:], strict=False)
        )


def test_records_without_a_flow_have_aws_form():
    lines = [line for _, text in texts_of(VPC) for line in text.splitlines() if line.endswith("DATA")]
    for line in lines:
        record = Record(*line.split(" "))
        assert line == (
            f"2 123456789012 {record.interface} - - - - - - - {record.start} {record.end} - {record.status}"
        )
    assert 2 <= sum(line.endswith("SKIPDATA") for line in lines) <= 6


def test_bytes_fit_the_packets():
    # From an IP header with next to nothing behind it to a full Ethernet frame's payload.
    for record in flows_of(VPC):
        smallest = 48 if ":" in record.source else 28
        assert int(record.packets) >= 1
        assert smallest * int(record.packets) <= int(record.bytes) <= 1_500 * int(record.packets)


def test_ports_are_zero_for_icmp_alone():
    for record in flows_of(VPC):
        ports = {record.source_port, record.destination_port}
        assert (ports == {"0"}) if record.protocol in ("1", "58") else ("0" not in ports)


def test_no_address_belongs_to_anybody():
    assert all(lies_in(address, IN_THE_VPC + NOBODYS) for record in flows_of(VPC) for address in record.pair)


# Traffic types.


@pytest.mark.parametrize("traffic_type", ["ACCEPT", "REJECT"])
def test_a_traffic_type_keeps_its_own_records_and_those_without_a_flow(traffic_type):
    kept = [record for record in records_of(VPC) if record.action in (traffic_type, "-")]
    assert records_of(SimulatedVpc(SOURCE, traffic_type)) == kept


@pytest.mark.parametrize("wrong", [{"traffic_type": "reject"}, {"aggregation_seconds": 300}])
def test_what_ec2_would_not_take_is_refused(wrong):
    with pytest.raises(FlowLakeError, match="ALL, ACCEPT or REJECT|60 or 600 seconds"):
        SimulatedVpc(SOURCE, **wrong)


# Kinds of traffic.


def test_accepted_flows_have_their_replies():
    seen = {(record.interface, record.flow) for record in flows_of(VPC) if record.action == "ACCEPT"}
    unanswered = {
        (record.source, record.destination, record.destination_port)
        for record in flows_of(VPC)
        if record.action == "ACCEPT" and (record.interface, record.reply) not in seen
    }
    assert unanswered == {("10.0.16.11", "10.0.32.21", "9100")}


def test_both_interfaces_count_the_same_packets_of_a_flow_inside_the_vpc():
    counts: dict = defaultdict(Counter)
    for record in flows_of(VPC):
        # The NAT gateway's inner leg is the one exception: the host's interface has the far end's address for it.
        if all(lies_in(address, IN_THE_VPC) for address in record.pair) and "10.0.0.5" not in record.pair:
            counts[record.flow][record.interface] += int(record.packets)
    assert len(counts) > 4_000
    assert all(len(both) == 2 and len(set(both.values())) == 1 for both in counts.values())


def test_a_security_group_rejects_at_the_receiver_what_the_senders_lets_out():
    attempts = defaultdict(list)
    for record in flows_of(VPC):
        if record.pair == ("10.0.16.11", "10.0.32.21") and record.destination_port == "9100":
            attempts[record.source_port, record.packets].append(record.action)
    actions = Counter(action for found in attempts.values() for action in found)
    assert actions == {"ACCEPT": 288, "REJECT": 288}


def test_the_background_is_web_app_database_names_clocks_and_administration():
    accepted = Counter((r.protocol, r.destination_port) for r in flows_of(VPC) if r.action == "ACCEPT")
    for service in (("6", "443"), ("6", "8080"), ("6", "5432"), ("17", "53"), ("17", "123"), ("6", "22")):
        assert accepted[service] > 20, service


def test_office_hours_are_busier_than_the_night():
    hours = Counter((int(r.start) - MIDNIGHT) // 3_600 for r in flows_of(VPC) if r.destination_port == "443")
    assert sum(hours[hour] for hour in (9, 10, 11)) > 2 * sum(hours[hour] for hour in (2, 3, 4))


def test_the_internet_scans_from_many_sources_with_few_packets():
    scans = [record for record in rejected() if record.source.startswith("198.18.")]
    assert len({record.source for record in scans}) > 1_500
    assert {record.protocol for record in scans} == {"1", "6", "17"}
    assert {"22", "23", "445", "3389", "5900", "6379", "8080"} <= {record.destination_port for record in scans}
    assert {int(r.bytes) // int(r.packets) for r in scans if r.protocol == "6"} == {40, 44}
    assert max(packets_by_pair(scans).values()) < 500


def test_some_traffic_is_ipv6():
    versions = Counter((ip_address(r.source).version, r.action) for r in flows_of(VPC))
    assert versions[6, "ACCEPT"] > 50 and versions[6, "REJECT"] > 20
    assert all(str(ip_address(address)) == address for r in flows_of(VPC) for address in r.pair)


@pytest.mark.parametrize("day", [DAY, date(2026, 11, 20), date(2024, 2, 29)])
def test_a_brute_force_on_ssh_tops_the_rejected_pairs(day):
    (attacker, target), packets = packets_by_pair(rejected(day)).most_common(1)[0]
    attempts = [record for record in rejected(day) if record.source == attacker]
    assert lies_in(attacker, ATTACKERS)
    assert packets > 3_000
    assert {(r.destination, r.destination_port, r.protocol) for r in attempts} == {(target, "22", "6")}
    assert 5_400 - 10 <= max(int(r.end) for r in attempts) - min(int(r.start) for r in attempts) <= 9_000 + 20


@pytest.mark.parametrize("day", [DAY, date(2026, 11, 20), date(2024, 2, 29)])
def test_there_is_exactly_one_port_scan_a_day(day):
    ports = defaultdict(set)
    for record in rejected(day):
        ports[record.pair].add(record.destination_port)
    (scan,) = [pair for pair, tried in ports.items() if len(tried) > 100]
    probes = [record for record in rejected(day) if record.source == scan[0]]
    assert lies_in(scan[0], ATTACKERS)
    assert {(r.destination, r.packets, r.bytes) for r in probes} == {(scan[1], "1", "44")}
    assert 940 <= len(probes) == len(ports[scan]) <= 1_020
    assert 170 <= max(int(r.end) for r in probes) - min(int(r.start) for r in probes) <= 540


def test_the_pairs_that_were_rejected_most_are_the_two_attacks_and_the_missing_rule():
    assert packets_by_pair(rejected()).most_common(3) == [
        (("198.51.100.107", "10.0.0.20"), 5_046),
        (("203.0.113.128", "10.0.0.10"), 1_014),
        (("10.0.16.11", "10.0.32.21"), 566),
    ]
