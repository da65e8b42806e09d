-- name: statistics
SELECT seq, hour, corrects, rows_digest, content_digest FROM statistics WHERE app_id = :app_id AND seq = :seq

-- name: last_statistics
SELECT seq, rows_digest FROM statistics WHERE app_id = :app_id ORDER BY seq DESC LIMIT 1

-- name: statistics_of_hour
-- What was last said of it.
SELECT seq FROM statistics WHERE app_id = :app_id AND hour = :hour ORDER BY seq DESC LIMIT 1

-- name: keep_statistics
INSERT INTO statistics (app_id, seq, hour, corrects, rows_digest, content_digest, content, received_at)
VALUES (:app_id, :seq, :hour, :corrects, :rows_digest, :content_digest, :content, :received_at)

-- name: newest_statistics
SELECT app_id, seq, hour, corrects, rows_digest, received_at FROM statistics WHERE app_id = :app_id ORDER BY seq DESC LIMIT :most

-- name: statistics_in_force
-- The last that was said of each hour.
SELECT s.seq, s.hour, s.content FROM statistics s WHERE s.app_id = :app_id AND s.seq = (
    SELECT max(n.seq) FROM statistics n WHERE n.app_id = s.app_id AND n.hour = s.hour) ORDER BY s.hour LIMIT :most

-- name: put_heartbeat
INSERT INTO heartbeat (app_id, received_at, content) VALUES (:app_id, :now, :content)
ON CONFLICT (app_id) DO UPDATE SET received_at = excluded.received_at, content = excluded.content, count = count + 1

-- name: heartbeat
SELECT received_at, count, content FROM heartbeat WHERE app_id = :app_id

-- name: account_of_prefix
SELECT app_id, prefix, user, client, enabled FROM account WHERE prefix = :prefix

-- name: snapshot
SELECT snapshot_id, manifest, digest, whole FROM standby_snapshot WHERE app_id = :app_id AND snapshot_id = :snapshot_id

-- name: put_snapshot
INSERT INTO standby_snapshot (app_id, snapshot_id, manifest, digest, received_at)
VALUES (:app_id, :snapshot_id, :manifest, :digest, :received_at)

-- name: snapshot_is_whole
UPDATE standby_snapshot SET whole = 1 WHERE app_id = :app_id AND snapshot_id = :snapshot_id

-- name: last_whole_snapshot
SELECT snapshot_id, digest, manifest FROM standby_snapshot WHERE app_id = :app_id AND whole = 1
ORDER BY received_at DESC, snapshot_id DESC LIMIT 1

-- name: chunk
SELECT content FROM standby_chunk WHERE app_id = :app_id AND digest = :digest

-- name: has_chunk
SELECT 1 FROM standby_chunk WHERE app_id = :app_id AND digest = :digest

-- name: put_chunk
INSERT INTO standby_chunk (app_id, digest, content) VALUES (:app_id, :digest, :content) ON CONFLICT DO NOTHING

-- name: forget_records
DELETE FROM standby_record WHERE app_id = :app_id

-- name: put_record
INSERT INTO standby_record (app_id, key, line) VALUES (:app_id, :key, :line)
ON CONFLICT (app_id, key) DO UPDATE SET line = excluded.line

-- name: record
SELECT line FROM standby_record WHERE app_id = :app_id AND key = :key

-- name: record_at_or_after
SELECT key, line FROM standby_record WHERE app_id = :app_id AND key >= :key AND key LIKE '%/%' ORDER BY key LIMIT 1

-- name: write_takeover
INSERT INTO takeover (order_id, app_id, content, state, effective_at, expires_at)
VALUES (:order_id, :app_id, :content, 'open', :effective_at, :expires_at)

-- name: takeover
SELECT * FROM takeover WHERE order_id = :order_id

-- name: open_takeovers
SELECT * FROM takeover WHERE state <> 'closed' ORDER BY order_id LIMIT 1000

-- name: newest_takeovers
SELECT order_id, app_id, state, effective_at, expires_at, resolved, not_found, acceptance IS NOT NULL AS accepted
FROM takeover ORDER BY effective_at DESC LIMIT :most

-- name: takeover_accepted
UPDATE takeover SET acceptance = :acceptance WHERE order_id = :order_id

-- name: move_takeover
UPDATE takeover SET state = :state WHERE order_id = :order_id

-- name: keep_offer
UPDATE takeover SET offer = :offer, state = 'returning' WHERE order_id = :order_id

-- name: takeover_handed_back
UPDATE takeover SET handback = :handback, state = :state WHERE order_id = :order_id

-- name: count_answered
UPDATE takeover SET resolved = resolved + :resolved, not_found = not_found + :not_found WHERE order_id = :order_id
