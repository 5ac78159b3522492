-- title: Sent to the internet, by destination
-- question: Which addresses of the internet got the most data?
-- note: Each byte counts once, where it leaves the VPC: not where it goes on through a NAT gateway of the VPC
--   (traffic-path 1).
-- reads: traffic_summary
-- order: bytes desc, destinationaddress
-- chart: bars of bytes by destinationaddress
-- columns:
--   destinationaddress string: of the internet, and no service of AWS as far as the log says
--   bytes bigint
--   packets bigint
--   records bigint: flow records
--   sourceaddress string: who sent it; NULL if there are several
--   interfaceid string: where it left; NULL if there are several
--   dt string
SELECT
  destinationaddress,
  bytes,
  packets,
  records,
  CASE WHEN first_source = last_source THEN first_source END AS sourceaddress,
  CASE WHEN first_interface = last_interface THEN first_interface END AS interfaceid,
  dt
FROM (
  SELECT
    destinationaddress,
    sum(numbytes) AS bytes,
    sum(numpackets) AS packets,
    sum(records) AS records,
    min(sourceaddress) AS first_source,
    max(sourceaddress) AS last_source,
    min(interfaceid) AS first_interface,
    max(interfaceid) AS last_interface,
    dt
  FROM traffic_summary
  WHERE dt BETWEEN '{first}' AND '{last}'
    AND action = 'ACCEPT'
    AND coalesce(flow_direction, '-') IN ('egress', '-')
    AND traffic_path IS DISTINCT FROM 1
    AND coalesce(pkt_dst_aws_service, '-') = '-'
    AND (flow_direction = 'egress' OR {private(sourceaddress)})
  GROUP BY destinationaddress, dt
)
WHERE {internet(destinationaddress)}
