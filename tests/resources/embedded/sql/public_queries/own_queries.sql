-- source: none: written for these tests, in the manner of the public queries

-- query: percentile of bytes by port
-- adapted: the number of rows is all that is compared, since the percentile is approximate
SELECT count(*) FROM (
  SELECT dstport, approx_percentile(bytes, 0.95) AS p95 FROM flow_logs WHERE bytes IS NOT NULL GROUP BY dstport
)
WHERE p95 > 0
-- in SQLite:
SELECT count(*) FROM (SELECT dstport FROM flow_logs WHERE bytes IS NOT NULL GROUP BY dstport HAVING max(bytes) > 0)

-- query: ranks of talkers by day
SELECT dt, srcaddr, total, rank
FROM (
  SELECT dt, srcaddr, sum(bytes) AS total, rank() OVER (PARTITION BY dt ORDER BY sum(bytes) DESC) AS rank
  FROM flow_logs
  WHERE bytes IS NOT NULL
  GROUP BY dt, srcaddr
)
WHERE rank <= 3
ORDER BY dt, rank, srcaddr

-- query: the object that a record lies in
SELECT count(DISTINCT "$path") AS objects, count(*) AS records
FROM flow_logs
WHERE "$path" LIKE '%2024/03/02%'
-- in SQLite:
SELECT 1, count(*) FROM flow_logs WHERE dt = '2024-03-02'

-- query: each hour's share of rejects
SELECT hour(from_unixtime(start)) AS h, count(*) AS records,
  100.0 * count_if(action = 'REJECT') / count(*) AS reject_percent
FROM flow_logs
GROUP BY hour(from_unixtime(start))
ORDER BY h
-- in SQLite:
SELECT start % 86400 / 3600 AS h, count(*), dec_div(dec_mul('100.0', sum(action = 'REJECT')), count(*))
FROM flow_logs
GROUP BY 1
ORDER BY h

-- query: prefixes of addresses
SELECT concat(split_part(srcaddr, '.', 1), '.', split_part(srcaddr, '.', 2), '.0.0/16') AS network, count(*) AS records
FROM flow_logs
WHERE regexp_like(srcaddr, '^\d+\.\d+\.\d+\.\d+$')
GROUP BY 1
ORDER BY records DESC, network
