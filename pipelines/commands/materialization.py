"""Runs the whole lineage for a day, in this process. Its output in the terminal is in terminal.py."""

import logging
import sys
import uuid
from collections.abc import Callable
from datetime import date
from typing import TYPE_CHECKING

from pipelines.commands.history import History
from pipelines.commands.terminal import TerminalLog
from pipelines.settings import PROJECT_ROOT, Settings

if TYPE_CHECKING:
    import dagster as dg

CODE_LOCATION = "vpc-flow-lake"
WORKSPACE = PROJECT_ROOT / "pipelines" / "workspace.py"
"""The name of the definitions in workspace.yaml, and the file that it loads them from."""


def materialize(
    settings: Settings, kept: History, day: date, terminal: TerminalLog, stopped_by: Callable[[], int]
) -> "dg.ExecuteInProcessResult":
    """Run the whole graph for a day, and show its progress in the terminal.

    A run that is stopped is canceled in the history, and raises KeyboardInterrupt.
    """
    import dagster as dg

    from pipelines.build import build_definitions, keep_what_is_imported

    def logger(context: dg.InitLoggerContext) -> logging.Logger:
        # Dagster calls this when the run is in the history and nothing of it has begun.
        _place_in_timeline(kept.instance, context.run_id)
        logger = logging.Logger("terminal", logging.DEBUG)
        logger.addHandler(terminal)
        return logger

    definitions = dg.Definitions.merge(
        build_definitions(settings, by_hand=True), dg.Definitions(loggers={"terminal": dg.logger({})(logger)})
    )
    job = definitions.resolve_implicit_global_asset_job_def()
    keep_what_is_imported()
    run_id = str(uuid.uuid4())
    with kept.running() as tags:
        try:
            result = job.execute_in_process(
                run_config={"loggers": {"terminal": {}}},
                instance=kept.instance,
                partition_key=day.isoformat(),
                asset_selection=list(job.asset_layer.executable_asset_keys),  # all of them, so that the UI lists them
                raise_on_error=False,
                run_id=run_id,
                tags=tags,
            )
        finally:
            stopped = bool(stopped_by()) and kept.cancel(run_id)
    if stopped:
        raise KeyboardInterrupt
    return result


def _place_in_timeline(instance: "dg.DagsterInstance", run_id: str | None) -> None:
    """Record in the history that a run is of workspace.yaml's code location: the UI's timeline shows only those."""
    from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
    from dagster._core.remote_origin import ManagedGrpcPythonEnvCodeLocationOrigin, RemoteRepositoryOrigin
    from dagster._core.types.loadable_target_origin import LoadableTargetOrigin

    run = instance.get_run_by_id(run_id) if run_id else None
    if run:
        loaded = LoadableTargetOrigin(executable_path=sys.executable, python_file=str(WORKSPACE))
        location = ManagedGrpcPythonEnvCodeLocationOrigin(loaded, CODE_LOCATION)
        origin = RemoteRepositoryOrigin(location, SINGLETON_REPOSITORY_NAME)
        instance.run_storage.replace_job_origin(run, origin.get_job_origin(run.job_name))
