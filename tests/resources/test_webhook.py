"""The webhook over real HTTP: what arrives, what is tried again, and that its address is told nowhere."""

import socket

import pytest
from webhook_receiver import TOKEN, webhook_receiver

import resources.webhook
from flowlogs.errors import FlowLakeError
from resources.alert_channel import Message
from resources.webhook import Webhook, escaped

MESSAGE = Message("A subject", ("line <b>", "@all & more"), {"cause": "failed run", "days": ["2021-09-02"]})


@pytest.fixture
def receiver(monkeypatch):
    monkeypatch.setattr(resources.webhook, "PAUSES", (0.0, 0.0))
    with webhook_receiver() as found:
        yield found


def test_a_message_arrives_as_json_with_text_and_facts(receiver):
    Webhook(receiver.url).send(MESSAGE)
    assert receiver.paths == [f"/services/{TOKEN}"]
    assert receiver.headers[0]["Content-Type"] == "application/json"
    assert receiver.messages == [
        {"text": "A subject\nline &lt;b&gt;\n\uff20all &amp; more", "cause": "failed run", "days": ["2021-09-02"]}
    ]


def test_what_asks_for_it_is_tried_again(receiver):
    receiver.answers = [503, 429]
    Webhook(receiver.url).send(MESSAGE)
    assert len(receiver.paths) == 3 and len(receiver.messages) == 1


@pytest.mark.parametrize(("answers", "requests"), [([500] * 9, 3), ([404], 1), ([403], 1)])
def test_what_is_refused_is_an_error_without_the_address(receiver, answers, requests):
    receiver.answers = list(answers)
    with pytest.raises(FlowLakeError) as caught:
        Webhook(receiver.url).send(MESSAGE)
    assert str(caught.value) == f"the webhook at 127.0.0.1 answered {answers[0]}."
    assert caught.value.__cause__ is None
    assert len(receiver.paths) == requests


def test_a_redirect_is_not_followed(receiver):
    receiver.answers = [302]
    receiver.location = receiver.url.replace("services", "elsewhere")
    with pytest.raises(FlowLakeError, match="302 .a redirect, which is not followed: set the final address"):
        Webhook(receiver.url).send(MESSAGE)
    assert receiver.paths == [f"/services/{TOKEN}"]


def test_nobody_there_is_an_error_without_the_address(monkeypatch):
    monkeypatch.setattr(resources.webhook, "PAUSES", (0.0,))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with pytest.raises(FlowLakeError) as caught:
        Webhook(f"http://127.0.0.1:{port}/{TOKEN}").send(MESSAGE)
    assert str(caught.value) == "the webhook at 127.0.0.1 could not be reached: Connection refused."


def test_a_receiver_that_does_not_answer_is_not_waited_for(monkeypatch):
    monkeypatch.setattr(resources.webhook, "PAUSES", ())
    monkeypatch.setattr(resources.webhook, "TIMEOUT_SECONDS", 0.2)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        with pytest.raises(FlowLakeError, match="could not be reached: (TimeoutError|timed out)"):
            Webhook(f"http://127.0.0.1:{silent.getsockname()[1]}/{TOKEN}").send(MESSAGE)


def test_the_address_is_in_no_representation():
    webhook = Webhook(f"https://hooks.example.com/{TOKEN}")
    assert TOKEN not in repr(webhook) and TOKEN not in webhook.name and "hooks.example.com" in webhook.name


def test_marks_of_chats_are_escaped():
    assert escaped("<!channel> @here &") == "&lt;!channel&gt; \uff20here &amp;"
