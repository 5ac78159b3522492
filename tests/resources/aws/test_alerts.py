"""Alerts on AWS: what arrives behind a topic of SNS, what it takes, and one message where two send at once."""

import json
import threading
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from aws_double.server import AwsDouble
from aws_lineage import BUCKET, become, policy

from pipelines.alerts.alert import Alert, Item
from pipelines.alerts.sender import send_alerts
from pipelines.settings import Settings
from pipelines.targets import alert_channels, s3_results
from resources.alert_channel import AlertChannel
from resources.aws.clients import AwsClients
from resources.aws.object_store import S3Store

DAY = date(2021, 9, 2)
NOW = datetime(2021, 9, 3, 1, tzinfo=timezone.utc)
HOSTILE = "<script>\x1b[31m\nFrom: x é" + "y" * 1_000


def alert(line: str = "daily_page: it failed.") -> Alert:
    return Alert("failed run", (Item(DAY, "failed-run", (line,)),), "Run again.", "run 1")


class Subscriber:
    """A queue behind a topic."""

    def __init__(self, aws: AwsDouble) -> None:
        self._sqs = aws.client("sqs")
        sns = aws.client("sns")
        self.topic = sns.create_topic(Name="flow-lake")["TopicArn"]
        self.other = sns.create_topic(Name="somebody-elses")["TopicArn"]
        self._queue = self._sqs.create_queue(QueueName="people")["QueueUrl"]
        arn = self._sqs.get_queue_attributes(QueueUrl=self._queue, AttributeNames=["QueueArn"])["Attributes"][
            "QueueArn"
        ]
        for topic in (self.topic, self.other):
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    def received(self) -> list[dict[str, Any]]:
        found = self._sqs.receive_message(QueueUrl=self._queue, MaxNumberOfMessages=10).get("Messages", [])
        return [json.loads(message["Body"]) for message in found]


@pytest.fixture
def people(aws: AwsDouble) -> Iterator[Subscriber]:
    boto3.DEFAULT_SESSION = None
    boto3.client("s3").create_bucket(Bucket=BUCKET)
    yield Subscriber(aws)
    boto3.DEFAULT_SESSION = None


def channels(topic: str) -> list[AlertChannel]:
    return alert_channels(Settings(target="aws", bucket=BUCKET, alert_sns_topic=topic))


def results() -> S3Store:
    return s3_results(AwsClients(results_bucket=BUCKET), f"s3://{BUCKET}")


def test_a_message_arrives_once_with_a_subject_and_its_lines(people: Subscriber) -> None:
    for _ in range(2):
        assert send_alerts([alert()], results(), channels(people.topic), NOW) == []
    (message,) = people.received()
    assert message["Subject"] == "VPC Flow Lake: failed run: 2021-09-02"
    assert message["Message"] == ("VPC Flow Lake: failed run: 2021-09-02\n\ndaily_page: it failed.\nRun again.\nrun 1")


def test_a_topic_of_another_region_is_reached_there(aws: AwsDouble, people: Subscriber) -> None:
    boto3.client("sns", region_name="eu-west-1").create_topic(Name="there")
    topic = people.topic.replace("us-east-1:", "eu-west-1:").replace("flow-lake", "there")
    assert send_alerts([alert()], results(), channels(topic), NOW) == []
    assert [call["region"] for call in aws.calls("sns:Publish")] == ["eu-west-1"]


def test_whatever_a_record_holds_is_accepted(people: Subscriber) -> None:
    assert send_alerts([alert(HOSTILE)], results(), channels(people.topic), NOW) == []
    (message,) = people.received()
    assert "\x1b" not in message["Message"] and "<script>\\x1b[31m\\nFrom: x é" in message["Message"]


def test_the_policy_is_enough(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, people: Subscriber) -> None:
    become(aws, monkeypatch, policy("iam-policy-daily.json"), policy("iam-policy-alerts.json"))
    assert send_alerts([alert()], results(), channels(people.topic), NOW) == []
    aws.set(enforce_iam=False)
    assert len(people.received()) == 1


def test_without_the_permission_it_is_named_and_the_next_occasion_tries_again(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, people: Subscriber
) -> None:
    become(aws, monkeypatch, policy("iam-policy-daily.json"), policy("iam-policy-alerts.json", without="sns:Publish"))
    (problem,) = send_alerts([alert()], results(), channels(people.topic), NOW)
    assert problem.startswith(
        "An alert was not sent, and is tried again at the next occasion: Access denied while publishing to "
        f"{people.topic}: grant sns:Publish to the caller"
    )
    become(
        aws,
        monkeypatch,
        policy("iam-policy-alerts.json"),
        policy("iam-policy-read.json"),
        policy("iam-policy-names.json"),
    )
    assert send_alerts([], results(), channels(people.topic), NOW + timedelta(minutes=1)) == []
    aws.set(enforce_iam=False)
    assert len(people.received()) == 1


@pytest.mark.parametrize("without", ["s3:GetObject", "s3:PutObject"])
def test_nothing_is_sent_that_cannot_be_remembered(
    aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, people: Subscriber, without: str
) -> None:
    become(aws, monkeypatch, policy("iam-policy-daily.json"), policy("iam-policy-alerts.json", without=without))
    problems = send_alerts([alert()], results(), channels(people.topic), NOW)
    assert problems and all(without in problem for problem in problems)
    aws.set(enforce_iam=False)
    assert people.received() == []


def test_the_policy_grants_one_topic(aws: AwsDouble, monkeypatch: pytest.MonkeyPatch, people: Subscriber) -> None:
    become(aws, monkeypatch, policy("iam-policy-daily.json"), policy("iam-policy-alerts.json"))
    (problem,) = send_alerts([alert()], results(), channels(people.other), NOW)
    assert "grant sns:Publish" in problem
    aws.set(enforce_iam=False)
    assert people.received() == []


def test_two_at_once_send_one(people: Subscriber) -> None:
    start = threading.Barrier(4)

    def send() -> None:
        store, to = results(), channels(people.topic)
        start.wait()
        assert send_alerts([alert()], store, to, NOW) == []

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(people.received()) == 1
