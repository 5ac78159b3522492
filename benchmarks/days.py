"""Which days the benchmarks are about. Imports nothing else of the project: measured processes begin with it."""

from datetime import date, timedelta

START_DATE = date(2021, 1, 1)
"""The first daily partition."""

DAY = date(2023, 12, 31)
"""The large day, the empty day, and the last of the small days."""

SMALL_DAYS = tuple(DAY - timedelta(days=ago) for ago in range(364, -1, -1))
