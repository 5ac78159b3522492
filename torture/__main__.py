"""``make torture``: runs with faults, by the hundred, and the table of what came of them.

``python -m torture --seed 1 --rounds 20`` plays so many rounds on each target; ``--target aws --only 17`` plays one of
them again.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

from torture.aws_world import AwsWorld
from torture.folder_world import FolderWorld
from torture.page import write_table
from torture.rounds import RUNS, Report, calibrate, play
from torture.world import World

TARGETS = ("embedded", "aws")
ROUNDS = 10
"""For each target: more than 300 faults that hit."""

COLUMNS = ("fault", "target", "injected", "survived", "rows lost", "rows invented", "stray files")


def main(arguments: Sequence[str] | None = None) -> int:
    """Play the rounds of both targets side by side; returns 1 unless nothing was lost, invented or left."""
    parser = argparse.ArgumentParser(prog="make torture", description="Run days while everything goes wrong.")
    parser.add_argument("--seed", type=int, default=1, help="another seed, other faults")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"for each target; {ROUNDS} if not given")
    parser.add_argument("--target", choices=TARGETS, help="this one alone")
    parser.add_argument("--only", type=int, help="the round of this number alone")
    parser.add_argument("--runs", type=int, default=RUNS, help=f"with faults, in each round; {RUNS} if not given")
    parser.add_argument("--write", action="store_true", help="write the table into docs/reliability.md")
    parser.add_argument("--kept", type=Path, default=Path("data/torture"), help="where failed rounds are kept")
    given = parser.parse_args(arguments)
    if given.rounds < 1:
        parser.error("--rounds: at least 1")
    numbers = [given.only] if given.only is not None else list(range(1, given.rounds + 1))
    targets = [given.target] if given.target else list(TARGETS)
    began, reports = time.monotonic(), list[Report]()
    _warm_up()
    readers = [_start_worker(target, given.seed, numbers, given.runs, given.kept.resolve()) for target in targets]

    def follow(reader: "os._wrap_close") -> None:
        for line in reader:
            report = _parsed(line)
            reports.append(report)
            _tell(report, given.seed, given.kept)

    with ThreadPoolExecutor(len(readers)) as pool:
        list(pool.map(follow, readers))
    rounds = f"{len(numbers)} rounds of {given.runs} runs on each target"
    said = f"Seed {given.seed}, {rounds}, {time.monotonic() - began:,.0f} seconds.\n\n{table(reports)}"
    print(f"\n{said}")
    if given.write:
        write_table("torture", said)
    whole = len(reports) == len(targets) * len(numbers)
    if not whole:
        print("\nSome rounds were not played.")
    return 0 if whole and not any(report.wrong for report in reports) else 1


def table(reports: Sequence[Report]) -> str:
    """The table, in Markdown: a row for each kind of fault and target, and their sum."""
    rows = []
    for kind, target in sorted({(kind, report.target) for report in reports for kind in report.injected}):
        own = [report for report in reports if report.target == target and report.injected[kind]]
        injected = sum(report.injected[kind] for report in own)
        blamed = [report for report in own if kind in report.blamed]
        failed = sum(report.injected[kind] for report in blamed)
        rows.append(
            [
                kind,
                target,
                injected,
                injected - failed,
                sum(report.lost for report in blamed),
                sum(report.invented for report in blamed),
                sum(report.stray for report in blamed),
            ]
        )
    sums = [sum(int(row[at]) for row in rows) for at in (2, 3)]
    wrong = [sum(getattr(report, name) for report in reports) for name in ("lost", "invented", "stray")]
    lines = [COLUMNS, ["---", "---", *["---:"] * 5], *rows, ["all", "", *sums, *wrong]]
    return "\n".join(f"| {' | '.join(map(str, line))} |" for line in lines)


def _tell(report: Report, seed: int, kept: Path) -> None:
    hits = sum(report.injected.values())
    print(f"{report.target} {report.number}: {hits} faults, {'WRONG' if report.wrong else 'right'}", flush=True)
    for what in report.wrong[:10]:
        print(f"  {what}")
    if report.wrong:
        print(f"  Kept in {kept / f'{seed}-{report.target}-{report.number}'}. Again: {again(seed, report)}", flush=True)


def again(seed: int, report: Report) -> str:
    """How to play a round again."""
    return f"make torture SEED={seed} TARGET={report.target} ROUND={report.number}"


def _parsed(line: str) -> Report:
    told = json.loads(line)
    return Report(**{**told, "injected": Counter(told["injected"]), "blamed": set(told["blamed"])})


def _start_worker(target: str, seed: int, numbers: Sequence[int], runs: int, kept: Path) -> "os._wrap_close":
    """Play the rounds of a target in a process of its own; returns where it writes a line for each."""
    from_worker, to_parent = os.pipe()
    if os.fork() == 0:
        try:
            os.close(from_worker)
            with os.fdopen(to_parent, "w") as out:
                _work(target, seed, numbers, runs, kept, out)
        except BaseException as error:
            print(f"{target}: {error!r}", file=sys.stderr, flush=True)
        finally:
            os._exit(0)
    os.close(to_parent)
    return os.fdopen(from_worker)  # type: ignore[return-value]


def _work(target: str, seed: int, numbers: Sequence[int], runs: int, kept: Path, out) -> None:  # noqa: ANN001
    home = Path(tempfile.mkdtemp(prefix="torture-"))
    world: World = AwsWorld() if target == "aws" else FolderWorld(home / "world")
    try:
        world.prepare()
        usual = calibrate(world)
        for number in numbers:
            report = play(world, usual, seed, number, kept / f"{seed}-{target}-{number}", runs)
            told = {**vars(report), "blamed": sorted(report.blamed)}
            print(json.dumps(told), file=out, flush=True)
    finally:
        world.stop()
        shutil.rmtree(home, ignore_errors=True)


def _warm_up() -> None:
    """What every forked process would do again: read boto3's models of services."""
    from botocore.loaders import JSONFileLoader

    parsed = cache(partial(JSONFileLoader.load_file, JSONFileLoader()))
    JSONFileLoader.load_file = lambda _, path: parsed(path)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # DuckDB, imported and never used here, would complain at the end
