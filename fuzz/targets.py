"""What is fuzzed: functions that take bytes, and raise an error where the project does something wrong with them.

`SilentLoss` is raised where a result is wrong and nothing says so; any other error is a crash.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module


class SilentLoss(AssertionError):
    """A result that is not what an independent reading gives, without a word."""


@dataclass(frozen=True)
class Target:
    """A target: its name, what it is fed, what must hold, its share of 100,000 inputs, and its function's module."""

    name: str
    fed: str
    holds: str
    share: int
    module: str
    guided: bool = True
    """Whether coverage guides the inputs. Otherwise they are random ones, as where an input is just a number."""

    @property
    def function(self) -> Callable[[bytes], None]:
        """The function, which prepares what it needs at its first call."""
        found: Callable[[bytes], None] = import_module(f"fuzz.{self.module}").check
        return found

    @property
    def seeds(self) -> list[bytes]:
        """Inputs to begin with."""
        found: list[bytes] = getattr(import_module(f"fuzz.{self.module}"), "SEEDS", [])
        return found


TARGETS: Mapping[str, Target] = {
    target.name: target
    for target in (
        Target(
            "records",
            "text objects, plain and in gzip, whole and damaged",
            "the rows of a plain reading by Hive's rules, or an error that names the object",
            6_000,
            "text_objects",
        ),
        Target(
            "parquet",
            "Parquet objects of any fields, whole and damaged",
            "the rows that were written, or an error that names the object",
            500,
            "parquet_objects",
        ),
        Target(
            "first-look",
            "the beginnings of objects",
            "a format that is the header's; otherwise words, which are printable",
            32_000,
            "first_looks",
        ),
        Target(
            "object-names",
            "keys",
            "source, day, flow log and window of an independent reading of the key",
            40_000,
            "object_names",
        ),
        Target(
            "settings",
            "environments and .env files",
            "settings, or a FlowLakeError that is printable",
            6_000,
            "settings",
        ),
        Target(
            "report-files",
            "report files",
            "a report whose statement the engine reads, or a FlowLakeError that names the file",
            14_000,
            "report_files",
        ),
        Target(
            "page",
            "rows of reports",
            "valid HTML that has every text, escaped, and loads nothing",
            1_200,
            "pages",
        ),
        Target(
            "selects",
            "random SELECTs",
            "the rows that SQLite gives",
            300,
            "selects",
            guided=False,
        ),
    )
}
