-- source: https://github.com/awslabs/aws-security-analytics-bootstrap,
--   AWSSecurityAnalyticsBootstrap/sql/dml/analytics/vpcflow/vpcflow_demo_queries.sql
-- adapted: names of tables and columns, one partition column instead of three, constants, layout

-- query: the first rows of a range of days
-- rows: any
SELECT * FROM vpc_flow_logs
WHERE dt >= '2024-03-02' AND dt <= '2024-03-04'
LIMIT 10
-- in SQLite:
SELECT * FROM vpc_flow_logs WHERE dt >= '2024-03-02' AND dt <= '2024-03-04'

-- query: the first rows of several regions
-- rows: any
SELECT * FROM vpc_flow_logs
WHERE region IN ('eu-west-1', 'eu-west-2') AND account = '123456789012'
LIMIT 10
-- in SQLite:
SELECT * FROM vpc_flow_logs WHERE region IN ('eu-west-1', 'eu-west-2') AND account = '123456789012'

-- query: the first rows of the last days
-- adapted: 36,500 days instead of 30, so that there are rows; the day has another format
-- rows: any
SELECT * FROM vpc_flow_logs
WHERE dt >= date_format(date_add('day', -36500, current_timestamp), '%Y-%m-%d')
LIMIT 10
-- in SQLite:
SELECT * FROM vpc_flow_logs WHERE dt >= date('now', '-36500 days')

-- query: pairs by their number of records
SELECT region, instance_id, sourceaddress, destinationaddress, count(*) AS record_count
FROM vpc_flow_logs
WHERE dt >= '2024-03-02' AND dt <= '2024-03-04'
GROUP BY region, instance_id, sourceaddress, destinationaddress
ORDER BY record_count DESC, region, instance_id, sourceaddress, destinationaddress

-- query: bytes between two addresses
SELECT region, instance_id, sourceaddress, destinationaddress, sum(numbytes) AS byte_count
FROM vpc_flow_logs
WHERE (sourceaddress = '10.0.1.50' OR destinationaddress = '10.0.1.50')
AND (sourceaddress = '203.0.113.10' OR destinationaddress = '203.0.113.10')
AND dt >= '2024-03-01'
GROUP BY region, instance_id, sourceaddress, destinationaddress
ORDER BY byte_count DESC, region, instance_id, sourceaddress

-- query: bytes from port 443 of one instance
SELECT region, instance_id, sourceaddress, sourceport, destinationaddress, sum(numbytes) AS byte_count
FROM vpc_flow_logs
WHERE instance_id = 'i-0000000000000001' AND sourceport = 443
GROUP BY region, instance_id, sourceaddress, sourceport, destinationaddress
ORDER BY byte_count DESC, sourceaddress, destinationaddress, region

-- query: bytes to port 443 of one instance
SELECT region, instance_id, sourceaddress, destinationaddress, destinationport, sum(numbytes) AS byte_count
FROM vpc_flow_logs
WHERE instance_id = 'i-0000000000000001' AND destinationport = 443
GROUP BY region, instance_id, sourceaddress, destinationaddress, destinationport
ORDER BY byte_count DESC, sourceaddress, destinationaddress, region

-- query: bytes of each pair of addresses and ports
SELECT sourceaddress, destinationaddress, sourceport, destinationport, sum(numbytes) AS byte_count
FROM vpc_flow_logs
WHERE (sourceaddress = '10.0.1.50' OR destinationaddress = '10.0.1.50')
GROUP BY sourceaddress, destinationaddress, sourceport, destinationport
ORDER BY byte_count DESC, sourceaddress, destinationaddress, sourceport, destinationport

-- query: records between two addresses with their direction
SELECT from_unixtime(starttime) AS start_time, from_unixtime(endtime) AS end_time, interfaceid, sourceaddress,
  destinationaddress, sourceport, destinationport, numpackets, numbytes, flow_direction, action
FROM vpc_flow_logs
WHERE (sourceaddress = '10.0.1.50' AND destinationaddress = '203.0.113.10')
OR (sourceaddress = '203.0.113.10' AND destinationaddress = '10.0.1.50')
ORDER BY starttime ASC

-- query: when each source was seen first and last
-- arrays: in any order
SELECT sourceaddress, min(starttime) AS first_seen, max(endtime) AS last_seen,
  array_agg(DISTINCT(destinationaddress)), array_agg(DISTINCT(instance_id)), array_agg(DISTINCT(destinationport))
FROM vpc_flow_logs
WHERE destinationport < 32768 -- service ports alone
GROUP BY sourceaddress
ORDER BY first_seen ASC

-- query: what the internal addresses with the largest transfers sent each day
-- adapted: the subquery groups by what it selects, so that its first rows are sure
SELECT f.dt, f.sourceaddress, f.destinationaddress, sum(f.numbytes) AS byte_count
FROM vpc_flow_logs f
INNER JOIN (
  SELECT sourceaddress, sum(numbytes) AS byte_count
  FROM vpc_flow_logs
  WHERE sourceaddress LIKE '10.0.1.%' AND dt >= '2024-03-01'
  GROUP BY sourceaddress
  ORDER BY byte_count DESC, sourceaddress
  LIMIT 3) AS top_n
ON top_n.sourceaddress = f.sourceaddress
WHERE dt >= '2024-03-02'
GROUP BY f.dt, f.sourceaddress, f.destinationaddress
ORDER BY f.dt ASC, f.sourceaddress ASC, f.destinationaddress ASC, byte_count DESC

-- query: traffic between private and public addresses, as ranges of IPADDRESS
-- adapted: fewer columns, two ranges instead of three
SELECT sourceaddress, destinationaddress, starttime
FROM vpc_flow_logs
WHERE logstatus = 'OK' -- other records have no addresses
AND (
  (NOT ((CAST(sourceaddress AS IPADDRESS) > IPADDRESS '10.0.0.0'
         AND CAST(sourceaddress AS IPADDRESS) < IPADDRESS '10.255.255.255')
     OR (CAST(sourceaddress AS IPADDRESS) > IPADDRESS '172.16.0.0'
         AND CAST(sourceaddress AS IPADDRESS) < IPADDRESS '172.31.255.255'))
   AND (CAST(destinationaddress AS IPADDRESS) > IPADDRESS '10.0.0.0'
        AND CAST(destinationaddress AS IPADDRESS) < IPADDRESS '10.255.255.255'))
  OR
  (NOT (CAST(destinationaddress AS IPADDRESS) > IPADDRESS '10.0.0.0'
        AND CAST(destinationaddress AS IPADDRESS) < IPADDRESS '10.255.255.255')
   AND (CAST(sourceaddress AS IPADDRESS) > IPADDRESS '10.0.0.0'
        AND CAST(sourceaddress AS IPADDRESS) < IPADDRESS '10.255.255.255'))
)
AND dt >= '2024-03-02'
-- in SQLite:
WITH ok AS (
  SELECT *,
    address(sourceaddress) > address('10.0.0.0') AND address(sourceaddress) < address('10.255.255.255') AS source_10,
    address(sourceaddress) > address('172.16.0.0') AND address(sourceaddress) < address('172.31.255.255') AS source_172,
    address(destinationaddress) > address('10.0.0.0') AND address(destinationaddress) < address('10.255.255.255')
      AS destination_10
  FROM vpc_flow_logs
  WHERE logstatus = 'OK' AND dt >= '2024-03-02'
)
SELECT sourceaddress, destinationaddress, starttime
FROM ok
WHERE (NOT (source_10 OR source_172) AND destination_10) OR (NOT destination_10 AND source_10)

-- query: internal traffic by CIDR
SELECT *
FROM vpc_flow_logs
WHERE logstatus = 'OK'
AND contains('10.0.0.0/16', CAST(sourceaddress AS IPADDRESS))
AND contains('10.0.0.0/16', CAST(destinationaddress AS IPADDRESS))
AND dt >= '2024-03-02' AND dt <= '2024-03-06'
-- in SQLite:
SELECT *
FROM vpc_flow_logs
WHERE logstatus = 'OK' AND in_network('10.0.0.0/16', sourceaddress) AND in_network('10.0.0.0/16', destinationaddress)
AND dt BETWEEN '2024-03-02' AND '2024-03-06'

-- query: all but internal traffic by CIDR
SELECT *
FROM vpc_flow_logs
WHERE logstatus = 'OK'
AND NOT (contains('172.16.0.0/12', CAST(sourceaddress AS IPADDRESS))
AND contains('172.16.0.0/12', CAST(destinationaddress AS IPADDRESS)))
-- in SQLite:
SELECT *
FROM vpc_flow_logs
WHERE logstatus = 'OK'
AND NOT (in_network('172.16.0.0/12', sourceaddress) AND in_network('172.16.0.0/12', destinationaddress))
