-- title: Ports that were targeted most
-- question: Which services did the rejected packets want to reach?
-- note: Packets that come from a service are answers. They are left out here, and are in rejected_tcp_flags.
-- reads: traffic_summary
-- order: packets desc, records desc, serviceport, protocol
-- rows: 50
-- chart: bars of packets by serviceport, protocol
-- columns:
--   serviceport int: the port of the service; NULL if both ports are above 32767
--   protocol int
--   records bigint: flow records
--   packets bigint: packets that were rejected
--   sources bigint: addresses that tried
--   dt string
SELECT
  serviceport,
  protocol,
  sum(records) AS records,
  sum(numpackets) AS packets,
  count(DISTINCT sourceaddress) AS sources,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}'
  AND action = 'REJECT'
  AND service_end IS DISTINCT FROM 'source'
GROUP BY serviceport, protocol, dt
