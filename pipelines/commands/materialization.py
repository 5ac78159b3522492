"""Runs the whole lineage for a day, in this process. Its output in the terminal is in terminal.py."""

import logging
import uuid
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from pipelines.commands.history import History
from pipelines.settings import Settings

if TYPE_CHECKING:
    import dagster as dg

from pipelines.commands.terminal import TerminalLog


def materialize(
    settings: Settings, kept: History, day: date, terminal: "TerminalLog", stopped_by: Callable[[], int]
) -> "dg.ExecuteInProcessResult":
    """Run the whole graph for a day, and show its progress in the terminal.

    A run that is stopped is canceled in the history, and raises KeyboardInterrupt.
    """
    import dagster as dg

    from pipelines.build import build_definitions

    def logger(_context: object) -> logging.Logger:
        logger = logging.Logger("terminal", logging.DEBUG)
        logger.addHandler(terminal)
        return logger

    told = dg.Definitions.merge(
        build_definitions(settings, today_too=True), dg.Definitions(loggers={"terminal": dg.logger({})(logger)})
    )
    job = told.resolve_implicit_global_asset_job_def()
    run_id = str(uuid.uuid4())
    with kept.running() as tags:
        try:
            result = job.execute_in_process(
                run_config={"loggers": {"terminal": {}}},
                instance=kept.instance,
                partition_key=day.isoformat(),
                asset_selection=list(job.asset_layer.executable_asset_keys),  # all of them: so the UI shows what it ran
                raise_on_error=False,
                run_id=run_id,
                tags=tags,
            )
        finally:
            stopped = bool(stopped_by()) and kept.cancel(run_id)
    if stopped:
        raise KeyboardInterrupt
    return result
