-- source: https://github.com/turbot/tailpipe-mod-aws-vpc-flow-log-detections, detections/vpc_flow_logs.pp and
--   dashboards/activity_dashboard.pp; https://github.com/turbot/tailpipe-plugin-aws,
--   docs/tables/aws_vpc_flow_log/queries.md
-- adapted: from DuckDB's SQL to Athena's (strftime is date_format, no alias in GROUP BY, start_time is
--   from_unixtime(start)); names of tables and columns, constants, layout; ORDER BY tells equal rows apart

-- query: vpc_flow_connection_rejected
SELECT from_unixtime(start) AS timestamp, action, srcaddr, dstaddr, account_id, region, vpc_id
FROM flow_logs
WHERE action = 'REJECT' AND bytes > 0
ORDER BY timestamp DESC

-- query: vpc_flow_connection_skipped
SELECT from_unixtime(start) AS timestamp, log_status, interface_id
FROM flow_logs
WHERE log_status = 'SKIPDATA'
ORDER BY timestamp DESC

-- query: vpc_flow_connection_transferred_with_high_volume
SELECT from_unixtime(start) AS timestamp, srcaddr, dstaddr, bytes
FROM flow_logs
WHERE bytes > 500000 AND action = 'ACCEPT'
ORDER BY bytes DESC, timestamp DESC

-- query: vpc_flow_connection_established_with_ssh
SELECT from_unixtime(start) AS timestamp, srcaddr, dstaddr, bytes
FROM flow_logs
WHERE dstport = 22 AND action = 'ACCEPT'
ORDER BY timestamp DESC

-- query: vpc_flow_connection_established_with_database
SELECT from_unixtime(start) AS timestamp, srcaddr, dstaddr, dstport
FROM flow_logs
WHERE dstport IN (3306, 5432, 1433, 1521, 27017, 6379, 9042) AND action = 'ACCEPT'
ORDER BY timestamp DESC

-- query: vpc_flow_connection_established_with_unusual_protocol
SELECT from_unixtime(start) AS timestamp, srcaddr, dstaddr, protocol
FROM flow_logs
WHERE protocol NOT IN (6, 17, 1) AND action = 'ACCEPT'
ORDER BY timestamp DESC

-- query: vpc_flow_connection_transferred_with_high_packet_count
SELECT from_unixtime(start) AS timestamp, srcaddr, dstaddr, packets
FROM flow_logs
WHERE packets > 100 AND action = 'ACCEPT'
ORDER BY packets DESC, timestamp DESC

-- query: vpc_flow_connection_established_with_icmp
SELECT from_unixtime(start) AS timestamp, srcaddr, dstaddr FROM flow_logs WHERE protocol = 1 ORDER BY timestamp DESC

-- query: vpc_flow_connection_established_with_ephemeral_ports
SELECT from_unixtime(start) AS timestamp, srcaddr, dstaddr, dstport
FROM flow_logs
WHERE dstport > 49000 AND dstport < 65535 AND action = 'ACCEPT'
ORDER BY timestamp DESC

-- query: vpc_flow_connection_established_with_non_standard_web_ports
SELECT from_unixtime(start) AS timestamp, srcaddr, dstaddr, dstport
FROM flow_logs
WHERE dstport NOT IN (80, 443, 8443)
  AND action = 'ACCEPT'
  AND (dstport BETWEEN 7000 AND 9000 OR dstport BETWEEN 3000 AND 5000 OR dstport IN (81, 591, 2080, 2443, 9080, 9443))
ORDER BY timestamp DESC

-- query: vpc_flow_connection_established_with_internet
SELECT from_unixtime(start) AS timestamp, srcaddr, dstaddr
FROM flow_logs
WHERE flow_direction = 'egress' AND action = 'ACCEPT'
  AND (dstaddr NOT LIKE '10.%' AND (dstaddr NOT BETWEEN '172.16.0.0' AND '172.31.255.255')
    AND dstaddr NOT LIKE '192.168.%')
  AND dstaddr NOT LIKE '169.254.%'
  AND dstaddr NOT LIKE 'fc00:%'
  AND dstaddr NOT LIKE 'fd00:%'
ORDER BY timestamp DESC

-- query: vpc_flow_log_total_logs
SELECT count(*) AS "Total Logs" FROM flow_logs

-- query: vpc_flow_log_total_volume_in_bytes
SELECT sum(bytes) AS "Total Bytes" FROM flow_logs

-- query: vpc_flow_log_accepted_vs_rejected
WITH time_series AS (
  SELECT date_trunc('day', from_unixtime(start)) AS day,
    count(*) FILTER (WHERE action = 'ACCEPT') AS accepted,
    count(*) FILTER (WHERE action = 'REJECT') AS rejected
  FROM flow_logs
  GROUP BY 1
  ORDER BY 1
)
SELECT day, accepted, rejected FROM time_series ORDER BY day

-- query: vpc_flow_log_top_ips_by_traffic
SELECT srcaddr AS "Source IP", count(*) AS "Connections", sum(bytes) AS "Total Bytes", sum(packets) AS "Total Packets",
  max(from_unixtime(start)) AS "Last Seen"
FROM flow_logs
WHERE srcaddr IS NOT NULL
GROUP BY srcaddr
ORDER BY "Connections" DESC, "Source IP"
LIMIT 10

-- query: vpc_flow_log_top_packet_transfers
SELECT srcaddr AS "Source IP", dstaddr AS "Destination IP", sum(packets) AS "Total Packets", sum(bytes) AS "Total Bytes",
  count(*) AS "Connections", max(from_unixtime(start)) AS "Last Seen"
FROM flow_logs
WHERE srcaddr <> '-' AND dstaddr <> '-'
GROUP BY srcaddr, dstaddr
ORDER BY "Total Packets" DESC, "Source IP", "Destination IP"
LIMIT 10

-- query: vpc_flow_log_traffic_by_protocol
SELECT
  CASE WHEN protocol = 1 THEN 'ICMP' WHEN protocol = 6 THEN 'TCP' WHEN protocol = 17 THEN 'UDP' ELSE 'Other' END
    AS protocol,
  count(*) AS "Connections"
FROM flow_logs
WHERE protocol IS NOT NULL
GROUP BY CASE WHEN protocol = 1 THEN 'ICMP' WHEN protocol = 6 THEN 'TCP' WHEN protocol = 17 THEN 'UDP' ELSE 'Other' END
ORDER BY "Connections" DESC

-- query: vpc_flow_log_egress_path_analysis
SELECT CASE traffic_path WHEN 1 THEN 'Another Resource in the Same VPC' WHEN 2 THEN 'Internet Gateway or Gateway Endpoint'
    WHEN 3 THEN 'Virtual Private Gateway' WHEN 8 THEN 'Internet Gateway' ELSE 'Other/Unknown' END AS "Path Type",
  count(*) AS "Connections"
FROM flow_logs
WHERE flow_direction = 'egress' AND traffic_path IS NOT NULL
GROUP BY traffic_path
ORDER BY "Connections" DESC, "Path Type"

-- query: daily network traffic trends
SELECT date_format(from_unixtime(start), '%Y-%m-%d') AS traffic_date, count(*) AS request_count
FROM flow_logs
GROUP BY date_format(from_unixtime(start), '%Y-%m-%d')
ORDER BY traffic_date ASC

-- query: suspicious traffic from external addresses
SELECT from_unixtime(start) AS start_time, srcaddr, dstaddr, action, protocol, region, vpc_id
FROM flow_logs
WHERE flow_direction = 'ingress'
  AND (srcaddr NOT LIKE '10.%' AND srcaddr NOT LIKE '192.168.%'
    AND (srcaddr < '172.16.0.0' OR srcaddr > '172.31.255.255')
    AND srcaddr NOT LIKE '169.254.%' AND srcaddr NOT LIKE '127.%')
ORDER BY start_time DESC

-- query: paths with many packets of few bytes
SELECT from_unixtime(start) AS start_time, srcaddr, dstaddr, packets, bytes, protocol
FROM flow_logs
WHERE packets > 50 AND bytes < 50000
ORDER BY start_time DESC

-- query: sources with many records in a minute
SELECT srcaddr, count(*) AS request_count, date_trunc('minute', from_unixtime(start)) AS request_minute
FROM flow_logs
GROUP BY srcaddr, date_trunc('minute', from_unixtime(start))
HAVING count(*) > 0
ORDER BY request_count DESC, request_minute, srcaddr

-- query: traffic outside of business hours
SELECT from_unixtime(start) AS start_time, srcaddr, dstaddr, srcport, dstport, protocol
FROM flow_logs
WHERE extract(hour FROM from_unixtime(start)) >= 20 OR extract(hour FROM from_unixtime(start)) < 6
ORDER BY start_time DESC
-- in SQLite:
SELECT from_unixtime(start), srcaddr, dstaddr, srcport, dstport, protocol
FROM flow_logs
WHERE start % 86400 / 3600 >= 20 OR start % 86400 / 3600 < 6
ORDER BY start DESC

-- query: traffic of one instance
SELECT from_unixtime(start) AS start_time, srcaddr, dstaddr, instance_id, action
FROM flow_logs
WHERE instance_id = 'i-0000000000000002'
ORDER BY start_time DESC
