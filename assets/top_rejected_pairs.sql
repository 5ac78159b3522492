SELECT
  sum(numpackets) AS packetcount,
  sourceaddress,
  destinationaddress,
  dt
FROM {table}
WHERE action = 'REJECT'
  AND dt = '{day}'
GROUP BY sourceaddress, destinationaddress, dt
ORDER BY packetcount DESC NULLS LAST, sourceaddress NULLS LAST, destinationaddress NULLS LAST
LIMIT 20
