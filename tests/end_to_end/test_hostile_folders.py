"""Two hundred random folders that somebody means ill with, or that went wrong: each run of the lineage ends, in words.

The seed is fixed, so that a folder that fails can be made again; what is in it is told where the test fails.
"""

import contextlib
import gzip
import os
import random
import resource
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest
from lake import Lake
from support import ACCEPTED, DAY, FEW_PACKETS, MANY_PACKETS, PING, write_object

from flowlogs.fields import HEADER_LINE
from flowlogs.layout import LogSource

FOLDERS = 200
PARTS = 10
LONGEST_SECONDS = 20
MOST_KILOBYTES = 1_500_000

GOOD = f"{HEADER_LINE}\n{MANY_PACKETS}\n{PING}\n".encode()

NAMES = [
    "123456789012_vpcflowlogs_us-east-1_fl-0123456789abcdef0_20210902T0010Z_0000000a.log.gz",
    "\x1b[31mError: all is well\x1b[0m.log.gz",
    "a\nError: forged.log.gz",
    "[click](http:example)_**bold**|`x`.log.gz",
    "<img src=x onerror=alert(1)>.log.gz",
    '=HYPERLINK("x").log.gz',
    "+1.log.gz",
    "-rf.log.gz",
    "@SUM(1).log.gz",
    "\u202egnp.log.gz",
    "ä'\"; DROP TABLE x; --.log.gz",
    "*?[a].log.gz",
    "%s{0}${HOME}.log.gz",
    "x" * 240 + ".log.gz",
    "b.log",
    "b.gz",
    "c.parquet",
    "d.zip",
    "_hidden.log.gz",
    ".hidden.log.gz",
    " .log.gz",
]

TEXTS = [
    b"\x1b]0;title\x07\x1b[2J",
    b"\x00" * 50,
    b"=1+1",
    b"@x",
    b"<script>alert(1)</script>",
    b"[x](javascript:1)",
    b"|a|b|",
    b"\xff\xfe\x80",
    "\u202eabc".encode(),
    b"9" * 400,
    b"-1",
    b"1e400",
    b"\\N",
    b"",
]


def hostile_record(rnd: random.Random) -> bytes:
    fields = FEW_PACKETS.encode().split(b" ")
    for _ in range(rnd.randint(0, 4)):
        fields[rnd.randrange(len(fields) - 2)] = rnd.choice(TEXTS)
    return b" ".join(fields)


def contents(rnd: random.Random) -> bytes:
    """What an object holds, before it is packed."""
    kind = rnd.randrange(12)
    if kind == 0:
        return b""
    if kind == 1:
        return rnd.randbytes(rnd.randint(1, 5_000))
    if kind == 2:
        return GOOD + b"2 123456789012 " + b"e" * 10_000_000 + b" 1.2.3.4 5.6.7.8 1 2 6 9 9 1 2 REJECT OK\n"
    if kind == 3:
        return HEADER_LINE.encode() + b"\n" + b"1 " * 500_000
    if kind == 4:
        return GOOD + b"\n" * 200_000
    if kind == 5:
        return GOOD.replace(b"\n", b"\r\n")
    if kind == 6:
        return GOOD + bytes(300_000)
    if kind == 7:
        return GOOD.decode().encode("utf-16")
    lines = [HEADER_LINE.encode(), *(hostile_record(rnd) for _ in range(rnd.randint(1, 8))), ACCEPTED.encode()]
    return b"\n".join(lines) + b"\n"


def packed(rnd: random.Random, data: bytes) -> bytes:
    kind = rnd.randrange(10)
    if kind == 0:
        return data
    stored = gzip.compress(data, 1, mtime=0)
    if kind == 1:
        return stored[: rnd.randint(0, len(stored))]
    if kind == 2:
        return gzip.compress(stored, 1, mtime=0)
    if kind == 3:
        return stored + rnd.randbytes(20)
    if kind == 4:
        return stored * rnd.randint(2, 3)
    if kind == 5:
        damaged = bytearray(stored)
        damaged[rnd.randrange(len(damaged))] ^= 1 << rnd.randrange(8)
        return bytes(damaged)
    return stored


def put_object(rnd: random.Random, place: Path) -> None:
    place.write_bytes(packed(rnd, contents(rnd)))


def put_bomb(_: random.Random, place: Path) -> None:
    place.write_bytes(gzip.compress(GOOD, 1, mtime=0) + gzip.compress(b" " * 120_000_000, 1, mtime=0))


def put_pipe(_: random.Random, place: Path) -> None:
    os.mkfifo(place)


def put_socket(_: random.Random, place: Path) -> None:
    # A socket's address may not be long: it is reached by a shorter one.
    handle = os.open(place.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listening, contextlib.suppress(OSError):
        listening.bind(f"/proc/self/fd/{handle}/{place.name}")
    os.close(handle)


def put_link(rnd: random.Random, place: Path) -> None:
    targets = [
        "/dev/zero",
        "/dev/tty",
        "nowhere",
        place.name,
        ".",
        "..",
        "../../..",
        "/",
        "/proc/self/mem",
        "/etc/hostname",
    ]
    place.symlink_to(rnd.choice([*targets, *(path.name for path in place.parent.iterdir())]))


def put_folder(rnd: random.Random, place: Path) -> None:
    place.mkdir()
    put(rnd, place)


def put_unreadable(_: random.Random, place: Path) -> None:
    place.write_bytes(GOOD)
    place.chmod(0)


def put_no_utf8(_: random.Random, place: Path) -> None:
    Path(os.fsdecode(os.fsencode(place.parent) + b"/\xff\x1b[2J.log.gz")).write_bytes(GOOD)


def put_depth(_: random.Random, place: Path) -> None:
    place = place.with_name("d")
    for _ in range(150):
        place = place / "d"
    place.mkdir(parents=True, exist_ok=True)
    (place / "x.log").write_bytes(GOOD)


def put_names(rnd: random.Random, place: Path) -> None:
    for number in range(rnd.randint(1, 300)):
        (place.parent / f"{number}.log").write_bytes(b"" if number else GOOD)


PUTS: list[tuple[Callable[[random.Random, Path], None], int]] = [
    (put_object, 12),
    (put_link, 4),
    (put_folder, 3),
    (put_pipe, 1),
    (put_socket, 1),
    (put_unreadable, 1),
    (put_no_utf8, 1),
    (put_depth, 1),
    (put_names, 1),
]


def put(rnd: random.Random, folder: Path) -> None:
    """Put something into a folder, by a name that is free there."""
    make = rnd.choices([one for one, _ in PUTS], [weight for _, weight in PUTS])[0]
    if rnd.random() < 0.01:
        make = put_bomb
    place = folder / rnd.choice(NAMES)
    if not os.path.lexists(place):
        make(rnd, place)


def hostile_folder(seed: int, folder: Path) -> Path:
    """A folder that is laid out as a bucket, by its number."""
    rnd = random.Random(seed)
    write_object(folder, DAY, [FEW_PACKETS, PING])
    day = folder / LogSource("any-bucket", "123456789012", "us-east-1").day_prefix(DAY)
    above = [day, day, day, day, day.parent, day.parent.parent, folder, folder / "AWSLogs"]
    for _ in range(rnd.randint(1, 4)):
        put(rnd, rnd.choice(above))
    return folder


def facts(folder: Path) -> list[tuple[object, ...]]:
    """What a change of the folder, or of anything in it, would show in."""
    found = []
    for parent, folders, files in os.walk(os.fsencode(folder)):
        for name in (b".", *folders, *files):
            stat = os.lstat(os.path.join(parent, name))  # noqa: PTH118 - names that are no UTF-8
            found.append((parent, name, stat.st_mode, stat.st_size, stat.st_mtime_ns, stat.st_ino))
    return sorted(found)


def messages(lake: Lake, result: dg.ExecuteInProcessResult) -> Iterator[str]:
    """Whatever a person is told of a run."""
    for event in result.get_step_failure_events():
        told = event.step_failure_data.user_failure_data
        assert told is not None, event.step_failure_data.error
        yield told.description
    for entry in lake.instance.all_logs(result.run_id):
        if not entry.is_dagster_event:
            yield entry.user_message


@pytest.mark.parametrize("part", range(PARTS))
def test_a_run_on_a_hostile_folder_ends_in_words(
    tmp_path: Path, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch, part: int
) -> None:
    monkeypatch.chdir(tmp_path)
    raw = []
    for seed in range(part, FOLDERS, PARTS):
        folder = hostile_folder(seed, tmp_path / f"logs-{seed}")
        before, taken = facts(folder), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.monotonic()
        lake = Lake(folder, tmp_path / f"home-{seed}", instance)
        result = lake.run(DAY)
        assert time.monotonic() - started < LONGEST_SECONDS, seed
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - taken < MOST_KILOBYTES, seed
        assert facts(folder) == before, seed
        told = list(messages(lake, result))
        assert result.success or told, seed
        raw += [(seed, text) for text in told if not all(c.isprintable() or c == "\n" for c in text)]
    assert raw == []
