-- source: https://docs.aws.amazon.com/vpc/latest/userguide/flow-logs-athena-run-predefined-query.html lists the sixteen
--   queries of the template that EC2 generates (GetFlowLogsIntegrationTemplate); some of their texts are public as
--   Terraform (aws_athena_named_query "VpcFlowLogs…"), the others are written after AWS's description
-- adapted: names of tables, constants, layout; ORDER BY tells equal sums apart

-- query: VpcFlowLogsAcceptedTraffic
SELECT srcaddr, dstaddr, count(*) AS count, action
FROM flow_logs
WHERE action = 'ACCEPT' AND protocol = 6
GROUP BY srcaddr, dstaddr, action
ORDER BY count DESC, srcaddr, dstaddr
LIMIT 25

-- query: VpcFlowLogsAdminPortTraffic
SELECT ip, sum(bytes) AS total_bytes
FROM (
  SELECT dstaddr AS ip, sum(bytes) AS bytes FROM flow_logs WHERE dstport IN (80, 8080, 8443) GROUP BY 1
  UNION ALL
  SELECT srcaddr AS ip, sum(bytes) AS bytes FROM flow_logs WHERE srcport IN (80, 8080, 8443) GROUP BY 1
)
GROUP BY ip
ORDER BY total_bytes DESC, ip
LIMIT 10

-- query: VpcFlowLogsIPv4Traffic
SELECT sum(bytes) AS totalbytes FROM flow_logs WHERE type = 'IPv4'

-- query: VpcFlowLogsIPv6Traffic
SELECT sum(bytes) AS totalbytes FROM flow_logs WHERE type = 'IPv6'

-- query: VpcFlowLogsRejectedTCPTraffic
SELECT *
FROM flow_logs
WHERE action = 'REJECT' AND protocol = 6
ORDER BY start
LIMIT 50

-- query: VpcFlowLogsRejectedTraffic
SELECT srcaddr, dstaddr, count(*) count, "action"
FROM flow_logs
WHERE "action" = 'REJECT'
GROUP BY srcaddr, dstaddr, "action"
ORDER BY count DESC, srcaddr, dstaddr
LIMIT 25

-- query: VpcFlowLogsSshRdpTraffic
SELECT *
FROM flow_logs
WHERE srcport IN (22, 3389) OR dstport IN (22, 3389)
ORDER BY "start" ASC
LIMIT 50

-- query: VpcFlowLogsTopTalkers
SELECT ip, sum(bytes) AS total
FROM (
  SELECT dstaddr AS ip, bytes FROM flow_logs
  UNION ALL
  SELECT srcaddr AS ip, bytes FROM flow_logs
)
GROUP BY ip
ORDER BY total DESC, ip
LIMIT 50

-- query: VpcFlowLogsTopTalkersPacketLevel
SELECT ip, sum(bytes) AS total
FROM (
  SELECT pkt_dstaddr AS ip, sum(bytes) AS bytes FROM flow_logs GROUP BY 1
  UNION ALL
  SELECT pkt_srcaddr AS ip, sum(bytes) AS bytes FROM flow_logs GROUP BY 1
)
GROUP BY ip
ORDER BY total DESC, ip
LIMIT 50

-- query: VpcFlowLogsTopTalkingInstances
SELECT instance_id, sum(bytes) AS total_bytes
FROM flow_logs
WHERE instance_id <> '-'
GROUP BY 1
ORDER BY 2 DESC, 1
LIMIT 50

-- query: VpcFlowLogsTopTalkingSubnets
SELECT subnet_id, sum(bytes) AS total_bytes
FROM flow_logs
GROUP BY subnet_id
ORDER BY total_bytes DESC, subnet_id
LIMIT 50

-- query: VpcFlowLogsTopTCPTraffic
SELECT srcaddr, sum(bytes) AS total_bytes, count(*) AS flows
FROM flow_logs
WHERE protocol = 6
GROUP BY srcaddr
ORDER BY total_bytes DESC, srcaddr
LIMIT 50

-- query: VpcFlowLogsTotalBytesTransferred
SELECT sum(bytes) AS totalbytes, srcaddr, dstaddr
FROM flow_logs
GROUP BY srcaddr, dstaddr
ORDER BY totalbytes DESC, srcaddr, dstaddr
LIMIT 50

-- query: VpcFlowLogsTotalBytesTransferredPacketLevel
SELECT sum(bytes) AS totalbytes, pkt_srcaddr, pkt_dstaddr
FROM flow_logs
GROUP BY pkt_srcaddr, pkt_dstaddr
ORDER BY totalbytes DESC, pkt_srcaddr, pkt_dstaddr
LIMIT 50

-- query: VpcFlowLogsTrafficFrmSrcAddr
SELECT * FROM flow_logs WHERE srcaddr = '10.0.1.50' ORDER BY start LIMIT 50

-- query: VpcFlowLogsTrafficToDstAddr
SELECT * FROM flow_logs WHERE dstaddr = '10.0.1.50' ORDER BY start LIMIT 50
