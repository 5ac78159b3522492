-- title: Sent to the internet, by network interface
-- question: Which network interfaces send data out of the VPC, and what does it cost?
-- note: Each byte counts once, where it leaves the VPC: not where it goes on through a NAT gateway of the VPC
--   (traffic-path 1). Without the field flow-direction, a private source says that it leaves. AWS's own services are
--   in egress_aws_services.
-- reads: traffic_summary
-- order: bytes desc, interfaceid
-- chart: bars of bytes by interfaceid
-- columns:
--   interfaceid string
--   destinations bigint: addresses of the internet
--   bytes bigint
--   packets bigint
--   usd double: about what it costs
--   dt string
WITH prices (usd_per_gb) AS (
  VALUES (0.09e0) -- data transfer out to the internet, the first 10 TB of a month, us-east-1
),
sent AS (
  SELECT
    interfaceid,
    destinationaddress,
    sum(numbytes) AS bytes,
    sum(numpackets) AS packets,
    dt
  FROM traffic_summary
  WHERE dt BETWEEN '{first}' AND '{last}'
    AND action = 'ACCEPT'
    AND coalesce(flow_direction, '-') IN ('egress', '-')
    AND traffic_path IS DISTINCT FROM 1
    AND (flow_direction = 'egress' OR {private(sourceaddress)})
    AND coalesce(pkt_dst_aws_service, '-') = '-'
  GROUP BY interfaceid, destinationaddress, dt
)
SELECT
  interfaceid,
  count(*) AS destinations,
  sum(bytes) AS bytes,
  sum(packets) AS packets,
  round(sum(bytes) * max(usd_per_gb) / 1e9, 4) AS usd,
  dt
FROM sent
CROSS JOIN prices
WHERE {internet(destinationaddress)}
GROUP BY interfaceid, dt
