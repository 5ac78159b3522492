"""What a partition is: values of the partition columns, and a location. catalog.py keeps partitions."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Partition:
    """The values of a table's partition columns, in their order, and where the objects lie."""

    values: tuple[str, ...]
    location: str
