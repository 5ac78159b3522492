-- title: Rejected connections
-- question: Who wanted to reach which service where, and was rejected?
-- reads: traffic_summary
-- order: packets desc, records desc, sourceaddress, destinationaddress, serviceport, protocol
-- columns:
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
  sourceaddress,
  destinationaddress,
  serviceport,
  protocol,
  service_end,
  sum(records) AS records,
  sum(numpackets) AS packets,
  sum(numbytes) AS bytes,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}' AND action = 'REJECT'
GROUP BY sourceaddress, destinationaddress, serviceport, protocol, service_end, dt
