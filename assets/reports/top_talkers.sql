-- title: Top talkers
-- question: Which addresses sent and received the most bytes?
-- note: Accepted traffic. Traffic between two network interfaces that are both logged has two records.
-- reads: traffic_summary
-- order: bytes desc, address
-- rows: 50
-- chart: bars of bytes by address
-- columns:
--   address string
--   bytes bigint: sent and received
--   sent bigint: bytes
--   received bigint: bytes
--   tcp bigint: how many of the bytes are TCP
--   records bigint: flow records
--   dt string
SELECT
  address,
  coalesce(sum(sent), 0) + coalesce(sum(received), 0) AS bytes,
  sum(sent) AS sent,
  sum(received) AS received,
  sum(tcp) AS tcp,
  sum(records) AS records,
  dt
FROM (
  SELECT
    CASE WHEN grouping(sourceaddress) = 0 THEN sourceaddress ELSE destinationaddress END AS address,
    CASE WHEN grouping(sourceaddress) = 0 THEN sum(numbytes) END AS sent,
    CASE WHEN grouping(sourceaddress) = 1 THEN sum(numbytes) END AS received,
    sum(CASE WHEN protocol = 6 THEN numbytes END) AS tcp,
    sum(records) AS records,
    dt
  FROM traffic_summary
  WHERE dt BETWEEN '{first}' AND '{last}' AND action = 'ACCEPT'
  GROUP BY GROUPING SETS ((dt, sourceaddress), (dt, destinationaddress))
)
GROUP BY address, dt
