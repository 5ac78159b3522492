-- title: Sent to another availability zone
-- question: Which network interfaces send data to another zone, and what does it cost?
-- reads: traffic_summary
-- fields: az-id, next-hop-az-id
-- order: bytes desc, interfaceid, az_id, next_hop_az_id
-- chart: bars of bytes by interfaceid, next_hop_az_id
-- columns:
--   interfaceid string: who sends
--   az_id string: from this zone
--   next_hop_az_id string: to this zone
--   bytes bigint
--   packets bigint
--   usd double: about what it costs
--   dt string
WITH prices (usd_per_gb) AS (
  VALUES (0.02e0) -- between zones of a region: 0.01 where it is sent, and 0.01 where it arrives
)
SELECT
  interfaceid,
  az_id,
  next_hop_az_id,
  sum(numbytes) AS bytes,
  sum(numpackets) AS packets,
  round(sum(numbytes) * max(usd_per_gb) / 1e9, 4) AS usd,
  dt
FROM traffic_summary
CROSS JOIN prices
WHERE dt BETWEEN '{first}' AND '{last}'
  AND action = 'ACCEPT'
  AND coalesce(flow_direction, '-') IN ('egress', '-')
  AND az_id <> next_hop_az_id
  AND az_id <> '-'
  AND next_hop_az_id <> '-'
GROUP BY interfaceid, az_id, next_hop_az_id, dt
