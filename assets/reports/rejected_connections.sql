-- title: Rejected connections
-- question: Who wanted to reach which service where, and was rejected?
-- note: A row is of one network interface, and of one pair of packets' own addresses where the log has them.
-- reads: traffic_summary
-- order: packets desc, records desc, interfaceid, sourceaddress, destinationaddress, serviceport, protocol
-- columns:
--   interfaceid string
--   sourceaddress string
--   destinationaddress string
--   serviceport int: the port of the service; NULL if both ports are above 32767
--   protocol int: TCP is 6
--   service_end string: whether the service is the source or the destination
--   records bigint: flow records
--   packets bigint: packets that were rejected
--   bytes bigint
--   dt string
SELECT
  interfaceid,
  sourceaddress,
  destinationaddress,
  serviceport,
  protocol,
  service_end,
  records,
  numpackets AS packets,
  numbytes AS bytes,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}' AND action = 'REJECT'
