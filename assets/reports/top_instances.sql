-- title: Top talking instances
-- question: Which instances sent and received the most bytes?
-- note: Accepted traffic. A - is an interface that belongs to none.
-- reads: traffic_summary
-- fields: instance-id
-- order: bytes desc, instance_id
-- rows: 50
-- chart: bars of bytes by instance_id
-- columns:
--   instance_id string
--   bytes bigint: sent and received
--   packets bigint
--   records bigint: flow records
--   interfaces bigint: network interfaces
--   dt string
SELECT
  instance_id,
  sum(bytes) AS bytes,
  sum(packets) AS packets,
  sum(records) AS records,
  count(interfaceid) AS interfaces,
  dt
FROM (
  SELECT
    instance_id,
    interfaceid,
    sum(numbytes) AS bytes,
    sum(numpackets) AS packets,
    sum(records) AS records,
    dt
  FROM traffic_summary
  WHERE dt BETWEEN '{first}' AND '{last}' AND action = 'ACCEPT'
  GROUP BY instance_id, interfaceid, dt
)
GROUP BY instance_id, dt
