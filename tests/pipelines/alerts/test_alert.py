"""Which alerts a run gives, and their words: of one day, of a range, and with whatever a record holds."""

from datetime import date, timedelta

from pipelines.alerts.alert import (
    Alert,
    FailedCheck,
    Item,
    Places,
    RunFacts,
    alerts_of,
    first_day_named,
    message_of,
    no_run,
)
from resources.aws.topic import subject_of

DAY = date(2021, 9, 2)
NEXT_DAY = date(2021, 9, 3)
PLACES = Places(None, "/results/reports/")
UI = Places("https://dagster.example.com/", "s3://bucket/reports/")


def told(facts: RunFacts, places: Places = PLACES) -> dict[str, list[tuple[date, str, tuple[str, ...]]]]:
    return {
        alert.cause: [(item.day, item.record, item.lines) for item in alert.items] for alert in alerts_of(facts, places)
    }


def test_a_run_without_any_trouble_gives_none():
    assert alerts_of(RunFacts("1", [DAY], done=[DAY]), PLACES) == []


def test_a_failed_run_is_told_for_the_days_that_are_not_done():
    facts = RunFacts("1", [DAY, NEXT_DAY], "page: x.gz is damaged.\nNot done: 2021-09-03.", done=[DAY])
    assert told(facts) == {
        "failed run": [(NEXT_DAY, "failed-run", ("page: x.gz is damaged.", "Not done: 2021-09-03."))]
    }


def test_a_day_without_delivery_is_told_once_and_not_as_a_failed_check():
    checks = [FailedCheck("vpc_flow_logs_partition", "objects_delivered", "Nothing was delivered on 2021-09-02: …")]
    facts = RunFacts("1", [DAY], done=[DAY], empty=[DAY], failed_checks=checks)
    assert told(facts) == {"no delivery": [(DAY, "no-delivery", ("Not one object was delivered on 2021-09-02.",))]}


def test_a_failed_check_is_told_for_the_days_that_it_names():
    checks = [
        FailedCheck("daily_page", "a", "Look at 2021-09-02.\n\nAnd at 2021-09-03, which is unlike 2021-09-02."),
        FailedCheck("daily_page", "b", "No day is named.", is_error=True),
        FailedCheck("daily_page", "every_day_came", "2021-09-01 did not come."),
    ]
    assert told(RunFacts("1", [DAY, NEXT_DAY], failed_checks=checks)) == {
        "failed check": [
            (NEXT_DAY, "check-daily_page-b", ("daily_page: the check b failed: No day is named.",)),
            (DAY, "check-daily_page-a", ("daily_page: the check a failed: Look at 2021-09-02.",)),
            (
                NEXT_DAY,
                "check-daily_page-a",
                ("daily_page: the check a failed: And at 2021-09-03, which is unlike 2021-09-02.",),
            ),
        ]
    }


def test_rows_that_need_a_look_are_told_with_the_page():
    (alert,) = alerts_of(RunFacts("1", [DAY], done=[DAY], alarms={DAY: ["one", "two"]}), PLACES)
    assert message_of(alert).lines == ("one", "two", "Look at the page.", "/results/reports/2021-09-02.html")


def test_late_objects_are_told_with_the_page():
    (alert,) = alerts_of(RunFacts("1", [DAY], done=[DAY], updates={DAY: "Updated 14:05: 3 late objects."}), PLACES)
    assert (alert.cause, alert.items[0].record) == ("late objects", "late-objects")
    assert message_of(alert).lines == (
        "2021-09-02: Updated 14:05: 3 late objects.",
        "The day's numbers are others than before: look at its page again.",
        "/results/reports/2021-09-02.html",
    )


def test_the_link_is_the_run_in_the_ui_where_that_is_known():
    (alert,) = alerts_of(RunFacts("abc", [DAY], "why"), UI)
    assert alert.link == "https://dagster.example.com/runs/abc"
    (alert,) = alerts_of(RunFacts("abc", [DAY], "why"), PLACES)
    assert alert.link == "run abc in Dagster's UI (make dev)"


def test_a_day_that_did_not_come():
    message = message_of(no_run([DAY], PLACES))
    assert message.subject == "VPC Flow Lake: no run: 2021-09-02"
    assert message.lines[0] == "The page of 2021-09-02 did not come, and no run of that day is active."


def test_a_range_of_100_days_is_one_message_with_three_lines():
    days = [DAY + timedelta(days=number) for number in range(100)]
    (alert,) = alerts_of(RunFacts("1", days, done=days, alarms={day: [f"row of {day}"] for day in days}), PLACES)
    message = message_of(alert)
    assert message.subject == "VPC Flow Lake: rows that need a look: 100 days from 2021-09-02 to 2021-12-10"
    assert message.lines == (
        *("row of 2021-09-02", "row of 2021-09-03", "row of 2021-09-04", "and 97 more"),
        *("Look at the page.", "/results/reports/index.html"),
    )
    assert len(message.facts["days"]) == 10 and message.facts["number_of_days"] == 100


def test_whatever_a_record_holds_is_printable_bounded_and_on_a_line_of_its_own():
    hostile = "<script>alert(1)</script>\x1b[31m\u202e\r\nSubject: x" + "y" * 10_000
    message = message_of(Alert("rows that need a look", (Item(DAY, "alarms", (hostile,)),), "Look.", "link"))
    assert message.lines[0].startswith("<script>alert(1)</script>\\x1b[31m\\u202e\\r\\nSubject: xy")
    assert len(message.lines) == 3 and len(message.lines[0]) == 500
    assert "\x1b" not in message.text and message.text.count("\n") == 2
    assert message.facts["lines"] == [message.lines[0]]


def test_a_subject_is_short_ascii_without_control_characters():
    assert subject_of("é\nx\x1b" + "y" * 200) == "??x?" + "y" * 95 + "."
    assert subject_of("\n") == "?"
    assert subject_of("") == "VPC Flow Lake"


def test_the_first_day_that_a_text_names():
    assert first_day_named("2020-01-01, 2021-09-0x, 2021-09-03 and 2021-09-02", [DAY, NEXT_DAY]) == NEXT_DAY
    assert first_day_named("2020-01-01", [DAY, NEXT_DAY]) is None
