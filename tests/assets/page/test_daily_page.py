"""The asset of the morning page, on small logs: its files, what they say, its metadata, and running it again."""

import json
import re

import pytest
from lake import DAILY, Lake, failure, metadata
from support import DAY, MANY_PACKETS, NEXT_DAY, files_in, on_day, write_object

from assets.page.asset import index_page
from pipelines.targets import folder_of_results

PAGE = "daily_page"
LATER = NEXT_DAY.replace(day=4)


@pytest.fixture
def made(lake: Lake) -> Lake:
    assert lake.run(DAY).success
    return lake


def summary(lake: Lake, day) -> dict[str, object]:
    return json.loads((lake.results / f"reports/day_totals/{day}.json").read_text())


def page_text(lake: Lake, day) -> str:
    return (lake.results / f"reports/{day}.html").read_text()


def test_the_summary_has_the_days_totals(made):
    found = summary(made, DAY)
    assert len(found["covered"].pop("digest")) == 32
    assert found == {
        "totals": {
            "day": "2021-09-02",
            "records": 7,
            "rejected": 4,
            "accepted": 1,
            "no_data": 1,
            "skipped": 1,
            "unreadable": 0,
            "rejected_packets": 50,
            "sources": 3,
            "ports": 3,
            "bytes": 903_324,
            "rejected_by_hour": [4, *[0] * 23],
            "stored_bytes": sum(path.stat().st_size for path in made.logs.rglob("*/02/*.gz")),
            "need_a_look": 0,
            "odd": 1,
        },
        "sentences": [
            "7 records read, 4 rejected by 3 sources, 0 unreadable.",
            "No report found a row that needs a look; most packets were rejected from 203.0.113.9 to 10.0.0.5: "
            "47 packets.",
        ],
        "look_at": [
            "203.0.113.9 to 10.0.0.5: 47 packets.",
            "198.51.100.7 to 10.0.0.6: 3 packets.",
            "198.51.100.6 to 10.0.0.6: unknown packets.",
        ],
        "percent": 71,  # 5 of 7 records
        "reasons": [
            "1 record is SKIPDATA, 14.3 % of all: at least 1 record stands for lost ones. AWS could not record some "
            "traffic, and nobody can bring it back; if this comes often, ask AWS Support.",
            "1 record lacks a number that belongs there, or it does not parse: counted as records, but in no sum. The "
            "examples show what to look for in the objects.",
        ],
        "basis": "No day before has objects: computed from the day's own objects and records.",
        "covered": {
            "objects": 2,
            "bytes": sum(path.stat().st_size for path in made.logs.rglob("*/02/*.gz")),
            "partial": False,
        },
        "updates": [],
    }


def test_the_page_says_the_same_and_links_the_csv_files(made):
    text = page_text(made, DAY)
    assert '<p class="lead">7 records read, 4 rejected by 3 sources, 0 unreadable.</p>' in text
    assert '<a href="top_rejected_pairs/2021-09-02.csv">CSV</a>' in text
    assert "SIMULATED" not in text
    assert 'href="2021-09-02.html"' in (made.results / "reports/index.html").read_text()


def test_running_again_leaves_the_same_bytes(made):
    before = files_in(made.results / "reports")
    assert made.run(DAY).success
    assert made.run(DAY, assets=[PAGE]).success
    assert files_in(made.results / "reports") == before


def test_each_day_of_a_range_has_a_page_and_numbers_of_its_own(lake):
    result = lake.run(DAY, NEXT_DAY, [*DAILY, PAGE])
    assert not result.success  # the infrastructure is not there yet
    assert lake.run(DAY).success
    result = lake.run(DAY, NEXT_DAY, [*DAILY, PAGE])
    assert result.success
    found = {day: {name: told[name].value for name in told} for day, told in metadata(result, PAGE).items()}
    numbers = (
        "records",
        "rejected flows",
        "rejected packets",
        "rejected sources",
        "rejected ports",
        "bytes of traffic",
    )
    assert {day: [told[name] for name in numbers] for day, told in found.items()} == {
        "2021-09-02": [7, 4, 50, 3, 3, 903_324],
        "2021-09-03": [1, 1, 5, 1, 1, 200],
    }
    assert {type(found["2021-09-03"][name]) for name in numbers} == {int}
    assert type(found["2021-09-03"]["cost of the day in US dollars"]) is float
    assert "75 % less than the day before" in page_text(lake, NEXT_DAY)
    links = (lake.results / "reports/index.html").read_text()
    assert links.index("2021-09-03.html") < links.index("2021-09-02.html")


def test_the_index_links_pages_alone(tmp_path):
    results = folder_of_results(tmp_path / "results")
    results.add(
        {f"reports/{name}": b"" for name in ("2021-09-02.html", "20210903.html", "2021-09-04.bak", "index.html")}
    )
    assert set(re.findall(r'href="([^"#]+)"', index_page(results, is_simulated=False).decode())) == {"2021-09-02.html"}


def test_a_range_and_single_days_give_the_same_pages(made):
    for day in (DAY, NEXT_DAY):
        assert made.run(day).success
    before = files_in(made.results / "reports")
    assert made.run(DAY, NEXT_DAY, [*DAILY, PAGE]).success
    assert files_in(made.results / "reports") == before


def test_one_query_gives_the_totals_of_all_days(made):
    assert made.run(NEXT_DAY).success
    engine = made.watch()
    assert made.run(DAY, NEXT_DAY, [PAGE]).success
    assert len(engine.statements) == 2
    assert engine.statements[0].startswith("SELECT hours.dt")
    assert "row_number()" in engine.statements[1]  # the examples of odd records, of which DAY has one


def test_a_day_without_odd_records_takes_one_query(made):
    assert made.run(NEXT_DAY).success
    engine = made.watch()
    assert made.run(NEXT_DAY, assets=[PAGE]).success
    assert len(engine.statements) == 1


def test_datasets_with_other_records_are_told(made):
    (agree,) = [check for check in made.run(DAY).get_asset_check_evaluations() if check.check_name == "records_add_up"]
    assert (agree.passed, agree.metadata["records"].value) == (True, 7)
    write_object(made.logs, DAY, [MANY_PACKETS], number=9)
    assert made.run(DAY, assets=["rejected_flows"]).success
    result = made.run(DAY, assets=[PAGE])
    (differ,) = [check for check in result.get_asset_check_evaluations() if check.check_name == "records_add_up"]
    words = "rejected_flows has 5 rejected records, and traffic_by_hour has 4"
    assert not differ.passed
    assert words in page_text(made, DAY)
    assert any(words in text for text in made.messages(result, level=30))


def test_a_report_without_a_file_is_named(made):
    (made.results / "reports/top_rejected_pairs/2021-09-02.parquet").unlink()
    result = made.run(DAY, assets=[PAGE])
    assert result.success
    assert "(top_rejected_pairs): it has no file for this day." in page_text(made, DAY)
    assert metadata(result, PAGE)["2021-09-02"]["reports missing"].value == 1


def test_warnings_of_the_inspection_are_on_the_page(lake):
    (write_object(lake.logs, DAY, ["x"]).parent / "notes.txt").write_text("short")
    assert lake.run(DAY).success
    assert "notes.txt" in page_text(lake, DAY)
    assert "Not quite." in page_text(lake, DAY)


def test_a_day_without_objects_has_a_page_that_says_so(made):
    assert made.run(LATER).success
    assert "0 records read: the logs of this day hold none." in page_text(made, LATER)


def test_a_day_without_partition_fails_by_name(made):
    result = made.run(LATER, assets=[PAGE])
    step, words = failure(result)
    assert step == PAGE
    assert "2021-09-04" in words


def test_hostile_records_are_text_on_the_page(lake):
    evil = on_day(MANY_PACKETS, DAY).replace("203.0.113.9", "<script>alert(1)</script>").replace("eni-0a", "=cmd()")
    write_object(lake.logs, DAY, [evil, evil.replace("<script>alert(1)</script>", "![x](y)\x1b[2J")], number=7)
    assert lake.run(DAY).success
    text = page_text(lake, DAY)
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert text.count("<script>") == 1
    assert "\x1b" not in text
    assert r"![x](y)\x1b[2J" in text
