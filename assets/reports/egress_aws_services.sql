-- title: Sent to services of AWS
-- question: Which network interfaces send data to S3, EC2 and other services, and what does it cost?
-- note: Each byte counts once, where it leaves the VPC: not where it goes on through a NAT gateway of the VPC
--   (traffic-path 1).
-- reads: traffic_summary
-- fields: pkt-dst-aws-service
-- order: bytes desc, service, interfaceid
-- chart: bars of bytes by service, interfaceid
-- columns:
--   service string: as AWS calls its ranges of addresses
--   interfaceid string
--   bytes bigint
--   packets bigint
--   usd double: about what it costs; NULL for a service without a price below
--   dt string
WITH prices (service, usd_per_gb) AS (
  VALUES -- within one region
    ('S3', 0e0),
    ('DYNAMODB', 0e0),
    ('EC2', 0.01e0) -- public addresses of EC2
),
sent AS (
  SELECT
    pkt_dst_aws_service AS service,
    interfaceid,
    sourceaddress,
    flow_direction,
    sum(numbytes) AS bytes,
    sum(numpackets) AS packets,
    dt
  FROM traffic_summary
  WHERE dt BETWEEN '{first}' AND '{last}'
    AND action = 'ACCEPT'
    AND coalesce(flow_direction, '-') IN ('egress', '-')
    AND traffic_path IS DISTINCT FROM 1
    AND pkt_dst_aws_service <> '-'
  GROUP BY pkt_dst_aws_service, interfaceid, sourceaddress, flow_direction, dt
)
SELECT
  sent.service,
  interfaceid,
  sum(bytes) AS bytes,
  sum(packets) AS packets,
  round(sum(bytes) * max(usd_per_gb) / 1e9, 4) AS usd,
  dt
FROM sent
LEFT JOIN prices ON prices.service = sent.service
WHERE flow_direction = 'egress' OR {private(sourceaddress)}
GROUP BY sent.service, interfaceid, dt
