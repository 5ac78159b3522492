"""The rows of a report as files: Parquet and CSV for each day, and what is known of the rows beside them.

The Parquet file has it in its metadata: which rows need a look, whether there are more rows than the report has, and
how many days it was compared with. So the page of a day can be made from files alone.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from assets.reports.report_files import Report
from assets.reports.report_sql import ALARM_COLUMN
from assets.tables import csv_bytes, parquet_bytes
from resources.bucket import ObjectStore
from resources.engine import FRAME_TYPES, QueryResult

if TYPE_CHECKING:
    import pandas as pd

_TRINO_TYPES: Mapping[str, str] = {"int": "integer", "float": "real", "string": "varchar"}
"""Trino's names of the types that Hive calls otherwise."""

METADATA_KEY = "vpc-flow-lake"
"""The key of what a Parquet file says of its rows."""


@dataclass(frozen=True)
class ReportOutput:
    """A day's rows of a report.

    `alarms` are the numbers of the rows that need a look, from 0. `has_more`: there are more rows than the report has.
    `compared` is the number of days before that it was compared with. `lacks` are the fields that the report needs and
    the day's flow logs do not have: then it has no rows, and says nothing.
    """

    frame: "pd.DataFrame"
    alarms: Sequence[int] = ()
    has_more: bool = False
    compared: int = 0
    lacks: Sequence[str] = ()


def split_result(
    report: Report, result: QueryResult, days: Sequence[date], before: Mapping[date, Sequence[date]]
) -> dict[date, ReportOutput]:
    """The rows of each day in a query's result."""
    rows = dict(list(result.frame.groupby("dt")))
    nothing = result.frame.iloc[:0]
    outputs = {}
    for day in days:
        of_day = rows.get(day.isoformat(), nothing)
        kept = of_day.head(report.rows).reset_index(drop=True)
        alarms: list[int] = []
        if report.alarm:
            alarms = [number for number, is_alarm in enumerate(kept[ALARM_COLUMN]) if is_alarm]
            kept = kept.drop(columns=ALARM_COLUMN)
        outputs[day] = ReportOutput(kept, alarms, len(of_day) > report.rows, len(before.get(day, ())))
    return outputs


def output_without_rows(report: Report, lacks: Sequence[str] = ()) -> ReportOutput:
    """What a report is on a day whose flow logs lack fields, or that has no day before to compare with."""
    import pandas as pd

    frame = pd.DataFrame(columns=[column.name for column in report.columns]).astype(frame_types(report))
    return ReportOutput(frame, lacks=tuple(lacks))


def frame_types(report: Report) -> dict[str, str]:
    """The pandas type of each of a report's columns."""
    return {name: FRAME_TYPES[_TRINO_TYPES.get(kind, kind)] for name, kind in report.column_types}


def report_keys(name: str, day: date) -> tuple[str, str]:
    """The keys of a day's report, below the results root: its Parquet file and its CSV file."""
    return f"reports/{name}/{day}.parquet", f"reports/{name}/{day}.csv"


def files_of_report(report: Report, day: date, output: ReportOutput) -> dict[str, bytes]:
    """A day's files, by their keys."""
    parquet, csv = report_keys(report.name, day)
    known = {
        "alarms": list(output.alarms),
        "has_more": output.has_more,
        "compared": output.compared,
        "lacks": list(output.lacks),
    }
    stored = parquet_bytes(output.frame, {METADATA_KEY: json.dumps(known)})
    return {csv: csv_bytes(output.frame), parquet: stored}


def stored_outputs(results: ObjectStore, report: Report) -> set[str]:
    """The keys of all files of a report."""
    return {stored.key for stored in results.list(f"reports/{report.name}/")}


def is_output(data: bytes) -> bool:
    """Whether this is a Parquet file of `files_of_report`."""
    import pyarrow as pa

    try:
        return _told_of_rows(data) is not None
    except (pa.ArrowException, OSError):
        return False


def _told_of_rows(data: bytes) -> bytes | None:
    """What a Parquet file says of its rows; None where no report made it."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    return (pq.read_schema(pa.BufferReader(data)).metadata or {}).get(METADATA_KEY.encode())


def parse_output(data: bytes) -> ReportOutput:
    """The rows that a Parquet file of `files_of_report` holds."""
    import pandas as pd
    import pyarrow as pa

    # Arrow gets bytes, not a Python file: its threads may use a file after the interpreter's end, and abort.
    frame = pd.read_parquet(pa.BufferReader(data), dtype_backend="numpy_nullable")
    text = _told_of_rows(data)
    known = json.loads(text) if text else {}
    return ReportOutput(
        frame,
        known.get("alarms", ()),
        known.get("has_more", False),
        known.get("compared", 0),
        known.get("lacks", ()),
    )
