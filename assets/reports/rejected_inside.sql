-- title: Rejected from inside
-- question: Who inside was rejected: does something look around, or is a security group wrong?
-- reads: traffic_summary
-- parameter: least = 20: how many records of one conversation need a look
-- order: to_inside desc, records desc, sourceaddress, destinationaddress, serviceport, protocol
-- chart: bars of records by sourceaddress, destinationaddress, serviceport
-- alarm: records >= {least} AND service_end = 'destination'
-- says: {sourceaddress}, which is inside, was rejected {records} times on its way to {destinationaddress}, port
--   {serviceport}.
-- columns:
--   sourceaddress string: a private address, or one that sent out of a network interface
--   destinationaddress string
--   serviceport int
--   protocol int
--   service_end string: destination for a request; source for an answer, often a late one
--   to_inside boolean: the destination is a private address
--   records bigint: flow records
--   packets bigint: packets that were rejected
--   dt string
SELECT
  sourceaddress,
  destinationaddress,
  serviceport,
  protocol,
  service_end,
  {private(destinationaddress)} AS to_inside,
  sum(records) AS records,
  sum(numpackets) AS packets,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}'
  AND action = 'REJECT'
  AND (flow_direction = 'egress' OR {private(sourceaddress)})
GROUP BY sourceaddress, destinationaddress, serviceport, protocol, service_end, dt
