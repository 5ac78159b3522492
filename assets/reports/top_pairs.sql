-- title: Pairs with the most bytes
-- question: Who sent the most bytes to whom?
-- note: Accepted traffic. Traffic between two network interfaces that are both logged has two records.
-- reads: traffic_summary
-- parameter: source = '%': sources to look at, as a pattern of LIKE; % is all
-- parameter: destination = '%': destinations to look at
-- order: bytes desc, sourceaddress, destinationaddress
-- rows: 50
-- chart: bars of bytes by sourceaddress, destinationaddress
-- columns:
--   sourceaddress string
--   destinationaddress string
--   bytes bigint
--   packets bigint
--   records bigint: flow records
--   dt string
SELECT
  sourceaddress,
  destinationaddress,
  sum(numbytes) AS bytes,
  sum(numpackets) AS packets,
  sum(records) AS records,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}'
  AND action = 'ACCEPT'
  AND sourceaddress LIKE {source}
  AND destinationaddress LIKE {destination}
GROUP BY sourceaddress, destinationaddress, dt
