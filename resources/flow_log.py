"""The contract of the configured VPCs' flow logs, and the implementation that creates none.

EC2's flow logs are in aws/flow_log.py, the simulated one in embedded/flow_log.py.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import date

from flowlogs.record_format import RecordFormat
from resources.ensured import Ensured


class FlowLog(ABC):
    """Delivers the records of the configured VPCs into the bucket."""

    @abstractmethod
    def ensure(self) -> Ensured:
        """Create a flow log for each configured VPC that has none. Changes nothing that exists."""

    def check(self) -> Ensured:
        """The result of an `ensure` that creates nothing: a missing flow log is an error in it."""
        return self.ensure()

    @abstractmethod
    def deliver(self, days: Sequence[date]) -> None:
        """Write the objects of these UTC days into the bucket, if the flow log is simulated. AWS delivers by itself."""

    def record_formats(self) -> Sequence[RecordFormat]:
        """The formats of the flow logs, as far as whoever makes them tells, without a look at objects; each once."""
        return ()

    @abstractmethod
    def remove(self) -> Ensured:
        """Delete the flow logs that this project created, and nothing else."""


class ExistingLogs(FlowLog):
    """Creates no flow log: the logs in the bucket are read, and nothing is written there."""

    def __init__(self, where: str) -> None:
        self.where = where

    def ensure(self) -> Ensured:
        return Ensured({"flow log": f"none is created: the logs in {self.where} are read as they are"})

    def deliver(self, days: Sequence[date]) -> None:
        return None

    def remove(self) -> Ensured:
        return Ensured({"deleted": "nothing: no flow log was created"})
