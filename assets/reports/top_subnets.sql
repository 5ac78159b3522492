-- title: Top talking subnets
-- question: Which subnets sent and received the most bytes?
-- note: Accepted traffic. A - is an interface that belongs to none.
-- reads: traffic_summary
-- fields: subnet-id
-- order: bytes desc, subnet_id
-- rows: 50
-- chart: bars of bytes by subnet_id
-- columns:
--   subnet_id string
--   bytes bigint: sent and received
--   packets bigint
--   records bigint: flow records
--   interfaces bigint: network interfaces
--   dt string
SELECT
  subnet_id,
  sum(bytes) AS bytes,
  sum(packets) AS packets,
  sum(records) AS records,
  count(interfaceid) AS interfaces,
  dt
FROM (
  SELECT
    subnet_id,
    interfaceid,
    sum(numbytes) AS bytes,
    sum(numpackets) AS packets,
    sum(records) AS records,
    dt
  FROM traffic_summary
  WHERE dt BETWEEN '{first}' AND '{last}' AND action = 'ACCEPT'
  GROUP BY subnet_id, interfaceid, dt
)
GROUP BY subnet_id, dt
