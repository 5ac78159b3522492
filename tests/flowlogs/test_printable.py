"""Text from records and names, as people are shown it: what is not printable is escaped, whoever shows it."""

import pytest

from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable, shortened
from resources.aws.clients import AwsClients
from resources.aws.object_store import S3Store
from resources.embedded.bucket import FolderBucket
from resources.embedded.folder_store import FolderStore
from resources.engine import QueryError
from resources.ensured import Ensured


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10.0.0.5 é 日本 👍", "10.0.0.5 é 日本 👍"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\r\n\tb", r"a\r\n\tb"),
        ("\x9b1m\x7f\0", r"\x9b1m\x7f\x00"),
        ("\u202e\u2066\u200f", r"\u202e\u2066\u200f"),
        ("\u2028\u2029\x85", r"\u2028\u2029\x85"),
        ("\udcff", r"\udcff"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_is_not_printable_is_escaped(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


def test_newlines_of_our_own_are_kept():
    assert printable("a\nb\rc", keep_newlines=True) == "a\nb\\rc"


def test_a_text_that_is_cut_ends_in_an_ellipsis():
    assert [shortened(text, 3) for text in ("abc", "abcd")] == ["abc", "ab…"]


def test_an_error_is_printable_and_keeps_its_lines():
    assert str(FlowLakeError("a\x1b[2J\nb\u202e")) == "a\\x1b[2J\nb\\u202e"
    assert str(QueryError("CODE", "a\x07", "SELECT\n\x1b")) == "CODE: a\\x07\nThe statement was:\nSELECT\n\\x1b"


@pytest.mark.parametrize("place", ["folder", "s3"])
def test_an_objects_address_is_printable_and_one_line(tmp_path, place):
    store = FolderStore(tmp_path, "X", "x") if place == "folder" else S3Store(AwsClients(), "bucket", "prefix/")
    root = str(tmp_path) if place == "folder" else "s3://bucket/prefix"
    assert store.display_path("a\n\nError: b\x1b[2J\udcff") == root + r"/a\n\nError: b\x1b[2J\udcff"
    assert store.sql_location("a\n").endswith("/a\n")


def test_an_object_with_a_hostile_name_adds_no_line_to_an_error(tmp_path):
    store = FolderStore(tmp_path, "X", "x")
    (tmp_path / "a\nError: b").mkdir()
    for doing in (lambda: store.open("a\nError: b"), lambda: store.replace({"a\nError: b": b""})):
        with pytest.raises(FlowLakeError) as error:
            doing()
        assert "\n" not in str(error.value)
        assert r"a\nError: b" in str(error.value)


@pytest.mark.parametrize("kind", ["missing", "file", "empty"])
def test_a_bucket_with_a_hostile_name_adds_no_line_to_an_error(tmp_path, kind):
    root = tmp_path / "a\nError: b"
    if kind == "file":
        root.write_text("")
    elif kind == "empty":
        root.mkdir()
    with pytest.raises(FlowLakeError) as error:
        FolderBucket("bucket", root).ensure()
    assert "\nError" not in str(error.value)


def test_what_was_made_sure_of_is_printable():
    ensured = Ensured({"a": "x\n\x1b", "b": 1}, warnings=("w\x1b",), errors=("e\u202e",))
    assert ensured == Ensured({"a": r"x\n\x1b", "b": 1}, warnings=(r"w\x1b",), errors=(r"e\u202e",))
