-- title: Attempts that were accepted in the end
-- question: Who was rejected many times on a login or database port, and was then let in?
-- note: Source and port are one; the addresses that it tried may be several.
-- reads: traffic_summary
-- parameter: attempts = 20: how many rejected records come before
-- parameter: ports = 21, 22, 23, 445, 3389, 5900, 5985, 5986, 1433, 1521, 3306, 5432,
--   6379, 9200, 11211, 27017: FTP, SSH, Telnet, SMB, RDP, VNC, WinRM; SQL Server, Oracle, MySQL, PostgreSQL, Redis,
--   Elasticsearch, memcached, MongoDB
-- order: accepted_bytes desc, accepted desc, attempts desc, sourceaddress, serviceport, protocol
-- alarm: accepted > 0
-- says: {sourceaddress} was rejected {attempts} times on port {serviceport}, and accepted {accepted} times.
-- columns:
--   sourceaddress string: who tried
--   serviceport int
--   protocol int
--   attempts bigint: flow records that were rejected
--   accepted bigint: flow records that were accepted
--   accepted_bytes bigint: what the source sent in them
--   first_rejected bigint: seconds since 1970
--   last_accepted bigint: seconds since 1970; it is after the first reject
--   dt string
SELECT
  sourceaddress,
  serviceport,
  protocol,
  sum(records) FILTER (WHERE action = 'REJECT') AS attempts,
  sum(records) FILTER (WHERE action = 'ACCEPT') AS accepted,
  sum(numbytes) FILTER (WHERE action = 'ACCEPT') AS accepted_bytes,
  min(starttime) FILTER (WHERE action = 'REJECT') AS first_rejected,
  max(endtime) FILTER (WHERE action = 'ACCEPT') AS last_accepted,
  dt
FROM traffic_summary
WHERE dt BETWEEN '{first}' AND '{last}'
  AND action IN ('ACCEPT', 'REJECT')
  AND service_end = 'destination'
  AND serviceport IN ({ports})
GROUP BY sourceaddress, serviceport, protocol, dt
HAVING sum(records) FILTER (WHERE action = 'REJECT') >= {attempts}
  AND max(endtime) FILTER (WHERE action = 'ACCEPT') > min(starttime) FILTER (WHERE action = 'REJECT')
