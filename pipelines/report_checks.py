"""Checks reports by executing them over small made-up datasets: what a broken file would do at night is an error now.

assets/reports/report_files.py has read the files. This finds what only execution shows: SQL that the engine refuses,
unknown columns, other columns than the header names, rows of days that were not asked for, and rows of a day that
depend on which other days were asked for (as with a LIMIT over all days).
"""

import re
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from assets.reports.report_files import Report
from assets.reports.report_output import frame_types
from assets.reports.report_sql import filled_in, report_sql
from flowlogs.datasets import DATASETS, Dataset
from flowlogs.errors import FlowLakeError
from flowlogs.printable import printable
from flowlogs.statements import TableName, add_partitions, create_database, create_table, dataset_table
from flowlogs.unload import dataset_location
from pipelines.targets import embedded_athena, folder_of_results
from resources.engine import QueryEngine, QueryError

if TYPE_CHECKING:
    import pandas as pd

    from resources.bucket import ObjectStore

DATABASE = "made_up"
FIRST_DAY = date(2024, 2, 28)
"""The first of the days that are asked for: the others lie before it."""

DAYS_ASKED = 3
ROWS = 120
"""How many rows of each dataset a day has."""

SECONDS = 60
"""How long a report may take over so little."""


def require_working(reports: Sequence[Report]) -> None:
    """Raise FlowLakeError, with the file and the line of each problem, unless all of these reports work."""
    if problems := find_problems(reports):
        raise FlowLakeError("\n".join(problems))


def find_problems(reports: Sequence[Report]) -> list[str]:
    """What is wrong with these reports, one text for each that does not work; it names the file and the line."""
    if not reports:
        return []
    with TemporaryDirectory(prefix="flow-lake-reports-") as folder:
        engine = _engine_over_made_up_days(Path(folder), 1 + max(report.history for report in reports))
        return [problem for report in reports if (problem := _find_problem(engine, report))]


def _find_problem(engine: QueryEngine, report: Report) -> str | None:
    last = FIRST_DAY + timedelta(days=DAYS_ASKED - 1)
    # With as many lines in front as the file has, the positions in errors are those in the file.
    query = "\n" * (report.first_line - 1) + filled_in(report, report.query, FIRST_DAY, last)
    try:
        frame = engine.execute(query).frame
        alike = _columns_problem(report, frame) or _days_problem(report, engine, frame, last)
    except QueryError as error:
        line = re.search(r"\bline:? (\d+)", str(error), re.IGNORECASE)
        number = int(line[1]) if line else report.first_line
        reason = str(error).partition("\nThe statement was:")[0]
        return f"{printable(str(report.path))}, line {number}: {reason}"
    return f"{printable(str(report.path))}, line {report.first_line}: {alike}" if alike else None


def _columns_problem(report: Report, frame: "pd.DataFrame") -> str | None:
    expected = [(name, kind.lower()) for name, kind in frame_types(report).items()]
    found = [(name, str(kind).lower()) for name, kind in frame.dtypes.items()]
    if expected == found:
        return None
    names = [str(name) for name, _ in found]
    if sorted(names) != sorted(column.name for column in report.columns):
        return (
            f"the query gives the columns {', '.join(names)}, and the header names "
            f"{', '.join(column.name for column in report.columns)}."
        )
    for (name, kind), (other, other_kind) in zip(expected, found, strict=True):
        if name != other:
            return f"the query gives the columns in another order than the header: {', '.join(names)}."
        if kind != other_kind:
            return f"the column {name} is {other_kind} in the query's result, and {kind} in the header."
    return None


def _days_problem(report: Report, engine: QueryEngine, frame: "pd.DataFrame", last: date) -> str | None:
    days = [FIRST_DAY + timedelta(days=number) for number in range(DAYS_ASKED)]
    others = sorted(set(frame["dt"].dropna()) - {str(day) for day in days})
    if others or frame["dt"].isna().any():
        return f"the query gives rows of days that were not asked for: {', '.join(others[:3]) or 'dt is NULL'}."
    whole = engine.execute(report_sql(report, FIRST_DAY, last)).frame
    for day in days:
        alone = engine.execute(report_sql(report, day, day)).frame
        of_range = whole[whole["dt"] == str(day)].reset_index(drop=True)
        if not alone.reset_index(drop=True).equals(of_range):
            return (
                f"the rows of {day} depend on which other days are asked for: {len(alone)} alone, {len(of_range)} in a "
                "range. A LIMIT counts over all days: leave it to `rows:` in the header. A window function needs "
                "PARTITION BY dt."
            )
    return None


def _engine_over_made_up_days(folder: Path, days_before: int) -> QueryEngine:
    from resources.embedded.bucket import FolderBucket

    results = folder_of_results(folder / "results")
    (folder / "logs").mkdir()
    engine = embedded_athena(FolderBucket("made-up-logs", folder / "logs"), results, DATABASE, SECONDS)
    engine.execute(create_database(DATABASE))
    days = [FIRST_DAY + timedelta(days=number) for number in range(-days_before, DAYS_ASKED)]
    for dataset in DATASETS.values():
        name = TableName(DATABASE, dataset.name)
        engine.execute(create_table(name, dataset_table(dataset, results.sql_location())))
        locations = {day: results.sql_location(dataset_location("made-up/", dataset.name, day)) for day in days}
        results.replace(dict(_made_up_files(results, dataset, days)))
        for statement in add_partitions(name, locations):
            engine.execute(statement)
    return engine


def _made_up_files(results: "ObjectStore", dataset: Dataset, days: Sequence[date]) -> Iterator[tuple[str, bytes]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    types = {"int": pa.int32(), "bigint": pa.int64(), "string": pa.string()}
    for number, day in enumerate(days):
        columns = {
            name: pa.array([_value(name, kind, row, number) for row in range(ROWS)], types[kind])
            for name, kind in dataset.columns
        }
        sink = pa.BufferOutputStream()
        pq.write_table(pa.table(columns), sink)
        yield f"{dataset_location('made-up/', dataset.name, day)}rows.parquet", sink.getvalue().to_pybytes()


_TEXTS = {
    "action": ("REJECT", "ACCEPT", "REJECT", "ACCEPT", None),
    "logstatus": ("OK", "OK", "OK", "NODATA", "SKIPDATA"),
    "flow_direction": ("ingress", "egress"),
    "service_end": ("destination", "source", "destination"),
}


def _value(column: str, kind: str, row: int, day: int) -> Any:  # noqa: ANN401 - a number, a text or NULL
    """The value of a column in a made-up row: many are the same in several rows and days, and some are NULL."""
    number = (row * 7 + day * 3 + len(column)) % 97
    if column in _TEXTS:
        return _TEXTS[column][row % len(_TEXTS[column])]
    if row % 40 == 39:
        return None
    if "addr" in column:
        inside = (row + len(column)) % 3
        return f"10.0.{day % 3}.{number}" if inside else f"203.0.113.{number}"
    if column == "protocol":
        return (6, 17, 1, 47)[row % 4]
    if column == "hour":
        return row % 24
    if kind != "string":
        return (22, 443, 3389, 53)[row % 4] if column.endswith("port") else number * 1_000
    return f"{column}-{number % 11}"
