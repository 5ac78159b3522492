-- title: Traffic of login and database ports
-- question: Who uses SSH, RDP, other logins and databases, and is refused there?
-- note: A row is of one network interface, and of one pair of packets' own addresses where the log has them.
-- reads: traffic_summary
-- parameter: ports = 21, 22, 23, 445, 3389, 5900, 5985, 5986, 1433, 1521, 3306, 5432,
--   6379, 9200, 11211, 27017: FTP, SSH, Telnet, SMB, RDP, VNC, WinRM; SQL Server, Oracle, MySQL, PostgreSQL, Redis,
--   Elasticsearch, memcached, MongoDB
-- order: bytes desc, records desc, interfaceid, sourceaddress, destinationaddress, serviceport, protocol, action
-- chart: bars of bytes by sourceaddress, destinationaddress, serviceport
-- columns:
--   interfaceid string
--   sourceaddress string
--   destinationaddress string
--   serviceport int
--   protocol int
--   action string
--   service_end string: whether the service is the source or the destination
--   bytes bigint
--   packets bigint
--   records bigint: flow records
--   dt string
SELECT
  interfaceid,
  sourceaddress,
  destinationaddress,
  serviceport,
  protocol,
  action,
  service_end,
  numbytes AS bytes,
  numpackets AS packets,
  records,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}' AND serviceport IN ({ports})
