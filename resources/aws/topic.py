"""A channel that publishes messages to a topic of Amazon SNS, which sends them on by mail, chat or anything else."""

from flowlogs.printable import shortened
from resources.alert_channel import MAX_SUBJECT, AlertChannel, Message
from resources.aws.clients import AwsClients, aws_errors


class SnsTopic(AlertChannel):
    """A standard topic, by its ARN. It takes the permission sns:Publish on it."""

    def __init__(self, clients: AwsClients, arn: str) -> None:
        self._clients = clients
        self.arn = arn
        self.name = f"the topic {arn}"

    def send(self, message: Message) -> None:
        with aws_errors(f"publishing to {self.arn}"):
            self._clients.client("sns", self.arn.split(":")[3]).publish(
                TopicArn=self.arn, Subject=subject_of(message.subject), Message=f"{message.subject}\n\n{message.text}"
            )


def subject_of(text: str) -> str:
    """The text as the subject of a mail: ASCII, without control characters ("Publish", Amazon SNS API reference)."""
    ascii_only = "".join(character if " " <= character <= "~" else "?" for character in text).strip()
    return shortened(ascii_only, MAX_SUBJECT).replace("…", ".") or "VPC Flow Lake"
