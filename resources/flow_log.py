"""The contract with what writes flow logs into the bucket, and the case where nothing of ours does.

EC2's flow logs and the simulated VPC keep it. How records get from one to the other is not told here.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date

from resources.ensured import Ensured


class FlowLog(ABC):
    """Delivers the records of the configured VPCs into the bucket."""

    @abstractmethod
    def ensure(self) -> Ensured:
        """Make every configured VPC have an active flow log; changes nothing where it has."""

    def check(self) -> Ensured:
        """What `ensure` tells of flow logs that are there, without making any: one that is missing is an error."""
        return self.ensure()

    @abstractmethod
    def deliver(self, days: Sequence[date]) -> None:
        """See to it that what there is to deliver of these UTC days is in the bucket, where that is ours to do.

        AWS delivers by itself, so that only a simulation has anything to do here.
        """

    @abstractmethod
    def remove(self) -> Ensured:
        """Delete the flow logs that this project created, and nothing else."""


class ExistingLogs(FlowLog):
    """No flow log of ours: the logs that are in the bucket are read, and nothing is ever written there."""

    def __init__(self, where: str) -> None:
        self.where = where

    def ensure(self) -> Ensured:
        return Ensured({"flow log": f"none is created: the logs in {self.where} are read as they are"})

    def deliver(self, days: Sequence[date]) -> None:
        return None

    def remove(self) -> Ensured:
        return Ensured({"deleted": "nothing: no flow log was created"})
