"""What Dagster loads: the definitions that the settings ask for."""

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
        # Dagster's commands end with the words of click's own exception, and with the traceback of any other.
        raise click.ClickException(str(error)) from None


defs = _load()

# What is imported by now stays for good. Without this, Python walks through all of Dagster again and again while the
# rest is imported and the first assets run: a quarter of the time that a small day takes.
gc.freeze()
