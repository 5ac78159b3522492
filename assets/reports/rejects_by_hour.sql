-- title: Rejects by hour
-- question: When was traffic rejected, and did an hour stand out?
-- reads: traffic_by_hour
-- parameter: times = 5: an hour needs a look from this many times the mean of the day's other hours
-- parameter: least = 1000: and from this many records
-- order: hour
-- rows: 25
-- chart: line of records by hour
-- alarm: records >= {least} AND records > {times} * mean_of_others
-- says: In hour {hour} (UTC), {records} records were rejected; the mean of the other hours is {mean_of_others}.
-- columns:
--   hour int: UTC, when the record began
--   records bigint: flow records that were rejected
--   packets bigint: packets that were rejected
--   percent double: the share of the hour's flow records that was rejected
--   mean_of_others double: rejected records of the day's other hours, their mean
--   dt string
SELECT
  hour,
  records,
  packets,
  CASE WHEN flows > 0 THEN round(100e0 * records / flows, 1) END AS percent,
  CASE
    WHEN count(*) OVER (PARTITION BY dt) > 1
    THEN round((sum(records) OVER (PARTITION BY dt) - records) / (count(*) OVER (PARTITION BY dt) - 1e0), 1)
  END AS mean_of_others,
  dt
FROM (
  SELECT
    hour,
    sum(CASE WHEN action = 'REJECT' THEN records ELSE 0 END) AS records,
    sum(CASE WHEN action = 'REJECT' THEN numpackets ELSE 0 END) AS packets,
    sum(CASE WHEN action IN ('ACCEPT', 'REJECT') THEN records ELSE 0 END) AS flows,
    dt
  FROM traffic_by_hour
  WHERE dt BETWEEN '{first}' AND '{last}'
  GROUP BY hour, dt
)
