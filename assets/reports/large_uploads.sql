-- title: Large uploads to new destinations
-- question: Did much data go to an address of the internet that got none in the 7 days before?
-- note: Each byte counts once, where it leaves the VPC: not where it goes on through a NAT gateway of the VPC
--   (traffic-path 1).
-- reads: traffic_summary, traffic_by_hour
-- history: 7
-- parameter: least = 100000000: how many bytes make a large upload
-- order: bytes desc, destinationaddress
-- chart: bars of bytes by destinationaddress
-- alarm: bytes >= {least}
-- says: {bytes} bytes went to {destinationaddress}, which got none in the days before.
-- columns:
--   destinationaddress string: of the internet
--   service string: whose address it is, if AWS says so
--   bytes bigint
--   records bigint: flow records
--   sourceaddress string: who sent it; NULL if there are several
--   interfaceid string: where it left; NULL if there are several
--   starttime bigint: the first record's start
--   endtime bigint: the last record's end
--   dt string
WITH days AS (
  SELECT dt, lag(dt) OVER (ORDER BY dt) AS day_before
  FROM traffic_by_hour
  WHERE dt BETWEEN '{earliest}' AND '{last}'
  GROUP BY dt
),
uploads AS (
  SELECT
    destinationaddress,
    max(pkt_dst_aws_service) AS service,
    sum(numbytes) AS bytes,
    sum(records) AS records,
    min(sourceaddress) AS first_source,
    max(sourceaddress) AS last_source,
    min(interfaceid) AS first_interface,
    max(interfaceid) AS last_interface,
    min(starttime) AS starttime,
    max(endtime) AS endtime,
    lag(dt) OVER (PARTITION BY destinationaddress ORDER BY dt) AS seen_before,
    dt
  FROM traffic_summary
  WHERE dt BETWEEN '{earliest}' AND '{last}'
    AND action = 'ACCEPT'
    AND coalesce(flow_direction, '-') IN ('egress', '-')
    AND traffic_path IS DISTINCT FROM 1
    AND (flow_direction = 'egress' OR {private(sourceaddress)})
  GROUP BY destinationaddress, dt
)
SELECT
  destinationaddress,
  service,
  bytes,
  records,
  CASE WHEN first_source = last_source THEN first_source END AS sourceaddress,
  CASE WHEN first_interface = last_interface THEN first_interface END AS interfaceid,
  starttime,
  endtime,
  uploads.dt
FROM uploads
JOIN days ON days.dt = uploads.dt
WHERE uploads.dt BETWEEN '{first}' AND '{last}'
  AND bytes >= {least}
  AND {internet(destinationaddress)}
  AND date_diff('day', date(day_before), date(uploads.dt)) <= {history}
  AND (seen_before IS NULL OR date_diff('day', date(seen_before), date(uploads.dt)) > {history})
