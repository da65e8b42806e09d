-- name: begin_run
INSERT INTO usage_worker (run, slot) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- name: apply_batch
-- Once: the update finds the run only below this number, and everything else hangs on it. One row of the answer says it did.
WITH first_time AS (
    UPDATE usage_worker SET sequence = $2, resolutions = resolutions + $3, heard_at = now()
    WHERE run = $1 AND sequence < $2 RETURNING slot),
lines AS (
    SELECT to_timestamp(t.minute * 60.0) AS minute, t.prefix, t.door, t.outcome, t.probe, f.slot, t.resolutions
    FROM unnest($4::bigint[], $5::text[], $6::text[], $7::text[], $8::boolean[], $9::bigint[])
         AS t (minute, prefix, door, outcome, probe, resolutions), first_time f),
minutes AS (
    INSERT INTO usage_minute AS m (minute, prefix, door, outcome, probe, slot, resolutions)
    SELECT minute, prefix, door, outcome, probe, slot, resolutions FROM lines
    ON CONFLICT (minute, prefix, door, outcome, probe, slot) DO UPDATE SET resolutions = m.resolutions + excluded.resolutions),
days AS (
    INSERT INTO usage_day AS d (day, prefix, door, outcome, probe, slot, resolutions)
    SELECT (minute AT TIME ZONE 'Asia/Shanghai')::date AS day, prefix, door, outcome, probe, slot, sum(resolutions)
    FROM lines GROUP BY 1, 2, 3, 4, 5, 6
    ON CONFLICT (day, prefix, door, outcome, probe, slot) DO UPDATE SET resolutions = d.resolutions + excluded.resolutions)
SELECT slot FROM first_time

-- name: end_run
-- What a run answered and never delivered; told once. A run may have been killed before it delivered anything at all.
INSERT INTO usage_worker AS w (run, slot, ended_at, lost) VALUES ($1, $3, now(), $2)
ON CONFLICT (run) DO UPDATE SET ended_at = now(), lost = greatest($2 - w.resolutions, 0) WHERE w.ended_at IS NULL RETURNING lost

-- name: drop_minutes
-- A bounded number at a time.
DELETE FROM usage_minute WHERE ctid = ANY (ARRAY(SELECT ctid FROM usage_minute WHERE minute < to_timestamp($1::bigint) LIMIT $2))

-- name: by_minute
SELECT minute AS at, sum(resolutions) FILTER (WHERE NOT probe AND outcome <> 'referred')::bigint AS resolutions, sum(resolutions) FILTER (WHERE probe)::bigint AS probes
FROM usage_minute WHERE minute >= $1 AND minute < $2 AND ($3::text[] IS NULL OR prefix = ANY ($3)) GROUP BY 1 ORDER BY 1 LIMIT $4

-- name: by_hour
SELECT date_trunc('hour', minute) AS at, sum(resolutions) FILTER (WHERE NOT probe AND outcome <> 'referred')::bigint AS resolutions, sum(resolutions) FILTER (WHERE probe)::bigint AS probes
FROM usage_minute WHERE minute >= $1 AND minute < $2 AND ($3::text[] IS NULL OR prefix = ANY ($3)) GROUP BY 1 ORDER BY 1 LIMIT $4

-- name: by_day
SELECT day::timestamp AT TIME ZONE 'Asia/Shanghai' AS at, sum(resolutions) FILTER (WHERE NOT probe AND outcome <> 'referred')::bigint AS resolutions, sum(resolutions) FILTER (WHERE probe)::bigint AS probes
FROM usage_day WHERE day >= ($1::timestamptz AT TIME ZONE 'Asia/Shanghai')::date
    AND day < ($2::timestamptz AT TIME ZONE 'Asia/Shanghai')::date AND ($3::text[] IS NULL OR prefix = ANY ($3)) GROUP BY 1 ORDER BY 1 LIMIT $4

-- name: by_year
SELECT date_trunc('year', day)::timestamp AT TIME ZONE 'Asia/Shanghai' AS at, sum(resolutions) FILTER (WHERE NOT probe AND outcome <> 'referred')::bigint AS resolutions, sum(resolutions) FILTER (WHERE probe)::bigint AS probes
FROM usage_day WHERE day >= ($1::timestamptz AT TIME ZONE 'Asia/Shanghai')::date
    AND day < ($2::timestamptz AT TIME ZONE 'Asia/Shanghai')::date AND ($3::text[] IS NULL OR prefix = ANY ($3)) GROUP BY 1 ORDER BY 1 LIMIT $4

-- name: by_kind
-- Doors and outcomes of the whole days that the time touches.
SELECT door, outcome, probe, sum(resolutions)::bigint AS resolutions FROM usage_day
WHERE day >= ($1::timestamptz AT TIME ZONE 'Asia/Shanghai')::date
    AND day <= (($2::timestamptz - interval '1 microsecond') AT TIME ZONE 'Asia/Shanghai')::date
    AND ($3::text[] IS NULL OR prefix = ANY ($3)) GROUP BY 1, 2, 3 ORDER BY 4 DESC LIMIT 200

-- name: losses
-- What killed workers had answered and not delivered, and how many runs ended without anybody knowing.
SELECT coalesce(sum(lost), 0)::bigint AS lost, count(*) FILTER (WHERE lost > 0) AS runs,
       count(*) FILTER (WHERE ended_at IS NULL AND heard_at < now() - interval '5 minutes') AS unknown
FROM usage_worker WHERE heard_at >= $1 AND started_at < $2

-- name: registered
-- From the counters that were written with the rows themselves; $1 is hour, day or year, of Beijing.
SELECT date_trunc($1, hour AT TIME ZONE 'Asia/Shanghai') AT TIME ZONE 'Asia/Shanghai' AS at, sum(registered)::bigint AS registrations
FROM enterprise_count WHERE hour >= $2 AND hour < $3 AND ($4::text[] IS NULL OR prefix = ANY ($4)) GROUP BY 1 ORDER BY 1 LIMIT $5

-- name: registered_by_minute
-- From the same rows; hours are at most an hour older than their minutes.
SELECT c.hour + place * interval '1 minute' AS at, sum(c.minutes[place])::bigint AS registrations
FROM enterprise_count c CROSS JOIN LATERAL generate_subscripts(c.minutes, 1) AS place
WHERE c.hour > $1::timestamptz - interval '1 hour' AND c.hour < $2 AND ($3::text[] IS NULL OR prefix = ANY ($3))
    AND c.minutes[place] > 0 AND c.hour + place * interval '1 minute' >= $1 AND c.hour + place * interval '1 minute' < $2
GROUP BY 1 ORDER BY 1 LIMIT $4

-- name: registered_without_minute
-- Of the hours that the time touches: counted by older code or by a restore, or so long ago that minutes are gone.
SELECT coalesce(sum(registered - (SELECT coalesce(sum(n), 0) FROM unnest(minutes) AS n)), 0)::bigint FROM enterprise_count
WHERE hour > $1::timestamptz - interval '1 hour' AND hour < $2 AND ($3::text[] IS NULL OR prefix = ANY ($3))

-- name: oldest_hour
SELECT min(hour) FROM enterprise_count

-- name: drop_registration_minutes
-- Hours from $1 until $2, a bounded number of rows at a time; says how many there were. What was registered stays.
WITH past AS (
    SELECT enterprise_id, hour, prefix, slot FROM enterprise_count
    WHERE hour >= $1 AND hour < $2 AND minutes IS NOT NULL ORDER BY hour LIMIT $3 FOR UPDATE SKIP LOCKED),
dropped AS (
    UPDATE enterprise_count c SET minutes = NULL FROM past p
    WHERE (c.enterprise_id, c.hour, c.prefix, c.slot) = (p.enterprise_id, p.hour, p.prefix, p.slot) RETURNING 1)
SELECT count(*) FROM dropped
