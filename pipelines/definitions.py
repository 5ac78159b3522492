"""The definitions that Dagster loads. They are built in build.py."""

import gc

import click
import dagster as dg

from flowlogs.errors import FlowLakeError
from pipelines.build import build_definitions
from pipelines.settings import read_settings


def _load() -> dg.Definitions:
    try:
        return build_definitions(read_settings())
    except FlowLakeError as error:
        # Dagster's commands show the text of click's own exceptions, and a traceback of all others.
        raise click.ClickException(str(error)) from None


defs = _load()

# Everything that is imported by now stays until the end. Without this, the garbage collector visits all of Dagster's
# objects again and again while the first assets run, which takes a quarter of the time of a small day.
gc.freeze()
