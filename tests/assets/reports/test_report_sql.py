"""The statement of a report: ordered, with as many rows of each day as it has, one more, and its alarm."""

from datetime import date

import pyarrow.parquet as pq
import pytest
from lake import CHOSEN_REPORTS
from report_text import HEADER, QUERY, parse
from support import DAY

from assets.reports.report_sql import report_sql

EMPTY_DAY = date(2021, 9, 4)


def test_a_statement_orders_and_limits_each_day_and_tells_the_rows_that_need_a_look():
    assert report_sql(parse(HEADER + QUERY), date(2021, 9, 2), date(2021, 9, 3)) == (
        """\
SELECT serviceport, records, dt,
  CASE WHEN records >= 5 THEN true ELSE false END AS is_alarm
FROM (
  SELECT serviceport, records, dt,
    row_number() OVER (PARTITION BY dt ORDER BY records DESC NULLS LAST, serviceport NULLS LAST) AS row_number
  FROM (
SELECT serviceport, sum(records) AS records, dt
FROM traffic_summary
WHERE dt BETWEEN '2021-09-02' AND '2021-09-03' AND dt >= '2021-08-26' AND NOT regexp_like(action, '^[A-Z]{2,3}$')
GROUP BY serviceport, dt
  )
)
WHERE row_number <= 31
ORDER BY dt, row_number"""
    )


def test_other_columns_break_ties():
    report = parse(HEADER.replace("-- order: records desc, serviceport", "-- order: records") + QUERY)
    assert "ORDER BY records NULLS LAST, serviceport NULLS LAST)" in report_sql(report, DAY, DAY)


def test_conditions_on_addresses_are_filled_in():
    query = QUERY.replace("GROUP BY", "AND {private(sourceaddress)} AND {internet(destinationaddress)}\nGROUP BY")
    statement = report_sql(parse(HEADER + query), DAY, DAY)
    assert "sourceaddress LIKE '10.%'" in statement
    assert "destinationaddress LIKE '%.%'" in statement


ARROW = {"int": "int32", "bigint": "int64", "double": "double", "string": "string", "boolean": "bool"}


@pytest.mark.parametrize("day", [DAY, EMPTY_DAY], ids=["with objects", "without objects"])
def test_a_report_gives_the_columns_that_it_declares(lake, day):
    assert lake.run(day).success
    for report in CHOSEN_REPORTS:
        schema = pq.read_schema(lake.results / f"reports/{report.name}/{day}.parquet")
        expected = [(name, ARROW[kind]) for name, kind in report.column_types]
        assert [(field.name, str(field.type)) for field in schema] == expected
        header = (lake.results / f"reports/{report.name}/{day}.csv").read_text().splitlines()[0]
        assert header == ",".join(name for name, _ in report.column_types)
