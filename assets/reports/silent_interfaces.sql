-- title: Network interfaces that fell silent
-- question: Which network interfaces had traffic in the 7 days before, and have none now?
-- reads: traffic_by_hour
-- history: 7
-- parameter: least = 3: from how many days with traffic before a silence needs a look
-- order: last_day desc, records desc, interfaceid
-- alarm: is_new AND days >= {least}
-- says: {interfaceid} had traffic on {days} of the days before, and none now.
-- columns:
--   interfaceid string
--   last_day string: the last day with traffic
--   is_new boolean: it is the first day of the silence
--   days bigint: days with traffic before
--   records bigint: flow records of these days
--   bytes bigint: and their bytes
--   nodata bigint: NODATA records of the day; 0 means that the interface is gone, or its log
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
activity AS (
  SELECT
    interfaceid,
    sum(CASE WHEN action IN ('ACCEPT', 'REJECT') THEN records ELSE 0 END) AS records,
    sum(CASE WHEN logstatus = 'NODATA' THEN records ELSE 0 END) AS nodata,
    sum(numbytes) AS bytes,
    dt
  FROM traffic_by_hour
  WHERE dt BETWEEN '{earliest}' AND '{last}' AND interfaceid <> '-'
  GROUP BY interfaceid, dt
),
before AS (
  SELECT
    interfaceid,
    max(compared.day) AS last_day,
    max(compared.day) = max(day_before) AS is_new,
    count(*) AS days,
    sum(records) AS records,
    sum(bytes) AS bytes,
    compared.dt
  FROM compared
  JOIN activity ON activity.dt = compared.day
  WHERE records > 0
  GROUP BY interfaceid, compared.dt
)
SELECT
  before.interfaceid,
  last_day,
  is_new,
  days,
  before.records,
  before.bytes,
  coalesce(today.nodata, 0) AS nodata,
  before.dt
FROM before
LEFT JOIN activity AS today ON today.dt = before.dt AND today.interfaceid = before.interfaceid
WHERE coalesce(today.records, 0) = 0
