-- title: Accepted conversations with the most bytes
-- question: Who used which service where, and who sent a great deal?
-- note: Each record of many packets or bytes is part of such a conversation.
-- reads: traffic_summary
-- parameter: packets = 10000: more packets than this are many
-- parameter: bytes = 500000000: more bytes than this are many
-- order: bytes desc, packets desc, sourceaddress, destinationaddress, serviceport, protocol, service_end
-- chart: bars of bytes by sourceaddress, destinationaddress, serviceport
-- columns:
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
  sourceaddress,
  destinationaddress,
  serviceport,
  protocol,
  service_end,
  sum(numbytes) AS bytes,
  sum(numpackets) AS packets,
  sum(records) AS records,
  coalesce(sum(numpackets), 0) > {packets} OR coalesce(sum(numbytes), 0) > {bytes} AS is_large,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}' AND action = 'ACCEPT'
GROUP BY sourceaddress, destinationaddress, serviceport, protocol, service_end, dt
