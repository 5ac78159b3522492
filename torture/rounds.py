"""A round: runs with faults in one world, then a clean run, which must leave what it would have left without them."""

import gc
import shutil
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any

from torture.child import Child, Outcome, finish
from torture.expected import DATASETS, Tables, expected_tables
from torture.faults import FilesTooLarge, Kill, TwoAtOnce, choose_faults
from torture.lineage import Request
from torture.records import DAYS, Deliveries, random_object
from torture.world import World

RUNS = 5
"""How many runs of a round have faults, if nobody says otherwise."""

FAULTS_OF_A_RUN = 14
"""How many faults a run has at most."""


@dataclass
class Report:
    """What came out of a round: by kind, the faults that hit; what was wrong; and what happened, line by line."""

    target: str
    number: int
    injected: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    lost: int = 0
    invented: int = 0
    stray: int = 0
    blamed: set[str] = field(default_factory=set)
    story: list[str] = field(default_factory=list)

    def compare(
        self, found: Mapping[str, Any], allowed: Mapping[str, Sequence[Tables]], what: str, together: bool
    ) -> None:
        """Each day's tables must be those of one of the states that are allowed for it.

        `together`: all tables of the same one. Otherwise each table may be of another one, or missing.
        """
        for day, states in allowed.items():
            tables = {name: [tuple(row) for row in rows] for name, rows in found[day].items()}
            for name in [name for name in tables if name.endswith(".csv")]:
                self.wrong.append(f"{what}: {name} of {day} says otherwise than its Parquet")
                del tables[name]
            if together:
                best = min((_differences(tables, state) for state in states), key=lambda two: sum(map(len, two)))
                self._count(what, day, best)
                continue
            for name, rows in tables.items():
                of_table = [_differences({name: rows}, {name: state[name]}) for state in states]
                self._count(what, day, min(of_table, key=lambda two: sum(map(len, two))))

    def _count(self, what: str, day: str, differences: tuple[list[str], list[str]]) -> None:
        lost, invented = differences
        self.lost += len(lost)
        self.invented += len(invented)
        if lost or invented:
            shown = [*(f"lost {row}" for row in lost[:3]), *(f"invented {row}" for row in invented[:3])]
            self.wrong.append(f"{what}, {day}: {len(lost)} rows lost, {len(invented)} invented: {'; '.join(shown)}")


def _differences(found: Mapping[str, Sequence[Any]], expected: Tables) -> tuple[list[str], list[str]]:
    lost, invented = [], []
    for name, rows in expected.items():
        there = found.get(name, [])
        if (
            name not in DATASETS
            and len(rows) == len(there)
            and Counter(rows) == Counter(there)
            and list(rows) != list(there)
        ):
            lost.append(f"{name}: the order of its rows")
        lost += [f"{name}: {row}" for row in (Counter(rows) - Counter(there)).elements()]
        invented += [f"{name}: {row}" for row in (Counter(there) - Counter(rows)).elements()]
    return lost, invented


@dataclass(frozen=True)
class Calibration:
    """What undisturbed runs of a world are like: their events, their seconds, and the names that each of them adds."""

    events: int
    seconds: float
    added_by_each: frozenset[str]


def calibrate(world: World) -> Calibration:
    """Two undisturbed runs. What the first one imports is imported here."""
    world.empty()
    _fill(Random(0), world)
    first = _succeeding(world.run(DAYS))
    _import_what_was_imported(first)
    before = world.names()
    second = _succeeding(world.run(DAYS))
    added = frozenset(name for name, count in world.names().items() if count > before[name])
    world.on_calibrated()
    return Calibration(min(first.events, second.events), second.seconds, added)


def _import_what_was_imported(run: Outcome) -> None:
    """Import here, once, what a run imports while it goes on, so that no other run has to."""
    assert isinstance(run.answer, list)
    for name in run.answer:
        with suppress(Exception):
            import_module(name)
    gc.collect()
    gc.freeze()


def _succeeding(child: Child) -> Outcome:
    (outcome,) = finish(child)
    if not outcome.success:
        raise RuntimeError(f"a run that nothing disturbs fails: {outcome}")
    return outcome


def _fill(rng: Random, world: World) -> None:
    for day in DAYS:
        for _ in range(rng.choice((0, 1, 1, 2, 2, 3))):
            world.deliver(random_object(rng, day))
    if not world.deliveries.objects:
        world.deliver(random_object(rng, DAYS[0]))


def play(world: World, usual: Calibration, seed: int, number: int, kept: Path, runs: int = RUNS) -> Report:
    """Play a round of so many runs: it depends on the seed, the target and its number alone.

    What there is of a round that went wrong is kept in the folder `kept`.
    """
    rng = Random(f"{seed} {world.target} {number}")
    report = Report(world.target, number)
    try:
        _play(rng, world, usual, report, kept, runs)
    except Exception:
        report.wrong.append(f"the round could not be played: {traceback.format_exc()}")
    if report.wrong:
        report.blamed |= report.injected.keys()
        _keep(world, report, kept)
    else:
        shutil.rmtree(kept, ignore_errors=True)
    return report


def _play(rng: Random, world: World, usual: Calibration, report: Report, kept: Path, runs: int) -> None:
    world.empty()
    _fill(rng, world)
    requests: list[Request] = [DAYS] if rng.random() < 0.8 else [(day, day) for day in DAYS]
    for _ in range(runs):
        _disturbed_run(rng, world, usual, rng.choice(requests), report)
    wanted = {day.isoformat(): [expected_tables(world.deliveries, day)] for day in DAYS}
    for request in requests:
        _clean_run(world, request, report)
    report.compare(world.read(DAYS), wanted, "after the clean run", together=True)
    report.wrong += [f"a log was touched: {key}" for key in world.foreign_changes()]
    if not report.wrong:
        _keep(world, report, kept)  # what is compared with it takes its place
        _find_strays(world, usual, requests, report)


def _clean_run(world: World, request: Request, report: Report) -> None:
    outcome = world.clean_run(request)
    report.story.append(f"clean run of {_days(request)}: {_ending(outcome)}")
    if not outcome.success:
        report.wrong.append(f"the clean run of {_days(request)} does not succeed: {_ending(outcome)}")


def _find_strays(world: World, usual: Calibration, requests: Sequence[Request], report: Report) -> None:
    """Compare the names of all files with those that undisturbed runs leave, of the same objects."""
    found, delivered = world.names(), world.deliveries
    world.empty()
    for item in delivered.objects.values():
        world.deliver(item)
    for request in requests:
        _clean_run(world, request, report)
    wanted = world.names()
    notes = set[str]()
    if found.keys() - wanted.keys():
        # Such as a note of the days that a run could add, where it could not add all of them.
        for day in DAYS:
            _succeeding(world.run((day, day)))
        notes = world.names().keys() - wanted.keys()
    for name in sorted(found.keys() | wanted.keys()):
        extra = found[name] - wanted[name]
        if extra and name not in notes and not (name in usual.added_by_each and found[name]):
            report.stray += max(extra, 0)
            report.wrong.append(f"{'stray' if extra > 0 else 'missing'} ({abs(extra)}): {name}")


def _disturbed_run(rng: Random, world: World, usual: Calibration, request: Request, report: Report) -> None:
    faults = choose_faults(rng, world, FAULTS_OF_A_RUN)
    by_clock = rng.random() < 0.33
    since = len(world.history) - 1
    strikes: dict[int, list[Callable[[Child], None]]] = defaultdict(list)
    timed: list[tuple[float, Callable[[Child], None]]] = []
    for fault in faults:
        fault.before()
        if fault.moment is None:
            continue
        if isinstance(fault, Kill) and by_clock:
            timed.append((fault.moment * usual.seconds, fault.strike))
        else:
            strikes[1 + int(fault.moment * usual.events)].append(fault.strike)
    limits = [fault.limit for fault in faults if isinstance(fault, FilesTooLarge)]
    children = [
        world.run(
            request,
            strikes={at: _all_of(acts) for at, acts in strikes.items()},
            timed=timed,
            file_limit=limits[0] if limits else None,
        )
    ]
    if any(isinstance(fault, TwoAtOnce) for fault in faults):
        children.append(world.run(request))
    outcomes = finish(*children)
    for fault in faults:
        fault.after(outcomes[0])
    hits = [fault for fault in faults if fault.hit(outcomes[0])]
    report.injected.update(fault.kind for fault in hits)
    told = ", ".join(f"{fault}{'' if fault in hits else ' (not met)'}" for fault in faults)
    report.story.append(f"run of {_days(request)} with {told}: {'; '.join(map(_ending, outcomes))}")
    wrong = len(report.wrong)
    for outcome in outcomes:
        if outcome.crashes or outcome.hung:
            report.wrong.append(f"{told}: {_ending(outcome)}")
    _check_state(world, request, since, outcomes, told, report)
    if len(report.wrong) > wrong:
        report.blamed |= {fault.kind for fault in hits}


def _check_state(
    world: World, request: Request, since: int, outcomes: Sequence[Outcome], told: str, report: Report
) -> None:
    """Every table is that of some state of the bucket; after a success, of a state during that run."""
    found = world.read(DAYS)
    ever = {day.isoformat(): _states(world.history, day) for day in DAYS}
    report.compare(found, ever, told, together=False)
    if not any(outcome.success for outcome in outcomes):
        return
    asked = [day for day in DAYS if request[0] <= day <= request[1]]
    during = {day.isoformat(): _states(world.history[since:], day) for day in asked}
    for day, states in during.items():
        if not states:
            report.wrong.append(f"{told}: success, while an object of {day} could not be read")
    allowed = {day: states for day, states in during.items() if states}
    report.compare(found, allowed, f"success of {told}", together=len(outcomes) == 1)


def _states(history: Iterable[Deliveries], day: date) -> list[Tables]:
    """The tables of a day for each state in which all its objects could be read."""
    return [expected_tables(state, day) for state in history if not state.is_half(day)]


def _all_of(acts: Sequence[Callable[[Child], None]]) -> Callable[[Child], None]:
    def act(child: Child) -> None:
        for one in acts:
            one(child)

    return act


def _ending(outcome: Outcome) -> str:
    if outcome.killed:
        return "killed"
    if outcome.hung:
        return "hung"
    if outcome.crashes:
        return f"crashed: {outcome.crashes[0]}"
    return "success" if outcome.success else f"failed: {outcome.failures}"


def _days(request: Request) -> str:
    return f"{request[0]}" if request[0] == request[1] else f"{request[0]} to {request[1]}"


def _keep(world: World, report: Report, folder: Path) -> None:
    """Keep what happened and, unless it is kept already, what is there, for people to look at."""
    is_new = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "story.txt").write_text("\n\n".join([*report.story, "WRONG:", *report.wrong]), encoding="utf-8")
    if is_new:
        with suppress(Exception):
            world.keep(folder)
