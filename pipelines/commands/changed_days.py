"""Tells at the end of `make run` which days before have other objects now than their reports were made from."""

import shlex
from datetime import date, timedelta
from typing import TYPE_CHECKING

from flowlogs.errors import FlowLakeError

if TYPE_CHECKING:
    from pipelines.targets import Target


def changed_days(target: "Target", day: date, lateness_days: int, logs: str | None) -> list[str]:
    """A sentence for each of the days before that changed, with the command that makes it again.

    `logs` is the folder as it was typed, if one was. Without a page of any of these days, nothing is looked at.
    """
    from assets.late_objects import look_at_days

    days = [day - timedelta(days=ago) for ago in range(lateness_days, 0, -1)]
    try:
        found = look_at_days(target.bucket, target.results, target.athena, target.table.database, days)
    except FlowLakeError as error:
        return [f"Whether objects arrived for the days before is not known: {error}"]
    typed = f"LOGS={shlex.quote(logs)} " if logs else ""
    changed = {one: state.reason for one, state in found.states.items() if state.reason}
    told = {one: f"{one}: {reason}: make run {typed}DATE={one}" for one, reason in changed.items()}
    told |= {one: f"{one}: whether objects arrived is not known: {error}" for one, error in found.errors.items()}
    return [told[one] for one in sorted(told)]
