"""The file of the user's own names: what it may hold, and how a wrong line is told."""

from ipaddress import ip_network
from pathlib import Path

import pytest

from flowlogs.errors import FlowLakeError
from resources.names_file import NamedNetwork, NamesFile, parse_names


def names(text: str) -> dict[str, str]:
    return {str(found.network): found.name for found in parse_names(text, "names.csv")}


def test_addresses_and_networks_have_names() -> None:
    text = 'address,name,owner\n10.0.0.5,web 1,Ann\n\n# networks\n10.0.0.0/16,office\n2001:db8::/32,"a, b"\n::1,me\n'
    assert names(text) == {
        "10.0.0.5/32": "web 1",
        "10.0.0.0/16": "office",
        "2001:db8::/32": "a, b",
        "::1/128": "me",
    }


def test_a_header_line_is_optional() -> None:
    assert names("10.0.0.5,web\r\n10.0.0.6,app\r\n") == {"10.0.0.5/32": "web", "10.0.0.6/32": "app"}


def test_hostile_names_are_kept_as_they_are() -> None:
    text = "10.0.0.1,<script>\n10.0.0.2,=cmd()\n10.0.0.3,\x1b[31mred\n"
    assert list(names(text).values()) == ["<script>", "=cmd()", "\x1b[31mred"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("10.0.0.5,web\n10.0.0,app\n", "line 2: '10.0.0' does not appear to be an IPv4 or IPv6 network. Write an"),
        ("10.0.0.5/24,web\n", "line 1: 10.0.0.5/24 has host bits set. Write an address"),
        ("address,name\n10.0.0.5,\n", "line 2: 10.0.0.5 has no name. Write it behind a comma."),
        ("10.0.0.5\n", "line 1: 10.0.0.5 has no name."),
        ("10.0.0.5,a\n10.0.0.6,b\n10.0.0.5/32,c\n", "line 3: 10.0.0.5/32 has another name in line 1. Remove one"),
        ("10.0.0.5;web\n", "line 1: '10.0.0.5;web' does not appear to be"),
        ("address,name\nname,10.0.0.5\n", "line 2: 'name' does not appear to be"),
        ('10.0.0.5,"web\n', "line 1: no CSV: unexpected end of data."),
    ],
)
def test_a_wrong_line_is_named(text: str, words: str) -> None:
    with pytest.raises(FlowLakeError) as error:
        names(text)
    assert str(error.value).startswith(f"FLOWLAKE_NAMES: names.csv, {words}")


def test_the_same_line_twice_is_one_name() -> None:
    assert names("10.0.0.5,web\n10.0.0.5,web\n") == {"10.0.0.5/32": "web"}


def test_a_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "names.csv"
    path.write_text("\ufeff10.0.0.5,Büro\n", encoding="utf-8")
    assert NamesFile(path).read() == (NamedNetwork(ip_network("10.0.0.5"), "Büro"),)
    assert NamesFile(None).read() == ()


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FlowLakeError, match="FLOWLAKE_NAMES: .*none.csv cannot be read: No such file"):
        NamesFile(tmp_path / "none.csv").read()
    (tmp_path / "latin.csv").write_bytes(b"10.0.0.5,B\xfcro\n")
    with pytest.raises(FlowLakeError, match="latin.csv cannot be read: .*Save it as UTF-8"):
        NamesFile(tmp_path / "latin.csv").read()
