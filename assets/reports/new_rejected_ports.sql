-- title: New ports of rejects
-- question: Which ports were rejected that were not rejected in the 7 days before?
-- reads: traffic_by_hour
-- history: 7
-- parameter: least = 100: how many records of a new port need a look
-- order: records desc, packets desc, serviceport, protocol
-- chart: bars of records by serviceport, protocol
-- alarm: records >= {least}
-- says: Port {serviceport} (protocol {protocol}) was rejected {records} times, and never in the days before.
-- columns:
--   serviceport int: the port of the service; NULL if both ports are above 32767
--   protocol int
--   records bigint: flow records
--   packets bigint: packets that were rejected
--   interfaces bigint: network interfaces that saw them
--   dt string
WITH days AS (
  SELECT dt, lag(dt) OVER (ORDER BY dt) AS day_before
  FROM traffic_by_hour
  WHERE dt BETWEEN '{earliest}' AND '{last}'
  GROUP BY dt
),
ports AS (
  SELECT
    serviceport,
    protocol,
    sum(records) AS records,
    sum(numpackets) AS packets,
    count(DISTINCT interfaceid) AS interfaces,
    lag(dt) OVER (PARTITION BY serviceport, protocol ORDER BY dt) AS seen_before,
    dt
  FROM traffic_by_hour
  WHERE dt BETWEEN '{earliest}' AND '{last}' AND action = 'REJECT'
  GROUP BY serviceport, protocol, dt
)
SELECT serviceport, protocol, records, packets, interfaces, ports.dt
FROM ports
JOIN days ON days.dt = ports.dt
WHERE ports.dt BETWEEN '{first}' AND '{last}'
  AND date_diff('day', date(day_before), date(ports.dt)) <= {history}
  AND (seen_before IS NULL OR date_diff('day', date(seen_before), date(ports.dt)) > {history})
