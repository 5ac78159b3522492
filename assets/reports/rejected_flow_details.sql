-- title: Rejected flows in full
-- question: What do the records say of the flows with the most rejected packets?
-- reads: rejected_flows
-- order: numpackets desc, starttime, interfaceid, sourceaddress, sourceport, destinationaddress, destinationport,
--   protocol, numbytes
-- rows: 100
-- columns:
--   version int
--   account string
--   interfaceid string
--   sourceaddress string
--   destinationaddress string
--   sourceport int
--   destinationport int
--   protocol int
--   numpackets bigint
--   numbytes bigint
--   starttime bigint
--   endtime bigint
--   action string
--   logstatus string
--   dt string
SELECT
  version,
  account,
  interfaceid,
  sourceaddress,
  destinationaddress,
  sourceport,
  destinationport,
  protocol,
  numpackets,
  numbytes,
  starttime,
  endtime,
  action,
  logstatus,
  dt
FROM rejected_flows
WHERE dt BETWEEN '{first}' AND '{last}'
