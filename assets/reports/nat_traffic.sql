-- title: Through NAT gateways
-- question: Who sends and receives through a NAT gateway, and what does it cost?
-- note: A gateway's record between itself and who is inside has its own private address, and an address of the
--   internet as the packet's. So each byte counts once.
-- reads: traffic_summary
-- fields: pkt-srcaddr, pkt-dstaddr
-- order: bytes desc, address, interfaceid
-- chart: bars of bytes by address
-- columns:
--   address string: who sends and receives, inside
--   interfaceid string: the NAT gateway's network interface
--   bytes bigint: sent and received, which the gateway charges both
--   sent bigint: bytes
--   received bigint: bytes
--   usd double: about what the gateway charges for the data, besides its hours and the transfer
--   dt string
WITH prices (usd_per_gb) AS (
  VALUES (0.045e0) -- data that a NAT gateway processes, us-east-1
),
passed AS (
  SELECT
    interfaceid,
    sourceaddress,
    destinationaddress,
    pkt_srcaddr,
    pkt_dstaddr,
    sum(numbytes) AS bytes,
    dt
  FROM traffic_summary
  WHERE dt BETWEEN '{first}' AND '{last}'
    AND action = 'ACCEPT'
    AND (pkt_srcaddr <> sourceaddress OR pkt_dstaddr <> destinationaddress)
  GROUP BY interfaceid, sourceaddress, destinationaddress, pkt_srcaddr, pkt_dstaddr, dt
),
directed AS (
  SELECT
    interfaceid,
    sourceaddress,
    destinationaddress,
    {private(destinationaddress)} AND {internet(pkt_dstaddr)} AS is_sent,
    {private(sourceaddress)} AND {internet(pkt_srcaddr)} AS is_received,
    bytes,
    dt
  FROM passed
)
SELECT
  CASE WHEN is_sent THEN sourceaddress ELSE destinationaddress END AS address,
  interfaceid,
  sum(bytes) AS bytes,
  sum(CASE WHEN is_sent THEN bytes ELSE 0 END) AS sent,
  sum(CASE WHEN is_sent THEN 0 ELSE bytes END) AS received,
  round(sum(bytes) * max(usd_per_gb) / 1e9, 4) AS usd,
  dt
FROM directed
CROSS JOIN prices
WHERE is_sent OR is_received
GROUP BY CASE WHEN is_sent THEN sourceaddress ELSE destinationaddress END, interfaceid, dt
