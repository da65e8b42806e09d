-- name: recount
-- Every row of the year, by reading all of them: seconds for ten million. For a report that is made now and then, never for a request.
SELECT count(*) FROM identifier WHERE key >= '' AND created_at >= $1 AND created_at < $2

-- name: registered_by_month
SELECT to_char(hour AT TIME ZONE 'Asia/Shanghai', 'YYYY-MM') AS month, sum(registered)::bigint AS registrations,
       count(DISTINCT enterprise_id) AS enterprises
FROM enterprise_count WHERE hour >= $1 AND hour < $2 GROUP BY 1 ORDER BY 1 LIMIT 12

-- name: registered_in
-- Of whole days, for the average.
SELECT coalesce(sum(registered), 0)::bigint FROM enterprise_count WHERE hour >= $1 AND hour < $2

-- name: resolved_by_month
SELECT to_char(day, 'YYYY-MM') AS month, sum(resolutions) FILTER (WHERE NOT probe AND outcome <> 'referred')::bigint AS resolutions
FROM usage_day WHERE day >= $1 AND day < $2 GROUP BY 1 ORDER BY 1 LIMIT 12

-- name: resolved_by_kind
SELECT door, outcome, probe, sum(resolutions)::bigint AS resolutions FROM usage_day
WHERE day >= $1 AND day < $2 GROUP BY 1, 2, 3 ORDER BY 1, 2, 3 LIMIT 200

-- name: lost
SELECT coalesce(sum(lost), 0)::bigint AS lost,
       count(*) FILTER (WHERE ended_at IS NULL AND heard_at < now() - interval '5 minutes') AS unknown
FROM usage_worker WHERE heard_at >= $1 AND started_at < $2

-- name: newest_seal
SELECT number, hash, sealed_at FROM audit_seal ORDER BY number DESC LIMIT 1
