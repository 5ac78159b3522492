"""A run of the whole lineage in this process."""

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

CODE_LOCATION = "vpc-flow-lake"
"""What workspace.yaml calls these definitions."""

REPOSITORY_TAG = ".dagster/repository"
"""By this tag, the UI's timeline finds the runs of a code location."""


def materialize(
    settings: Settings, kept: History, day: date, terminal: "TerminalLog", stopped_by: Callable[[], int]
) -> "dg.ExecuteInProcessResult":
    """Run the whole graph for a day in this process, telling the terminal how it goes.

    A run that is stopped is canceled in the history, and ends in KeyboardInterrupt.
    """
    import dagster as dg
    from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME

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
    with kept.alive() as tags:
        try:
            result = job.execute_in_process(
                run_config={"loggers": {"terminal": {}}},
                instance=kept.instance,
                partition_key=day.isoformat(),
                asset_selection=list(job.asset_layer.executable_asset_keys),  # all of them: so the UI shows what it ran
                raise_on_error=False,
                run_id=run_id,
                tags={**tags, REPOSITORY_TAG: f"{SINGLETON_REPOSITORY_NAME}@{CODE_LOCATION}"},
            )
        finally:
            stopped = bool(stopped_by()) and kept.cancel(run_id)
    if stopped:
        raise KeyboardInterrupt
    return result
