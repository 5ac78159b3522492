"""The asset of network interfaces: what a run keeps, and that nothing waits for it."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import dagster as dg
import pyarrow.parquet as pq
import pytest
from lake import Lake, failure, metadata
from support import DAY, files_in

import assets.network_interfaces
import pipelines.settings
from assets.names import NamesByDay
from flowlogs.errors import FlowLakeError
from pipelines.build import build_definitions
from pipelines.settings import Settings
from pipelines.targets import Target, build_target
from resources.names_file import NamesFile
from resources.network_interfaces import FoundInterfaces, NetworkInterface, NetworkInterfaces, Vpc

NAME = "network_interfaces"
HOSTILE = "<script>|=cmd()\x1b[31m"
WEB = NetworkInterface("eni-0a", "web 1", "instance", "i-0a", ("10.0.0.5",), vpc_id="vpc-1")
FOUND = FoundInterfaces((WEB,), (Vpc("vpc-1", "main", ("10.0.0.0/16", "2001:db8::/56")),))


class Given(NetworkInterfaces):
    """Finds these, one after the other; an error is raised."""

    def __init__(self, *found: FoundInterfaces | FlowLakeError) -> None:
        self.found = list(found)

    def find(self) -> FoundInterfaces:
        found = self.found.pop(0)
        if isinstance(found, FlowLakeError):
            raise found
        return found


def look(
    lake: Lake, *found: FoundInterfaces | FlowLakeError, at: Sequence[str] = ()
) -> list[dg.ExecuteInProcessResult]:
    """Materialize the asset once for each of these, at these times."""
    given, times = Given(*found), list(at) or [f"2021-09-03T01:00:0{n}" for n in range(len(found))]
    job = build_definitions(lake.settings, target=_with(lake, given)).resolve_implicit_global_asset_job_def()
    results = []
    for time in times:
        moment = datetime.fromisoformat(time).replace(tzinfo=timezone.utc)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(assets.network_interfaces, "now", lambda moment=moment: moment)
            results.append(
                job.execute_in_process(
                    instance=lake.instance, asset_selection=[dg.AssetKey(NAME)], raise_on_error=False
                )
            )
    return results


def _with(lake: Lake, given: NetworkInterfaces) -> Target:
    return replace(lake.target, network_interfaces=given)


def kept(lake: Lake) -> list[str]:
    return sorted(name for name in files_in(lake.results) if name.startswith("names/"))


def test_a_snapshot_has_what_was_found_and_when(lake: Lake) -> None:
    (result,) = look(lake, FOUND)
    assert result.success
    assert kept(lake) == ["names/20210903T010000Z.parquet"]
    rows = pq.read_table(lake.results / kept(lake)[0]).to_pylist()
    seen = {"seen": "2021-09-03T01:00:00Z"}
    nothing = dict.fromkeys(("public_addresses", "description", "security_groups", "subnet_id", "az_id"))
    assert rows == [
        seen
        | {"interfaceid": None, "name": "main", "kind": "VPC", "belongs_to": None, "private_addresses": "10.0.0.0/16"}
        | {"ipv6_addresses": "2001:db8::/56", "vpc_id": "vpc-1"}
        | nothing,
        seen
        | {"interfaceid": "eni-0a", "name": "web 1", "kind": "instance", "belongs_to": "i-0a"}
        | {"private_addresses": "10.0.0.5", "ipv6_addresses": None, "vpc_id": "vpc-1"}
        | nothing,
    ]


def test_metadata_has_the_table_and_its_numbers(lake: Lake) -> None:
    unnamed = NetworkInterface("eni-0b", private_addresses=("10.0.0.6", "10.0.0.7"))
    (result,) = look(lake, FoundInterfaces((WEB, unnamed), FOUND.vpcs))
    told = metadata(result, NAME)[None]
    assert {name: value.value for name, value in told.items() if name not in ("table", "snapshot")} == {
        "interfaces": 2,
        "interfaces with a name": 1,
        "addresses": 3,
        "VPCs": 1,
        "first seen": "2021-09-03T01:00:00+00:00",
        "changed": True,
    }
    assert told["snapshot"] == dg.MetadataValue.path(str(lake.results / "names/20210903T010000Z.parquet"))
    assert "|web 1|instance|i-0a|eni-0a|10.0.0.5|" in str(told["table"].value)


def test_a_second_run_changes_nothing(lake: Lake) -> None:
    before = look(lake, FOUND) and files_in(lake.results)
    (again,) = look(lake, FOUND, at=["2021-10-01T01:00:00"])
    assert files_in(lake.results) == before
    told = metadata(again, NAME)[None]
    assert (told["changed"].value, told["first seen"].value) == (False, "2021-09-03T01:00:00+00:00")


def test_what_changed_is_another_snapshot(lake: Lake) -> None:
    look(lake, FOUND, FoundInterfaces((), FOUND.vpcs), FOUND)
    assert len(kept(lake)) == 3


def test_where_nothing_is_found_nothing_is_written(lake: Lake) -> None:
    look(lake, FOUND, FoundInterfaces(warnings=("Access denied: grant ec2:DescribeNetworkInterfaces",)))
    assert len(kept(lake)) == 1
    assert look(lake, FoundInterfaces())[0].success


def test_a_warning_is_told(lake: Lake) -> None:
    (result,) = look(lake, FoundInterfaces((WEB,), warnings=(f"Denied: {HOSTILE}",)))
    assert result.success
    assert lake.messages(result, logging.WARNING) == [f"Denied: {HOSTILE}"]
    assert metadata(result, NAME)[None]["found"].value == "- Denied: &lt;script>\\|=cmd()\\\\x1b\\[31m"


def test_names_that_cannot_be_kept_are_a_warning(lake: Lake) -> None:
    lake.results.mkdir()
    (lake.results / "names").write_text("a file, where a folder belongs")
    (result,) = look(lake, FOUND)
    assert result.success
    (warning,) = lake.messages(result, logging.WARNING)
    assert warning.startswith("The names of network interfaces are not kept. ")


def test_a_hostile_name_is_escaped_in_the_table(lake: Lake) -> None:
    (result,) = look(lake, FoundInterfaces((NetworkInterface("eni-0a", HOSTILE),)))
    assert "&lt;script>\\|=cmd()\\\\x1b\\[31m" in str(metadata(result, NAME)[None]["table"].value)


def test_reports_are_made_where_names_fail(lake: Lake) -> None:
    lake.run(DAY)
    broken = Given(FlowLakeError("EC2 is not there."))
    job = build_definitions(lake.settings, target=_with(lake, broken)).resolve_job_def("daily_reject_reports")
    result = job.execute_in_process(instance=lake.instance, partition_key=DAY.isoformat(), raise_on_error=False)
    assert failure(result) == (NAME, "EC2 is not there.")
    made = {event.asset_key.to_user_string() for event in result.get_asset_materialization_events()}
    assert {"rejected_flows", "top_rejected_pairs", "rejected_flow_details"} <= made


def test_names_of_other_logs_are_not_mixed_in(lake: Lake, tmp_path: Path) -> None:
    lake.run(DAY)
    (lake.results / "source/flow_logs.txt").write_text("s3://others/\nothers\n")
    (result,) = look(lake, FOUND)
    assert failure(result)[1].startswith("The results in ")
    assert kept(lake) == []


def test_a_folder_of_ones_own_names_no_interface(lake: Lake) -> None:
    assert lake.target.network_interfaces.find() == FoundInterfaces()
    lake.run(DAY)
    assert kept(lake) == []


def test_the_simulated_vpc_names_its_own_hosts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pipelines.settings, "PROJECT_ROOT", tmp_path)
    target = build_target(Settings())
    job = build_definitions(Settings(), target=target).resolve_implicit_global_asset_job_def()
    with dg.DagsterInstance.ephemeral() as instance:
        for _ in range(2):
            assert job.execute_in_process(instance=instance, partition_key=DAY.isoformat()).success
    assert len(list(target.results.list("names/"))) == 1
    names = NamesByDay(target.results, NamesFile(None)).on(DAY)
    addresses = ("10.0.0.10", "2001:db8:1234:1a01::10", "10.0.0.5", "10.0.32.21", "203.0.113.9")
    assert [names.address(address) for address in addresses] == ["web 1", "web 2", "NAT gateway", "database", None]
    assert [names.address_class(address) for address in addresses] == ["own", "own", "own", "own", "internet"]
    interfaces = target.network_interfaces.find().interfaces
    assert sorted(names.interfaces.values()) == sorted(interface.name for interface in interfaces)


def test_a_default_bucket_with_others_files_names_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(pipelines.settings, "PROJECT_ROOT", tmp_path)
    (tmp_path / "data/bucket").mkdir(parents=True)
    (tmp_path / "data/bucket/notes.txt").write_text("mine")
    assert build_target(Settings()).network_interfaces.find() == FoundInterfaces()
