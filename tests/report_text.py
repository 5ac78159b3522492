"""The text of a report's file, for the tests of reports."""

from pathlib import Path

from assets.reports.report_files import Report, parse_report

HEADER = """\
-- title: Busy ports
-- question: Which ports are busy?
-- reads: traffic_summary
-- parameter: least = 5: how many records make a port busy
-- fields: tcp-flags, az-id
-- history: 7
-- order: records desc, serviceport
-- rows: 30
-- chart: bars of records by serviceport
-- alarm: records >= {least}
-- says: Port {serviceport} has {records} records
--   and more.
-- columns:
--   serviceport int: the port
--   records bigint
--   dt string
"""
QUERY = """\
SELECT serviceport, sum(records) AS records, dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}' AND dt >= '{earliest}' AND NOT regexp_like(action, '^[A-Z]{2,3}$')
GROUP BY serviceport, dt
"""


def parse(text: str, name: str = "busy_ports.sql") -> Report:
    return parse_report(Path("/reports", name), text)
