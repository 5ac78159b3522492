"""The beginning of an object: what is read as it is, what is refused by name, and what is warned of."""

import bz2
import gzip
import io
import json
import lzma
import random
import zipfile
from datetime import datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import ACCEPTED, FEW_PACKETS, NO_DATA, PING, SKIPPED

from flowlogs.fields import DEFAULT_FIELDS, FIELDS, HEADER_LINE
from flowlogs.first_look import HEAD_BYTES, MAX_TEXT_BYTES, FirstLook, first_look, gunzipped, parquet_look
from flowlogs.layout import find_flow_log
from flowlogs.printable import printable
from flowlogs.record_format import PARQUET, RecordFormat
from flowlogs.record_lines import Line

packed = partial(gzip.compress, mtime=0)

NAME = "123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20210902T0005Z_00000001.log"
PACKED = f"{NAME}.gz"
SWAPPED = HEADER_LINE.replace("packets bytes", "bytes packets")
NAMES = "begins with a line of names that is no header line of a flow log"
RECORDS = [FEW_PACKETS, ACCEPTED, NO_DATA, SKIPPED]
TEXT = "\n".join([HEADER_LINE, *RECORDS, ""])


def look(text: str | bytes, name: str = NAME) -> FirstLook:
    data = text.encode() if isinstance(text, str) else text
    return first_look(name, (packed(data) if name.endswith(".gz") else data)[:HEAD_BYTES])


def zipped(name: str, data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize("name", [NAME, PACKED])
@pytest.mark.parametrize(
    "text",
    [TEXT, TEXT.replace("\n", "\r\n"), TEXT.replace("\n", "\r"), TEXT[:-1], f"\ufeff{TEXT}", f"{HEADER_LINE}\n"],
    ids=["as AWS writes it", "CRLF", "CR", "no last line end", "byte order mark", "header alone"],
)
def test_the_default_format_is_read_as_it_is(name, text):
    found = look(text, name)
    assert (found.problem, found.warning, found.odd) == (None, None, {})
    assert found.interfaces == (frozenset() if len(text) < 200 else {"eni-0a", "eni-0b"})


@pytest.mark.parametrize("data", [b"", packed(b"")])
def test_an_object_without_a_line_is_empty(data):
    assert first_look(PACKED, data) == FirstLook(empty=True)


@pytest.mark.parametrize(
    "data",
    [b"\x1f", b"no gzip", packed(TEXT.encode())[:-5] + b"xxxxx", packed(TEXT.encode())[:20] + bytes(90)],
    ids=["cut off", "text", "another sum", "damaged"],
)
def test_a_damaged_object_is_not_told_to_be_empty(data):
    assert not first_look(PACKED, data).empty


RECORD = {
    **dict(zip((field.header for field in DEFAULT_FIELDS), FEW_PACKETS.split(" "), strict=True)),
    **{field.header: "-" if field.type == "string" else "7" for field in FIELDS[14:]},
    "pkt-srcaddr": "2001:db8::1",
    "pkt-dstaddr": "192.0.2.7",
}


@given(
    st.permutations([field.header for field in FIELDS]),
    st.integers(0, len(FIELDS) - 1),
    st.sampled_from([NAME, PACKED]),
)
def test_any_fields_in_any_order_are_a_format(names, count, name):
    names = ["action", *(header for header in names if header != "action")][: count + 1]
    found = look(f"{' '.join(names)}\n{' '.join(RECORD[header] for header in names)}\n", name)
    assert (found.problem, found.odd, found.left_out) == (None, {}, None)
    assert [field.header for field in found.record_format.fields] == names


@pytest.mark.parametrize(
    ("header", "record", "kind"),
    [
        ("action srcaddr packets", "REJECT 10.0.0.1 7 8", Line.SURPLUS),
        ("action srcaddr packets", "DENY 10.0.0.1 7", Line.OTHER_ACTION),
        ("action srcaddr packets", "REJECT host-a 7", Line.MALFORMED),
        ("action srcaddr packets", "REJECT 10.0.0.1 1e6", Line.MALFORMED),
        ("srcaddr action packets", "10.0.0.1 REJECT", Line.MALFORMED),
        ("srcaddr action log-status", "10.0.0.1 REJECT", Line.MALFORMED),
        ("srcaddr action log-status vpc-id", "10.0.0.1 REJECT OK2 vpc-1", Line.SURPLUS),
        ("packets srcaddr action", "7 10.0.0.1", Line.OTHER_ACTION),
        ("pkt-srcaddr action tcp-flags", "nobody REJECT 2", Line.MALFORMED),
        ("end action version", "1630800000 REJECT 2", Line.OTHER_DAY),
    ],
)
def test_an_odd_record_of_a_custom_format_is_told(header, record, kind):
    assert look(f"{header}\n{record}\n").odd == {kind: record}


@pytest.mark.parametrize("header", ["version instance_tag tgw-id", "version resource-type account-id tgw-id"])
def test_records_of_a_transit_gateway_are_left_out(header):
    found = look(f"{header}\n6 x tgw-1\n")
    assert found.problem is None and found.record_format is None
    assert found.left_out.startswith("is of a flow log of a transit gateway")
    assert look(f"{header}\n6 REJECT 10.0.0.1\n", "other.log").left_out is None


def test_a_field_of_next_year_is_text_with_a_name():
    found = look("version srcaddr action new-field\n12 10.0.0.1 REJECT anything\n")
    assert (found.problem, found.odd) == (None, {})
    assert found.record_format.unknown == ["new-field"]
    assert found.record_format.columns[-1] == ("new_field", "string")


def columns_of(*fields):
    return [(field.underscored, field.type) for field in fields]


def test_a_parquet_object_tells_its_format_by_its_columns():
    found = parquet_look(f"{NAME}.parquet", columns_of(*reversed(FIELDS)))
    assert (found.problem, found.warning, found.left_out) == (None, None, None)
    assert found.record_format == RecordFormat(tuple(reversed(FIELDS)), PARQUET)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ([("a", "int")], "has other columns than a flow log. Move it away. Its columns are: a"),
        (columns_of(*DEFAULT_FIELDS[:12]), "is of a flow log without the field action"),
        ([*columns_of(*DEFAULT_FIELDS[:13]), ("packets", "int")], "has other columns"),
        (
            [(name, "bigint" if name == "srcport" else kind) for name, kind in columns_of(*DEFAULT_FIELDS)],
            "has the column srcport of type bigint, and AWS delivers int",
        ),
    ],
)
def test_a_parquet_object_that_no_table_reads_right_is_refused(columns, words):
    assert parquet_look(f"{NAME}.parquet", columns).problem.startswith(words)


def test_a_parquet_object_of_a_transit_gateway_is_left_out():
    assert parquet_look(f"{NAME}.parquet", [("version", "int"), ("tgw_id", "string")]).left_out
    assert parquet_look("x.parquet", [("version", "int"), ("tgw_id", "string")]).problem


@pytest.mark.parametrize(
    ("window", "told"),
    [
        ("20210831T2355Z", True),
        ("20210903T0005Z", True),
        ("20210902T0005Z", False),
        ("20210902T2355Z", False),
        ("20211302T0005Z", False),
    ],
)
def test_records_that_ended_on_another_day_than_the_name_says_are_told(window, told):
    found = look(f"{HEADER_LINE}\n{FEW_PACKETS}\n{ACCEPTED}\n", NAME.replace("20210902T0005Z", window))
    assert found.odd == ({Line.OTHER_DAY: FEW_PACKETS} if told else {})


@pytest.mark.parametrize(
    ("end", "told"),
    [
        ("2021-09-01T21:00:00", False),
        ("2021-09-01T20:59:59", True),
        ("2021-09-03T03:00:00", False),
        ("2021-09-03T03:00:01", True),
    ],
)
def test_a_delivery_may_be_some_hours_late(end, told):
    seconds = int(datetime.fromisoformat(f"{end}+00:00").timestamp())
    assert bool(look(f"{HEADER_LINE}\n{changed('endtime', str(seconds))}\n").odd) == told


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (["version vpc-id srcaddr", "3 vpc-1 10.0.0.1"], "is of a flow log without the field action"),
        (
            ["version action srcaddr action", "3 x"],
            f"{NAMES}: it names the field action twice",
        ),
        (["version foo bar action", "3 x"], f"{NAMES}. "),
        (
            ["version srcaddr dstaddr action dt", "3 x"],
            f"{NAMES}: the field dt has the name of a partition column",
        ),
        (RECORDS, "has no header line. Athena passes over the first line of each object"),
        ([NO_DATA, FEW_PACKETS], "has no header line. Athena passes over the first line of each object"),
        ([f"2021-09-02T00:00:01.000Z {FEW_PACKETS}"], "has a timestamp in front of each record and no header line"),
        ([HEADER_LINE.replace(" ", "\t"), FEW_PACKETS.replace(" ", "\t")], "has tabs between its fields"),
        ([HEADER_LINE.replace(" ", ","), FEW_PACKETS.replace(" ", ",")], "has commas between its fields"),
        ([f'"{HEADER_LINE}"', f'"{FEW_PACKETS}"'], "does not begin with the header line of a flow log"),
        ([json.dumps({"version": 2, "srcaddr": "10.0.0.1"})], "is JSON, and the table reads fields with blanks"),
        ([HEADER_LINE.upper(), FEW_PACKETS], "does not begin with the header line of a flow log"),
        (["", HEADER_LINE, FEW_PACKETS], "does not begin with the header line of a flow log"),
    ],
)
@pytest.mark.parametrize("name", [NAME, PACKED])
def test_what_is_no_format_of_a_flow_log_is_refused_with_its_first_line(name, lines, words):
    problem = look("\n".join([*lines, ""]), name).problem
    assert problem.startswith(words)
    assert problem.endswith(f"Its first line is: {printable(lines[0])}")


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        (NAME, packed(TEXT.encode()), "is packed with gzip"),
        (PACKED, packed(packed(TEXT.encode())), "is packed twice with gzip"),
        (PACKED, packed(zipped("a.log", TEXT.encode())), "holds a file that is packed with zip"),
        (NAME, zipped("a.log", TEXT.encode()), "is packed with zip"),
        (NAME, bz2.compress(TEXT.encode()), "is packed with bzip2"),
        (NAME, lzma.compress(TEXT.encode()), "is packed with xz"),
        (f"{NAME}.parquet", b"PAR1\x15\x04", "is a Parquet object, and its name says that it is text."),
        (NAME, TEXT.encode("utf-16"), "is UTF-16 text"),
        (NAME, TEXT.encode("utf-16-le"), "is UTF-16 text"),
        (PACKED, packed(TEXT.encode("utf-16-be")), "is UTF-16 text"),
        (NAME, b"\x01\x00\x02\x00\x03\x07\x00\n", "is no text"),
        ("logs-of-march.zip", zipped("a.log", TEXT.encode()), "is packed with zip"),
        ("logs-of-march.log.gzip", packed(TEXT.encode()), "is packed with gzip"),
    ],
    ids=lambda value: "data" if isinstance(value, bytes) else value,
)
def test_what_athena_does_not_unpack_or_decode_is_refused(name, data, words):
    assert first_look(name, data[:HEAD_BYTES]).problem.startswith(words)


def test_what_is_damaged_is_left_to_whoever_reads_it():
    for data in (TEXT.encode(), packed(TEXT.encode())[:9], b"\x1f\x8b\x08" + bytes(40)):
        assert first_look(PACKED, data).problem is None


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("desktop.ini", "[.ShellClassInfo]\nIconResource=1\n"),
        ("manifest.json", '{"files": ["a"], "REJECT": 2}\n'),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\x00\x00"),
        ("notes.txt", "we looked at the REJECT records\n"),
        ("empty", ""),
        (f"{PACKED}.part", packed(TEXT.encode())[:50]),
        (f"{NAME}.6eF3B1a2", bz2.compress(TEXT.encode())[:50]),
    ],
)
def test_a_file_that_is_no_object_and_holds_no_records_is_warned_of(name, text):
    found = first_look(name, text.encode() if isinstance(text, str) else text)
    assert found.problem is None
    assert "no object of a flow log" in found.warning or "no flow log object" in found.warning


@pytest.mark.parametrize("name", [f"{NAME} (1).log", "all.log", "copy of 000000"])
def test_records_under_another_name_are_counted_and_warned_of(name):
    assert look(TEXT, name).warning.startswith(
        "is not called as an object of a flow log is, but reads like one. Its records are counted"
    )


@pytest.mark.parametrize("name", [f"{NAME[:-4]} (1).log.gz", f"{NAME[:-4]} copy.log.gz", f"Copy of {PACKED}"])
def test_a_copy_under_another_name_is_told_to_count_twice(name):
    assert look(TEXT, name).warning.endswith(f"If it is a copy of {PACKED}, they count twice: remove it")


@pytest.mark.parametrize(
    "name", [f"{NAME}.GZ", f"{NAME}.gzip", f"{NAME}.gz.1", f"{PACKED} (1)", f"{PACKED}.6eF3B1a2", NAME]
)
def test_a_whole_packed_object_under_another_name_is_refused_with_the_right_one(name):
    assert first_look(name, packed(TEXT.encode())).problem == (
        "is packed with gzip, which Athena does not tell from its name, so that its records would be lost. Give it a "
        f"name that ends in .gz, as {PACKED}, or move it away if that is there already"
    )


@pytest.mark.parametrize(
    "data", [packed(TEXT.encode())[:-9], packed(random.Random(1).randbytes(HEAD_BYTES))[:HEAD_BYTES]]
)
def test_a_part_of_a_packed_object_under_a_temporary_name_is_a_leftover(data):
    found = first_look(f"{PACKED}.6eF3B1a2", data)
    assert found.problem is None
    assert found.warning.startswith("is what a copy that was interrupted left behind")


@pytest.mark.parametrize(
    ("suffix", "kind"),
    [(".bz2", "bzip2"), (".deflate", "DEFLATE"), (".lz4", "LZ4"), (".lzo", "LZO"), (".snappy", "Snappy"),
     (".zst", "Zstandard")],
)  # fmt: skip
@pytest.mark.parametrize("data", [TEXT.encode(), b"\x28\xb5\x2f\xfd\x00", b"BZh9"], ids=["text", "zst", "bz2"])
def test_a_name_by_which_athena_unpacks_otherwise_is_refused(suffix, kind, data):
    for name in (f"{NAME}{suffix}", f"export{suffix}"):
        assert first_look(name, data).problem == (
            f"is packed with {kind} to Athena, which goes by the end of its name ({suffix}), and that is not read "
            "here. Unpack it, or pack it with gzip and give it a name that ends in .gz"
        )


def test_nul_bytes_alone_are_no_text():
    assert first_look(NAME, bytes(5_000)).problem.startswith("is no text")
    assert look(bytes(5_000), PACKED).problem.startswith("is no text")


@pytest.mark.parametrize("name", ["notes.txt", "notes.gz"])
def test_a_long_file_that_is_no_object_is_refused_as_its_end_is_unknown(name):
    text = random.Random(1).randbytes(2 * HEAD_BYTES).hex()
    assert look(f"{text}\n{FEW_PACKETS}\n", name).problem.startswith(
        "is no object of a flow log, and only its first 64 KB"
    )


def test_of_a_long_binary_file_no_more_is_said_than_was_seen():
    found = first_look("photo.jpg", b"\xff\xd8\x00" * HEAD_BYTES)
    assert found.problem is None
    assert found.warning == "is no object of a flow log. Move it away. No record is in its first 64 KB"


@pytest.mark.parametrize("record", [FEW_PACKETS, ACCEPTED, NO_DATA, SKIPPED])
def test_any_record_in_a_binary_file_is_a_problem(record):
    assert first_look("Thumbs.db", f"\0\n{record}\n".encode()).problem.startswith("is no text")


def test_the_last_line_of_a_whole_packed_object_is_looked_at():
    assert look(f"{HEADER_LINE}\n{FEW_PACKETS[:50]}", PACKED).odd == {Line.OTHER_ACTION: FEW_PACKETS[:50]}


def test_many_empty_gzip_members_in_front_hide_no_text():
    data = packed(b"") * 3_000 + packed(b"version vpc-id srcaddr\n")
    assert len(data) < HEAD_BYTES
    assert first_look(PACKED, data).problem.startswith("is of a flow log without the field action")


def test_text_that_begins_below_the_look_is_refused():
    data = packed(b"") * 4_000 + packed(TEXT.encode())
    assert first_look(PACKED, data[:HEAD_BYTES]).problem.startswith("holds no line of text in its first 64 KB")


@pytest.mark.parametrize("name", [NAME, PACKED])
def test_the_header_line_inside_is_noted(name):
    found = look(f"{TEXT}{TEXT}", name)
    assert (found.problem, found.odd, found.header_inside) == (None, {}, True)


@pytest.mark.parametrize("line", [SWAPPED, "version vpc-id srcaddr action", f"{PING}version vpc-id srcaddr action"])
def test_another_header_line_inside_is_refused(line):
    problem = look(f"{TEXT}{line}\n{FEW_PACKETS}\n").problem
    assert problem.startswith("holds another header line below its first one")
    assert f"The line is: {line[:150]}" in problem


@pytest.mark.parametrize("name", ["000000.gz", "all.csv", "export", f"{NAME}.1", f"{NAME}.tmp", f"{PACKED}.txt"])
def test_records_in_another_form_are_refused_under_any_name(name):
    for text in (f"2021-09-02T00:00:01Z {FEW_PACKETS}\n", f"{FEW_PACKETS}\n", HEADER_LINE.replace(" ", ",") + "\n"):
        assert look(text, name).problem


@pytest.mark.parametrize(
    "line",
    ["short", FEW_PACKETS.replace("REJECT", "DROP"), FEW_PACKETS.replace("REJECT OK", ""), "",
     f"3 {FEW_PACKETS}"],
)  # fmt: skip
def test_a_record_with_another_action_is_told(line):
    assert look("\n".join([HEADER_LINE, FEW_PACKETS, line, PING, ""])).odd == {Line.OTHER_ACTION: line}


@pytest.mark.parametrize("behind", ["", " ", "   ", "\t"], ids=["nothing", "blank", "blanks", "tab"])
def test_blanks_behind_a_record_are_nothing_to_tell(behind):
    assert look(f"{TEXT}{FEW_PACKETS}{behind}\n").odd == {}


@pytest.mark.parametrize(
    "between",
    ["", " ", "\u0085", "\u2028", "\0", ";", "\\n", "\t"],
    ids=["nothing", "blank", "NEL", "LS", "NUL", "semicolon", "escaped", "tab"],
)
@pytest.mark.parametrize(
    "second", [PING, PING.replace(" ", "\t"), NO_DATA, "vpc-1"], ids=["record", "tabs", "NODATA", "a field"]
)
def test_what_stands_behind_a_record_is_told(between, second):
    line = f"{FEW_PACKETS}{between}{second}"
    (told,) = look("\n".join([HEADER_LINE, line, PING, ""])).odd.items()
    assert told[0] is Line.SURPLUS
    assert told[1].startswith(FEW_PACKETS)


def changed(column: str, text: str, line: str = FEW_PACKETS) -> str:
    """The record, with another text in a field."""
    fields = line.split(" ")
    fields[[field.column for field in DEFAULT_FIELDS].index(column)] = text
    return " ".join(fields)


@pytest.mark.parametrize("text", ["1,000", "1e6", "0x309", "+7", "-5", "\\N", "", str(2**63), "9" * 5_000, "\uff17"])
@pytest.mark.parametrize("column", ["numpackets", "endtime"])
def test_a_field_that_is_no_number_is_told(column, text):
    assert look("\n".join([HEADER_LINE, changed(column, text), PING, ""])).odd.keys() == {Line.MALFORMED}


@pytest.mark.parametrize("text", ["2147483648", "eni-1", "10.0.0.5"])
@pytest.mark.parametrize("column", ["version", "sourceport", "protocol"])
def test_a_field_that_is_no_number_of_32_bits_is_told(column, text):
    assert look("\n".join([HEADER_LINE, changed(column, text), PING, ""])).odd.keys() == {Line.MALFORMED}


@pytest.mark.parametrize("text", ["443", "eni-1", "", "10.0.0", "10.0.0.5,", "host.example"])
@pytest.mark.parametrize("column", ["sourceaddress", "destinationaddress"])
def test_a_field_that_is_no_address_is_told(column, text):
    assert look("\n".join([HEADER_LINE, changed(column, text), PING, ""])).odd.keys() == {Line.MALFORMED}


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("numpackets", str(2**63 - 1)),
        ("numpackets", f"{'0' * 5_000}7"),
        ("numpackets", "0"),
        ("sourceport", "2147483647"),
        ("sourceport", "-"),
        ("sourceaddress", "-"),
        ("sourceaddress", "2001:db8::1"),
        ("destinationaddress", "::ffff:10.0.0.5"),
        ("account", "unknown"),
    ],
)
def test_numbers_that_fit_and_addresses_are_nothing_to_tell(column, text):
    assert look("\n".join([HEADER_LINE, changed(column, text), PING, ""])).odd == {}


def test_what_is_told_of_a_record_is_short_and_printable():
    told = look(f"{HEADER_LINE}\n\x1b[31m{'x' * 9_000}\n").odd[Line.OTHER_ACTION]
    assert told.startswith("\\x1b[31mxxx") and told.endswith("…") and len(told) < 200


def test_a_line_that_the_look_cuts_is_no_odd_record():
    text = "\n".join([HEADER_LINE, *[FEW_PACKETS] * 3_000, ""]).encode()
    assert len(text) > HEAD_BYTES
    assert look(text).odd == {}
    assert look(b"".join(bytes([byte]) for byte in text), PACKED).odd == {}


def test_a_bomb_is_unpacked_no_further_than_the_look_goes():
    text, whole = gunzipped(packed(bytes(50 << 20)))
    assert (len(text), whole) == (MAX_TEXT_BYTES, False)
    assert look(f"{HEADER_LINE}\n" + "x" * (20 << 20), PACKED).problem is None


def test_every_member_of_a_gzip_is_looked_at():
    data = packed(b"") + packed(HEADER_LINE[:9].encode()) + packed(f"{TEXT[9:]}odd\n".encode())
    assert first_look(PACKED, data).odd == {Line.OTHER_ACTION: "odd"}


@given(st.binary(max_size=300), st.sampled_from([NAME, PACKED, "x", "x.gz", f"{PACKED}.part"]))
def test_no_bytes_break_the_look(data, name):
    for head in (data, packed(data), f"{HEADER_LINE}\n".encode() + data):
        found = first_look(name, head)
        assert all(text is None or text.isprintable() for text in (found.problem, found.warning, *found.odd.values()))


@pytest.mark.parametrize(
    ("name", "flow_log"),
    [(NAME, "fl-0123456789abcdef0"), (f"a/b/{PACKED}", "fl-0123456789abcdef0"), (f"{PACKED}.part", None),
     (f"x{NAME}", None), ("000000.gz", None), (f"{NAME}.parquet", "fl-0123456789abcdef0")],
)  # fmt: skip
def test_the_flow_log_of_an_object_is_in_its_name(name, flow_log):
    assert find_flow_log(name) == flow_log
