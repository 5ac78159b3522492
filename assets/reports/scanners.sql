-- title: Scanners
-- question: Which sources tried many addresses, or many ports of one address?
-- note: Answers of a service are no scan. Ports above 32767 count as one if the source's port is there too.
-- reads: traffic_summary
-- parameter: least = 25: how many addresses or ports make a scan
-- order: tried desc, sourceaddress, kind, destinationaddress, serviceport, protocol
-- chart: bars of tried by sourceaddress, kind
-- alarm: {private(sourceaddress)}
-- says: {sourceaddress}, which is inside, tried {tried} addresses or ports and was rejected.
-- columns:
--   kind string: many addresses (a horizontal scan), or many ports (a vertical scan)
--   sourceaddress string: who scanned
--   destinationaddress string: whose ports were tried; NULL for many addresses
--   serviceport int: the port that was tried; NULL for many ports
--   protocol int: NULL for many ports
--   tried bigint: how many addresses or ports
--   records bigint: flow records
--   packets bigint: packets that were rejected
--   dt string
SELECT
  CASE WHEN grouping(destinationaddress) = 0 THEN 'many ports' ELSE 'many addresses' END AS kind,
  sourceaddress,
  destinationaddress,
  serviceport,
  protocol,
  count(*) AS tried,
  sum(records) AS records,
  sum(packets) AS packets,
  dt
FROM (
  SELECT
    sourceaddress,
    destinationaddress,
    serviceport,
    protocol,
    sum(records) AS records,
    sum(numpackets) AS packets,
    dt
  FROM traffic_summary
  WHERE dt BETWEEN '{first}' AND '{last}'
    AND action = 'REJECT'
    AND service_end IS DISTINCT FROM 'source'
  GROUP BY sourceaddress, destinationaddress, serviceport, protocol, dt
)
GROUP BY GROUPING SETS ((dt, sourceaddress, destinationaddress), (dt, sourceaddress, serviceport, protocol))
HAVING count(*) >= {least}
