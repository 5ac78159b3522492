"""Frames as people read them: names beside addresses, services beside ports; files and other columns as they are."""

import pandas as pd

from assets.display import for_people
from assets.names import Names
from assets.tables import markdown_table

NAMES = Names(
    interfaces={"eni-0a": "web 1"},
    addresses={"10.0.1.5": "web 1", "2001:db8::10": "web 1", "10.0.1.6": "<script>alert(1)</script>"},
)


def shown(names: Names = NAMES, **columns: list[object]) -> dict[str, list[object]]:
    """The columns as people are shown them, NULL as None."""
    frame = for_people(pd.DataFrame(columns).convert_dtypes(), names)
    return {column: [None if pd.isna(value) else value for value in frame[column]] for column in frame}


def test_addresses_have_their_names_beside_them() -> None:
    found = shown(sourceaddress=["10.0.1.5", "203.0.113.9", "-", None], pkt_srcaddr=["2001:db8::10", None, "-", "x"])
    assert found == {
        "sourceaddress": ["10.0.1.5 (web 1)", "203.0.113.9", "-", None],
        "pkt_srcaddr": ["2001:db8::10 (web 1)", None, "-", "x"],
    }


def test_interfaces_have_their_names_beside_them() -> None:
    found = shown(interfaceid=["eni-0a", "eni-0b", None], next_hop_interface_id=["-", "eni-0a", None])
    assert found == {
        "interfaceid": ["eni-0a (web 1)", "eni-0b", None],
        "next_hop_interface_id": ["-", "eni-0a (web 1)", None],
    }


def test_ports_have_the_services_of_the_rows_protocol() -> None:
    found = shown(destinationport=[443, 514, 514, 0, None, 22], protocol=[6, 6, 17, 1, None, None])
    assert found == {
        "destinationport": ["443 https", "514 shell", "514 syslog", "0", None, "22 ssh"],
        "protocol": ["6 TCP", "6 TCP", "17 UDP", "1 ICMP", None, None],
    }


def test_without_a_protocol_a_port_has_the_service_of_either() -> None:
    assert shown(serviceport=[22, 123, 50_000])["serviceport"] == ["22 ssh", "123 ntp", "50000"]


def test_times_are_times() -> None:
    assert shown(starttime=[1_630_540_800], numpackets=[7]) == {
        "starttime": ["2021-09-02T00:00:00Z"],
        "numpackets": [7],
    }


def test_names_in_the_log_win_for_the_interface_that_recorded() -> None:
    row = {"interfaceid": "eni-0a", "sourceaddress": "10.0.1.5", "destinationaddress": "10.0.1.5"}
    tags = {"instance_tag": "web%20%C3%A4", "interface_tag": "other"}
    found = shown(**{column: [value] for column, value in {**row, **tags, "flow_direction": "egress"}.items()})
    assert found["interfaceid"] == ["eni-0a (web ä)"]
    assert found["sourceaddress"] == ["10.0.1.5 (web ä)"]
    assert found["destinationaddress"] == ["10.0.1.5 (web 1)"]
    assert found["instance_tag"] == ["web%20%C3%A4"]


def test_where_the_log_has_no_instances_name_the_interfaces_counts() -> None:
    found = shown(interfaceid=["eni-0a", "eni-0a"], instance_tag=["-", None], interface_tag=["nat", "-"])
    assert found["interfaceid"] == ["eni-0a (nat)", "eni-0a (web 1)"]


def test_without_names_values_are_what_they_were() -> None:
    assert shown(Names(), sourceaddress=["10.0.1.5"], dt=["2021-09-02"], n=[1]) == {
        "sourceaddress": ["10.0.1.5"],
        "dt": ["2021-09-02"],
        "n": [1],
    }


def test_a_frame_without_rows_keeps_its_columns() -> None:
    frame = for_people(pd.DataFrame({"sourceaddress": [], "sourceport": []}, dtype="string"), NAMES)
    assert (list(frame), len(frame)) == (["sourceaddress", "sourceport"], 0)


def test_the_frame_that_was_given_is_not_changed() -> None:
    frame = pd.DataFrame({"sourceaddress": ["10.0.1.5"]}, dtype="string", index=[7])
    assert for_people(frame, NAMES).index.tolist() == [7]
    assert frame["sourceaddress"].tolist() == ["10.0.1.5"]


def test_a_hostile_name_is_escaped_on_the_way_out() -> None:
    names = Names(addresses={"10.0.1.5": "=cmd()\x1b[31m|![x](y)", "10.0.1.6": "<script>alert(1)</script>"})
    frame = for_people(pd.DataFrame({"sourceaddress": ["10.0.1.5", "10.0.1.6"]}, dtype="string"), names)
    assert frame["sourceaddress"].tolist()[1] == "10.0.1.6 (<script>alert(1)</script>)"
    assert markdown_table(frame).splitlines()[2:] == [
        "|10.0.1.5 (=cmd()\\\\x1b\\[31m\\|!\\[x\\](y))|",
        "|10.0.1.6 (&lt;script>alert(1)&lt;/script>)|",
    ]
