-- The 20 source and destination pairs with the most rejected packets of the day.
-- packetcount bigint
-- sourceaddress string
-- destinationaddress string
-- dt string
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
    ) AS row_number
  FROM {table}
  WHERE dt BETWEEN '{first}' AND '{last}'
  GROUP BY sourceaddress, destinationaddress, dt
)
WHERE row_number <= 20
ORDER BY dt, row_number
