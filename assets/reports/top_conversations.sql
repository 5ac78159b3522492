-- title: Accepted conversations with the most bytes
-- question: Who used which service where, and who sent a great deal?
-- note: A row is of one network interface, and of one pair of packets' own addresses where the log has them. Each record
--   of many packets or bytes is part of a conversation that has many.
-- reads: traffic_summary
-- parameter: packets = 10000: more packets than this are many
-- parameter: bytes = 500000000: more bytes than this are many
-- order: bytes desc, packets desc, interfaceid, sourceaddress, destinationaddress, serviceport, protocol, service_end
-- chart: bars of bytes by sourceaddress, destinationaddress, serviceport
-- columns:
--   interfaceid string
--   sourceaddress string
--   destinationaddress string
--   serviceport int: the port of the service; NULL if both ports are above 32767
--   protocol int
--   service_end string: whether the service is the source or the destination
--   bytes bigint
--   packets bigint
--   records bigint: flow records
--   is_large boolean: more packets or more bytes on the day than the parameters say
--   dt string
SELECT
  interfaceid,
  sourceaddress,
  destinationaddress,
  serviceport,
  protocol,
  service_end,
  numbytes AS bytes,
  numpackets AS packets,
  records,
  coalesce(numpackets, 0) > {packets} OR coalesce(numbytes, 0) > {bytes} AS is_large,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}' AND action = 'ACCEPT'
