-- title: Sources that were rejected most
-- question: Who was rejected most, and did they try many addresses or many ports?
-- reads: traffic_summary
-- order: packets desc, records desc, sourceaddress
-- chart: bars of packets by sourceaddress
-- columns:
--   sourceaddress string: who sent the packets
--   records bigint: flow records
--   packets bigint: packets that were rejected
--   bytes bigint
--   destinations bigint: addresses that it wanted to reach
--   ports bigint: service ports that it wanted to reach
--   starttime bigint: the first record's start
--   endtime bigint: the last record's end
--   dt string
SELECT
  sourceaddress,
  sum(records) AS records,
  sum(numpackets) AS packets,
  sum(numbytes) AS bytes,
  count(DISTINCT destinationaddress) AS destinations,
  count(DISTINCT serviceport) AS ports,
  min(starttime) AS starttime,
  max(endtime) AS endtime,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}' AND action = 'REJECT'
GROUP BY sourceaddress, dt
