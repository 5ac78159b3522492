-- title: Rejects by network interface
-- question: Which network interfaces were the targets, or the senders, of rejected packets?
-- reads: traffic_by_hour
-- order: records desc, packets desc, interfaceid
-- chart: bars of records by interfaceid
-- columns:
--   interfaceid string
--   records bigint: flow records that were rejected
--   packets bigint: packets that were rejected
--   ports bigint: service ports
--   percent double: the share of the interface's flow records that was rejected
--   dt string
SELECT
  interfaceid,
  sum(records) FILTER (WHERE action = 'REJECT') AS records,
  sum(numpackets) FILTER (WHERE action = 'REJECT') AS packets,
  count(DISTINCT CASE WHEN action = 'REJECT' THEN serviceport END) AS ports,
  round(100e0 * sum(records) FILTER (WHERE action = 'REJECT') / sum(records), 1) AS percent,
  dt
FROM traffic_by_hour
WHERE dt BETWEEN '{first}' AND '{last}' AND action IN ('ACCEPT', 'REJECT')
GROUP BY interfaceid, dt
HAVING count_if(action = 'REJECT') > 0
