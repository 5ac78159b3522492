-- title: IPv4 and IPv6
-- question: How much of the traffic is IPv4, and how much is IPv6?
-- reads: traffic_summary
-- order: bytes desc, ip_version, action
-- chart: bars of bytes by ip_version, action
-- columns:
--   ip_version int: 4 or 6; NULL for a record without addresses, such as NODATA
--   action string
--   records bigint: flow records
--   packets bigint
--   bytes bigint
--   dt string
SELECT
  ip_version,
  action,
  sum(records) AS records,
  sum(numpackets) AS packets,
  sum(numbytes) AS bytes,
  dt
FROM (
  SELECT
    CASE WHEN sourceaddress LIKE '%:%' THEN 6 WHEN sourceaddress LIKE '%.%' THEN 4 END AS ip_version,
    action,
    records,
    numpackets,
    numbytes,
    dt
  FROM traffic_summary
  WHERE dt BETWEEN '{first}' AND '{last}'
)
GROUP BY ip_version, action, dt
