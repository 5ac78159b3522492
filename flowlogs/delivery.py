"""How a flow log that is created delivers: AWS's own options (``LogFormat``, ``DestinationOptions`` and the prefix).

What is there already is recognized, and not chosen: by record_format.py and layout.py.
"""

from dataclasses import dataclass

from flowlogs.layout import HIVE, PLAIN, TOP
from flowlogs.record_format import DEFAULT_FORMAT, FILE_FORMATS, PARQUET, RecordFormat


@dataclass(frozen=True)
class Delivery:
    """The format of records and objects, the layout of folders, and what stands in front of ``AWSLogs/``.

    `prefix` is empty or ends in a slash.
    """

    record_format: RecordFormat = DEFAULT_FORMAT
    hive: bool = False
    hourly: bool = False
    prefix: str = ""

    @property
    def root(self) -> str:
        """The key prefix of the folders of accounts."""
        return f"{self.prefix}{TOP}"

    @property
    def service(self) -> str:
        """The layout of the folders (see LogSource)."""
        return HIVE if self.hive else PLAIN

    @property
    def file_format(self) -> str:
        """EC2's name for the format of objects."""
        return next(name for name, stored_as in FILE_FORMATS.items() if stored_as == self.record_format.stored_as)

    @property
    def extension(self) -> str:
        """How the names of objects end, behind the last dot of the others."""
        return "log.parquet" if self.record_format.stored_as == PARQUET else "log.gz"


DEFAULT_DELIVERY = Delivery()
