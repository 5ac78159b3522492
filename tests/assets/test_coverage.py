"""What is stored of the objects that a day was made from, and what earlier versions stored."""

from datetime import datetime, timezone

import pytest
from lake import REJECTED, Lake
from support import ACCEPTED, DAY, NEXT_DAY, write_object

from assets.coverage import Coverage, CoveredObject, combined_version, coverage_of, parse_coverage
from assets.datasets.files import stored_coverage
from flowlogs.datasets import DATASETS
from flowlogs.statements import TableName
from resources.bucket import StoredObject

NAME = "123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20210902T0005Z_00000000.log.gz"
KEY = f"AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/02/{NAME}"
AT = datetime(2021, 9, 2, 0, 10, 7, tzinfo=timezone.utc)
COVERED = Coverage({KEY: CoveredObject(120, "abc", AT), "AWSLogs/a b\n.txt": CoveredObject(3, "é", None)})


def test_what_is_stored_is_read_again():
    assert parse_coverage(COVERED.as_text()) == COVERED
    assert parse_coverage(Coverage().as_text()) == Coverage()


def test_numbers_and_the_newest_object():
    assert (COVERED.count, COVERED.size, COVERED.newest) == (2, 123, AT)
    assert (Coverage().count, Coverage().size, Coverage().newest) == (0, 0, None)


def test_what_an_earlier_version_stored_is_read():
    before = parse_coverage(f"120 {NAME}\n")
    assert before == Coverage({NAME: CoveredObject(120)})
    assert not before.has_etags and COVERED.has_etags
    assert before.read.sizes == COVERED.read.sizes == {NAME: 120}
    assert parse_coverage("") == Coverage()


@pytest.mark.parametrize(
    "text", ["hello", "{", '{"format": 3, "objects": []}', '{"format": 2, "objects": [[1]]}', "{}"]
)
def test_any_other_text_is_none(text):
    assert parse_coverage(text) is None


@pytest.mark.parametrize("other", [CoveredObject(121, "abc", AT), CoveredObject(120, "abd", AT)], ids=["size", "ETag"])
def test_the_digest_changes_with(other):
    assert Coverage({KEY: other}).digest != Coverage({KEY: CoveredObject(120, "abc", AT)}).digest


def test_the_digest_depends_neither_on_order_nor_on_times():
    one, two = ("a", CoveredObject(1, "x", AT)), ("b", CoveredObject(2, "y", AT))
    assert (
        Coverage(dict([one, two])).digest == Coverage({"b": CoveredObject(2, "y"), "a": CoveredObject(1, "x")}).digest
    )


def test_one_version_is_itself_and_several_are_one():
    assert combined_version(["a"]) == "a"
    assert len({combined_version(given) for given in (["a", "b"], ["b", "a"], ["a"])}) == 3


def test_what_is_archived_is_not_covered():
    assert coverage_of([StoredObject(KEY, 1, archived=True), StoredObject("x", 2, etag="e")]) == Coverage(
        {"x": CoveredObject(2, "e")}
    )


def test_each_dataset_of_a_day_has_its_coverage(lake: Lake):
    assert lake.run(DAY).success
    paths = sorted((lake.logs / "AWSLogs").rglob("*/02/*.gz"))
    for name in DATASETS:
        table = TableName(REJECTED.database, name)
        found = stored_coverage(lake.target.results, lake.target.athena, table, [DAY, NEXT_DAY])
        assert list(found) == [DAY]
        assert {key: covered.size for key, covered in found[DAY].objects.items()} == {
            path.relative_to(lake.logs).as_posix(): path.stat().st_size for path in paths
        }
        assert found[DAY].newest == datetime.fromtimestamp(
            int(max(path.stat().st_mtime for path in paths)), timezone.utc
        )
        assert found[DAY] == coverage_of(
            lake.target.bucket.objects.list("AWSLogs/123456789012/vpcflowlogs/us-east-1/2021/09/02/")
        )


def test_a_day_stored_by_an_earlier_version_is_still_guarded(lake: Lake):
    path = write_object(lake.logs, DAY, [ACCEPTED], number=9)
    assert lake.run(DAY).success
    for key in lake.completion_markers():
        marker = lake.results / key
        marker.write_text(parse_coverage(marker.read_text()).read.as_text())
    path.unlink()
    result = lake.run(DAY)
    assert not result.success
    (event,) = result.get_step_failure_events()
    assert (
        "of 3 objects that an earlier run read, 2 are left in" in event.step_failure_data.user_failure_data.description
    )
