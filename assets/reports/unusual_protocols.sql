-- title: Protocols other than TCP, UDP and ICMP
-- question: Who uses a protocol that is seldom seen, such as a tunnel?
-- reads: traffic_summary
-- parameter: usual = 1, 6, 17, 58: ICMP, TCP, UDP, ICMP of IPv6
-- parameter: least = 1000000: how many bytes to or from the internet need a look
-- order: bytes desc, records desc, sourceaddress, destinationaddress, protocol, action
-- alarm: action = 'ACCEPT' AND bytes >= {least} AND ({internet(sourceaddress)} OR {internet(destinationaddress)})
-- says: {sourceaddress} sent {bytes} bytes of protocol {protocol} to {destinationaddress}.
-- columns:
--   sourceaddress string
--   destinationaddress string
--   protocol int: its number; 47 is GRE, 50 is ESP (IPsec), 41 is IPv6 in IPv4
--   action string
--   records bigint: flow records
--   packets bigint
--   bytes bigint
--   dt string
SELECT
  sourceaddress,
  destinationaddress,
  protocol,
  action,
  sum(records) AS records,
  sum(numpackets) AS packets,
  sum(numbytes) AS bytes,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}' AND protocol NOT IN ({usual})
GROUP BY sourceaddress, destinationaddress, protocol, action, dt
