-- title: Pairs with the most bytes, by the packets' own addresses
-- question: Who sent the most bytes to whom, seen through NAT gateways and load balancers?
-- note: Accepted traffic. Traffic between two network interfaces that are both logged has two records.
-- reads: traffic_summary
-- fields: pkt-srcaddr, pkt-dstaddr
-- order: bytes desc, pkt_srcaddr, pkt_dstaddr
-- rows: 50
-- chart: bars of bytes by pkt_srcaddr, pkt_dstaddr
-- columns:
--   pkt_srcaddr string: the packets' own source
--   pkt_dstaddr string: the packets' own destination
--   bytes bigint
--   packets bigint
--   records bigint: flow records
--   dt string
SELECT
  pkt_srcaddr,
  pkt_dstaddr,
  sum(numbytes) AS bytes,
  sum(numpackets) AS packets,
  sum(records) AS records,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}' AND action = 'ACCEPT'
GROUP BY pkt_srcaddr, pkt_dstaddr, dt
