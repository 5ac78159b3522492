"""The faults: each is prepared before a run, strikes at a moment of it, and is put right after it.

`hit` says whether it met the run: a fault that came too late, or that the run did not notice where it had to, is not
counted.
"""

import re
from abc import ABC
from collections.abc import Callable
from random import Random
from typing import TypeVar

from torture.aws_world import BUCKET, AwsWorld, policy
from torture.child import Child, Outcome
from torture.folder_world import FolderWorld
from torture.records import DAYS, LogObject, grown, random_object
from torture.world import World

W = TypeVar("W", bound=World)


class Fault(ABC):
    """A fault of a kind. `moment` is the part of a run that is over when it strikes; None: it holds from the start."""

    kind: str

    def __init__(self, rng: Random, world: World) -> None:
        self.rng, self.world = rng, world
        self.moment: float | None = rng.random()
        self.struck = False
        self.what = ""

    def before(self) -> None:
        """Before the run begins."""

    def strike(self, child: Child) -> None:
        """At the moment, while the run waits."""
        self.struck = True
        self.act(child)

    def act(self, child: Child) -> None:
        """What happens at the moment."""

    def after(self, outcome: Outcome) -> None:
        """After the run has ended, however it did."""

    def hit(self, outcome: Outcome) -> bool:
        """Whether it met the run."""
        return self.struck

    def __str__(self) -> str:
        when = "" if self.moment is None else f" at {self.moment:.0%} of the run"
        return f"{self.kind}{when}{f': {self.what}' if self.what else ''}"


class Kill(Fault):
    """SIGKILL between two events of the run, or, every third time, at any moment of the clock, also in a library."""

    kind = "process killed"

    def act(self, child: Child) -> None:
        child.kill()

    def hit(self, outcome: Outcome) -> bool:
        return outcome.killed


class Late(Fault):
    """A new object arrives."""

    kind = "late object"

    def act(self, child: Child) -> None:
        item = random_object(self.rng, self.rng.choice(DAYS))
        self.what = item.key
        self.world.deliver(item)


class Twice(Fault):
    """An object arrives again, under its name, or byte for byte under another one."""

    kind = "object delivered twice"

    def act(self, child: Child) -> None:
        item = self.world.choose(self.rng, self.rng.choice(DAYS))
        if item is None:
            self.struck = False
            return
        if self.rng.random() < 0.5 and item.key not in self.world.in_parts:
            other = random_object(self.rng, item.day, item.lines)
            item = LogObject(other.key, item.day, item.lines, item.data)
        self.what = item.key
        self.world.deliver(item)


class Replaced(Fault):
    """An object changes under the reader: the same name, other records, and more of them."""

    kind = "object replaced while read"

    def act(self, child: Child) -> None:
        item = self.world.choose(self.rng, self.rng.choice(DAYS))
        if item is None:
            self.struck = False
            return
        self.what = item.key
        self.world.deliver(grown(self.rng, item))


class Half(Fault):
    """An object is there in part when the run begins. It becomes complete during the run, or after it."""

    kind = "half-written object"

    def before(self) -> None:
        self.item = random_object(self.rng, self.rng.choice(DAYS))
        self.what = self.item.key
        size = self.rng.randrange(1, len(self.item.data) - 8)
        while size == self.item.data.find(b"\x1f\x8b\x08", 1):  # the end of a member is no sign of a missing part
            size = self.rng.randrange(1, len(self.item.data) - 8)
        self.world.deliver_half(self.item, size)
        if self.rng.random() < 0.5:
            self.moment = None

    def act(self, child: Child) -> None:
        self.world.deliver(self.item)

    def after(self, outcome: Outcome) -> None:
        if not self.struck:
            self.world.deliver(self.item)

    def hit(self, outcome: Outcome) -> bool:
        return self.struck or not outcome.killed


class TwoAtOnce(Fault):
    """A second run of the same days. `rounds.py` starts it."""

    kind = "two runs at once"

    def __init__(self, rng: Random, world: World) -> None:
        super().__init__(rng, world)
        self.moment = None

    def hit(self, outcome: Outcome) -> bool:
        return not outcome.killed


class DiskFull(Fault):
    """No space is left on the disk of the results and temporary files, or just a few bytes."""

    kind = "disk full"
    world: FolderWorld

    def before(self) -> None:
        self.leave = self.rng.choice((0, 0, 4096, 20_000, 100_000))
        self.what = f"{self.leave} bytes are left"

    def act(self, child: Child) -> None:
        self.world.fill_disk(self.leave)

    def after(self, outcome: Outcome) -> None:
        self.world.free_disk()

    def hit(self, outcome: Outcome) -> bool:
        return self.struck and _says(outcome, r"space|disk|full")


class FilesTooLarge(Fault):
    """No file can grow beyond some bytes: where no disk can be mounted, this fails writing in the middle of a file."""

    kind = "disk full"

    def __init__(self, rng: Random, world: World) -> None:
        super().__init__(rng, world)
        self.moment = None
        self.limit = rng.choice((0, 100, 1000, 3000, 10_000, 50_000))
        self.what = f"no file grows beyond {self.limit} bytes"

    def hit(self, outcome: Outcome) -> bool:
        return _says(outcome, r"too large|space|disk|full|written|I/O")


class Forbidden(Fault):
    """A file or a folder, of the results or of the logs, loses all its permissions."""

    kind = "permission removed"
    world: FolderWorld

    def act(self, child: Child) -> None:
        self.what = self.world.forbid(self.rng)

    def after(self, outcome: Outcome) -> None:
        self.world.allow_again()

    def hit(self, outcome: Outcome) -> bool:
        return self.struck and _says(outcome, r"permission|denied|readable|writable|unable to open|readonly")


class Denied(Fault):
    """The caller loses one action of the project's policy, which the run uses."""

    kind = "permission removed"
    world: AwsWorld

    def before(self) -> None:
        granted = {
            action
            for statement in policy()["Statement"]
            for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
        }
        names = {"s3:ListObjectsV2": "s3:ListBucket", "s3:HeadObject": "s3:GetObject"}
        used = sorted({names.get(action, action) for action in self.world.actions} & granted)
        self.what = self.rng.choice(used)
        self.world.become(self.what)

    def act(self, child: Child) -> None:
        self.world.enforce()

    def after(self, outcome: Outcome) -> None:
        self.world.become_administrator()

    def hit(self, outcome: Outcome) -> bool:
        return self.struck and _says(outcome, r"denied|not authorized|forbidden|grant ")


class Throttled(Fault):
    """Calls of one action are throttled, or AWS fails inside: a few times, or so often that it is given up."""

    kind = "calls throttled"
    world: AwsWorld

    def act(self, child: Child) -> None:
        service, action = self.rng.choice(self.world.actions).split(":")
        codes = {"s3": "SlowDown", "ec2": "RequestLimitExceeded", "athena": "TooManyRequestsException"}
        code = self.rng.choice((codes.get(service, "ThrottlingException"), "InternalFailure"))
        status = {"status": "500 Internal Server Error"} if code == "InternalFailure" else {}
        self.times = self.rng.choice((1, 2, 4, 20))
        self.what = f"{service}:{action} {self.times} times, {code}"
        self.counted = f"{service}:{action}"
        self.calls = self._calls()
        error = {"service": service, "action": action, "code": code, "count": self.times, **status}
        self.world.fail_calls([error])

    def after(self, outcome: Outcome) -> None:
        self.calls = self._calls() - self.calls if self.struck else 0
        self.world.fail_calls([])

    def _calls(self) -> int:
        """How often runs made the call until now."""
        return len(self.world.aws.calls(self.counted)) - self.world.own_calls[self.counted]

    def hit(self, outcome: Outcome) -> bool:
        return self.struck and self.calls > 0


class Cut(Fault):
    """Connections are reset: at once, or in the middle of an answer, which AWS believes to be received."""

    kind = "connection cut"
    world: AwsWorld

    def act(self, child: Child) -> None:
        times = self.rng.choice((1, 1, 2, 3, 10))
        after = self.rng.choice((0, self.rng.randrange(400), self.rng.randrange(4000)))
        self.what = f"{times} times, after {after} bytes"
        self.world.proxy.arm(after, times)

    def after(self, outcome: Outcome) -> None:
        self.cuts = self.world.proxy.cuts()

    def hit(self, outcome: Outcome) -> bool:
        return self.struck and self.cuts > 0


class QueryFails(Fault):
    """Athena fails a query that has written all its files."""

    kind = "query failed in Athena"
    world: AwsWorld

    def before(self) -> None:
        self.queries = len(self.world.aws.queries())

    def act(self, child: Child) -> None:
        reason = self.rng.choice(("GENERIC_INTERNAL_ERROR: the worker is gone", "INTERNAL_ERROR_QUERY_ENGINE"))
        failures = [None] * self.rng.randrange(3)
        self.what = reason
        self.world.aws.set(fail_queries=[*failures, {"state": "FAILED", "reason": reason}])

    def after(self, outcome: Outcome) -> None:
        ended = self.world.aws.queries()[self.queries :]
        self.failed = [query for query in ended if query["Status"]["State"] == "FAILED"]
        self.world.aws.set(fail_queries=[])

    def hit(self, outcome: Outcome) -> bool:
        return self.struck and bool(self.failed)


class Upload(Fault):
    """A multipart upload of an object has begun, and completes during the run, or after it."""

    kind = "half-written object"
    world: AwsWorld

    def before(self) -> None:
        self.item = random_object(self.rng, self.rng.choice(DAYS))
        self.what = f"multipart upload of {self.item.key}"
        self.place = {"Bucket": BUCKET, "Key": self.item.key}
        self.upload = self.world.s3.create_multipart_upload(**self.place)["UploadId"]
        part = self.world.s3.upload_part(**self.place, UploadId=self.upload, PartNumber=1, Body=self.item.data)
        self.parts = [{"PartNumber": 1, "ETag": part["ETag"]}]
        self.done = False

    def act(self, child: Child) -> None:
        self._complete()

    def after(self, outcome: Outcome) -> None:
        if not self.done:
            self._complete()

    def _complete(self) -> None:
        self.done = True
        self.world.in_parts.add(self.item.key)
        with self.world.as_administrator():
            self.world.s3.complete_multipart_upload(
                **self.place, UploadId=self.upload, MultipartUpload={"Parts": self.parts}
            )
        changed = self.world.deliveries.copy()
        changed.objects[self.item.key] = self.item
        self.world.history.append(changed)

    def hit(self, outcome: Outcome) -> bool:
        return self.struck or not outcome.killed


def _says(outcome: Outcome, words: str) -> bool:
    """Whether the run failed, or warned, in such words."""
    told = [*outcome.failures, *outcome.crashes, *outcome.warnings]
    return any(re.search(words, text, re.IGNORECASE) for text in told)


SEVERAL = (Late, Twice, Replaced, Half, Upload, Forbidden)
"""The faults that one run may meet several times."""

Make = Callable[[Random, World], Fault]

ANYWHERE: list[tuple[Make, int]] = [(Kill, 5), (Late, 5), (Twice, 4), (Replaced, 5), (Half, 3), (TwoAtOnce, 3)]


def kinds_of(world: World) -> list[tuple[Make, int]]:
    """The kinds of fault of a world, each with how often it is chosen among all."""
    if isinstance(world, AwsWorld):
        own = [(Denied, 4), (Throttled, 4), (Cut, 4), (QueryFails, 2), (Upload, 2)]
    else:
        assert isinstance(world, FolderWorld)
        own = [(DiskFull if world.has_own_disk else FilesTooLarge, 5), (Forbidden, 5)]
    return [*ANYWHERE, *own]


def choose_faults(rng: Random, world: World, most: int) -> list[Fault]:
    """Some faults for one run. Of a kind that holds for the whole run there is one."""
    kinds = kinds_of(world)
    chosen: list[Fault] = []
    for make in rng.choices([make for make, _ in kinds], [weight for _, weight in kinds], k=rng.randint(4, most)):
        fault = make(rng, world)
        if isinstance(fault, SEVERAL) or fault.kind not in {other.kind for other in chosen}:
            chosen.append(fault)
    return chosen
