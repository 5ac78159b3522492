-- title: Rejects by port, against the days before
-- question: Which ports were rejected more, or less, than in the 7 days before?
-- note: The median of n numbers is the mean of two of them: the numbers (n + 1) / 2 and n / 2 + 1 from the top.
-- reads: traffic_by_hour
-- history: 7
-- parameter: least = 1000: a port needs a look from this many records
-- parameter: times = 5: and from this many times the median
-- order: difference desc, records desc, serviceport, protocol
-- chart: bars of difference by serviceport, protocol
-- alarm: records >= {least} AND records > {times} * median
-- says: Port {serviceport} (protocol {protocol}) was rejected {records} times; the median of {days} days before is
--   {median}.
-- columns:
--   serviceport int: the port of the service; NULL if both ports are above 32767
--   protocol int
--   records bigint: flow records that were rejected on the day
--   median double: and on the days before, their median; a day on which the port was not rejected counts as 0
--   difference double: records less median
--   days bigint: how many days before there are
--   dt string
WITH days AS (
  SELECT dt FROM traffic_by_hour WHERE dt BETWEEN '{earliest}' AND '{last}' GROUP BY dt
),
compared AS (
  SELECT
    days.dt,
    before.dt AS day,
    count(*) OVER (PARTITION BY days.dt) AS days,
    max(before.dt) OVER (PARTITION BY days.dt) AS day_before
  FROM days
  JOIN days AS before ON before.dt < days.dt AND date_diff('day', date(before.dt), date(days.dt)) <= {history}
  WHERE days.dt BETWEEN '{first}' AND '{last}'
),
rejected AS (
  SELECT serviceport, protocol, sum(records) AS records, dt
  FROM traffic_by_hour
  WHERE dt BETWEEN '{earliest}' AND '{last}' AND action = 'REJECT'
  GROUP BY serviceport, protocol, dt
),
ranked AS (
  SELECT
    serviceport,
    protocol,
    records,
    row_number() OVER (PARTITION BY compared.dt, serviceport, protocol ORDER BY records DESC) AS place,
    days,
    compared.dt
  FROM compared
  JOIN rejected ON rejected.dt = compared.day
),
values_of_day AS (
  SELECT
    serviceport,
    protocol,
    0 AS records,
    (CASE WHEN place = (days + 1) / 2 THEN records ELSE 0 END)
      + (CASE WHEN place = days / 2 + 1 THEN records ELSE 0 END) AS twice_median,
    dt
  FROM ranked
  UNION ALL
  SELECT serviceport, protocol, records, 0 AS twice_median, dt
  FROM rejected
  WHERE dt BETWEEN '{first}' AND '{last}'
)
SELECT
  serviceport,
  protocol,
  sum(records) AS records,
  sum(twice_median) / 2e0 AS median,
  sum(records) - sum(twice_median) / 2e0 AS difference,
  min(days) AS days,
  values_of_day.dt
FROM values_of_day
JOIN (SELECT dt, max(days) AS days FROM compared GROUP BY dt) AS numbers ON numbers.dt = values_of_day.dt
GROUP BY serviceport, protocol, values_of_day.dt
HAVING sum(records) > 0 OR sum(twice_median) > 0
