"""A world that runs are tortured in: a bucket of logs and its results, of one target."""

import gc
import os
import re
import sys
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path
from random import Random
from typing import Any

import dagster as dg

from pipelines.settings import Settings
from torture.child import Child, Outcome, finish, start
from torture.lineage import Request, as_on_the_next_day, job_of, read_tables, run_lineage, wait_for_nothing
from torture.records import Deliveries, LogObject

_RANDOM_PARTS = (
    (re.compile(r"\d{8}[T_]\d{6}Z?"), "<time>"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"), "<id>"),
    (re.compile(r"[0-9a-f]{32}"), "<id>"),
    (re.compile(r"_\d{5}_[0-9a-z]{5}(?=_)"), "_<query>"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{8}(?![0-9a-f])"), "<hash>"),
    (re.compile(r"(?<=/)\d+-\d+-(?=\d{12}-)"), "<files>-<bytes>-"),
)


def without_random_parts(name: str) -> str:
    """A file's name with what differs from run to run replaced."""
    for pattern, word in _RANDOM_PARTS:
        name = pattern.sub(word, name)
    return name


class World(ABC):
    """The bucket and the results of one target. `history` has every state of the bucket so far, the last one last."""

    target: str
    settings: Settings

    def __init__(self) -> None:
        self.history = [Deliveries()]
        self.job: dg.JobDefinition | None = None
        self.in_parts: set[str] = set()
        """The keys of objects that were uploaded in parts: S3 does not tell whether another one is a copy of them."""

    @property
    def deliveries(self) -> Deliveries:
        return self.history[-1]

    def empty(self) -> None:
        """Begin anew: an empty bucket, no results."""
        self.history = [Deliveries()]
        self.in_parts.clear()
        self._empty()

    def deliver(self, item: LogObject) -> None:
        """Deliver an object, or deliver it anew."""
        self._put(item.key, item.data)
        changed = self.deliveries.copy()
        changed.objects[item.key] = item
        changed.half.discard(item.key)
        self.history.append(changed)

    def deliver_half(self, item: LogObject, size: int) -> None:
        """An object that is being written: its first bytes are there."""
        self._put(item.key, item.data[:size])
        changed = self.deliveries.copy()
        changed.objects[item.key] = item
        changed.half.add(item.key)
        self.history.append(changed)

    def prepare(self) -> None:
        """Build what all runs share, before any of them is forked."""
        self.job = job_of(self.settings)

    def run(self, request: Request, *, next_day: bool = False, **how: Any) -> Child:
        """Start a run of the lineage; as if it were the next day, if that is asked for."""
        job, environment = self.job, dict(self.environment())
        assert job

        def work() -> dict[str, object]:
            os.environ.update(environment)
            self.in_child()
            if next_day:
                as_on_the_next_day()
            wait_for_nothing()
            before = set(sys.modules)
            gc.disable()  # a run is short
            told = run_lineage(job, request)
            return {**told, "answer": [name for name in sys.modules if name not in before]}

        return start(work, root=self.watched, **how)

    def clean_run(self, request: Request) -> Outcome:
        """A run that nothing disturbs, on the next day."""
        self.let_time_pass()
        return finish(self.run(request, next_day=True))[0]

    def read(self, days: Sequence[date]) -> dict[str, Any]:
        """The rows of each dataset and report, by day. A child reads them, since no thread may begin here."""

        def work() -> dict[str, object]:
            os.environ.update(self.environment())
            self.in_child()
            return {"success": True, "answer": read_tables(self.settings, days, self.files)}

        (outcome,) = finish(start(work))
        if outcome.crashes or not isinstance(outcome.answer, dict):
            raise RuntimeError(f"the results cannot be read: {outcome}")
        return outcome.answer

    @property
    def watched(self) -> Path | None:
        """The folder whose files' events are counted; None: requests are."""
        return None

    @abstractmethod
    def environment(self) -> Mapping[str, str]:
        """The environment of runs."""

    def in_child(self) -> None:
        """What a child does first."""

    def let_time_pass(self) -> None:
        """What was left by runs is old from here on."""

    @abstractmethod
    def _empty(self) -> None: ...

    @abstractmethod
    def _put(self, key: str, data: bytes) -> None: ...

    @abstractmethod
    def files(self, prefix: str) -> dict[str, bytes]:
        """The files of the results whose keys begin so, or the one with this key."""

    @abstractmethod
    def names(self) -> Counter[str]:
        """Everything that runs made, and how often, without the random parts of names."""

    @abstractmethod
    def foreign_changes(self) -> list[str]:
        """What differs in the logs from what was delivered: nothing may."""

    @abstractmethod
    def keep(self, folder: Path) -> None:
        """Copy all that is there into a folder, for people to look at."""

    def on_calibrated(self) -> None:
        """After undisturbed runs: what they did can be looked at."""

    def stop(self) -> None:
        """The end."""

    def choose(self, rng: Random, day: date) -> LogObject | None:
        """One of the day's objects that are complete."""
        there = sorted(
            (item for item in self.deliveries.objects.values() if item.day == day), key=lambda item: item.key
        )
        there = [item for item in there if item.key not in self.deliveries.half]
        return rng.choice(there) if there else None
