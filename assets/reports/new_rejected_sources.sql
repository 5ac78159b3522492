-- title: New sources of rejects
-- question: Who was rejected that was not rejected in the 7 days before?
-- reads: traffic_summary, traffic_by_hour
-- history: 7
-- parameter: least = 100: how many records of a new source need a look
-- order: records desc, packets desc, sourceaddress
-- chart: bars of records by sourceaddress
-- alarm: records >= {least}
-- says: {sourceaddress} was rejected {records} times, and never in the days before.
-- columns:
--   sourceaddress string
--   records bigint: flow records
--   packets bigint: packets that were rejected
--   starttime bigint: the first record's start
--   endtime bigint: the last record's end
--   dt string
WITH days AS (
  SELECT dt, lag(dt) OVER (ORDER BY dt) AS day_before
  FROM traffic_by_hour
  WHERE dt BETWEEN '{earliest}' AND '{last}'
  GROUP BY dt
),
sources AS (
  SELECT
    sourceaddress,
    sum(records) AS records,
    sum(numpackets) AS packets,
    min(starttime) AS starttime,
    max(endtime) AS endtime,
    lag(dt) OVER (PARTITION BY sourceaddress ORDER BY dt) AS seen_before,
    dt
  FROM traffic_summary
  WHERE dt BETWEEN '{earliest}' AND '{last}' AND action = 'REJECT'
  GROUP BY sourceaddress, dt
)
SELECT sourceaddress, records, packets, starttime, endtime, sources.dt
FROM sources
JOIN days ON days.dt = sources.dt
WHERE sources.dt BETWEEN '{first}' AND '{last}'
  AND date_diff('day', date(day_before), date(sources.dt)) <= {history}
  AND (seen_before IS NULL OR date_diff('day', date(seen_before), date(sources.dt)) > {history})
