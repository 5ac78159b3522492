"""Names on a day: from the snapshots of network interfaces, and from the user's own file."""

from collections.abc import Sequence
from datetime import date, datetime, timezone
from ipaddress import ip_network
from pathlib import Path

import pytest

from assets.name_snapshots import snapshot_frame, snapshots, store_snapshot
from assets.names import Names, NamesByDay, names_of
from resources.embedded.folder_store import FolderStore
from resources.names_file import NamedNetwork, NamesFile
from resources.network_interfaces import FoundInterfaces, NetworkInterface, Vpc

NO_FILE = NamesFile(None)
WEB = NetworkInterface(
    "eni-0a",
    "web 1",
    "instance",
    "i-0a",
    ("10.0.1.5", "10.0.1.6"),
    ("203.0.113.10",),
    ("2001:db8:1::5",),
    security_groups=("default", "web servers"),
    vpc_id="vpc-1",
)
NETWORKS = ("10.0.0.0/16", "2001:db8:1::/56")


def found(*interfaces: NetworkInterface, networks: Sequence[str] = NETWORKS) -> FoundInterfaces:
    return FoundInterfaces(interfaces, (Vpc("vpc-1", "main", tuple(networks)),))


def named(name: str) -> FoundInterfaces:
    return found(NetworkInterface("eni-0a", name, private_addresses=("10.0.1.5",)))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


def names(seen: FoundInterfaces, **own: str) -> Names:
    networks = [NamedNetwork(ip_network(network.replace("_", "/")), name) for network, name in own.items()]
    return names_of(snapshot_frame(seen, at("2021-09-03T01:00")), networks)


@pytest.fixture
def results(tmp_path: Path) -> FolderStore:
    return FolderStore(tmp_path / "results", "FLOWLAKE_RESULTS", "results")


def keep(results: FolderStore, seen: FoundInterfaces, time: str) -> bool:
    """Store what was seen; returns whether that is new."""
    return store_snapshot(results, snapshot_frame(seen, at(time)), at(time))[1]


def test_every_address_of_an_interface_has_its_name() -> None:
    known = names(found(WEB))
    assert {text: known.address(text) for text in WEB.addresses} == dict.fromkeys(WEB.addresses, "web 1")
    assert known.address("2001:0db8:0001:0000::5") == "web 1"
    assert known.interface("eni-0a") == "web 1"


@pytest.mark.parametrize("text", ["10.0.9.9", "-", "", "<script>", "eni-0a"])
def test_what_is_unknown_has_no_name(text: str) -> None:
    assert names(found(WEB)).address(text) is None


def test_an_address_in_a_vpcs_network_is_our_own() -> None:
    known = names(found(WEB))
    texts = ("10.0.9.9", "2001:db8:1:12::1", "10.1.0.1", "8.8.8.8", "-")
    assert [known.address_class(text) for text in texts] == ["own", "own", "private", "internet", ""]


def test_an_interface_without_a_name_names_nothing() -> None:
    known = names(found(NetworkInterface("eni-0b", private_addresses=("10.0.1.7",))))
    assert (known.interface("eni-0b"), known.address("10.0.1.7")) == (None, None)


def test_an_address_of_several_vpcs_has_the_names_of_each() -> None:
    same = [NetworkInterface(f"eni-{n}", f"web {n}", private_addresses=("10.0.1.5",)) for n in range(4)]
    assert names(found(*same[:2])).address("10.0.1.5") == "web 0 or web 1"
    assert names(found(*same)).address("10.0.1.5") is None


def test_the_longest_prefix_wins() -> None:
    own = {
        "10.0.0.0/8": "company",
        "10.0.0.0/16": "main VPC",
        "10.0.1.0/24": "web subnet",
        "10.0.1.6": "mine",
        "::/0": "six",
    }
    networks = [NamedNetwork(ip_network(network), name) for network, name in own.items()]
    known = names_of(snapshot_frame(found(WEB), at("2021-09-03")), networks)
    assert {text: known.address(text) for text in ("10.0.1.5", "10.0.1.6", "10.0.1.7", "10.0.2.1", "10.9.0.1")} == {
        "10.0.1.5": "web 1",
        "10.0.1.6": "mine",
        "10.0.1.7": "web subnet",
        "10.0.2.1": "main VPC",
        "10.9.0.1": "company",
    }
    assert (known.address("2001:db8:1::5"), known.address("2001:db8:9::1")) == ("web 1", "six")
    assert known.address("192.0.2.1") is None


def test_a_second_look_that_finds_the_same_writes_nothing(results: FolderStore) -> None:
    assert keep(results, named("web"), "2021-09-02T01:00:00")
    before = results.read("names/20210902T010000Z.parquet")
    assert not keep(results, named("web"), "2021-09-03T01:00:00")
    assert [stored.key for stored in results.list("names/")] == ["names/20210902T010000Z.parquet"]
    assert results.read("names/20210902T010000Z.parquet") == before
    assert keep(results, named("app"), "2021-09-04T01:00:00")
    assert keep(results, named("web"), "2021-09-05T01:00:00")
    assert len(snapshots(results)) == 3


def test_two_looks_at_once_say_the_same(results: FolderStore) -> None:
    frame = snapshot_frame(named("web"), at("2021-09-02T01:00:00"))
    store_snapshot(results, frame, at("2021-09-02T01:00:00"))
    # The other one has listed the folder before.
    results.add({"names/20210902T010000Z.parquet": b"never written over"})
    results.add({"names/20210902T010001Z.parquet": results.read("names/20210902T010000Z.parquet")})
    assert NamesByDay(results, NO_FILE).on(date(2021, 9, 1)) == NamesByDay(results, NO_FILE).on(date(2021, 12, 1))


@pytest.mark.parametrize(
    ("day", "name"),
    [
        (date(2020, 1, 1), "old"),  # before anything was seen: the oldest
        (date(2021, 8, 30), "old"),
        (date(2021, 9, 1), "old"),
        (date(2021, 9, 30), "new"),  # seen on the next day at 01:00, as the daily job sees it
        (date(2021, 10, 1), "new"),
        (date(2022, 1, 1), "new"),
    ],
)
def test_a_month_has_the_names_of_its_time(results: FolderStore, day: date, name: str) -> None:
    keep(results, named("old"), "2021-08-31T01:00:00")
    keep(results, named("new"), "2021-10-01T01:00:00")
    assert NamesByDay(results, NO_FILE).on(day).address("10.0.1.5") == name


def test_without_snapshots_the_file_alone_names(results: FolderStore, tmp_path: Path) -> None:
    (tmp_path / "names.csv").write_text("10.0.0.0/8,company\n")
    assert NamesByDay(results, NO_FILE).on(date(2021, 9, 2)) == Names()
    assert NamesByDay(results, NamesFile(tmp_path / "names.csv")).on(date(2021, 9, 2)).address("10.1.1.1") == "company"


def test_other_files_in_the_folder_are_passed_over(results: FolderStore) -> None:
    keep(results, named("web"), "2021-09-02T01:00:00")
    results.add({"names/20990101T000000Z.parquet.bak": b"?", "names/mine.parquet": b"?", "names/x/a.parquet": b"?"})
    assert NamesByDay(results, NO_FILE).on(date(2021, 9, 2)).address("10.0.1.5") == "web"


def test_a_file_that_is_no_snapshot_is_named(results: FolderStore) -> None:
    results.add({"names/20210902T010000Z.parquet": b"nonsense"})
    found = NamesByDay(results, NO_FILE)
    assert found.on(date(2021, 9, 2)) == Names()
    (warning,) = found.warnings
    assert "20210902T010000Z.parquet is no snapshot of names: " in warning


def test_hostile_names_are_data() -> None:
    for hostile in ("<script>", "=cmd()", "\x1b[31mred", "a|b", " "):
        assert names(named(hostile)).address("10.0.1.5") == hostile
