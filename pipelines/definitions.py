"""The definitions that Dagster loads. They are built in build.py."""

from pipelines.build import load_definitions

defs = load_definitions()
