-- title: Logins and databases that the internet reaches
-- question: Which remote logins and databases accepted packets from the internet?
-- reads: traffic_summary
-- parameter: ports = 21, 22, 23, 445, 3389, 5900, 5985, 5986, 1433, 1521, 3306, 5432,
--   6379, 9200, 11211, 27017: FTP, SSH, Telnet, SMB, RDP, VNC, WinRM; SQL Server, Oracle, MySQL, PostgreSQL, Redis,
--   Elasticsearch, memcached, MongoDB
-- parameter: least = 2: how many records need a look
-- order: bytes desc, records desc, destinationaddress, serviceport, protocol, interfaceid
-- chart: bars of sources by destinationaddress, serviceport
-- alarm: records >= {least}
-- says: {destinationaddress} accepts packets from the internet on port {serviceport} (records: {records}, sources:
--   {sources}).
-- columns:
--   interfaceid string
--   destinationaddress string: who offers the service
--   serviceport int
--   protocol int
--   sources bigint: addresses of the internet that were accepted
--   records bigint: flow records
--   packets bigint: from the internet to the service
--   bytes bigint: from the internet to the service
--   dt string
SELECT
  interfaceid,
  destinationaddress,
  serviceport,
  protocol,
  count(DISTINCT sourceaddress) AS sources,
  sum(records) AS records,
  sum(numpackets) AS packets,
  sum(numbytes) AS bytes,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}'
  AND action = 'ACCEPT'
  AND service_end = 'destination'
  AND serviceport IN ({ports})
  AND flow_direction IS DISTINCT FROM 'egress'
  AND {internet(sourceaddress)}
GROUP BY interfaceid, destinationaddress, serviceport, protocol, dt
