"""The settings of whose flow logs are read and how they are delivered, as resources of both targets show them."""

from typing import Any, Generic, TypeVar

import dagster as dg
from pydantic import Field

from flowlogs.delivery import Delivery
from flowlogs.record_format import RecordFormat
from flowlogs.sources import Choice
from pipelines.settings import Settings, choice_of, delivery_of, format_of

T = TypeVar("T")


class LogsResource(dg.ConfigurableResource[T], Generic[T]):
    """A resource that shows these settings."""

    prefix: str | None = Field(description="FLOWLAKE_PREFIX: what stands in front of AWSLogs/.")
    account_id: str | None = Field(description="FLOWLAKE_ACCOUNT_ID: whose logs are read, where there are several.")
    region: str | None = Field(description="FLOWLAKE_REGION: of which region, where there are several.")
    log_format: str | None = Field(description="FLOWLAKE_LOG_FORMAT: the fields of records.")
    file_format: str = Field(description="FLOWLAKE_FILE_FORMAT: plain-text or parquet.")
    hive_partitions: bool = Field(description="FLOWLAKE_HIVE_PARTITIONS: whether folders are Hive-compatible.")
    hourly_partitions: bool = Field(description="FLOWLAKE_HOURLY_PARTITIONS: whether each hour has a folder.")
    leave_out_damaged: bool = Field(
        description="FLOWLAKE_LEAVE_OUT_DAMAGED: whether a day is made without its damaged objects, and says so."
    )

    @property
    def choice(self) -> Choice:
        """Whose flow logs are read."""
        return choice_of(self.account_id, self.region, self.prefix)

    @property
    def record_format(self) -> RecordFormat | None:
        """The format that is asked for, if any."""
        return format_of(self.log_format, self.file_format)

    @property
    def delivery(self) -> Delivery:
        """How a flow log that is created delivers."""
        return delivery_of(self.record_format, self.hive_partitions, self.hourly_partitions, self.prefix)


def logs_settings(settings: Settings) -> dict[str, Any]:
    """The settings that a LogsResource shows, by their names."""
    names = (
        *("prefix", "account_id", "region", "log_format", "file_format", "hive_partitions", "hourly_partitions"),
        "leave_out_damaged",
    )
    return {name: getattr(settings, name) for name in names}
