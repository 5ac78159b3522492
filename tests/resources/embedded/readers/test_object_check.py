"""What the embedded engine says of objects that are not what the table takes them for, whatever a statement asks."""

import gzip
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_bucket import NAME, SOURCE, SmallBucket, record, rows

from flowlogs.fields import HEADER_LINE
from flowlogs.record_format import DEFAULT_FORMAT
from flowlogs.statements import add_partitions
from resources.embedded.readers import object_check
from resources.embedded.readers.lines import CHUNK_BYTES, line_ends, lines_with, usable_lines
from resources.embedded.readers.object_check import ObjectCheck
from resources.engine import QueryResult, misread_messages

DAY = "2024-03-01"
FOLDER = "AWSLogs/123456789012/vpcflowlogs/eu-west-1/2024/03/01"
OBJECT = "123456789012_vpcflowlogs_eu-west-1_fl-0123456789abcdef0_20240301T0005Z_00000000.log"
COUNT = "SELECT count(*) FROM flows"
EVERYTHING = "SELECT * FROM flows"
SWAPPED = HEADER_LINE.replace("packets bytes", "bytes packets")
NO_DATA = record(1, source="-", action="-", status="NODATA")
SKIPPED = record(1, source="-", action="-", status="SKIPDATA")


@pytest.fixture
def bucket(tmp_path) -> SmallBucket:
    bucket = SmallBucket(tmp_path)
    bucket.put_day(DAY, [record(1)], name=OBJECT.replace("T0005Z", "T0000Z") + ".gz")
    return bucket


def put(bucket: SmallBucket, *lines: str, name: str = OBJECT, end: str = "\n") -> str:
    """Store an object of these lines beside the day's good one; returns its path."""
    text = "".join(f"{line}{end}" for line in lines).encode()
    bucket.put(f"{FOLDER}/{name}", gzip.compress(text) if name.endswith(".gz") else text)
    return str(bucket.root / "bucket" / FOLDER / name)


def ask(bucket: SmallBucket, statement: str = COUNT) -> QueryResult:
    return bucket.engine.execute(statement)


# The first record


def test_a_copy_that_was_given_the_name_of_another_day_is_told(bucket):
    path = put(bucket, HEADER_LINE, record(2), name=OBJECT.replace("20240301", "20240302"))
    (warning,) = ask(bucket).warnings
    assert warning == (
        f"Records that ended on another day than their object's name says are in {path}, as in a copy that was given "
        "another name. They are counted on the day in whose folder the object lies. The first one is: "
        f"{record(2)}"
    )


# The first line


@pytest.mark.parametrize("name", [OBJECT, f"{OBJECT}.gz"], ids=["text", "gzip"])
@pytest.mark.parametrize("end", ["\n", "\r\n"], ids=["LF", "CRLF"])
@pytest.mark.parametrize(
    ("first", "words"),
    [
        (record(2), "has no header line. Athena passes over the first line of each object"),
        (SWAPPED, "is of a flow log in another format than its table, which reads it by position"),
        ("", "does not begin with the header line"),
        ("x" * (2 * CHUNK_BYTES), "does not begin with the header line"),
    ],
    ids=["a record", "another format", "nothing", "a very long line"],
)
def test_an_object_with_another_first_line_is_misread(bucket, name, end, first, words):
    path = put(bucket, first, record(3), name=name, end=end)
    result = ask(bucket)
    assert rows(result) == [(2,)]
    assert [(path, told.startswith(words)) for path, told in result.misread.items()] == [(path, True)]
    (warning,) = result.warnings
    assert warning.startswith(f"{path} {words}")
    assert warning.isprintable()


@pytest.mark.parametrize(
    "lines",
    [
        (HEADER_LINE,),
        (f"{HEADER_LINE} ", record(2)),
        (f"\ufeff{HEADER_LINE}", record(2)),
        (HEADER_LINE, NO_DATA, SKIPPED, record(2, action="ACCEPT")),
        (),
    ],
    ids=["header alone", "a blank behind it", "byte order mark", "every kind of record", "empty"],
)
def test_a_good_object_is_not_told_of(bucket, lines):
    put(bucket, *lines)
    assert ask(bucket).warnings == ()


def test_gzip_members_without_text_in_front_are_no_matter(bucket):
    text = f"{HEADER_LINE}\n{record(2)}\n".encode()
    bucket.put(f"{FOLDER}/{OBJECT}.gz", gzip.compress(b"") * 5_000 + gzip.compress(text))
    result = ask(bucket)
    assert (rows(result), result.warnings) == ([(2,)], ())


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT DISTINCT dt FROM flows",
        "SELECT numbytes FROM flows WHERE action = 'REJECT' AND sourceaddress = '192.0.2.99'",
        "SELECT * FROM flows WHERE dt = '2024-03-01' ORDER BY numpackets LIMIT 1",
        "SELECT a.dt FROM flows a JOIN flows b ON a.interfaceid = b.interfaceid",
        f"UNLOAD (SELECT interfaceid FROM flows) TO 's3://{SOURCE.bucket}/unloaded/' WITH (format = 'PARQUET')",
    ],
    ids=["keys alone", "a text that no line has", "first row", "twice", "UNLOAD"],
)
def test_whatever_is_asked_the_objects_are_told_of(bucket, statement):
    path = put(bucket, record(2), record(3))
    assert list(ask(bucket, statement).misread) == [path]


def test_a_few_objects_are_told_in_full_and_the_others_named(bucket):
    paths = [put(bucket, record(2), name=OBJECT.replace("_00000000", f"_0000000{n}")) for n in range(8)]
    *full, others = ask(bucket).warnings
    assert [warning.split(" ")[0] for warning in full] == paths[:3]
    assert others == f"Other objects cannot be read as they are, too: {', '.join(paths[3:6])} and 2 more."
    assert misread_messages({}) == []


def test_an_objects_name_is_printable_where_it_is_told(bucket):
    put(bucket, record(2), name="\x1b[31mred\n.log")
    assert "\\x1b[31mred\\n.log has no header line" in ask(bucket).warnings[0]


@pytest.mark.parametrize("columns", ["line string", "version string, account string"])
def test_a_table_of_another_kind_is_not_looked_at(bucket, columns):
    bucket.create("others", columns, b"a b\nc d\n")
    assert ask(bucket, "SELECT count(*) FROM others").warnings == ()


# Files that are no objects


@pytest.mark.parametrize("lines", [("[x]", "y"), ("\x00\x01", "y")], ids=["text", "no text"])
def test_a_file_that_tells_of_no_flow_is_a_warning(bucket, lines):
    path = put(bucket, *lines, name="desktop.ini")
    result = ask(bucket)
    assert result.misread == {}
    assert result.warnings[0].startswith(f"{path} is no object of a flow log. ")


@pytest.mark.parametrize("first", ["[x]", "\x00\x01"], ids=["text", "no text"])
@pytest.mark.parametrize("deep", [0, CHUNK_BYTES], ids=["near", "deep"])
def test_a_file_with_a_record_anywhere_is_misread(bucket, first, deep):
    path = put(bucket, first, "y" * deep, record(2), name="desktop.ini")
    assert ask(bucket).misread == {
        path: "is not a flow log object, but a line in it looks like a record, and is read by position. Move it "
        f"away. The line is: {record(2)}"
    }


# Lines below the first one


@pytest.mark.parametrize("filler", [0, CHUNK_BYTES], ids=["in the first piece", "in a later piece"])
@pytest.mark.parametrize(
    "line",
    [SWAPPED, "version vpc-id srcaddr action", SWAPPED.replace(" ", ","), f"{record(2)}version vpc-id srcaddr action"],
    ids=["swapped", "few fields", "commas", "behind a record"],
)
def test_another_header_line_further_down_is_misread(bucket, filler, line):
    many = [record(1)] * (filler // 80)
    path = put(bucket, HEADER_LINE, *many, line, record(3))
    assert ask(bucket).misread == {path: object_check.other_header_problem(line)}


@pytest.mark.parametrize("filler", [0, CHUNK_BYTES], ids=["in the first piece", "in a later piece"])
@pytest.mark.parametrize("line", [HEADER_LINE, f"{record(2)}{HEADER_LINE}", f"\ufeff{HEADER_LINE}"])
def test_the_header_line_further_down_is_a_warning(bucket, filler, line):
    many = [record(1)] * (filler // 80)
    path = put(bucket, HEADER_LINE, *many, line, record(3))
    result = ask(bucket)
    assert rows(result) == [(len(many) + 3,)]
    assert result.misread == {}
    assert result.warnings == (
        "The header line comes again below the first line, as in a file that was joined from several: in "
        f"{path}. To Athena it is a record, of names and NULLs, or a part of the record in front of it.",
    )


def test_gzip_members_with_a_header_each_are_a_warning(bucket):
    member = gzip.compress(f"{HEADER_LINE}\n{record(2)}\n".encode())
    bucket.put(f"{FOLDER}/{OBJECT}.gz", member + member)
    assert ask(bucket).warnings[0].startswith("The header line comes again")


def test_every_place_of_a_header_between_pieces_is_found(bucket, monkeypatch):
    monkeypatch.setattr("resources.embedded.readers.lines.CHUNK_BYTES", 200)
    for length in range(60):
        put(bucket, HEADER_LINE, f"{record(1)} {'x' * length}", SWAPPED, record(3))
        assert len(ask(bucket).misread) == 1


@pytest.mark.parametrize(
    "line",
    [
        record(2, action="DROP"),
        record(2, action="reject"),
        record(2)[:-10],
        "x",
        "",
        record(2).replace("2 ", "2 2 ", 1),
        record(2).replace(" 6 ", " ", 1),
        f"{record(2).replace(' 6 ', ' ', 1)} {'z' * 100_000}",
    ],
    ids=["unknown", "lower case", "cut off", "short", "empty", "a field more", "a field less", "a long field"],
)
@pytest.mark.parametrize("many", [0, 60_000], ids=["near", "deep"])
def test_a_record_with_another_action_is_told(bucket, line, many):
    path = put(bucket, HEADER_LINE, *[record(1)] * many, line, *[record(3)] * 3)
    result = ask(bucket)
    assert rows(result) == [(1 + many + 4,)]
    shown = line if len(line) < 200 else f"{line[:159]}…"
    assert result.warnings == (
        f"Records whose action is none of ACCEPT, REJECT and - are in {path}. No report counts them. The first one is: "
        f"{shown}",
    )


@pytest.mark.parametrize("between", ["", " ", "\u0085", "\0", ";"], ids=["nothing", "blank", "NEL", "NUL", "semicolon"])
@pytest.mark.parametrize("many", [0, 60_000], ids=["near", "deep"])
def test_a_record_behind_a_record_is_told(bucket, between, many):
    path = put(bucket, HEADER_LINE, *[record(1)] * many, f"{record(2)}{between}{record(4)}", *[record(3)] * 3)
    (told,) = ask(bucket).warnings
    assert told.startswith(
        f"Lines that go on behind a record's last field are in {path}. What stands there is not read: where the line "
        f"end between two records is missing, the second one is lost. The first one is: {record(2)}"
    )


@pytest.mark.parametrize(
    "line",
    [f"{record(2)}  ", record(2, status="ok"), record(2, interface="x" * 100_000)],
    ids=["blanks behind it", "another status", "a long field"],
)
def test_a_record_that_is_odd_otherwise_is_not_told(bucket, line):
    put(bucket, HEADER_LINE, line, record(3))
    assert ask(bucket).warnings == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"packets": "1,000"},
        {"packets": "1e6"},
        {"packets": "0x309"},
        {"packets": 2**63},
        {"packets": ""},
        {"source": 40002, "destination": 22, "source_port": "192.0.2.2", "destination_port": "10.0.0.1"},
    ],
    ids=["comma", "exponent", "hexadecimal", "too large", "empty", "ports in front of addresses"],
)
@pytest.mark.parametrize("statement", [EVERYTHING, f"{EVERYTHING} WHERE action = 'REJECT'"], ids=["all", "rejected"])
@pytest.mark.parametrize("many", [0, 60_000], ids=["near", "deep"])
def test_a_record_with_a_field_that_is_no_number_is_told(bucket, fields, statement, many):
    line = record(2, **fields)
    path = put(bucket, HEADER_LINE, *[record(1)] * many, line, *[record(3)] * 3)
    assert ask(bucket, statement).warnings == (
        f"Records with a field that is not the number or address that belongs there are in {path}. What Athena cannot "
        f"read as a number is NULL, and no sum counts it. The first one is: {line}",
    )


def test_a_number_that_is_longer_than_most_is_nothing_to_tell(bucket):
    put(bucket, HEADER_LINE, record(2, packets=2**63 - 1), record(3))
    assert ask(bucket, EVERYTHING).warnings == ()


@pytest.mark.parametrize("statement", [EVERYTHING, f"{EVERYTHING} WHERE action = 'REJECT'"], ids=["all", "rejected"])
@pytest.mark.parametrize("many", [0, 60_000], ids=["near", "deep"])
def test_a_field_too_few_is_told_beside_one_too_many(bucket, statement, many):
    less, more = record(2).replace(" 6 ", " ", 1), record(4).replace("2 ", "2 2 ", 1)
    path = put(bucket, HEADER_LINE, *[record(1)] * many, less, more, *[record(3)] * 3)
    assert ask(bucket, statement).warnings == (
        f"Records whose action is none of ACCEPT, REJECT and - are in {path}. No report counts them. The first one is: "
        f"{less}",
    )


def test_a_last_line_without_an_end_is_looked_at(bucket):
    text = f"{HEADER_LINE}\n{record(2)[:40]}".encode()
    bucket.put(f"{FOLDER}/{OBJECT}.gz", gzip.compress(text))
    assert ask(bucket).warnings[0].endswith(f"The first one is: {record(2)[:40]}")


def test_headers_are_found_below_more_odd_lines_than_are_looked_at(bucket, monkeypatch):
    monkeypatch.setattr(object_check, "MAX_ODD", 3)
    path = put(bucket, HEADER_LINE, *["odd"] * 9, HEADER_LINE, *["odd"] * 9, SWAPPED, record(2))
    assert list(ask(bucket).misread) == [path]


# Partitions without objects


def test_a_partition_without_objects_is_told_by_name(bucket):
    bucket.add_days("2024-03-02")
    result = ask(bucket)
    assert rows(result) == [(1,)]
    path = bucket.root / "bucket" / FOLDER.replace("/01", "/02")
    assert result.warnings == (
        "Partitions of flows point at folders that hold no objects, so that they give no rows: "
        f"dt=2024-03-02: {path}. If there were objects, restore them, or make the partitions anew.",
    )


def test_a_partition_that_is_not_asked_for_is_not_told(bucket):
    bucket.add_days("2024-03-02")
    assert ask(bucket, f"{COUNT} WHERE dt = '{DAY}'").warnings == ()


def test_a_place_that_is_meant_to_be_empty_is_not_told(bucket):
    bucket.engine.known_empty = lambda location: location == f"s3://{SOURCE.bucket}/nothing/dt=2024-03-02"
    (statement,) = add_partitions(NAME, {date(2024, 3, 2): f"s3://{SOURCE.bucket}/nothing/dt=2024-03-02"})
    bucket.engine.execute(statement)
    assert ask(bucket).warnings == ()


# The lines that a query of one action needs

LINES = st.lists(
    st.one_of(
        st.sampled_from(
            [
                record(1),
                record(2, action="ACCEPT"),
                NO_DATA,
                SKIPPED,
                "- REJECT ",
                " REJECT OK",
                " REJECT ",
                "REJECT",
                "x",
                "",
                record(3, source="J"),
                f"{record(4, action='ACCEPT')} REJECT",
                record(5, action="REJECT", status=""),
                record(6, action="P"),
            ]
        ),
        st.text("REJCTACP OK", max_size=14),
    ),
    max_size=8,
)


@settings(max_examples=500, deadline=None)
@given(lines=LINES, action=st.sampled_from([b"REJECT", b"ACCEPT"]))
def test_the_lines_of_an_action_are_those_that_a_search_finds(lines: list[str], action: bytes) -> None:
    text = "".join(f"{line}\n" for line in lines).encode()
    numbers = ObjectCheck(OBJECT, DEFAULT_FORMAT).lines_of_action(text, line_ends(text), action)
    wanted = [number for number, line in enumerate(lines) if action.decode() in line]
    assert numbers is None or numbers.tolist() == wanted
    assert bytes(usable_lines(text, action, line_ends(text), numbers)) == bytes(lines_with(text, action))


def test_the_lines_of_usual_records_take_no_search() -> None:
    lines = [record(1), record(2, action="ACCEPT"), record(3), NO_DATA, SKIPPED, record(4)]
    text = "".join(f"{line}\n" for line in lines).encode()
    check = ObjectCheck(OBJECT, DEFAULT_FORMAT)
    assert check.lines_of_action(text, line_ends(text), b"REJECT").tolist() == [0, 2, 5]
    assert check.lines_of_action(text, line_ends(text), b"ACCEPT") is None  # SKIPDATA has a P too
    assert check.lines_of_action(text, line_ends(text), b"") is None
