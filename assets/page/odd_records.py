"""Odd records: those that say neither what happened nor that nothing did, and those that lack a number.

They are counted by the query of the day's totals (day_totals.py), as far as the datasets show them. Where there are
some, one more small query gives examples. Nothing here reads raw records.
"""

from collections.abc import Collection, Mapping
from datetime import date
from typing import TYPE_CHECKING

from assets.tables import cell_text, plain_rows
from flowlogs.datasets import REJECTED_FLOWS, TRAFFIC_SUMMARY
from flowlogs.fields import FIELD_OF

if TYPE_CHECKING:
    import pandas as pd

EXAMPLES = 3
"""How many odd records of a day are shown."""

_NUMBERS = ("srcport", "dstport", "protocol", "packets", "bytes", "start", "end")

OF_FLOWS: Mapping[str, str] = {name: FIELD_OF[name].column for name in _NUMBERS}
OF_HOURS: Mapping[str, str] = {"start": "hour", "protocol": "protocol"}
OF_SUMS: Mapping[str, str] = {"start": "starttime", "protocol": "protocol"}
"""Fields whose number each record of traffic has, and the columns of rejected_flows, traffic_by_hour and
traffic_summary that are NULL where it is missing or does not parse."""

_STATUS = "log-status"

_COLUMNS = (
    "dt, interfaceid, sourceaddress, destinationaddress, protocol, numpackets, numbytes, starttime, action, logstatus"
)

_SQL = f"""\
SELECT {_COLUMNS}
FROM (
  SELECT {_COLUMNS}, row_number() OVER (PARTITION BY {_COLUMNS.replace("dt,", "dt ORDER BY", 1)}) AS place
  FROM (
    SELECT {_COLUMNS}
    FROM {TRAFFIC_SUMMARY.name}
    WHERE dt BETWEEN '{{first}}' AND '{{last}}' AND (
      (action = 'ACCEPT' AND ({{odd_sums}}))
      OR (coalesce(action, '') NOT IN ('ACCEPT', 'REJECT') AND coalesce(logstatus, '') NOT IN ('NODATA', 'SKIPDATA'))
    )
    UNION ALL
    SELECT {_COLUMNS}
    FROM {REJECTED_FLOWS.name}
    WHERE dt BETWEEN '{{first}}' AND '{{last}}' AND ({{odd_flows}})
  ) odd
) numbered
WHERE place <= {EXAMPLES}
ORDER BY dt, place"""


def odd_condition(headers: Collection[str], columns: Mapping[str, str]) -> str:
    """The condition that one of the columns is NULL whose field the records have, or that the status is not OK.

    `headers` are AWS's names of the fields that the records have.
    """
    parts = [f"{column} IS NULL" for header, column in columns.items() if header in headers]
    status = [f"coalesce({FIELD_OF[_STATUS].column}, '') <> 'OK'"] if _STATUS in headers else []
    return " OR ".join([*parts, *status]) or "1 = 0"


def examples_sql(first: date, last: date, headers: Collection[str]) -> str:
    """The statement for some odd records of each of these days, and of those between."""
    return _SQL.format(
        first=first.isoformat(),
        last=last.isoformat(),
        odd_sums=odd_condition(headers, OF_SUMS),
        odd_flows=odd_condition(headers, OF_FLOWS),
    )


def examples_of(frame: "pd.DataFrame") -> dict[date, list[str]]:
    """The rows of `examples_sql` as printable texts, by day."""
    names = list(map(str, frame.columns))
    found: dict[date, list[str]] = {}
    for row in plain_rows(frame):
        texts = {name: cell_text(value) or "NULL" for name, value in zip(names, row, strict=True)}
        day = date.fromisoformat(texts.pop("dt"))
        found.setdefault(day, []).append(", ".join(f"{name} {text}" for name, text in texts.items()))
    return found
