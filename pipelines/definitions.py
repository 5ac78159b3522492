"""The definitions that Dagster loads. build.py builds them."""

from pipelines.build import load_definitions

defs = load_definitions()
