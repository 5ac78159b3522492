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
FROM {table}
WHERE action = 'REJECT'
  AND dt = '{day}'
ORDER BY
  numpackets DESC NULLS LAST,
  starttime NULLS LAST,
  interfaceid NULLS LAST,
  sourceaddress NULLS LAST,
  sourceport NULLS LAST,
  destinationaddress NULLS LAST,
  destinationport NULLS LAST,
  protocol NULLS LAST,
  numbytes NULLS LAST
LIMIT 100
