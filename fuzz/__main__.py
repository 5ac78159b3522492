"""``make fuzz``: many inputs for every target, and the table of what they found.

``python -m fuzz --inputs 100000 --seed 1`` runs all targets, each in a process of its own; ``python -m fuzz --target
records --again FILE`` runs one input again. With atheris (requirements/fuzz.txt) coverage guides the inputs; without it
they are random.
"""

import argparse
import contextlib
import faulthandler
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from random import Random
from types import FrameType

from fuzz.targets import TARGETS, SilentLoss, Target
from torture.page import write_table

INPUTS = 100_000
LONGEST_SECONDS = 60
"""An input that takes longer hangs."""

LONGEST_INPUT = 400
"""How many bytes an input has at most."""

MOST_FAILURES = 20
"""How many inputs of a target may fail before it is given up."""

COLUMNS = ("target", "inputs", "guided by coverage", "crashes", "hangs", "silent losses")
PACKAGES = ("flowlogs", "assets", "resources", "pipelines")


@dataclass
class Found:
    """What came out of a target: how many inputs it got, and the files of those that failed, by what they did."""

    inputs: int = 0
    guided: bool = False
    failed: dict[str, list[Path]] = field(default_factory=lambda: {"crash": [], "hang": [], "loss": []})
    words: list[str] = field(default_factory=list)


class Hang(BaseException):
    """An input took too long."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run all targets, or one input again; returns 1 if an input failed."""
    parser = argparse.ArgumentParser(prog="make fuzz", description="Feed the project bad input, by the thousand.")
    parser.add_argument("--inputs", type=int, default=INPUTS, help=f"of all targets; {INPUTS:,} if not given")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other inputs")
    parser.add_argument("--target", choices=list(TARGETS), help="this one alone")
    parser.add_argument("--again", type=Path, help="run the input in this file again")
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    parser.add_argument("--kept", type=Path, default=Path("data/fuzz"), help="where inputs that failed are kept")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args(arguments)
    if given.again:
        if not given.target:
            parser.error("--again needs --target")
        TARGETS[given.target].function(given.again.read_bytes())
        print("This input is fine.")
        return 0
    if given.inputs < 1:
        parser.error("--inputs: at least 1")
    if given.worker:
        _work(TARGETS[given.target], given.inputs, given.seed, given.kept)
        return 0
    chosen = [TARGETS[given.target]] if given.target else list(TARGETS.values())
    total, began = sum(target.share for target in chosen), time.monotonic()
    counts = {target: max(1, round(given.inputs * target.share / total)) for target in chosen}
    if not given.target:
        counts[chosen[0]] += given.inputs - sum(counts.values())  # what rounding took or gave
    # The longest first.
    in_order = sorted(chosen, key=lambda target: list(TARGETS).index(target.name))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        found = dict(
            zip(in_order, pool.map(lambda one: _run(one, counts[one], given.seed, given.kept), in_order), strict=True)
        )
    rows = table({target.name: found[target] for target in chosen})
    said = f"Seed {given.seed}, {time.monotonic() - began:,.0f} seconds.\n\n{rows}"
    print(f"\n{said}")
    if given.write:
        write_table("fuzz", said)
    whole = all(found[target].inputs >= counts[target] for target in chosen)
    if not whole:
        print("\nSome targets ended early.")
    return 0 if whole and not any(any(one.failed.values()) for one in found.values()) else 1


def table(found: dict[str, Found]) -> str:
    """The table, in Markdown: a row for each target, and their sum."""
    rows: list[Sequence[object]] = [
        (
            name,
            one.inputs,
            "yes" if one.guided else "no",
            *(len(one.failed[kind]) for kind in ("crash", "hang", "loss")),
        )
        for name, one in found.items()
    ]
    sums = [sum(int(str(row[at])) for row in rows) for at in (1, 3, 4, 5)]
    lines = [COLUMNS, ["---", "---:", "---", "---:", "---:", "---:"], *rows, ["all", sums[0], "", *sums[1:]]]
    return "\n".join(
        f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else str(cell) for cell in line)} |" for line in lines
    )


def _run(target: Target, inputs: int, seed: int, kept: Path) -> Found:
    """Run a target in processes of its own, until it got its inputs. A process ends at an input that fails."""
    found, round_ = Found(), 0
    while found.inputs < inputs and sum(map(len, found.failed.values())) < MOST_FAILURES:
        command = [sys.executable, "-m", "fuzz", "--worker", "--target", target.name, "--kept", str(kept)]
        command += ["--inputs", str(inputs - found.inputs), "--seed", str(seed * 1_000 + round_)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
        lines = [line for line in done.stdout.splitlines() if line.startswith("FUZZ ")]
        _, count, guided, kind, path, words = lines[-1].split(" ", 5) if lines else ("", "0", "no", "crash", "-", "")
        found.guided = found.guided or guided == "yes"
        found.inputs += int(count)
        round_ += 1
        if kind == "fine":
            continue
        if not lines:
            words = f"the process ended with {done.returncode}: {done.stderr[-2000:]}"
        found.failed[kind].append(Path(path))
        found.words.append(words)
        print(
            f"{target.name}: {kind}: {words}\n  Again: .venv/bin/python -m fuzz --target {target.name} --again {path}"
        )
        if not lines:
            break
    print(f"{target.name}: {found.inputs:,} inputs", flush=True)
    return found


def _work(target: Target, inputs: int, seed: int, kept: Path) -> None:
    """Feed a target in this process, and print how that ended, in one line."""
    faulthandler.enable()
    counted, guided = [0], target.guided and find_spec("atheris") is not None
    ended = [False]

    def end(kind: str, data: bytes = b"", words: str = "") -> None:
        ended[0] = True
        path = Path("-")
        if kind != "fine":
            kept.mkdir(parents=True, exist_ok=True)
            path = kept / f"{target.name}-{seed}-{counted[0]}"
            path.write_bytes(data)
        said = re.sub(r"\s+", " ", words)[:1500]
        print(f"FUZZ {counted[0]} {'yes' if guided else 'no'} {kind} {path} {said}", flush=True)
        sys.stdout.flush()
        os._exit(0)

    def one(data: bytes) -> None:
        counted[0] += 1
        signal.setitimer(signal.ITIMER_REAL, LONGEST_SECONDS)
        try:
            function(data)
        except Hang:
            end("hang", data, "took too long")
        except SilentLoss as error:
            end("loss", data, str(error))
        except BaseException as error:
            end("crash", data, repr(error))
        signal.setitimer(signal.ITIMER_REAL, 0)
        if counted[0] >= inputs:
            end("fine")

    def alarm(_: int, __: FrameType | None) -> None:
        raise Hang

    signal.signal(signal.SIGALRM, alarm)
    if guided:
        import atheris

        with atheris.instrument_imports(include=list(PACKAGES), enable_loader_override=False):
            function = target.function
            with contextlib.suppress(Exception):
                function(b"")
        with tempfile.TemporaryDirectory() as corpus:
            for number, data in enumerate(target.seeds):
                (Path(corpus) / str(number)).write_bytes(data)
            options = [f"-seed={seed}", f"-max_len={LONGEST_INPUT}", "-rss_limit_mb=0", "-timeout=0", "-verbosity=0"]
            atheris.Setup([sys.argv[0], corpus, *options], one)
            atheris.Fuzz()
    function, rng = target.function, Random(seed)
    with contextlib.suppress(Exception):
        function(b"")  # it prepares what it needs
    for data in target.seeds:
        one(data)
    while True:
        one(rng.randbytes(rng.randrange(1, LONGEST_INPUT)))


if __name__ == "__main__":
    sys.exit(main())
