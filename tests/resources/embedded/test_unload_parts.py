"""One UNLOAD of several datasets: what it writes from one reading, against the same query executed as a whole.

`resources/embedded/sql/unload_parts.py` splits the query by dataset. Executed as a SELECT, DuckDB does all of it at
once, without that.
"""

import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from small_bucket import NAME, SOURCE, TwoBuckets, record

from flowlogs.datasets import DATASETS, Dataset
from flowlogs.record_format import DEFAULT_FORMAT
from flowlogs.unload import RawRead, unload_datasets
from resources.embedded.readers.scan import TextScan
from resources.engine import QueryError

DAYS = ("2024-03-01", "2024-03-02")
READ = RawRead(NAME, DEFAULT_FORMAT, (SOURCE.account, SOURCE.region))

NUMBERS = st.sampled_from(["-", "0", "1", "22", "443", "32767", "32768", "40000", "1.5", "x"])
RECORDS = st.builds(
    record,
    st.integers(1, 3),
    source=st.sampled_from(["10.0.0.1", "192.0.2.7", "2001:db8::1", "-"]),
    source_port=NUMBERS,
    destination_port=NUMBERS,
    protocol=st.sampled_from([6, 17, 1, "-"]),
    packets=st.sampled_from([1, 40, "-", 2**40]),
    start=st.sampled_from([1_709_251_200, 1_709_254_800, 1_709_337_599, "-", -1]),
    action=st.sampled_from(["REJECT", "ACCEPT", "-"]),
    status=st.sampled_from(["OK", "NODATA", "SKIPDATA"]),
)
"""Records of which many are alike, so that groups have several, and REJECT records are there twice."""


def filled(bucket: TwoBuckets, days: Sequence[Sequence[str]]) -> TwoBuckets:
    for day, records in zip(DAYS, days, strict=True):
        for number, part in enumerate((records[::2], records[1::2])):
            bucket.put_day(day, part, f"{number}.log.gz")
    return bucket


def statement(datasets: Sequence[Dataset]) -> str:
    first, last = map(date.fromisoformat, DAYS)
    return unload_datasets([READ], datasets, first, last, "s3://results/out/")


def written(bucket: TwoBuckets, datasets: Sequence[Dataset]) -> list[str]:
    """The rows of all files with their day and dataset, without what is NULL, in an order of their own."""
    return sorted(
        text(dict(re.findall("([a-z]+)=([^/]+)", folder)) | row)
        for folder, rows in bucket.unloaded().items()
        for row in rows
    )


def selected(bucket: TwoBuckets, datasets: Sequence[Dataset]) -> list[str]:
    """The same of the query, as one SELECT."""
    query = re.search(r"UNLOAD \(\n(.*)\n\)\nTO ", statement(datasets), re.DOTALL)
    assert query
    frame = bucket.engine.execute(query[1]).frame
    return sorted(
        text({name: value for name, value in row.items() if value is not None})
        for row in frame.astype(object).where(frame.notna(), None).to_dict("records")
    )


def text(row: dict[str, object]) -> str:
    return repr(sorted((name, value) for name, value in row.items() if value is not None))


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    days=st.tuples(st.lists(RECORDS, max_size=8), st.lists(RECORDS, max_size=8)),
    names=st.lists(st.sampled_from(list(DATASETS)), min_size=1, max_size=3, unique=True),
)
def test_the_parts_of_an_unload_are_the_whole(days: tuple[list[str], list[str]], names: list[str]) -> None:
    datasets = [DATASETS[name] for name in DATASETS if name in names]
    with TemporaryDirectory() as folder:
        bucket = filled(TwoBuckets(Path(folder)), days)
        bucket.engine.execute(statement(datasets))
        assert written(bucket, datasets) == selected(bucket, datasets)


@pytest.fixture
def bucket(tmp_path: Path) -> TwoBuckets:
    rejects = [record(1), record(1), record(2, source_port=22, destination_port=50000), record(3, packets="-")]
    return filled(
        TwoBuckets(tmp_path), ([*rejects, record(4, action="ACCEPT")], [record(5, action="-", status="NODATA")])
    )


def test_equal_reject_records_stay_as_many_rows(bucket: TwoBuckets) -> None:
    bucket.engine.execute(statement(list(DATASETS.values())))
    rejected = bucket.unloaded()["dt=2024-03-01/dataset=rejected_flows"]
    assert [(row["interfaceid"], row["numpackets"]) for row in rejected] == [
        ("eni-1", 1),
        ("eni-1", 1),
        ("eni-2", 2),
        ("eni-3", None),
    ]
    assert "dt=2024-03-02/dataset=rejected_flows" not in bucket.unloaded()


def test_the_objects_are_read_once_whatever_the_number_of_datasets(bucket: TwoBuckets) -> None:
    sizes = []
    for names in (["rejected_flows"], ["traffic_summary", "traffic_by_hour"], list(DATASETS)):
        bucket.store.opened.clear()
        result = bucket.engine.execute(statement([DATASETS[name] for name in names]))
        assert sorted(bucket.store.opened) == ["0.log.gz", "0.log.gz", "1.log.gz", "1.log.gz"]
        sizes.append(result.scanned_bytes)
    assert len(set(sizes)) == 1


def test_a_summary_has_the_service_of_either_end(bucket: TwoBuckets) -> None:
    bucket.engine.execute(statement([DATASETS["traffic_summary"]]))
    found = bucket.unloaded()["dt=2024-03-01/dataset=traffic_summary"]
    assert [(row["interfaceid"], row["serviceport"], row["service_end"], row["records"]) for row in found] == [
        ("eni-1", 22, "destination", 2),
        ("eni-2", 22, "source", 1),
        ("eni-3", 22, "destination", 1),
        ("eni-4", 22, "destination", 1),
    ]


def test_an_object_that_cannot_be_read_fails_all_datasets_and_leaves_nothing(bucket: TwoBuckets) -> None:
    bucket.put(SOURCE.day_prefix(date(2024, 3, 1)) + "2.log.gz", b"\x1f\x8b\x08 no gzip")
    with pytest.raises(Exception, match="2.log.gz cannot be read"):
        bucket.engine.execute(statement(list(DATASETS.values())))
    assert bucket.written() == []


def test_a_copy_that_fails_ends_the_others(bucket: TwoBuckets, monkeypatch: pytest.MonkeyPatch) -> None:
    # A sum that does not fit bigint: in the sums alone, not in the records.
    filled(bucket, ([record(1, packets=2**63 - 1), record(1, packets=2**63 - 1)], []))
    with pytest.raises(QueryError, match="NUMERIC_VALUE_OUT_OF_RANGE"):
        bucket.engine.execute(statement(list(DATASETS.values())))
    assert bucket.written() == []
    bucket.engine.execute(statement([DATASETS["rejected_flows"]]))
    assert len(bucket.unloaded()["dt=2024-03-01/dataset=rejected_flows"]) == 2


def test_an_irregular_record_is_told_once(bucket: TwoBuckets) -> None:
    filled(bucket, ([record(1, packets="1,000"), record(2)], []))
    alone = bucket.engine.execute(statement([DATASETS["rejected_flows"]])).remarks
    assert bucket.engine.execute(statement(list(DATASETS.values()))).remarks == alone
    assert alone


REFUSED = "partitioned by anything but"
OTHERS = {
    "SELECT interfaceid, dt, dataset FROM flows CROSS JOIN UNNEST(ARRAY['a', 'b']) AS t (dataset) LIMIT 3": (REFUSED),
    "SELECT max(dataset) AS m, dt, dataset FROM flows CROSS JOIN UNNEST(ARRAY['a', 'b']) AS t (dataset) "
    "GROUP BY dt, dataset": "",
    "SELECT count(*) AS n, dt, max(dataset) AS dataset FROM flows CROSS JOIN UNNEST(ARRAY['a', 'b']) AS t (dataset) "
    "GROUP BY dt": REFUSED,
    "SELECT action AS a, dt, interfaceid AS dataset FROM flows": REFUSED,
    "SELECT count(action) AS n, dt, dataset FROM flows CROSS JOIN UNNEST(ARRAY['a', 'b']) AS t (dataset) "
    "GROUP BY dt, dataset": REFUSED,
    "SELECT count(*) FILTER (WHERE dataset = 'a') AS n, dt, dataset FROM flows "
    "CROSS JOIN UNNEST(ARRAY['a', 'b']) AS t (dataset) GROUP BY dt, dataset": REFUSED,
    "SELECT action AS a, dt, dataset FROM flows CROSS JOIN UNNEST(ARRAY['a', 'b']) AS t (dataset) "
    "WHERE action IN (SELECT dataset FROM (SELECT 'ACCEPT' AS dataset))": REFUSED,
    "SELECT 1 AS a, dt, dataset FROM flows CROSS JOIN UNNEST(ARRAY[1, 2]) AS t (dataset)": REFUSED,
}


@pytest.mark.parametrize("query", OTHERS)
def test_a_query_that_cannot_be_split_is_refused(bucket: TwoBuckets, query: str) -> None:
    options = "WITH (format = 'PARQUET', partitioned_by = ARRAY['dt', 'dataset'])"
    if not OTHERS[query]:
        bucket.unload(query, options=options)
        assert bucket.unloaded() == {f"dt={day}/dataset={name}": [{"m": name}] for day in DAYS for name in ("a", "b")}
        return
    with pytest.raises(QueryError, match=OTHERS[query]):
        bucket.unload(query, options=options)


def test_a_stream_of_a_shared_scan_is_read_once(bucket: TwoBuckets) -> None:
    from support import default_table

    from resources.embedded.readers.scan import Wanted

    scan = TextScan([], default_table(SOURCE), [Wanted(["action"]), Wanted(["action"], "REJECT")])
    scan.reading(scan.streams[0])
    with pytest.raises(RuntimeError, match="a second time"):
        scan.reading(scan.streams[0])
