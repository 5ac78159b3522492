"""What workspace.yaml loads for the Dagster UI: the definitions, with the days of a folder of logs as its partitions.

Commands that name a day by hand load definitions.py, where every day is a partition.
"""

from pipelines.build import load_definitions

defs = load_definitions(days_of_logs_only=True)
