SELECT packetcount, sourceaddress, destinationaddress, dt
FROM (
  SELECT
    sum(numpackets) AS packetcount,
    sourceaddress,
    destinationaddress,
    dt,
    row_number() OVER (
      PARTITION BY dt
      ORDER BY sum(numpackets) DESC NULLS LAST, sourceaddress NULLS LAST, destinationaddress NULLS LAST
    ) AS place
  FROM {table}
  WHERE dt BETWEEN '{first}' AND '{last}'
  GROUP BY sourceaddress, destinationaddress, dt
)
WHERE place <= 20
ORDER BY dt, place
