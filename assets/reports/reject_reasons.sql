-- title: Why it was rejected, as the log says
-- question: Which rejects have a reason in the log: Block Public Access, or encryption that is enforced?
-- reads: rejected_flows
-- fields: reject-reason
-- order: records desc, reason, interfaceid
-- chart: bars of records by reason, interfaceid
-- columns:
--   reason string: BPA is Block Public Access, EC is encryption control; - is a security group or a network ACL
--   interfaceid string
--   records bigint: flow records
--   packets bigint: packets that were rejected
--   dt string
SELECT
  reject_reason AS reason,
  interfaceid,
  count(*) AS records,
  sum(numpackets) AS packets,
  dt
FROM rejected_flows
WHERE dt BETWEEN '{first}' AND '{last}'
GROUP BY reject_reason, interfaceid, dt
