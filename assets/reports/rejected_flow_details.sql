-- The day's REJECT records in full, up to 100: those with the most packets.
-- version int
-- account string
-- interfaceid string
-- sourceaddress string
-- destinationaddress string
-- sourceport int
-- destinationport int
-- protocol int
-- numpackets bigint
-- numbytes bigint
-- starttime bigint
-- endtime bigint
-- action string
-- logstatus string
-- dt string
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
FROM (
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
    dt,
    row_number() OVER (
      PARTITION BY dt
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
    ) AS row_number
  FROM {table}
  WHERE dt BETWEEN '{first}' AND '{last}'
)
WHERE row_number <= 100
ORDER BY dt, row_number
