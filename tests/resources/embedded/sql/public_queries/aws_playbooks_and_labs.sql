-- source: https://github.com/aws-samples/aws-customer-playbook-framework, docs/Analyzing_VPC_Flow_Logs.md; and
--   https://github.com/awslabs/aws-well-architected-labs, 300_VPC_Flow_Logs_Analysis_Dashboard (views)
-- adapted: names of tables and columns, constants, layout

-- query: how many records there are
SELECT count(*) FROM vpc_flow_logs

-- query: the addresses with the most records
SELECT sourceaddress, count(*) cnt
FROM vpc_flow_logs
GROUP BY sourceaddress
ORDER BY cnt DESC, sourceaddress
LIMIT 100

-- query: all records of one address by time
SELECT * FROM vpc_flow_logs WHERE sourceaddress = '203.0.113.10' ORDER BY starttime

-- query: ratio of bytes and records
SELECT sourceaddress, destinationaddress, count(*) AS record_count, sum(numbytes) AS total_bytes,
  sum(numbytes)/count(*) AS data_ratio,
  date_format(from_unixtime(min(starttime)), '%Y/%m/%d %H:%i:%s') AS first_seen,
  date_format(from_unixtime(max(endtime)), '%Y/%m/%d %H:%i:%s') AS last_seen
FROM "lake"."vpc_flow_logs"
WHERE (sourceaddress = '10.0.1.50' OR destinationaddress = '10.0.1.50')
GROUP BY sourceaddress, destinationaddress
ORDER BY total_bytes DESC, sourceaddress, destinationaddress
-- in SQLite:
SELECT sourceaddress, destinationaddress, count(*), sum(numbytes), sum(numbytes)/count(*),
  date_format(from_unixtime(min(starttime)), '%Y/%m/%d %H:%i:%s'),
  date_format(from_unixtime(max(endtime)), '%Y/%m/%d %H:%i:%s')
FROM vpc_flow_logs
WHERE '10.0.1.50' IN (sourceaddress, destinationaddress)
GROUP BY 1, 2
ORDER BY 4 DESC, 1, 2

-- query: known threats with their direction
-- adapted: the text of the view, as a query
SELECT f.account, f.interfaceid, f.sourceaddress || ':' || CAST(f.sourceport AS VARCHAR) AS source,
  f.destinationaddress || ':' || CAST(f.destinationport AS VARCHAR) AS destination, 'INBOUND' AS direction,
  f.sourceaddress AS connecting_ip, f.protocol, f.numpackets, f.action,
  CAST(from_unixtime(f.starttime) AS TIMESTAMP) AS startTime,
  date_diff('second', from_unixtime(f.starttime), from_unixtime(f.endtime)) AS sessionTime
FROM vpc_flow_logs AS f
WHERE f.sourceaddress IN (SELECT threat_ip FROM incident_iocs)
UNION ALL
SELECT f.account, f.interfaceid, f.sourceaddress || ':' || CAST(f.sourceport AS VARCHAR) AS source,
  f.destinationaddress || ':' || CAST(f.destinationport AS VARCHAR) AS destination, 'OUTBOUND' AS direction,
  f.destinationaddress AS connecting_ip, f.protocol, f.numpackets, f.action,
  CAST(from_unixtime(f.starttime) AS TIMESTAMP) AS startTime,
  date_diff('second', from_unixtime(f.starttime), from_unixtime(f.endtime)) AS sessionTime
FROM vpc_flow_logs AS f
WHERE f.destinationaddress IN (SELECT threat_ip FROM incident_iocs)
ORDER BY startTime, sessionTime, interfaceid, connecting_ip, direction
-- in SQLite:
SELECT account, interfaceid, sourceaddress || ':' || sourceport, destinationaddress || ':' || destinationport, direction,
  connecting_ip, protocol, numpackets, action, from_unixtime(starttime), endtime - starttime
FROM (
  SELECT *, 'INBOUND' AS direction, sourceaddress AS connecting_ip FROM vpc_flow_logs
  UNION ALL
  SELECT *, 'OUTBOUND', destinationaddress FROM vpc_flow_logs
)
JOIN incident_iocs ON threat_ip = connecting_ip
ORDER BY starttime, 11, interfaceid, connecting_ip, direction

-- query: a view of known threats
CREATE VIEW incident_flows AS
SELECT f.interfaceid, f.sourceaddress || ':' || CAST(f.sourceport AS VARCHAR) AS source, 'OUTBOUND' AS direction,
  f.destinationaddress AS connecting_ip, CAST(from_unixtime(f.starttime) AS TIMESTAMP) AS startTime
FROM vpc_flow_logs AS f
WHERE f.destinationaddress IN (SELECT threat_ip FROM incident_iocs);
SELECT connecting_ip, direction, count(*), min(startTime) FROM incident_flows GROUP BY connecting_ip, direction
-- in SQLite:
SELECT destinationaddress, 'OUTBOUND', count(*), from_unixtime(min(starttime))
FROM vpc_flow_logs
WHERE destinationaddress IN (SELECT threat_ip FROM incident_iocs)
GROUP BY 1

-- query: the lab's view with quoted names of functions
-- adapted: fewer columns
CREATE OR REPLACE VIEW flow_logs_view AS
SELECT "version" "version", "account_id" "accountid", "srcaddr" "sourceaddress",
  (CASE WHEN (cast("tcp_flags" as varchar) = '1') THEN 'FIN' WHEN (cast("tcp_flags" as varchar) = '2') THEN 'SYN'
    WHEN (cast("tcp_flags" as varchar) = '18') THEN 'SYN-ACK' WHEN (cast("tcp_flags" as varchar) = '19')
    THEN 'SYN-ACK-FIN' ELSE cast("tcp_flags" as varchar) END) "tcpflags",
  (CASE WHEN (cast("traffic_path" as varchar) = '1') THEN 'ResourceInSameVPC'
    WHEN (cast("traffic_path" as varchar) = '8') THEN 'InternetGateway' ELSE cast("traffic_path" as varchar) END)
    "trafficpath",
  cast("date_format"("from_unixtime"("start"), '%d') as integer) "startday",
  cast("date_format"("from_unixtime"("end"), '%m') as integer) "endmonth"
FROM flow_logs
WHERE (substr(dt, 1, 4) = '2024' AND substr(dt, 6, 2) = '03');
SELECT tcpflags, trafficpath, startday, endmonth, count(*) FROM flow_logs_view
GROUP BY tcpflags, trafficpath, startday, endmonth
-- in SQLite:
SELECT CASE tcp_flags WHEN 1 THEN 'FIN' WHEN 2 THEN 'SYN' WHEN 18 THEN 'SYN-ACK' WHEN 19 THEN 'SYN-ACK-FIN'
    ELSE CAST(tcp_flags AS TEXT) END,
  CASE traffic_path WHEN 1 THEN 'ResourceInSameVPC' WHEN 8 THEN 'InternetGateway' ELSE CAST(traffic_path AS TEXT) END,
  day(from_unixtime(start)), month(from_unixtime("end")), count(*)
FROM flow_logs
GROUP BY 1, 2, 3, 4

-- query: the partitions of this month and of three before it, with format_datetime
-- adapted: a constant time instead of the current one; the condition of the view, as a query
SELECT dt, count(*)
FROM flow_logs
WHERE (substr(dt, 1, 4) = format_datetime(timestamp '2024-05-20 10:00:00', 'YYYY')
    AND substr(dt, 6, 2) = format_datetime(timestamp '2024-05-20 10:00:00', 'MM'))
  OR (substr(dt, 1, 4) = format_datetime((date_trunc('month', timestamp '2024-05-20 10:00:00') - INTERVAL '2' MONTH), 'YYYY')
    AND substr(dt, 6, 2) = format_datetime((date_trunc('month', timestamp '2024-05-20 10:00:00') - INTERVAL '2' MONTH), 'MM'))
GROUP BY dt
-- in SQLite:
SELECT dt, count(*) FROM flow_logs WHERE dt LIKE '2024-05-%' OR dt LIKE '2024-03-%' GROUP BY dt
