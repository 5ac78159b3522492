-- source: blogs and repositories, named at each query
-- adapted: names of tables and columns, constants, lower thresholds, layout; ORDER BY tells equal rows apart

-- query: rejected sources (eazysaas.com/blog/aws-vpc-flow-logs-analysis)
SELECT srcaddr, dstport, COUNT(*) AS reject_count
FROM flow_logs
WHERE action = 'REJECT' AND dt = '2024-03-02'
GROUP BY srcaddr, dstport
ORDER BY reject_count DESC, srcaddr, dstport
LIMIT 20

-- query: traffic that leaves (ezycoders.in/tutorials/aws-solutions-architect/aws-sa-vpc-flow-logs)
SELECT dstaddr, SUM(bytes) AS total_bytes
FROM flow_logs
WHERE flow_direction = 'egress' AND bytes > 10000 -- over 10 kB
GROUP BY dstaddr
ORDER BY total_bytes DESC, dstaddr

-- query: traffic that a NAT gateway sends to AWS's services (github.com/Shellmode/AWS-Solutions)
SELECT "pkt_dst_aws_service", SUM("bytes") AS DataTransferred
FROM "lake"."flow_logs"
WHERE "pkt_dst_aws_service" != '-'
GROUP BY "pkt_dst_aws_service"
ORDER BY "DataTransferred" DESC, "pkt_dst_aws_service"
-- in SQLite:
SELECT pkt_dst_aws_service, SUM(bytes)
FROM flow_logs
WHERE pkt_dst_aws_service <> '-'
GROUP BY 1
ORDER BY 2 DESC, 1

-- query: a view of rejected pairs (github.com/HizonAndrian/vpc-flowlogs-Quicksight)
CREATE VIEW vpc_reject_traffic AS
SELECT srcaddr, dstaddr, COUNT(*) AS reject_count, SUM(bytes) AS total_reject_bytes
FROM "lake"."flow_logs"
WHERE action = 'REJECT'
GROUP BY srcaddr, dstaddr
ORDER BY reject_count DESC;
SELECT * FROM vpc_reject_traffic
-- in SQLite:
SELECT srcaddr, dstaddr, COUNT(*), SUM(bytes) FROM flow_logs WHERE action = 'REJECT' GROUP BY srcaddr, dstaddr

-- query: megabytes of worker nodes (github, EKS traffic with flow logs)
SELECT sourceaddress AS SOURCE_ADDRESS, SUM(numbytes)/1024/1024 AS TOTAL_IN_MB
FROM lake.vpc_flow_logs
WHERE action = 'ACCEPT' AND sourceaddress IN ('10.0.1.50', '10.0.1.51', '10.10.0.7')
GROUP BY sourceaddress
-- in SQLite:
SELECT sourceaddress, SUM(numbytes)/1024/1024
FROM vpc_flow_logs
WHERE action = 'ACCEPT' AND sourceaddress IN ('10.0.1.50', '10.0.1.51', '10.10.0.7')
GROUP BY sourceaddress

-- query: sources of suspicious ports (github, network security notes)
SELECT interfaceid, sourceaddress, destinationaddress, destinationport, COUNT(*) AS connection_count
FROM vpc_flow_logs
WHERE destinationport IN (3389, 1433, 3306, 5432, 27017) AND sourceaddress NOT LIKE '10.%'
GROUP BY interfaceid, sourceaddress, destinationaddress, destinationport
ORDER BY connection_count DESC, interfaceid, sourceaddress, destinationaddress, destinationport

-- query: SSH from one source to many hosts (github, AWS networking exercises)
SELECT sourceaddress, COUNT(DISTINCT destinationaddress) AS target_count, SUM(numpackets) AS total_packets
FROM vpc_flow_logs
WHERE destinationport = 22
GROUP BY sourceaddress
HAVING COUNT(DISTINCT destinationaddress) > 1
ORDER BY target_count DESC, sourceaddress

-- query: traffic between networks, with aliases in GROUP BY (github, network monitoring project)
-- Athena: COLUMN_NOT_FOUND
SELECT CASE WHEN sourceaddress LIKE '10.0.%' THEN 'VPC-A' ELSE 'Other' END AS source_network, SUM(numbytes) AS total_bytes
FROM vpc_flow_logs
GROUP BY source_network
ORDER BY total_bytes DESC

-- query: traffic between networks (the same, as Athena takes it)
SELECT CASE WHEN sourceaddress LIKE '10.0.%' THEN 'VPC-A' WHEN sourceaddress LIKE '10.10.%' THEN 'VPC-B'
    WHEN sourceaddress LIKE '192.168.%' THEN 'OnPrem' ELSE 'Other' END AS source_network,
  CASE WHEN destinationaddress LIKE '10.0.%' THEN 'VPC-A' WHEN destinationaddress LIKE '10.10.%' THEN 'VPC-B'
    ELSE 'Other' END AS dest_network,
  SUM(numbytes) AS total_bytes
FROM vpc_flow_logs
GROUP BY 1, 2
ORDER BY total_bytes DESC

-- query: traffic of a pod in an hour (github, Kubernetes networking series)
SELECT action, COUNT(*) AS count, SUM(numbytes) AS bytes
FROM vpc_flow_logs
WHERE sourceaddress = '10.0.1.50'
  AND from_unixtime(starttime) BETWEEN timestamp '2024-03-02 14:00:00' AND timestamp '2024-03-06 15:00:00'
GROUP BY action
-- in SQLite:
SELECT action, COUNT(*), SUM(numbytes)
FROM vpc_flow_logs
WHERE sourceaddress = '10.0.1.50' AND starttime BETWEEN 1709388000 AND 1709737200
GROUP BY action

-- query: the last five minutes (github, Kubernetes networking series)
SELECT from_unixtime(starttime) AS time, sourceaddress, destinationaddress, action, numbytes
FROM vpc_flow_logs
WHERE (sourceaddress = '10.0.1.50' OR destinationaddress = '10.0.1.50')
  AND from_unixtime(starttime) > (now() - interval '5' minute)
ORDER BY time DESC
-- in SQLite:
SELECT * FROM vpc_flow_logs WHERE 0

-- query: traffic by path (github, Kubernetes networking series)
SELECT srcaddr, dstaddr, dstport, bytes
FROM flow_logs
WHERE traffic_path = 8
ORDER BY bytes DESC, srcaddr, dstaddr, dstport
LIMIT 50

-- query: a time frame that compares a number with a time (github, AWS challenges in Portuguese)
-- Athena: TYPE_MISMATCH
SELECT srcaddr, COUNT(*) AS flows FROM flow_logs WHERE start >= current_timestamp - interval '1' hour GROUP BY srcaddr

-- query: scans with an alias in HAVING (github, generator of flow logs)
-- Athena: COLUMN_NOT_FOUND
SELECT srcaddr, COUNT(DISTINCT dstport) AS ports_scanned FROM flow_logs GROUP BY srcaddr HAVING ports_scanned > 10

-- query: flows by minute (github, mini SIEM)
-- adapted: a constant time instead of the current one
SELECT date_trunc('minute', FROM_UNIXTIME("start")) AS time_bucket, COUNT(*) AS flow_count
FROM flow_logs
WHERE FROM_UNIXTIME("start") > timestamp '2024-03-07 12:00:00' - INTERVAL '30' HOUR
GROUP BY 1
ORDER BY 1
-- in SQLite:
SELECT from_unixtime(start / 60 * 60), COUNT(*) FROM flow_logs WHERE start > 1709704800 GROUP BY 1 ORDER BY 1

-- query: the latest records (github, mini SIEM)
SELECT FROM_UNIXTIME("start") AS flow_timestamp, srcaddr, dstaddr, dstport, protocol, action, bytes
FROM flow_logs
ORDER BY "start" DESC
LIMIT 50

-- query: rejected bytes with a text for the time (github, flow logs with security groups)
SELECT 'start' AS "starttime", SUM(bytes) AS bytecount, SUM(packets) AS packetcount, srcaddr, srcport, dstaddr, dstport
FROM flow_logs
WHERE action = 'REJECT'
GROUP BY 'start', srcaddr, srcport, dstaddr, dstport
ORDER BY bytecount DESC, srcaddr, srcport, dstaddr, dstport
LIMIT 20

-- query: flows with named networks (github, flow analysis with names for addresses)
-- adapted: records with addresses alone; the alias `protocol` is not what GROUP BY means
SELECT COUNT("interface_id") AS flow_count, interface_id,
  CASE WHEN protocol = 6 THEN 'tcp' WHEN protocol = 17 THEN 'udp' WHEN protocol = 1 THEN 'icmp' ELSE 'other' END
    AS protocol,
  CASE WHEN srcaddr = '10.0.1.50' THEN 'server' WHEN contains('10.0.0.0/16', CAST(srcaddr AS IPADDRESS))
    THEN 'VPC' ELSE 'other' END AS in_subnet,
  srcaddr, dstaddr, CASE WHEN srcport > dstport THEN 'server' ELSE 'client' END AS initiator
FROM flow_logs
WHERE dstport IS NOT NULL AND srcaddr <> '-' AND action = 'ACCEPT'
GROUP BY interface_id, protocol, srcaddr, srcport, dstaddr, dstport
ORDER BY flow_count DESC, interface_id, srcaddr, dstaddr, protocol, initiator
-- in SQLite:
SELECT COUNT(*) AS flow_count, interface_id,
  CASE protocol WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' WHEN 1 THEN 'icmp' ELSE 'other' END AS name,
  CASE WHEN srcaddr = '10.0.1.50' THEN 'server' WHEN in_network('10.0.0.0/16', srcaddr) THEN 'VPC' ELSE 'other' END,
  srcaddr, dstaddr, iif(srcport > dstport, 'server', 'client') AS initiator
FROM flow_logs
WHERE dstport IS NOT NULL AND srcaddr <> '-' AND action = 'ACCEPT'
GROUP BY interface_id, protocol, srcaddr, srcport, dstaddr, dstport
ORDER BY flow_count DESC, interface_id, srcaddr, dstaddr, name, initiator

-- query: records with IPADDRESS or NULL (github, a lake's Terraform with projections for Trino)
-- adapted: as a query; the address is a text again
SELECT DISTINCT CAST(CASE srcaddr WHEN '-' THEN NULL ELSE CAST(srcaddr AS IPADDRESS) END AS VARCHAR) AS source,
  CASE WHEN protocol = 6 OR protocol = 17 THEN srcport ELSE NULL END AS port
FROM flow_logs
WHERE dt = '2024-03-03'
-- in SQLite:
SELECT DISTINCT nullif(srcaddr, '-'), iif(protocol IN (6, 17), srcport, NULL) FROM flow_logs WHERE dt = '2024-03-03'

-- query: connections and a list of days (theresalong.com, detection with two sources)
-- adapted: two parts of the flow logs instead of CloudTrail
WITH entered AS (
  SELECT srcaddr, start FROM flow_logs WHERE dstport = 22 AND action = 'ACCEPT'
),
refused AS (
  SELECT srcaddr, start AS refused_at, "end" AS refused_until FROM flow_logs WHERE action = 'REJECT'
)
SELECT e.srcaddr, e.start, r.refused_at
FROM entered e
JOIN refused r ON e.srcaddr = r.srcaddr
WHERE r.refused_until < e.start
ORDER BY e.start, r.refused_at
