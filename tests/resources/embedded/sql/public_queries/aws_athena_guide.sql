-- source: https://docs.aws.amazon.com/athena/latest/ug/vpc-flow-logs.html and the pages below it; the older text of
--   2017 to 2022 is in https://github.com/awsdocs/amazon-athena-user-guide, doc_source/vpc-flow-logs.md
-- adapted: names of tables and columns, constants, layout; the partition column is a text, dt

-- query: rejected TCP connections with the day of the week (older text)
-- rows: any
SELECT day_of_week(from_iso8601_timestamp(dt)) AS weekday, dt, interfaceid, sourceaddress, action, protocol
FROM vpc_flow_logs
WHERE action = 'REJECT' AND protocol = 6
LIMIT 100
-- in SQLite:
SELECT day_of_week(dt), dt, interfaceid, sourceaddress, action, protocol
FROM vpc_flow_logs
WHERE action = 'REJECT' AND protocol = 6

-- query: rejected TCP connections with the day of the week
-- adapted: the day is cast to a date
-- rows: any
SELECT day_of_week(CAST(dt AS date)) AS weekday, dt, interface_id, srcaddr, action, protocol
FROM flow_logs
WHERE action = 'REJECT' AND protocol = 6
LIMIT 100
-- in SQLite:
SELECT day_of_week(dt), dt, interface_id, srcaddr, action, protocol
FROM flow_logs
WHERE action = 'REJECT' AND protocol = 6

-- query: servers that receive the most HTTPS packets
-- adapted: ORDER BY tells equal counts apart
SELECT sum(numpackets) AS packetcount, destinationaddress
FROM vpc_flow_logs
WHERE destinationport = 443
GROUP BY destinationaddress
ORDER BY packetcount DESC, destinationaddress
LIMIT 10

-- query: servers that receive the most HTTPS packets, of the last days
-- adapted: a hundred years instead of seven days, so that there are rows; ORDER BY tells equal counts apart
SELECT sum(packets) AS packetcount, dstaddr
FROM flow_logs
WHERE dstport = 443 AND CAST(dt AS date) > current_date - interval '100' year
GROUP BY dstaddr
ORDER BY packetcount DESC, dstaddr
LIMIT 10
-- in SQLite:
SELECT sum(packets), dstaddr
FROM flow_logs
WHERE dstport = 443 AND dt > date('now', '-100 years')
GROUP BY dstaddr
ORDER BY 1 DESC, 2
LIMIT 10

-- query: records with their times in ISO 8601
-- adapted: one partition column instead of year, month and day
SELECT interface_id, srcaddr, action, protocol, to_iso8601(from_unixtime(start)) AS start_time,
  to_iso8601(from_unixtime("end")) AS end_time
FROM flow_logs
WHERE dt = '2024-03-02'

-- query: the first look at the table
-- rows: any
SELECT * FROM vpc_flow_logs LIMIT 10
-- in SQLite:
SELECT * FROM vpc_flow_logs
