"""Alerts are sent once for each day and cause: twice, by two at once, after a failure, after a kill."""

import json
import threading
from datetime import date, datetime, timedelta, timezone

import pytest

from flowlogs.errors import FlowLakeError
from pipelines.alerts.alert import Alert, Item
from pipelines.alerts.sender import MAX_ATTEMPTS, send_alerts
from resources.alert_channel import AlertChannel, Message
from resources.embedded.folder_store import FolderStore

DAY = date(2021, 9, 2)
NEXT_DAY = date(2021, 9, 3)
NOW = datetime(2021, 9, 3, 1, tzinfo=timezone.utc)


class Kept(AlertChannel):
    """Keeps what it is given; the first ones fail."""

    def __init__(self, name: str = "kept", fails: int = 0) -> None:
        self.name = name
        self.fails = fails
        self.sent: list[Message] = []

    def send(self, message: Message) -> None:
        if self.fails:
            self.fails -= 1
            raise FlowLakeError(f"{self.name} answered 500.")
        self.sent.append(message)


@pytest.fixture
def results(tmp_path):
    return FolderStore(tmp_path, "FLOWLAKE_RESULTS", "results")


def alert(*days: date, cause: str = "failed run") -> Alert:
    name = cause.replace(" ", "-")
    return Alert(cause, tuple(Item(day, name, (f"line of {day}",)) for day in days), "Do.", "link")


def records(tmp_path) -> dict[str, str]:
    return {
        path.relative_to(tmp_path).as_posix(): json.loads(path.read_text())["state"]
        for path in sorted(tmp_path.rglob("alerts/**/*.json"))
    }


def test_the_same_day_and_cause_is_told_once(results, tmp_path):
    channel = Kept()
    for _ in range(3):
        assert send_alerts([alert(DAY)], results, [channel], NOW) == []
    assert [message.subject for message in channel.sent] == ["VPC Flow Lake: failed run: 2021-09-02"]
    assert records(tmp_path) == {"alerts/2021-09-02/failed-run.1.json": "sent"}


def test_a_range_is_one_message_about_the_days_that_were_not_told(results):
    channel = Kept()
    send_alerts([alert(DAY)], results, [channel], NOW)
    send_alerts([alert(DAY, NEXT_DAY), alert(DAY, cause="alarms")], results, [channel], NOW)
    assert [message.facts["days"] for message in channel.sent] == [["2021-09-02"], ["2021-09-03"], ["2021-09-02"]]
    assert channel.sent[1].lines[0] == "line of 2021-09-03"


def test_two_at_once_send_one(results):
    channel = Kept()
    start = threading.Barrier(8)

    def send() -> None:
        start.wait()
        send_alerts([alert(DAY, NEXT_DAY)], results, [channel], NOW)

    threads = [threading.Thread(target=send) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(day for message in channel.sent for day in message.facts["days"]) == ["2021-09-02", "2021-09-03"]


def test_what_could_not_be_sent_is_told_and_sent_at_the_next_occasion(results, tmp_path):
    channel = Kept(fails=1)
    problems = send_alerts([alert(DAY, NEXT_DAY)], results, [channel], NOW)
    assert problems == ["An alert was not sent, and is tried again at the next occasion: kept answered 500."]
    assert channel.sent == []
    later = NOW + timedelta(minutes=1)
    assert send_alerts([], results, [channel], later) == []
    assert [message.facts["days"] for message in channel.sent] == [["2021-09-02", "2021-09-03"]]
    assert channel.sent[0].lines == ("line of 2021-09-02", "line of 2021-09-03", "Do.", "link")
    assert records(tmp_path)["alerts/2021-09-02/failed-run.2.json"] == "sent"
    assert send_alerts([alert(DAY)], results, [channel], later + timedelta(minutes=1)) == []
    assert len(channel.sent) == 1


def test_a_channel_that_worked_is_not_used_again_for_one_that_did_not(results):
    good, bad = Kept("good"), Kept("bad", fails=1)
    assert len(send_alerts([alert(DAY)], results, [good, bad], NOW)) == 1
    send_alerts([], results, [good, bad], NOW + timedelta(minutes=1))
    assert (len(good.sent), len(bad.sent)) == (1, 1)


def test_a_sender_that_was_killed_is_followed_by_another_after_a_while(results):
    class Killed(AlertChannel):
        name = "killed"

        def send(self, message: Message) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        send_alerts([alert(DAY)], results, [Killed()], NOW)
    channel = Kept()
    send_alerts([alert(DAY)], results, [channel], NOW + timedelta(minutes=1))
    assert channel.sent == []
    send_alerts([], results, [channel], NOW + timedelta(minutes=16))
    assert len(channel.sent) == 1


def test_a_channel_that_never_works_is_given_up_at_last(results, tmp_path):
    channel = Kept(fails=1_000)
    for number in range(MAX_ATTEMPTS + 5):
        send_alerts([alert(DAY)], results, [channel], NOW + timedelta(minutes=number))
    assert len(records(tmp_path)) == MAX_ATTEMPTS


def test_an_old_alert_is_not_sent_again(results):
    channel = Kept(fails=1)
    send_alerts([alert(DAY)], results, [channel], NOW)
    send_alerts([], results, [channel], NOW + timedelta(days=8))
    assert channel.sent == []


def test_a_record_that_cannot_be_read_sends_nothing_again_and_again(results, tmp_path):
    (tmp_path / "alerts/2021-09-02").mkdir(parents=True)
    (tmp_path / "alerts/2021-09-02/failed-run.1.json").write_text("{")
    (tmp_path / "alerts/note.txt").write_text("somebody's")
    channel = Kept()
    assert send_alerts([alert(DAY)], results, [channel], NOW) == []
    assert channel.sent == []


def test_results_that_cannot_be_written_are_told_and_raise_nothing(results, tmp_path):
    (tmp_path / "alerts").write_text("a file")
    channel = Kept()
    problems = send_alerts([alert(DAY)], results, [channel], NOW)
    assert problems and all(text.startswith("An alert was not sent") for text in problems)
    assert channel.sent == []


def test_without_a_channel_nothing_is_written(results, tmp_path):
    assert send_alerts([alert(DAY)], results, [], NOW) == []
    assert list(tmp_path.iterdir()) == []
