-- source: "Athena Incident Response & Investigation Query Cheatsheet", Markdown in a public repository on GitHub
-- adapted: "end" is quoted, since Athena does not parse it otherwise; names of tables and columns, constants, lower
--   thresholds, fewer private ranges, layout; ORDER BY tells equal rows apart

-- query: an overview of a time frame
-- adapted: to_unixtime instead of unix_timestamp, which Athena does not have
SELECT srcaddr, dstaddr, dstport, protocol, action, COUNT(*) AS connection_count, SUM(bytes) AS total_bytes
FROM flow_logs
WHERE dt BETWEEN '2024-03-03' AND '2024-03-04'
  AND start >= to_unixtime(TIMESTAMP '2024-03-03 06:00:00')
  AND "end" <= to_unixtime(TIMESTAMP '2024-03-04 12:00:00')
GROUP BY srcaddr, dstaddr, dstport, protocol, action
ORDER BY total_bytes DESC, srcaddr, dstaddr, dstport, protocol, action
LIMIT 100
-- in SQLite:
SELECT srcaddr, dstaddr, dstport, protocol, action, COUNT(*), SUM(bytes)
FROM flow_logs
WHERE dt IN ('2024-03-03', '2024-03-04')
  AND from_unixtime(start) >= '2024-03-03 06:00:00.000' AND from_unixtime("end") <= '2024-03-04 12:00:00.000'
GROUP BY 1, 2, 3, 4, 5
ORDER BY 7 DESC, 1, 2, 3 NULLS LAST, 4 NULLS LAST, 5
LIMIT 100

-- query: the same with a function that Athena does not have
-- Athena: FUNCTION_NOT_FOUND
SELECT count(*) FROM flow_logs WHERE start >= UNIX_TIMESTAMP(TIMESTAMP '2024-03-03 06:00:00')

-- query: the same with a reserved word as a column
-- Athena: SYNTAX_ERROR
SELECT FROM_UNIXTIME(start) AS start_time, FROM_UNIXTIME(end) AS end_time FROM flow_logs

-- query: all activity of a suspicious address
SELECT FROM_UNIXTIME(start) AS start_time, FROM_UNIXTIME("end") AS end_time, srcaddr, dstaddr, srcport, dstport, protocol,
  action, bytes, packets, interface_id
FROM flow_logs
WHERE dt BETWEEN '2024-03-01' AND '2024-03-05' AND (srcaddr = '203.0.113.10' OR dstaddr = '203.0.113.10')
ORDER BY start

-- query: internal addresses that talked with a malicious one
SELECT DISTINCT
  CASE WHEN srcaddr = '203.0.113.10' THEN dstaddr WHEN dstaddr = '203.0.113.10' THEN srcaddr END AS internal_ip,
  COUNT(*) AS connection_count, SUM(bytes) AS total_bytes, MIN(FROM_UNIXTIME(start)) AS first_seen,
  MAX(FROM_UNIXTIME("end")) AS last_seen
FROM flow_logs
WHERE (srcaddr = '203.0.113.10' OR dstaddr = '203.0.113.10')
GROUP BY CASE WHEN srcaddr = '203.0.113.10' THEN dstaddr WHEN dstaddr = '203.0.113.10' THEN srcaddr END
ORDER BY connection_count DESC, internal_ip

-- query: the share of rejected records
SELECT srcaddr, dstaddr, dstport, SUM(CASE WHEN action = 'ACCEPT' THEN 1 ELSE 0 END) AS accepted,
  SUM(CASE WHEN action = 'REJECT' THEN 1 ELSE 0 END) AS rejected,
  ROUND(CAST(SUM(CASE WHEN action = 'REJECT' THEN 1 ELSE 0 END) AS DOUBLE) / CAST(COUNT(*) AS DOUBLE) * 100, 2)
    AS reject_percentage
FROM flow_logs
GROUP BY srcaddr, dstaddr, dstport
HAVING COUNT(*) > 2
ORDER BY rejected DESC, srcaddr, dstaddr, dstport
LIMIT 50

-- query: port scans with the ports
SELECT srcaddr, dstaddr, COUNT(DISTINCT dstport) AS unique_ports_scanned, COUNT(*) AS total_attempts,
  MIN(FROM_UNIXTIME(start)) AS scan_start, ARRAY_AGG(DISTINCT dstport ORDER BY dstport) AS ports_targeted
FROM flow_logs
WHERE protocol = 6 -- TCP
GROUP BY srcaddr, dstaddr
HAVING COUNT(DISTINCT dstport) > 2
ORDER BY unique_ports_scanned DESC, srcaddr, dstaddr
LIMIT 50
-- in SQLite:
SELECT srcaddr, dstaddr, COUNT(DISTINCT dstport), COUNT(*), MIN(FROM_UNIXTIME(start)), array_agg(DISTINCT dstport)
FROM flow_logs
WHERE protocol = 6
GROUP BY srcaddr, dstaddr
HAVING COUNT(DISTINCT dstport) > 2
ORDER BY 3 DESC, srcaddr, dstaddr
LIMIT 50

-- query: sweeps over hosts
SELECT srcaddr, dstport, COUNT(DISTINCT dstaddr) AS unique_hosts_scanned, COUNT(*) AS total_attempts,
  MAX(FROM_UNIXTIME("end")) AS sweep_end
FROM flow_logs
WHERE protocol = 6
GROUP BY srcaddr, dstport
HAVING COUNT(DISTINCT dstaddr) > 1
ORDER BY unique_hosts_scanned DESC, srcaddr, dstport
LIMIT 50

-- query: attempts in a second
SELECT srcaddr, dstaddr, dstport, COUNT(*) AS attempts, (MAX("end") - MIN(start)) AS duration_seconds,
  ROUND(CAST(COUNT(*) AS DOUBLE) / CAST((MAX("end") - MIN(start)) AS DOUBLE), 6) AS attempts_per_second
FROM flow_logs
GROUP BY srcaddr, dstaddr, dstport
HAVING COUNT(*) > 2 AND (MAX("end") - MIN(start)) > 0
ORDER BY attempts_per_second DESC, srcaddr, dstaddr, dstport
LIMIT 50

-- query: uncommon ports
SELECT srcaddr, dstaddr, dstport, protocol, COUNT(*) AS connection_count, SUM(bytes) AS total_bytes, action
FROM flow_logs
WHERE dstport NOT IN (20, 21, 22, 23, 25, 53, 80, 110, 143, 443, 3306, 3389, 5432) AND dstport < 10240
GROUP BY srcaddr, dstaddr, dstport, protocol, action
ORDER BY total_bytes DESC, srcaddr, dstaddr, dstport, protocol, action
LIMIT 100

-- query: lateral movement by administrative protocols
SELECT FROM_UNIXTIME(start) AS timestamp, srcaddr AS source_host, dstaddr AS destination_host, dstport,
  CASE WHEN dstport = 22 THEN 'SSH' WHEN dstport = 3389 THEN 'RDP' WHEN dstport = 445 THEN 'SMB' END AS protocol_name,
  action, bytes, packets
FROM flow_logs
WHERE dstport IN (22, 135, 445, 3389, 5985) AND srcaddr LIKE '10.%' AND dstaddr LIKE '10.%' AND srcaddr != dstaddr
ORDER BY start

-- query: pairs of hosts
WITH host_pairs AS (
  SELECT srcaddr, dstaddr, COUNT(*) AS connection_count, SUM(bytes) AS total_bytes,
    MIN(FROM_UNIXTIME(start)) AS first_connection
  FROM flow_logs
  WHERE srcaddr LIKE '10.%' AND dstaddr LIKE '10.%'
  GROUP BY srcaddr, dstaddr
)
SELECT *
FROM host_pairs
WHERE connection_count > 1
ORDER BY total_bytes DESC, srcaddr, dstaddr
LIMIT 50

-- query: pivots
SELECT srcaddr AS potential_pivot_host, COUNT(DISTINCT dstaddr) AS unique_destinations, COUNT(*) AS total_connections,
  ARRAY_AGG(DISTINCT dstport ORDER BY dstport) AS ports_used, MIN(FROM_UNIXTIME(start)) AS activity_start
FROM flow_logs
WHERE srcaddr LIKE '10.%' AND dstaddr LIKE '10.%'
GROUP BY srcaddr
HAVING COUNT(DISTINCT dstaddr) > 2
ORDER BY unique_destinations DESC, potential_pivot_host
LIMIT 50
-- in SQLite:
SELECT srcaddr, COUNT(DISTINCT dstaddr), COUNT(*), array_agg(DISTINCT dstport), MIN(FROM_UNIXTIME(start))
FROM flow_logs
WHERE srcaddr LIKE '10.%' AND dstaddr LIKE '10.%'
GROUP BY srcaddr
HAVING COUNT(DISTINCT dstaddr) > 2
ORDER BY 2 DESC, 1
LIMIT 50

-- query: large transfers to addresses outside
SELECT FROM_UNIXTIME(start) AS timestamp, srcaddr AS internal_host, dstaddr AS external_ip, bytes,
  ROUND(bytes / 1024.0 / 1024.0, 2) AS megabytes_transferred, ("end" - start) AS duration_seconds
FROM flow_logs
WHERE srcaddr LIKE '10.%'
  AND NOT (dstaddr LIKE '10.%' OR dstaddr LIKE '172.16.%' OR dstaddr LIKE '172.17.%' OR dstaddr LIKE '192.168.%')
  AND bytes > 1048 AND action = 'ACCEPT'
ORDER BY bytes DESC, timestamp
LIMIT 100
-- in SQLite:
SELECT FROM_UNIXTIME(start), srcaddr, dstaddr, bytes, dec_round(dec_div(dec_div(bytes, '1024.0'), '1024.0'), 2),
  "end" - start
FROM flow_logs
WHERE srcaddr LIKE '10.%'
  AND NOT (dstaddr LIKE '10.%' OR dstaddr LIKE '172.16.%' OR dstaddr LIKE '172.17.%' OR dstaddr LIKE '192.168.%')
  AND bytes > 1048 AND action = 'ACCEPT'
ORDER BY bytes DESC, start
LIMIT 100

-- query: hosts that send more than they receive
WITH traffic_summary AS (
  SELECT interface_id,
    CASE WHEN srcaddr LIKE '10.%' THEN srcaddr WHEN dstaddr LIKE '10.%' THEN dstaddr END AS internal_ip,
    SUM(CASE WHEN srcaddr LIKE '10.%' THEN bytes ELSE 0 END) AS bytes_sent,
    SUM(CASE WHEN dstaddr LIKE '10.%' THEN bytes ELSE 0 END) AS bytes_received
  FROM flow_logs
  WHERE (srcaddr LIKE '10.%' OR dstaddr LIKE '10.%')
  GROUP BY interface_id, CASE WHEN srcaddr LIKE '10.%' THEN srcaddr WHEN dstaddr LIKE '10.%' THEN dstaddr END
)
SELECT internal_ip, interface_id, ROUND(bytes_sent / 1024.0 / 1024.0, 2) AS mb_sent,
  ROUND(bytes_received / 1024.0 / 1024.0, 2) AS mb_received,
  ROUND(CAST(bytes_sent AS DOUBLE) / NULLIF(CAST(bytes_received AS DOUBLE), 0), 2) AS upload_download_ratio
FROM traffic_summary
WHERE bytes_sent > 1000 AND bytes_sent * 3 > bytes_received
ORDER BY bytes_sent DESC, internal_ip, interface_id
LIMIT 50
-- in SQLite:
WITH traffic_summary AS (
  SELECT interface_id, iif(srcaddr LIKE '10.%', srcaddr, dstaddr) AS internal_ip,
    SUM(iif(srcaddr LIKE '10.%', bytes, 0)) AS bytes_sent, SUM(iif(dstaddr LIKE '10.%', bytes, 0)) AS bytes_received
  FROM flow_logs
  WHERE srcaddr LIKE '10.%' OR dstaddr LIKE '10.%'
  GROUP BY 1, 2
)
SELECT internal_ip, interface_id, dec_round(dec_div(dec_div(bytes_sent, '1024.0'), '1024.0'), 2),
  dec_round(dec_div(dec_div(bytes_received, '1024.0'), '1024.0'), 2),
  round(CAST(bytes_sent AS REAL) / nullif(bytes_received, 0), 2)
FROM traffic_summary
WHERE bytes_sent > 1000 AND bytes_sent * 3 > bytes_received
ORDER BY bytes_sent DESC, internal_ip, interface_id
LIMIT 50

-- query: long connections
SELECT FROM_UNIXTIME(start) AS start_time, ("end" - start) AS duration_seconds,
  ROUND(("end" - start) / 60.0, 2) AS duration_minutes, srcaddr AS internal_host, dstaddr AS external_host
FROM flow_logs
WHERE srcaddr LIKE '10.%' AND ("end" - start) > 100 AND action = 'ACCEPT'
ORDER BY duration_seconds DESC, start_time
LIMIT 50
-- in SQLite:
SELECT FROM_UNIXTIME(start), "end" - start, dec_round(dec_div("end" - start, '60.0'), 2), srcaddr, dstaddr
FROM flow_logs
WHERE srcaddr LIKE '10.%' AND "end" - start > 100 AND action = 'ACCEPT'
ORDER BY 2 DESC, start
LIMIT 50

-- query: transfers outside of business hours
SELECT FROM_UNIXTIME(start) AS timestamp, HOUR(FROM_UNIXTIME(start)) AS hour_of_day, srcaddr, dstaddr,
  ROUND(bytes / 1024.0 / 1024.0, 2) AS megabytes
FROM flow_logs
WHERE srcaddr LIKE '10.%' AND (HOUR(FROM_UNIXTIME(start)) < 6 OR HOUR(FROM_UNIXTIME(start)) > 20) AND bytes > 1000
  AND action = 'ACCEPT'
ORDER BY bytes DESC, timestamp
-- in SQLite:
SELECT FROM_UNIXTIME(start), start % 86400 / 3600 AS h, srcaddr, dstaddr,
  dec_round(dec_div(dec_div(bytes, '1024.0'), '1024.0'), 2)
FROM flow_logs
WHERE srcaddr LIKE '10.%' AND h NOT BETWEEN 6 AND 20 AND bytes > 1000 AND action = 'ACCEPT'
ORDER BY bytes DESC, start

-- query: first and last activity in both directions
SELECT 'Outbound' AS direction, MIN(FROM_UNIXTIME(start)) AS first_activity, MAX(FROM_UNIXTIME("end")) AS last_activity,
  COUNT(*) AS total_connections, COUNT(DISTINCT dstaddr) AS unique_destinations, SUM(bytes) AS total_bytes
FROM flow_logs
WHERE srcaddr = '10.0.1.50'
UNION ALL
SELECT 'Inbound' AS direction, MIN(FROM_UNIXTIME(start)) AS first_activity, MAX(FROM_UNIXTIME("end")) AS last_activity,
  COUNT(*) AS total_connections, COUNT(DISTINCT srcaddr) AS unique_sources, SUM(bytes) AS total_bytes
FROM flow_logs
WHERE dstaddr = '10.0.1.50'

-- query: addresses outside that a host talked with
SELECT dstaddr AS external_ip, COUNT(*) AS connection_count, ROUND(SUM(bytes) / 1024.0 / 1024.0, 2) AS total_mb,
  ARRAY_AGG(DISTINCT dstport ORDER BY dstport) AS ports_contacted, MIN(FROM_UNIXTIME(start)) AS first_contact
FROM flow_logs
WHERE srcaddr = '10.0.1.50' AND NOT (dstaddr LIKE '10.%' OR dstaddr LIKE '192.168.%')
GROUP BY dstaddr
ORDER BY connection_count DESC, dstaddr
-- in SQLite:
SELECT dstaddr, COUNT(*), dec_round(dec_div(dec_div(SUM(bytes), '1024.0'), '1024.0'), 2), array_agg(DISTINCT dstport),
  MIN(FROM_UNIXTIME(start))
FROM flow_logs
WHERE srcaddr = '10.0.1.50' AND dstaddr NOT LIKE '10.%' AND dstaddr NOT LIKE '192.168.%'
GROUP BY dstaddr
ORDER BY 2 DESC, 1

-- query: a timeline by hour
SELECT DATE_FORMAT(FROM_UNIXTIME(start), '%Y-%m-%d %H:00') AS hour, COUNT(*) AS flow_count,
  COUNT(DISTINCT srcaddr) AS unique_sources, SUM(bytes) AS total_bytes,
  ROUND(SUM(bytes) / 1024.0 / 1024.0, 2) AS total_mb,
  SUM(CASE WHEN action = 'ACCEPT' THEN 1 ELSE 0 END) AS accepted_flows
FROM flow_logs
WHERE dt BETWEEN '2024-03-02' AND '2024-03-03'
GROUP BY DATE_FORMAT(FROM_UNIXTIME(start), '%Y-%m-%d %H:00')
ORDER BY hour
-- in SQLite:
SELECT DATE_FORMAT(FROM_UNIXTIME(start), '%Y-%m-%d %H:00') AS hour, COUNT(*), COUNT(DISTINCT srcaddr), SUM(bytes),
  dec_round(dec_div(dec_div(SUM(bytes), '1024.0'), '1024.0'), 2), sum(action = 'ACCEPT')
FROM flow_logs
WHERE dt BETWEEN '2024-03-02' AND '2024-03-03'
GROUP BY 1
ORDER BY hour

-- query: a timeline by minute
SELECT DATE_FORMAT(FROM_UNIXTIME(start), '%Y-%m-%d %H:%i') AS minute, COUNT(*) AS flow_count, SUM(bytes) AS total_bytes
FROM flow_logs
WHERE dt = '2024-03-05'
GROUP BY DATE_FORMAT(FROM_UNIXTIME(start), '%Y-%m-%d %H:%i')
ORDER BY minute

-- query: windows of five minutes
WITH suspicious_windows AS (
  SELECT srcaddr, FLOOR(start / 300) * 300 AS time_window, COUNT(DISTINCT dstport) AS unique_ports,
    COUNT(*) AS connection_attempts, SUM(CASE WHEN action = 'REJECT' THEN 1 ELSE 0 END) AS rejected_count
  FROM flow_logs
  WHERE srcaddr LIKE '10.%'
  GROUP BY srcaddr, FLOOR(start / 300)
)
SELECT FROM_UNIXTIME(time_window) AS window_start, srcaddr, unique_ports, connection_attempts, rejected_count
FROM suspicious_windows
WHERE unique_ports > 1 OR rejected_count > 0
ORDER BY time_window, rejected_count DESC, srcaddr

-- query: floods of small packets
SELECT dstaddr AS target, dstport, COUNT(*) AS connection_attempts, AVG(packets) AS avg_packets, AVG(bytes) AS avg_bytes,
  AVG("end" - start) AS avg_duration, COUNT(DISTINCT srcaddr) AS unique_sources
FROM flow_logs
WHERE protocol = 6 AND packets < 50 AND ("end" - start) < 500
GROUP BY dstaddr, dstport
HAVING COUNT(*) > 1
ORDER BY connection_attempts DESC, target, dstport

-- query: amplification
WITH outbound AS (
  SELECT srcaddr AS internal_host, dstaddr AS external_host, SUM(bytes) AS bytes_sent
  FROM flow_logs
  WHERE srcaddr LIKE '10.%'
  GROUP BY srcaddr, dstaddr
),
inbound AS (
  SELECT dstaddr AS internal_host, srcaddr AS external_host, SUM(bytes) AS bytes_received
  FROM flow_logs
  WHERE dstaddr LIKE '10.%'
  GROUP BY dstaddr, srcaddr
)
SELECT o.internal_host, o.external_host, o.bytes_sent, i.bytes_received,
  ROUND(CAST(i.bytes_received AS DOUBLE) / NULLIF(CAST(o.bytes_sent AS DOUBLE), 0), 2) AS amplification_factor
FROM outbound o
INNER JOIN inbound i ON o.internal_host = i.internal_host AND o.external_host = i.external_host
WHERE i.bytes_received > o.bytes_sent * 2
ORDER BY amplification_factor DESC, o.internal_host, o.external_host

-- query: volume of DNS
SELECT srcaddr AS internal_host, dstaddr AS dns_server, COUNT(*) AS dns_queries, SUM(bytes) AS total_bytes,
  ROUND(SUM(bytes) / 1024.0, 2) AS total_kb, AVG(bytes) AS avg_query_size
FROM flow_logs
WHERE dstport = 53 AND protocol = 17
GROUP BY srcaddr, dstaddr
HAVING SUM(bytes) > 1000 OR COUNT(*) > 10000
ORDER BY total_bytes DESC, internal_host, dns_server
-- in SQLite:
SELECT srcaddr, dstaddr, COUNT(*), SUM(bytes), dec_round(dec_div(SUM(bytes), '1024.0'), 2), AVG(bytes)
FROM flow_logs
WHERE dstport = 53 AND protocol = 17
GROUP BY srcaddr, dstaddr
HAVING SUM(bytes) > 1000 OR COUNT(*) > 10000
ORDER BY 4 DESC, 1, 2

-- query: beacons
WITH connection_intervals AS (
  SELECT srcaddr, dstaddr, dstport, start,
    start - LAG(start) OVER (PARTITION BY srcaddr, dstaddr ORDER BY start) AS interval_seconds
  FROM flow_logs
  WHERE srcaddr LIKE '10.%'
)
SELECT srcaddr AS internal_host, dstaddr AS external_host, COUNT(*) AS connection_count,
  ROUND(AVG(interval_seconds), 2) AS avg_interval_seconds, ROUND(STDDEV(interval_seconds), 2) AS interval_stddev,
  MIN(interval_seconds) AS min_interval
FROM connection_intervals
WHERE interval_seconds IS NOT NULL
GROUP BY srcaddr, dstaddr
HAVING COUNT(*) > 1 AND STDDEV(interval_seconds) < 600000 AND AVG(interval_seconds) BETWEEN 30 AND 3600000
ORDER BY interval_stddev ASC, connection_count DESC, srcaddr, dstaddr
LIMIT 50

-- query: hosts with unusual volume
WITH daily_traffic AS (
  SELECT interface_id, dt, SUM(bytes) AS daily_bytes FROM flow_logs GROUP BY interface_id, dt
),
stats AS (
  SELECT interface_id, AVG(daily_bytes) AS avg_bytes, STDDEV(daily_bytes) AS stddev_bytes
  FROM daily_traffic
  WHERE dt < '2024-03-08'
  GROUP BY interface_id
),
today AS (
  SELECT interface_id, daily_bytes AS today_bytes FROM daily_traffic WHERE dt = '2024-03-08'
)
SELECT t.interface_id, ROUND(s.avg_bytes / 1024.0 / 1024.0, 2) AS avg_mb_baseline,
  ROUND(t.today_bytes / 1024.0 / 1024.0, 2) AS today_mb,
  ROUND((t.today_bytes - s.avg_bytes) / NULLIF(s.stddev_bytes, 0), 2) AS std_deviations
FROM today t
INNER JOIN stats s ON t.interface_id = s.interface_id
WHERE s.stddev_bytes > 0 AND ABS((t.today_bytes - s.avg_bytes) / s.stddev_bytes) > 0.1
ORDER BY ABS((t.today_bytes - s.avg_bytes) / s.stddev_bytes) DESC
-- in SQLite:
WITH daily_traffic AS (
  SELECT interface_id, dt, SUM(bytes) AS daily_bytes FROM flow_logs GROUP BY interface_id, dt
),
stats AS (
  SELECT interface_id, AVG(daily_bytes) AS avg_bytes, STDDEV(daily_bytes) AS stddev_bytes
  FROM daily_traffic
  WHERE dt < '2024-03-08'
  GROUP BY interface_id
)
SELECT t.interface_id, round(s.avg_bytes / 1024.0 / 1024.0, 2),
  dec_round(dec_div(dec_div(t.daily_bytes, '1024.0'), '1024.0'), 2),
  round((t.daily_bytes - s.avg_bytes) / s.stddev_bytes, 2)
FROM daily_traffic t
JOIN stats s USING (interface_id)
WHERE t.dt = '2024-03-08' AND s.stddev_bytes > 0 AND abs((t.daily_bytes - s.avg_bytes) / s.stddev_bytes) > 0.1
ORDER BY abs((t.daily_bytes - s.avg_bytes) / s.stddev_bytes) DESC

-- query: new destinations
WITH baseline_destinations AS (
  SELECT DISTINCT dstaddr FROM flow_logs WHERE dt BETWEEN '2024-03-01' AND '2024-03-02' AND srcaddr LIKE '10.%'
)
SELECT f.srcaddr AS internal_host, f.dstaddr AS new_ip, f.dstport, COUNT(*) AS connection_count,
  SUM(f.bytes) AS total_bytes, MIN(FROM_UNIXTIME(f.start)) AS first_connection
FROM flow_logs f
LEFT JOIN baseline_destinations b ON f.dstaddr = b.dstaddr
WHERE f.dt = '2024-03-08' AND f.srcaddr LIKE '10.%' AND b.dstaddr IS NULL
GROUP BY f.srcaddr, f.dstaddr, f.dstport
ORDER BY total_bytes DESC, f.srcaddr, f.dstaddr, f.dstport

-- query: several stages of an attack
WITH reconnaissance AS (
  SELECT DISTINCT srcaddr FROM flow_logs WHERE srcaddr LIKE '10.%' GROUP BY srcaddr, dstaddr
  HAVING COUNT(DISTINCT dstport) > 2
),
admin_access AS (
  SELECT DISTINCT srcaddr FROM flow_logs WHERE dstport IN (22, 3389, 5985, 5986) AND action = 'ACCEPT'
),
exfiltration AS (
  SELECT DISTINCT srcaddr FROM flow_logs WHERE srcaddr LIKE '10.%' AND bytes > 100000
)
SELECT COALESCE(r.srcaddr, a.srcaddr, e.srcaddr) AS suspicious_host,
  CASE WHEN r.srcaddr IS NOT NULL THEN 'YES' ELSE 'NO' END AS reconnaissance,
  CASE WHEN a.srcaddr IS NOT NULL THEN 'YES' ELSE 'NO' END AS admin_access,
  (CASE WHEN r.srcaddr IS NOT NULL THEN 1 ELSE 0 END + CASE WHEN a.srcaddr IS NOT NULL THEN 1 ELSE 0 END +
   CASE WHEN e.srcaddr IS NOT NULL THEN 1 ELSE 0 END) AS attack_stage_count
FROM reconnaissance r
FULL OUTER JOIN admin_access a ON r.srcaddr = a.srcaddr
FULL OUTER JOIN exfiltration e ON COALESCE(r.srcaddr, a.srcaddr) = e.srcaddr
WHERE (CASE WHEN r.srcaddr IS NOT NULL THEN 1 ELSE 0 END + CASE WHEN a.srcaddr IS NOT NULL THEN 1 ELSE 0 END +
       CASE WHEN e.srcaddr IS NOT NULL THEN 1 ELSE 0 END) >= 2
ORDER BY attack_stage_count DESC, suspicious_host
-- in SQLite:
WITH stages AS (
  SELECT srcaddr, srcaddr IN (
      SELECT srcaddr FROM flow_logs WHERE srcaddr LIKE '10.%' GROUP BY srcaddr, dstaddr HAVING COUNT(DISTINCT dstport) > 2
    ) AS scans,
    max(ifnull(dstport IN (22, 3389, 5985, 5986), 0) AND action = 'ACCEPT') AS enters,
    max(srcaddr LIKE '10.%' AND ifnull(bytes, 0) > 100000) AS sends
  FROM flow_logs
  GROUP BY srcaddr
)
SELECT srcaddr, iif(scans, 'YES', 'NO'), iif(enters, 'YES', 'NO'), scans + enters + sends
FROM stages
WHERE scans + enters + sends >= 2
ORDER BY 4 DESC, 1
