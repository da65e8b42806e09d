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

-- name: newest_statistics_told
SELECT seq, hour, corrects, content FROM statistics WHERE app_id = :app_id ORDER BY seq DESC LIMIT :most

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

-- name: has_piece
SELECT 1 FROM standby_piece WHERE app_id = :app_id AND digest = :digest

-- name: put_piece
INSERT INTO standby_piece (app_id, digest) VALUES (:app_id, :digest) ON CONFLICT DO NOTHING

-- name: put_line
INSERT INTO standby_line (app_id, key, piece, line) VALUES (:app_id, :key, :piece, :line)
ON CONFLICT DO UPDATE SET line = excluded.line

-- name: pieces
SELECT digest, current FROM standby_piece WHERE app_id = :app_id

-- name: turn_to_piece
UPDATE standby_piece SET current = 1 WHERE app_id = :app_id AND digest = :digest AND NOT current

-- name: drop_lines
DELETE FROM standby_line WHERE app_id = :app_id AND piece = :digest

-- name: drop_piece
DELETE FROM standby_piece WHERE app_id = :app_id AND digest = :digest

-- name: line
SELECT l.line FROM standby_line l JOIN standby_piece p ON p.app_id = l.app_id AND p.digest = l.piece AND p.current
WHERE l.app_id = :app_id AND l.key = :key

-- name: count_lines
-- Identifiers of one piece, some tens of thousands at most.
SELECT count(*) FROM standby_line WHERE app_id = :app_id AND piece = :piece AND key LIKE '%/%'

-- name: line_of_piece
SELECT key, line FROM standby_line WHERE app_id = :app_id AND piece = :piece AND key LIKE '%/%' LIMIT 1 OFFSET :place

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
