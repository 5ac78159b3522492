-- title: Pairs with the most rejected packets
-- question: Who was rejected most, and where did the packets want to go?
-- reads: rejected_flows
-- order: packetcount desc, sourceaddress, destinationaddress
-- rows: 20
-- chart: bars of packetcount by sourceaddress, destinationaddress
-- columns:
--   packetcount bigint: packets that were rejected
--   sourceaddress string
--   destinationaddress string
--   dt string
SELECT sum(numpackets) AS packetcount, sourceaddress, destinationaddress, dt
FROM rejected_flows
WHERE dt BETWEEN '{first}' AND '{last}'
GROUP BY sourceaddress, destinationaddress, dt
