-- name: counts_by_hour
-- Stored counters only. The caller bounds the range; $5 bounds the answer.
SELECT hour AS since, enterprise_id, sum(registered)::bigint AS registered FROM enterprise_count
WHERE hour >= $3 AND hour < $4 AND ($1::integer IS NULL OR enterprise_id = $1) AND ($2::text IS NULL OR prefix = $2)
GROUP BY 1, 2 ORDER BY 1, 2 LIMIT $5

-- name: counts_by_day
-- Days of Beijing time.
SELECT date_trunc('day', hour, 'Asia/Shanghai') AS since, enterprise_id, sum(registered)::bigint AS registered
FROM enterprise_count
WHERE hour >= $3 AND hour < $4 AND ($1::integer IS NULL OR enterprise_id = $1) AND ($2::text IS NULL OR prefix = $2)
GROUP BY 1, 2 ORDER BY 1, 2 LIMIT $5
