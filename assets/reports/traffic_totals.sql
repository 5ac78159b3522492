-- title: The day's records by hour
-- question: How much was read, accepted and rejected, and were records lost?
-- reads: traffic_by_hour
-- order: hour
-- rows: 25
-- chart: line of bytes by hour
-- alarm: skipdata > 0 OR odd > 0
-- says: In hour {hour} (UTC), AWS lost records ({skipdata} SKIPDATA), or records are odd ({odd}).
-- columns:
--   hour int: UTC, when the record began; NULL if the record does not say
--   records bigint: all records: the sum of the next five
--   accepted bigint
--   rejected bigint
--   nodata bigint: an interface had no traffic
--   skipdata bigint: AWS lost records
--   odd bigint: none of these
--   packets bigint
--   bytes bigint
--   dt string
SELECT
  hour,
  sum(records) AS records,
  sum(CASE WHEN kind = 'ACCEPT' THEN records ELSE 0 END) AS accepted,
  sum(CASE WHEN kind = 'REJECT' THEN records ELSE 0 END) AS rejected,
  sum(CASE WHEN kind = 'NODATA' THEN records ELSE 0 END) AS nodata,
  sum(CASE WHEN kind = 'SKIPDATA' THEN records ELSE 0 END) AS skipdata,
  sum(CASE WHEN kind = 'odd' THEN records ELSE 0 END) AS odd,
  sum(packets) AS packets,
  sum(bytes) AS bytes,
  dt
FROM (
  SELECT
    hour,
    CASE
      WHEN action IN ('ACCEPT', 'REJECT') THEN action
      WHEN logstatus IN ('NODATA', 'SKIPDATA') THEN logstatus
      ELSE 'odd'
    END AS kind,
    sum(records) AS records,
    sum(numpackets) AS packets,
    sum(numbytes) AS bytes,
    dt
  FROM traffic_by_hour
  WHERE dt BETWEEN '{first}' AND '{last}'
  GROUP BY hour, action, logstatus, dt
)
GROUP BY hour, dt
