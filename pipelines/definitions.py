"""What Dagster loads: the definitions that the settings ask for."""

from pipelines.build import load_definitions

defs = load_definitions()
