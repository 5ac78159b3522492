-- title: Rejected TCP by its flags
-- question: How many rejects are new connections, and how many are packets after a connection was closed?
-- reads: rejected_flows
-- fields: tcp-flags
-- order: records desc, meaning, tcp_flags
-- chart: bars of records by meaning, tcp_flags
-- columns:
--   meaning string: what the flags speak of
--   tcp_flags int: FIN 1, SYN 2, RST 4, SYN-ACK 18, and sums of them; 0 is ACK alone
--   records bigint: flow records
--   packets bigint: packets that were rejected
--   interfaces bigint: network interfaces that saw them
--   dt string
SELECT
  CASE
    WHEN tcp_flags IS NULL THEN 'the log does not say'
    WHEN bitwise_and(tcp_flags, 18) = 18 THEN 'an answer to a new connection (SYN-ACK)'
    WHEN bitwise_and(tcp_flags, 2) = 2 THEN 'a new connection (SYN)'
    ELSE 'after a connection was closed (no SYN)'
  END AS meaning,
  tcp_flags,
  sum(records) AS records,
  sum(packets) AS packets,
  count(interfaceid) AS interfaces,
  dt
FROM (
  SELECT tcp_flags, interfaceid, count(*) AS records, sum(numpackets) AS packets, dt
  FROM rejected_flows
  WHERE dt BETWEEN '{first}' AND '{last}' AND protocol = 6
  GROUP BY tcp_flags, interfaceid, dt
)
GROUP BY tcp_flags, dt
