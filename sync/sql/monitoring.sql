-- name: lock_state
SELECT settled_until, stopped, restored_at, adopted_seq, adopted_digest FROM monitoring_state FOR UPDATE

-- name: adopt
-- Once, after a restoration: the number and the digest that the next document follows.
UPDATE monitoring_state SET adopted_seq = $1, adopted_digest = $2 WHERE restored_at IS NOT NULL AND adopted_seq IS NULL

-- name: read_state
SELECT settled_until, stopped, last_error, last_heartbeat_at, clock_offset_milliseconds, notices, changed_at,
       restored_at IS NOT NULL AND adopted_seq IS NULL AS placeless FROM monitoring_state

-- name: begin
-- What was live before the first hour, from stored counters and the changes since. Once in a node's life.
INSERT INTO statistics_live (prefix, live)
SELECT prefix, sum(n)::bigint FROM (
    SELECT prefix, registered AS n FROM enterprise_count WHERE hour < $1
    UNION ALL
    SELECT split_part(key, '/', 1), CASE WHEN kind = 'withdraw' THEN -1 ELSE 1 END FROM identifier_change
    WHERE at < $1 AND (kind = 'withdraw' AND old_status <> 2 OR kind <> 'withdraw' AND old_status = 2)) AS told
GROUP BY prefix ON CONFLICT DO NOTHING

-- name: settle
UPDATE monitoring_state SET settled_until = $1

-- name: hourly_figures
-- Of whole hours, from what was counted when it happened; changes of existing identifiers from the rows that each left.
SELECT hour, prefix, sum(registered)::bigint AS registered, sum(updated)::bigint AS updated, sum(deleted)::bigint AS deleted,
    sum(revived)::bigint AS revived, sum(resolved)::bigint AS resolved, sum(not_found)::bigint AS not_found,
    sum(referred)::bigint AS referred, sum(http)::bigint AS http, sum(tcp)::bigint AS tcp, sum(udp)::bigint AS udp
FROM (
    SELECT hour, prefix, registered, 0 AS updated, 0 AS deleted, 0 AS revived, 0 AS resolved, 0 AS not_found, 0 AS referred,
        0 AS http, 0 AS tcp, 0 AS udp
    FROM enterprise_count WHERE hour >= $1 AND hour < $2
    UNION ALL
    SELECT date_trunc('hour', at, 'UTC'), split_part(key, '/', 1), 0,
        CASE WHEN kind = 'withdraw' THEN 0 ELSE 1 END,
        CASE WHEN kind = 'withdraw' AND old_status <> 2 THEN 1 ELSE 0 END,
        CASE WHEN kind <> 'withdraw' AND old_status = 2 THEN 1 ELSE 0 END, 0, 0, 0, 0, 0, 0
    FROM identifier_change WHERE at >= $1 AND at < $2
    UNION ALL
    SELECT date_trunc('hour', minute, 'UTC'), prefix, 0, 0, 0, 0,
        CASE WHEN outcome = 'found' THEN resolutions ELSE 0 END,
        CASE WHEN outcome IN ('withdrawn', 'unknown') THEN resolutions ELSE 0 END,
        CASE WHEN outcome = 'referred' THEN resolutions ELSE 0 END,
        CASE WHEN door NOT IN ('handle-tcp', 'handle-udp') THEN resolutions ELSE 0 END,
        CASE WHEN door = 'handle-tcp' THEN resolutions ELSE 0 END,
        CASE WHEN door = 'handle-udp' THEN resolutions ELSE 0 END
    FROM usage_minute WHERE minute >= $1 AND minute < $2 AND NOT probe AND outcome IN ('found', 'withdrawn', 'unknown', 'referred')
) AS told GROUP BY hour, prefix ORDER BY hour, prefix

-- name: live
SELECT prefix, live FROM statistics_live WHERE live <> 0

-- name: put_live
INSERT INTO statistics_live (prefix, live) SELECT * FROM unnest($1::text[], $2::bigint[])
ON CONFLICT (prefix) DO UPDATE SET live = excluded.live

-- name: latest_of_hours
-- What was last said of each hour.
SELECT DISTINCT ON (hour) hour, seq, rows_digest FROM statistics_document WHERE hour >= $1 ORDER BY hour, seq DESC

-- name: last_document
SELECT seq, rows_digest FROM statistics_document ORDER BY seq DESC LIMIT 1

-- name: write_document
INSERT INTO statistics_document (seq, hour, corrects, rows_digest, content) VALUES ($1, $2, $3, $4, $5)

-- name: unsent
SELECT seq, content FROM statistics_document WHERE acknowledged_at IS NULL ORDER BY seq LIMIT $1

-- name: acknowledged
UPDATE statistics_document SET acknowledged_at = now() WHERE seq = $1

-- name: rewind
-- From this one on everything is sent again; what was frozen stays as it is.
UPDATE statistics_document SET acknowledged_at = NULL WHERE seq >= $1 AND acknowledged_at IS NOT NULL

-- name: sequence
SELECT coalesce((SELECT max(seq) FROM statistics_document), adopted_seq, 0) AS last,
       coalesce((SELECT min(seq) FROM statistics_document WHERE acknowledged_at IS NULL),
                (SELECT max(seq) + 1 FROM statistics_document), adopted_seq + 1, 1) AS next,
       (SELECT sealed_at FROM statistics_document WHERE acknowledged_at IS NULL ORDER BY seq LIMIT 1) AS waiting_since
FROM monitoring_state

-- name: stop
UPDATE monitoring_state SET stopped = $1, last_error = $1 WHERE stopped IS NULL

-- name: go_on
UPDATE monitoring_state SET stopped = NULL, changed_at = now()

-- name: failed
UPDATE monitoring_state SET last_error = $1

-- name: succeeded
UPDATE monitoring_state SET last_error = NULL WHERE last_error IS NOT NULL

-- name: beaten
UPDATE monitoring_state SET last_heartbeat_at = now(), clock_offset_milliseconds = $1, notices = $2::jsonb, last_error = NULL

-- name: queues
SELECT (SELECT count(*) FROM (SELECT FROM peering_command WHERE state IN ('queued', 'sent') LIMIT 100000) a) AS open,
       (SELECT count(*) FROM (SELECT FROM peering_command WHERE state = 'awaiting' LIMIT 100000) a) AS awaiting,
       coalesce(extract(epoch FROM now() - last_poll_at), 0)::bigint AS poll_lag_seconds, stopped,
       EXISTS (SELECT FROM takeover_freeze WHERE frozen_from <= clock_timestamp()) AS taken_over
FROM peering_state

-- name: handle_minute
-- Resolutions of the newest minute that is whole and stored; of nobody's own probes.
SELECT coalesce(sum(resolutions) FILTER (WHERE door = 'handle-tcp'), 0)::bigint AS tcp,
       coalesce(sum(resolutions) FILTER (WHERE door = 'handle-udp'), 0)::bigint AS udp
FROM usage_minute WHERE minute = date_trunc('minute', now(), 'UTC') - interval '2 minutes' AND NOT probe

-- name: last_deposit
SELECT id, day, state FROM escrow_deposit ORDER BY day DESC, revision DESC LIMIT 1

-- name: newest_documents
SELECT seq, hour, corrects, rows_digest, sealed_at, acknowledged_at, octet_length(content) AS bytes
FROM statistics_document ORDER BY seq DESC LIMIT $1
