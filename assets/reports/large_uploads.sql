-- title: Large uploads to new destinations
-- question: Did much data go to an address of the internet that got none in the 7 days before?
-- note: Each byte counts once, where it leaves the VPC: not where it goes on through a NAT gateway of the VPC
--   (traffic-path 1).
-- reads: traffic_summary, traffic_by_hour
-- history: 7
-- parameter: least = 100000000: how many bytes make a large upload
-- order: total desc, destinationaddress, bytes desc, sourceaddress, interfaceid
-- chart: bars of bytes by destinationaddress, sourceaddress
-- alarm: total >= {least}
-- says: {sourceaddress} sent {bytes} bytes to {destinationaddress}, which got none in the days before.
-- columns:
--   destinationaddress string: of the internet
--   service string: whose address it is, if AWS says so
--   total bigint: all bytes that it got
--   sourceaddress string: who sent them
--   interfaceid string: where they left
--   bytes bigint: how many this source sent
--   records bigint: flow records
--   starttime bigint: the first record's start
--   endtime bigint: the last record's end
--   dt string
WITH days AS (
  SELECT dt, lag(dt) OVER (ORDER BY dt) AS day_before
  FROM traffic_by_hour
  WHERE dt BETWEEN '{earliest}' AND '{last}'
  GROUP BY dt
),
received AS (
  SELECT
    destinationaddress,
    sum(numbytes) AS bytes,
    lag(dt) OVER (PARTITION BY destinationaddress ORDER BY dt) AS seen_before,
    dt
  FROM traffic_summary
  WHERE dt BETWEEN '{earliest}' AND '{last}'
    AND action = 'ACCEPT'
    AND coalesce(flow_direction, '-') IN ('egress', '-')
    AND traffic_path IS DISTINCT FROM 1
    AND (flow_direction = 'egress' OR {private(sourceaddress)})
  GROUP BY destinationaddress, dt
),
new AS (
  SELECT destinationaddress, bytes, received.dt
  FROM received
  JOIN days ON days.dt = received.dt
  WHERE received.dt BETWEEN '{first}' AND '{last}'
    AND bytes >= {least}
    AND {internet(destinationaddress)}
    AND date_diff('day', date(day_before), date(received.dt)) <= {history}
    AND (seen_before IS NULL OR date_diff('day', date(seen_before), date(received.dt)) > {history})
),
sent AS (
  SELECT *
  FROM traffic_summary
  WHERE dt BETWEEN '{first}' AND '{last}'
    AND action = 'ACCEPT'
    AND coalesce(flow_direction, '-') IN ('egress', '-')
    AND traffic_path IS DISTINCT FROM 1
    AND (flow_direction = 'egress' OR {private(sourceaddress)})
)
SELECT
  new.destinationaddress,
  max(pkt_dst_aws_service) AS service,
  max(new.bytes) AS total,
  sourceaddress,
  interfaceid,
  sum(numbytes) AS bytes,
  sum(records) AS records,
  min(starttime) AS starttime,
  max(endtime) AS endtime,
  new.dt
FROM new
JOIN sent ON sent.dt = new.dt AND sent.destinationaddress = new.destinationaddress
GROUP BY new.destinationaddress, sourceaddress, interfaceid, new.dt
