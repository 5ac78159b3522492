-- source: https://oneuptime.com/blog, "How to Analyze VPC Flow Logs with Athena" and "How to Use Athena with VPC Flow
--   Logs" (2026)
-- adapted: names of tables and columns, constants, lower thresholds, layout; ORDER BY tells equal rows apart

-- query: sources with the most rejected records
-- adapted: a constant day instead of the current one
SELECT srcaddr, COUNT(*) AS reject_count, SUM(bytes) AS total_bytes, COUNT(DISTINCT dstport) AS unique_ports_targeted,
  COUNT(DISTINCT dstaddr) AS unique_destinations
FROM flow_logs
WHERE dt >= date_format(date_add('day', -5, date '2024-03-08'), '%Y-%m-%d') AND action = 'REJECT'
GROUP BY srcaddr
ORDER BY reject_count DESC, srcaddr
LIMIT 20
-- in SQLite:
SELECT srcaddr, COUNT(*), SUM(bytes), COUNT(DISTINCT dstport), COUNT(DISTINCT dstaddr)
FROM flow_logs
WHERE dt >= '2024-03-03' AND action = 'REJECT'
GROUP BY srcaddr
ORDER BY 2 DESC, 1
LIMIT 20

-- query: port scanners
SELECT srcaddr, COUNT(DISTINCT dstport) AS ports_scanned, COUNT(DISTINCT dstaddr) AS targets,
  MIN(from_unixtime(start)) AS first_seen, MAX(from_unixtime(start)) AS last_seen
FROM flow_logs
WHERE dt = '2024-03-05' AND action = 'REJECT'
GROUP BY srcaddr
HAVING COUNT(DISTINCT dstport) > 1
ORDER BY ports_scanned DESC, srcaddr

-- query: large transfers to the outside
SELECT srcaddr, dstaddr, SUM(bytes) / 1024 / 1024 AS megabytes_transferred, COUNT(*) AS flow_count,
  MIN(from_unixtime(start)) AS first_flow, MAX(from_unixtime(start)) AS last_flow
FROM flow_logs
WHERE action = 'ACCEPT' AND srcaddr LIKE '10.%'
  AND NOT (dstaddr LIKE '10.%' OR dstaddr LIKE '172.16.%' OR dstaddr LIKE '192.168.%')
GROUP BY srcaddr, dstaddr
HAVING SUM(bytes) > 100000 -- more than 100 kB
ORDER BY megabytes_transferred DESC, srcaddr, dstaddr
LIMIT 25

-- query: each day's traffic in GB
-- adapted: two divisions instead of three, so that the small data is not all zero
SELECT dt, action, COUNT(*) AS flow_count, SUM(packets) AS total_packets, ROUND(SUM(bytes) / 1024.0 / 1024.0, 2) AS total
FROM flow_logs
GROUP BY dt, action
ORDER BY dt DESC, action
-- in SQLite:
SELECT dt, action, COUNT(*), SUM(packets), dec_round(dec_div(dec_div(SUM(bytes), '1024.0'), '1024.0'), 2)
FROM flow_logs
GROUP BY dt, action
ORDER BY dt DESC, action

-- query: distribution of protocols
SELECT CASE protocol WHEN 6 THEN 'TCP' WHEN 17 THEN 'UDP' WHEN 1 THEN 'ICMP' ELSE CAST(protocol AS VARCHAR) END
    AS protocol_name,
  COUNT(*) AS flow_count, SUM(packets) AS total_packets, ROUND(SUM(bytes) / 1024.0 / 1024.0, 2) AS total_mb
FROM flow_logs
WHERE dt = '2024-03-05'
GROUP BY protocol
ORDER BY total_mb DESC, protocol_name
-- in SQLite:
SELECT CASE protocol WHEN 6 THEN 'TCP' WHEN 17 THEN 'UDP' WHEN 1 THEN 'ICMP' ELSE CAST(protocol AS TEXT) END,
  COUNT(*), SUM(packets), dec_round(dec_div(dec_div(SUM(bytes), '1024.0'), '1024.0'), 2) AS total_mb
FROM flow_logs
WHERE dt = '2024-03-05'
GROUP BY protocol
ORDER BY dec_key(total_mb) DESC NULLS LAST, 1 NULLS LAST

-- query: pairs and ports with the most traffic
SELECT srcaddr, dstaddr, dstport, ROUND(SUM(bytes) / 1024.0 / 1024.0, 2) AS mb_transferred, COUNT(*) AS flow_count
FROM flow_logs
WHERE action = 'ACCEPT'
GROUP BY srcaddr, dstaddr, dstport
ORDER BY mb_transferred DESC, srcaddr, dstaddr, dstport
LIMIT 20
-- in SQLite:
SELECT srcaddr, dstaddr, dstport, dec_round(dec_div(dec_div(SUM(bytes), '1024.0'), '1024.0'), 2) AS mb, COUNT(*)
FROM flow_logs
WHERE action = 'ACCEPT'
GROUP BY srcaddr, dstaddr, dstport
ORDER BY dec_key(mb) DESC NULLS LAST, srcaddr, dstaddr, dstport NULLS LAST
LIMIT 20

-- query: a view of rejected traffic
CREATE OR REPLACE VIEW rejected_traffic AS
SELECT from_unixtime(start) AS event_time, srcaddr, dstaddr, dstport,
  CASE protocol WHEN 6 THEN 'TCP' WHEN 17 THEN 'UDP' ELSE CAST(protocol AS VARCHAR) END AS protocol_name, packets, dt
FROM flow_logs
WHERE action = 'REJECT' AND log_status = 'OK';
SELECT event_time, srcaddr, dstport, protocol_name, packets FROM rejected_traffic WHERE dt = '2024-03-03'
-- in SQLite:
SELECT from_unixtime(start), srcaddr, dstport,
  CASE protocol WHEN 6 THEN 'TCP' WHEN 17 THEN 'UDP' ELSE CAST(protocol AS TEXT) END, packets
FROM flow_logs
WHERE action = 'REJECT' AND log_status = 'OK' AND dt = '2024-03-03'

-- query: protocol numbers as names
SELECT srcaddr, dstaddr, dstport,
  CASE protocol WHEN 6 THEN 'TCP' WHEN 17 THEN 'UDP' WHEN 1 THEN 'ICMP' ELSE CAST(protocol AS VARCHAR) END
    AS protocol_name,
  action, SUM(bytes) AS total_bytes, SUM(packets) AS total_packets
FROM flow_logs
WHERE dt = '2024-03-04'
GROUP BY srcaddr, dstaddr, dstport, protocol, action
ORDER BY total_bytes DESC, srcaddr, dstaddr, protocol_name, action
LIMIT 50

-- query: traffic by port
SELECT dstport, CASE protocol WHEN 6 THEN 'TCP' WHEN 17 THEN 'UDP' ELSE CAST(protocol AS VARCHAR) END AS proto,
  COUNT(*) AS connection_count, SUM(bytes) / 1024 / 1024 AS total_mb, COUNT(DISTINCT srcaddr) AS unique_sources
FROM flow_logs
WHERE action = 'ACCEPT'
GROUP BY dstport, protocol
ORDER BY connection_count DESC, dstport, proto
LIMIT 30

-- query: bandwidth by hour
SELECT FROM_UNIXTIME(start - (start % 3600)) AS hour, SUM(bytes) / 1024 / 1024 AS total_mb,
  SUM(packets) AS total_packets, COUNT(DISTINCT srcaddr) AS unique_sources
FROM flow_logs
WHERE dt = '2024-03-06'
GROUP BY start - (start % 3600)
ORDER BY hour

-- query: scans of one destination
SELECT srcaddr, dstaddr, COUNT(DISTINCT dstport) AS unique_ports_targeted, MIN(dstport) AS min_port,
  MAX(dstport) AS max_port, COUNT(*) AS total_flows
FROM flow_logs
WHERE protocol = 6 -- TCP
  AND action = 'REJECT'
GROUP BY srcaddr, dstaddr
HAVING COUNT(DISTINCT dstport) > 2
ORDER BY unique_ports_targeted DESC, srcaddr, dstaddr

-- query: unexpected ports of destinations outside
SELECT srcaddr, dstaddr, dstport, SUM(bytes) / 1024 AS total_kb, SUM(packets) AS total_packets, COUNT(*) AS flow_count
FROM flow_logs
WHERE action = 'ACCEPT' AND protocol = 6 AND dstport NOT IN (80, 443, 22, 53, 123, 3306)
  AND srcaddr LIKE '10.%' AND NOT dstaddr LIKE '10.%'
GROUP BY srcaddr, dstaddr, dstport
ORDER BY total_kb DESC, srcaddr, dstaddr, dstport
LIMIT 50

-- query: SSH and RDP
SELECT srcaddr, dstaddr, dstport, action, SUM(bytes) / 1024 AS total_kb, COUNT(*) AS connection_count,
  MIN(FROM_UNIXTIME(start)) AS first_seen, MAX(FROM_UNIXTIME("end")) AS last_seen
FROM flow_logs
WHERE dt >= '2024-03-02' AND dt <= '2024-03-06' AND dstport IN (22, 3389)
GROUP BY srcaddr, dstaddr, dstport, action
ORDER BY connection_count DESC, srcaddr, dstaddr, dstport, action

-- query: records of one interface
SELECT FROM_UNIXTIME(start) AS time, srcaddr, dstaddr, srcport,
  CASE protocol WHEN 6 THEN 'TCP' WHEN 17 THEN 'UDP' ELSE CAST(protocol AS VARCHAR) END AS proto, action, packets, bytes
FROM flow_logs
WHERE interface_id = 'eni-2'
ORDER BY start DESC
LIMIT 200

-- query: traffic without an answer
-- adapted: no LIMIT, since any rows would do
WITH outbound AS (
  SELECT srcaddr, dstaddr, dstport, protocol
  FROM flow_logs
  WHERE srcaddr LIKE '10.0.1.%' AND action = 'ACCEPT'
),
inbound AS (
  SELECT srcaddr, dstaddr, srcport, protocol
  FROM flow_logs
  WHERE dstaddr LIKE '10.0.1.%' AND action = 'ACCEPT'
)
SELECT DISTINCT o.srcaddr AS source, o.dstaddr AS destination, o.dstport AS port, o.protocol
FROM outbound o
LEFT JOIN inbound i ON o.srcaddr = i.dstaddr AND o.dstaddr = i.srcaddr AND o.protocol = i.protocol
WHERE i.srcaddr IS NULL
