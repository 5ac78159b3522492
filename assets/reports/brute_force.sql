-- title: Attempts on login and database ports
-- question: Who tried again and again to reach a login or a database, and was rejected?
-- reads: traffic_summary
-- parameter: attempts = 20: how many rejected records of a source and a port are listed
-- parameter: many = 1000: how many of them need a look; from inside, all that are listed do
-- parameter: ports = 21, 22, 23, 445, 3389, 5900, 5985, 5986, 1433, 1521, 3306, 5432,
--   6379, 9200, 11211, 27017: FTP, SSH, Telnet, SMB, RDP, VNC, WinRM; SQL Server, Oracle, MySQL, PostgreSQL, Redis,
--   Elasticsearch, memcached, MongoDB
-- order: attempts desc, sourceaddress, serviceport, protocol
-- chart: bars of attempts by sourceaddress, serviceport
-- alarm: attempts >= {many} OR {private(sourceaddress)}
-- says: {sourceaddress} was rejected {attempts} times on port {serviceport}.
-- columns:
--   sourceaddress string: who tried
--   serviceport int
--   protocol int
--   attempts bigint: flow records that were rejected
--   packets bigint: packets that were rejected
--   destinations bigint: addresses that it tried
--   starttime bigint: the first record's start
--   endtime bigint: the last record's end
--   dt string
SELECT
  sourceaddress,
  serviceport,
  protocol,
  sum(records) AS attempts,
  sum(numpackets) AS packets,
  count(DISTINCT destinationaddress) AS destinations,
  min(starttime) AS starttime,
  max(endtime) AS endtime,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}'
  AND action = 'REJECT'
  AND service_end = 'destination'
  AND serviceport IN ({ports})
GROUP BY sourceaddress, serviceport, protocol, dt
HAVING sum(records) >= {attempts}
