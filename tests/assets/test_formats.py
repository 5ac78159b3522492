"""Every format and layout of flow logs gives the reports of the default one, or is told."""

import gzip
import itertools
from dataclasses import replace
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import dagster as dg
import pytest
from click.testing import CliRunner
from deliveries import ANY_DELIVERY, OTHER_VALUES, PERMUTED, as_format, deliver, object_bytes
from hypothesis import HealthCheck, given, settings
from lake import DAILY, REJECTED, TABLE, Lake, failure, metadata
from support import ACCEPTED, DAY, FEW_PACKETS, FEW_REPORTS, MANY_PACKETS, NEXT_DAY, SMALL_LOGS, on_day, report_rows

from assets.raw_tables import find_raw_tables
from flowlogs.delivery import DEFAULT_DELIVERY, Delivery
from flowlogs.fields import DEFAULT_FIELDS, Field
from flowlogs.record_format import DEFAULT_FORMAT, PARQUET, RecordFormat
from flowlogs.statements import drop_table
from pipelines.commands.__main__ import main

COMBINATIONS = [
    Delivery(as_format(DEFAULT_FORMAT, parquet=parquet), hive, hourly)
    for parquet, hive, hourly in itertools.product([False, True], repeat=3)
]
OTHER = "fl-0fedcba9876543210"
CUSTOM = RecordFormat(tuple(reversed(DEFAULT_FIELDS)))


def fill(folder: Path, delivery: Delivery) -> None:
    for day, objects in SMALL_LOGS.items():
        for number, lines in enumerate(objects):
            deliver(folder, delivery, day, lines, number=number)


def lake_of(tmp_path: Path, instance: dg.DagsterInstance, **chosen: object) -> Lake:
    (tmp_path / "logs").mkdir(exist_ok=True)
    return Lake(tmp_path / "logs", tmp_path, instance, **chosen)


def all_rows(lake: Lake, day: date = DAY) -> list[list[list[object]]]:
    return [report_rows(lake.results, report, day) for report in FEW_REPORTS]


def warnings(lake: Lake, result: dg.ExecuteInProcessResult) -> list[str]:
    return list(dict.fromkeys(lake.messages(result, level=30)))


@pytest.fixture(scope="module")
def default_rows(tmp_path_factory):
    """The reports of the small logs in the default format, and the REJECT records."""
    home = tmp_path_factory.mktemp("default")
    with dg.instance_for_test(temp_dir=str(home)) as instance:
        lake = lake_of(home, instance)
        fill(lake.logs, DEFAULT_DELIVERY)
        assert lake.run(DAY, NEXT_DAY).success
        return [all_rows(lake, day) for day in (DAY, NEXT_DAY)], rejected(lake)


def rejected(
    lake: Lake, columns: str = ", ".join(field.column for field in DEFAULT_FIELDS)
) -> list[tuple[object, ...]]:
    frame = lake.target.athena.execute(
        f"SELECT {columns} FROM rejected_flows ORDER BY starttime, interfaceid, 5, 6"
    ).frame
    return list(frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None))


@pytest.mark.parametrize("prefix", ["", "network/flow/"])
@pytest.mark.parametrize("delivery", COMBINATIONS, ids=lambda one: f"{one.file_format}-{one.hive}-{one.hourly}")
def test_every_option_of_a_flow_log_gives_the_reports_of_the_default(
    tmp_path, instance, default_rows, delivery, prefix
):
    lake = lake_of(tmp_path, instance)
    fill(lake.logs, replace(delivery, prefix=prefix))
    result = lake.run(DAY, NEXT_DAY)
    assert result.success and warnings(lake, result) == []
    assert ([all_rows(lake, day) for day in (DAY, NEXT_DAY)], rejected(lake)) == default_rows
    frame = lake.target.athena.execute("SELECT DISTINCT aws_account_id, aws_region, vpc_id FROM rejected_flows").frame
    assert frame.astype(object).where(frame.notna(), None).to_numpy().tolist() == [["123456789012", "us-east-1", None]]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(delivery=ANY_DELIVERY)
def test_any_fields_in_any_order_give_the_reports_of_the_default(default_rows, delivery):
    with TemporaryDirectory() as home, dg.instance_for_test() as instance:
        lake = lake_of(Path(home), instance)
        fill(lake.logs, delivery)
        assert lake.run(DAY, NEXT_DAY).success
        assert ([all_rows(lake, day) for day in (DAY, NEXT_DAY)], rejected(lake)) == default_rows
        for field in set(delivery.record_format.fields) - set(DEFAULT_FIELDS):
            frame = lake.target.athena.execute(f'SELECT DISTINCT "{field.column}" AS v FROM rejected_flows').frame
            assert [str(value) for value in frame["v"]] == [OTHER_VALUES[field.header]]


@pytest.mark.parametrize("parquet", [False, True])
def test_fields_that_a_format_lacks_are_null(tmp_path, instance, parquet):
    fields = tuple(field for field in DEFAULT_FIELDS if field.header in ("action", "dstaddr", "packets"))
    lake = lake_of(tmp_path, instance)
    fill(lake.logs, Delivery(RecordFormat(fields[::-1], PARQUET if parquet else "text")))
    assert lake.run(DAY).success
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == [
        [47, None, "10.0.0.5", str(DAY)],
        [3, None, "10.0.0.6", str(DAY)],
    ]


# Several formats


@pytest.mark.parametrize(
    "other",
    [Delivery(CUSTOM), Delivery(as_format(DEFAULT_FORMAT, parquet=True)), Delivery(PERMUTED, hive=True)],
    ids=["custom", "parquet", "hive"],
)
def test_flow_logs_in_several_formats_are_read_each_in_its_own(tmp_path, instance, other):
    lake = lake_of(tmp_path, instance)
    fill(lake.logs, DEFAULT_DELIVERY)
    line = MANY_PACKETS.replace("eni-0a", "eni-0z").replace(" 40 2400 ", " 500 30000 ")
    deliver(lake.logs, other, DAY, [line, ACCEPTED.replace("eni-0a", "eni-0z")], flow_log=OTHER)
    result = lake.run(DAY)
    assert result.success and warnings(lake, result) == []
    assert report_rows(lake.results, "top_rejected_pairs", DAY)[0] == [547, "203.0.113.9", "10.0.0.5", str(DAY)]
    assert len(rejected(lake)) == 5
    assert lake.target.athena.find_table(TABLE).columns == DEFAULT_FORMAT.columns
    before = all_rows(lake)
    assert lake.run(DAY).success
    assert all_rows(lake) == before


def test_a_flow_log_that_is_replaced_by_one_in_another_format_goes_on(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    deliver(lake.logs, DEFAULT_DELIVERY, DAY, [FEW_PACKETS])
    assert lake.run(DAY).success
    deliver(lake.logs, Delivery(CUSTOM), NEXT_DAY, [on_day(MANY_PACKETS, NEXT_DAY)], flow_log=OTHER)
    result = lake.run(NEXT_DAY)
    assert result.success
    assert report_rows(lake.results, "top_rejected_pairs", NEXT_DAY) == [[40, "203.0.113.9", "10.0.0.5", str(NEXT_DAY)]]
    # No partition of the table lets the new objects be read by the old format.
    assert list(lake.target.athena.partition_locations(TABLE, [DAY, NEXT_DAY])) == [DAY]


def test_a_partition_from_before_other_objects_came_is_read_without_them(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    deliver(lake.logs, DEFAULT_DELIVERY, DAY, [FEW_PACKETS])
    lake.run(DAY, NEXT_DAY)  # NEXT_DAY is a partition of the main table, without an object
    deliver(lake.logs, Delivery(CUSTOM), NEXT_DAY, [on_day(MANY_PACKETS, NEXT_DAY)], flow_log=OTHER)
    deliver(lake.logs, DEFAULT_DELIVERY, NEXT_DAY, [on_day(FEW_PACKETS, NEXT_DAY)])
    assert lake.run(DAY, NEXT_DAY, DAILY).success
    assert report_rows(lake.results, "top_rejected_pairs", NEXT_DAY) == [[47, "203.0.113.9", "10.0.0.5", str(NEXT_DAY)]]


def test_objects_of_one_flow_log_in_two_formats_fail_the_day_by_name(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    deliver(lake.logs, DEFAULT_DELIVERY, DAY, [FEW_PACKETS])
    deliver(lake.logs, Delivery(CUSTOM), DAY, [MANY_PACKETS], number=1)
    asset, words = failure(lake.run(DAY))
    assert asset == "vpc_flow_logs_partition"
    assert words.startswith("The objects of fl-0123456789abcdef0 are in several formats, and a flow log's format never")


def test_the_main_table_has_the_format_that_the_settings_name(tmp_path, instance):
    lake = lake_of(tmp_path, instance, log_format=CUSTOM.log_format)
    fill(lake.logs, DEFAULT_DELIVERY)
    deliver(lake.logs, Delivery(CUSTOM), DAY, [MANY_PACKETS.replace("eni-0a", "eni-0z")], flow_log=OTHER)
    assert lake.run(DAY).success
    assert lake.target.athena.find_table(TABLE).columns == CUSTOM.columns
    assert len(rejected(lake)) == 5


def test_tables_that_were_dropped_have_all_days_again(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    fill(lake.logs, DEFAULT_DELIVERY)
    deliver(lake.logs, Delivery(CUSTOM), DAY, [MANY_PACKETS.replace("eni-0a", "eni-0z")], flow_log=OTHER)
    assert lake.run(DAY, NEXT_DAY).success
    before = rejected(lake)
    for name in (TABLE, REJECTED):
        lake.target.athena.execute(drop_table(name))
    result = lake.run(DAY, assets=["vpc_flow_logs"])
    assert metadata(result, "vpc_flow_logs")[None]["days of flow logs added again"].value == 2
    assert rejected(lake) == before


# Unknown fields, and records without an action


def test_a_field_that_is_not_known_is_text_and_told(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    path = deliver(lake.logs, DEFAULT_DELIVERY, DAY, [FEW_PACKETS])
    header, record = gzip.decompress(path.read_bytes()).decode().splitlines()
    path.write_bytes(gzip.compress(f"{header} next-years-field\n{record} anything\n".encode()))
    result = lake.run(DAY)
    assert result.success
    (told,) = warnings(lake, result)
    assert told.startswith(f"Flow logs have fields that this version does not know: next-years-field, as in {path}.")
    frame = lake.target.athena.execute("SELECT next_years_field AS v FROM vpc_flow_logs").frame
    assert list(frame["v"]) == ["anything"]


@pytest.mark.parametrize("hidden", ["text", "parquet"])
def test_a_record_format_without_an_action_fails_the_day_by_name(tmp_path, instance, hidden):
    fields = tuple(field for field in DEFAULT_FIELDS if field.header != "action")
    lake = lake_of(tmp_path, instance)
    path = deliver(lake.logs, Delivery(RecordFormat(fields, hidden)), DAY, [FEW_PACKETS])
    assert failure(lake.run(DAY))[1].startswith(f"{path} is of a flow log without the field action")


def test_a_parquet_object_that_was_cut_off_fails_the_day_by_name(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    path = deliver(lake.logs, Delivery(as_format(DEFAULT_FORMAT, parquet=True)), DAY, [FEW_PACKETS])
    path.write_bytes(path.read_bytes()[:-20])
    assert failure(lake.run(DAY))[1].startswith(
        f"{path} cannot be read as Parquet, as an object that was not copied to"
    )


def test_a_column_of_another_type_fails_the_day_by_name(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    path = deliver(lake.logs, Delivery(as_format(DEFAULT_FORMAT, parquet=True)), DAY, [FEW_PACKETS])
    fields = tuple(replace(field, type="bigint") if field.header == "srcport" else field for field in DEFAULT_FIELDS)
    path.write_bytes(object_bytes([FEW_PACKETS], RecordFormat(fields, PARQUET)))
    assert "has the column srcport of type bigint, and AWS delivers int" in failure(lake.run(DAY))[1]


def test_a_number_of_next_year_in_parquet_is_read(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    field = Field("new_number", "new-number", "bigint")
    record_format = RecordFormat((*DEFAULT_FIELDS, field), PARQUET)
    deliver(lake.logs, Delivery(record_format), DAY, [FEW_PACKETS], others={"new-number": "9"})
    result = lake.run(DAY)
    assert result.success
    (told,) = warnings(lake, result)
    assert told.startswith("Flow logs have fields that this version does not know: new-number")
    assert list(lake.target.athena.execute("SELECT new_number AS v FROM vpc_flow_logs").frame["v"]) == [9]
    assert lake.run(DAY).success


def test_files_beside_parquet_objects_are_left_out_and_told(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    path = deliver(lake.logs, Delivery(as_format(DEFAULT_FORMAT, parquet=True)), DAY, [FEW_PACKETS])
    (path.parent / "manifest.json").write_text('{"a": 1}\n')
    result = lake.run(DAY)
    assert result.success
    (told,) = warnings(lake, result)
    assert "manifest.json is no object of a flow log" in told
    assert len(rejected(lake)) == 1


def test_copies_of_a_parquet_object_and_two_flow_logs_of_an_interface_are_told(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    delivery = Delivery(as_format(DEFAULT_FORMAT, parquet=True))
    path = deliver(lake.logs, delivery, DAY, [FEW_PACKETS])
    copy = path.with_name(path.name.replace("_00000000.", "_0badcafe."))
    copy.write_bytes(path.read_bytes())
    deliver(lake.logs, delivery, DAY, [MANY_PACKETS], flow_log=OTHER)
    told = "\n".join(warnings(lake, lake.run(DAY)))
    assert f"Some objects are copies under another name, byte for byte: {copy} of {path}. Reports count" in told
    assert len(rejected(lake)) == 2
    assert "both tell of eni-0a on 2021-09-02, so that its records count twice" in told


def many_in_parquet(lake: Lake) -> Path:
    """A Parquet object among so many that it is none of those that are inspected; of one record."""
    delivery = Delivery(as_format(DEFAULT_FORMAT, parquet=True))
    return [deliver(lake.logs, delivery, DAY, [record_of(number)], number=number) for number in range(20)][1]


def record_of(number: int) -> str:
    return on_day(FEW_PACKETS, DAY).replace(" 40000 ", f" {41000 + number} ")


def test_a_parquet_object_with_other_columns_that_is_not_inspected_fails_the_day_by_name(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    path = many_in_parquet(lake)
    fields = tuple(field for field in DEFAULT_FIELDS if field.header != "action")
    path.write_bytes(object_bytes([record_of(1)], RecordFormat(fields, PARQUET)))
    asset, words = failure(lake.run(DAY))
    assert asset == "daily_datasets"
    assert words.startswith(f"{path} has other columns than its table (action: none, and the table has string)")


def test_a_damaged_parquet_object_fails_its_own_day_by_name_and_the_others_are_done(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    delivery = Delivery(as_format(DEFAULT_FORMAT, parquet=True))
    lines = [FEW_PACKETS, *(record_of(number) for number in range(200))]
    path = deliver(lake.logs, delivery, DAY, lines)
    deliver(lake.logs, delivery, NEXT_DAY, [on_day(FEW_PACKETS, NEXT_DAY)])
    data = path.read_bytes()
    path.write_bytes(data[:4] + bytes(400) + data[404:])
    asset, words = failure(lake.run(DAY, NEXT_DAY))
    assert asset == "daily_page"
    assert words.startswith(f"{path} cannot be read to its end: ")
    assert f"Not done: {DAY}. Done: 1 other day." in words


@pytest.mark.parametrize("name", ["{}_export.log", "{} (1).log.gz", "{}.converted.parquet"])
def test_a_file_named_after_an_object_in_another_format_fails_the_day_by_name(tmp_path, instance, name):
    lake = lake_of(tmp_path, instance)
    path = deliver(lake.logs, Delivery(CUSTOM), DAY, [FEW_PACKETS])
    stray = path.with_name(name.format(path.name.partition(".")[0]))
    record_format = as_format(DEFAULT_FORMAT, parquet=stray.suffix == ".parquet")
    data = object_bytes([MANY_PACKETS], record_format)
    stray.write_bytes(gzip.decompress(data) if stray.suffix == ".log" else data)
    words = failure(lake.run(DAY))[1]
    assert words.startswith(f"{stray} is named after an object of a flow log, and its records are in another format")


# Tables of their own, and what is told of them


def test_days_in_a_side_table_are_not_inspected_again_and_come_back_where_that_is_dropped(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    deliver(lake.logs, DEFAULT_DELIVERY, DAY, [FEW_PACKETS])
    path = deliver(lake.logs, Delivery(CUSTOM), NEXT_DAY, [on_day(MANY_PACKETS, NEXT_DAY)], flow_log=OTHER)
    (path.parent / "notes.txt").write_text("x\n")
    assert lake.run(DAY, NEXT_DAY).success
    again = lake.run(DAY)
    assert warnings(lake, again) == []
    side = find_raw_tables(lake.target.results, lake.target.bucket.sources(), TABLE)
    name = side.table(side.main_layout, CUSTOM).name
    lake.target.athena.execute(drop_table(name))
    result = lake.run(DAY, assets=["vpc_flow_logs"])
    assert metadata(result, "vpc_flow_logs")[None]["days of flow logs added again"].value == 1
    assert list(lake.target.athena.partition_locations(name, [DAY, NEXT_DAY])) == [NEXT_DAY]


def sql(lake: Lake, monkeypatch: pytest.MonkeyPatch, statement: str) -> str:
    monkeypatch.setenv("FLOWLAKE_BUCKET", str(lake.logs))
    monkeypatch.setenv("FLOWLAKE_RESULTS", str(lake.results))
    found = CliRunner().invoke(main, ["sql", "--", statement])
    assert found.exit_code == 0, found.stderr
    return found.stderr


def test_make_sql_tells_of_days_that_only_a_side_table_has(tmp_path, instance, monkeypatch):
    lake = lake_of(tmp_path, instance)
    deliver(lake.logs, DEFAULT_DELIVERY, DAY, [FEW_PACKETS])
    assert lake.run(DAY).success
    deliver(lake.logs, Delivery(CUSTOM), NEXT_DAY, [on_day(MANY_PACKETS, NEXT_DAY)], flow_log=OTHER)
    assert lake.run(NEXT_DAY).success
    told = sql(lake, monkeypatch, "SELECT dt, count(*) AS flows FROM vpc_flow_logs GROUP BY dt")
    assert f"Flow logs on {NEXT_DAY} are in the folder, and vpc_flow_logs has no partition for them" in told
    assert "Tables of other formats and layouts: vpc_flow_logs_" in told
    assert sql(lake, monkeypatch, f"SELECT count(*) AS flows FROM vpc_flow_logs WHERE dt = '{DAY}'") == ""
    assert sql(lake, monkeypatch, "SELECT count(*) AS flows FROM rejected_flows") == ""


def test_make_sql_tells_of_accounts_that_came_after_the_day_was_added(tmp_path, instance, monkeypatch):
    lake = lake_of(tmp_path, instance, account_id="*", region="*")
    monkeypatch.setenv("FLOWLAKE_ACCOUNT_ID", "*")
    monkeypatch.setenv("FLOWLAKE_REGION", "*")
    archive(lake.logs)
    assert lake.run(DAY).success
    deliver(lake.logs, DEFAULT_DELIVERY, DAY, [MANY_PACKETS], account="444444444444", flow_log="fl-09")
    told = sql(lake, monkeypatch, "SELECT count(*) AS flows FROM vpc_flow_logs")
    assert f"Flow logs of 444444444444 in us-east-1 on {DAY} are in the folder" in told


# Several accounts and regions


ACCOUNTS = ["111111111111", "222222222222", "333333333333"]
REGIONS = ["eu-west-1", "us-east-1"]


def archive(folder: Path, delivery: Delivery = DEFAULT_DELIVERY) -> None:
    for number, (account, region) in enumerate(itertools.product(ACCOUNTS, REGIONS)):
        line = MANY_PACKETS.replace("123456789012", account).replace(" 40 2400 ", f" {10**number} 2400 ")
        names = {"account": account, "region": region, "flow_log": f"fl-0{number}"}
        deliver(folder, delivery, DAY, [line.replace("eni-0a", f"eni-{number}")], **names)


@pytest.mark.parametrize(
    ("account_id", "region", "packets"),
    [
        ("*", "*", 111_111),
        ("111111111111,333333333333", "*", 110_011),
        ("*", "us-east-1", 101_010),
        ("222222222222", "eu-west-1,us-east-1", 1_100),
    ],
)
def test_one_report_is_over_all_accounts_and_regions_that_are_chosen(tmp_path, instance, account_id, region, packets):
    lake = lake_of(tmp_path, instance, account_id=account_id, region=region)
    archive(lake.logs)
    result = lake.run(DAY)
    assert result.success and warnings(lake, result) == []
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == [[packets, "203.0.113.9", "10.0.0.5", str(DAY)]]
    frame = lake.target.athena.execute("SELECT account, aws_account_id FROM rejected_flows").frame
    assert list(frame["account"]) == list(frame["aws_account_id"])


@pytest.mark.parametrize("delivery", COMBINATIONS[::3], ids=lambda one: f"{one.file_format}-{one.hive}-{one.hourly}")
def test_an_archive_in_any_format_is_read(tmp_path, instance, delivery):
    lake = lake_of(tmp_path, instance, account_id="*", region="*")
    archive(lake.logs, delivery)
    assert lake.run(DAY).success
    assert report_rows(lake.results, "top_rejected_pairs", DAY) == [[111_111, "203.0.113.9", "10.0.0.5", str(DAY)]]


def test_an_archive_takes_no_more_statements_than_one_account(tmp_path, instance):
    one, many = (lake_of(tmp_path / name, instance, **chosen) for name, chosen in prepare(tmp_path))
    counts = []
    for lake in (one, many):
        engine = lake.watch()
        assert lake.run(DAY).success
        counts.append(len(engine.statements))
    assert counts[1] <= counts[0] + 3


def prepare(tmp_path: Path) -> list[tuple[str, dict[str, str]]]:
    for name in ("one", "many"):
        (tmp_path / name).mkdir()
    deliver(tmp_path / "one" / "logs", DEFAULT_DELIVERY, DAY, [MANY_PACKETS])
    archive(tmp_path / "many" / "logs")
    return [("one", {}), ("many", {"account_id": "*", "region": "*"})]


def test_a_new_account_that_starts_to_deliver_is_read(tmp_path, instance):
    lake = lake_of(tmp_path, instance, account_id="*", region="*")
    archive(lake.logs)
    assert lake.run(DAY).success
    line = MANY_PACKETS.replace("123456789012", "444444444444").replace("eni-0a", "eni-9")
    deliver(lake.logs, DEFAULT_DELIVERY, DAY, [line], account="444444444444", flow_log="fl-09")
    result = lake.run(DAY)
    assert result.success
    assert report_rows(lake.results, "top_rejected_pairs", DAY)[0][0] == 111_151


def test_actions_that_no_report_counts_are_told_in_parquet_too(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    delivery = Delivery(as_format(DEFAULT_FORMAT, parquet=True))
    deliver(lake.logs, delivery, DAY, [FEW_PACKETS])
    path = deliver(lake.logs, delivery, DAY, [MANY_PACKETS, MANY_PACKETS.replace("REJECT", "BLOCK")], number=1)
    result = lake.run(DAY)
    assert result.success
    (told,) = warnings(lake, result)
    assert told == (
        f"Records whose action is none of ACCEPT, REJECT and - are in {path}. No report counts them. The first one is: "
        "action BLOCK"
    )
    assert len(rejected(lake)) == 2


def test_a_query_of_parquet_objects_tells_of_copies(tmp_path, instance):
    lake = lake_of(tmp_path, instance)
    delivery = Delivery(as_format(DEFAULT_FORMAT, parquet=True))
    path = deliver(lake.logs, delivery, DAY, [FEW_PACKETS])
    deliver(lake.logs, delivery, DAY, [MANY_PACKETS], number=1)
    assert lake.run(DAY).success
    assert lake.target.athena.execute(f"SELECT count(*) FROM {TABLE.table}").remarks == ()
    copy = path.with_name(path.name.replace("_00000000.", "_0badcafe."))
    copy.write_bytes(path.read_bytes())
    (told,) = lake.target.athena.execute(f"SELECT count(*) FROM {TABLE.table}").remarks
    assert told.startswith("Some objects hold the same records under different names, so that these count twice: ")
    assert str(copy) in told and str(path) in told
