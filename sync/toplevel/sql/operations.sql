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

-- name: newest_sums
SELECT t.seq, s.hour, s.corrects, t.registered, t.resolved, t.not_found FROM statistics_sum t
JOIN statistics s ON s.app_id = t.app_id AND s.seq = t.seq WHERE t.app_id = :app_id ORDER BY t.seq DESC LIMIT :most

-- name: totals
-- Of the last that was said of each hour.
SELECT count(*) AS hours, coalesce(sum(registered), 0) AS registered, coalesce(sum(updated), 0) AS updated,
       coalesce(sum(deleted), 0) AS deleted, coalesce(sum(resolved), 0) AS resolved, coalesce(sum(not_found), 0) AS notFound,
       coalesce(sum(referred), 0) AS referred, coalesce(sum(failed), 0) AS failed
FROM (SELECT max(seq) AS seq FROM statistics WHERE app_id = :app_id GROUP BY hour) s
JOIN statistics_sum t ON t.app_id = :app_id AND t.seq = s.seq

-- name: put_heartbeat
INSERT INTO heartbeat (app_id, received_at, content) VALUES (:app_id, :now, :content)
ON CONFLICT (app_id) DO UPDATE SET received_at = excluded.received_at, content = excluded.content, count = count + 1

-- name: heartbeat
SELECT received_at, count, content FROM heartbeat WHERE app_id = :app_id

-- name: account_of_prefix
SELECT app_id, prefix, user, client, enabled FROM account WHERE prefix = :prefix

-- name: snapshot
SELECT snapshot_id, manifest, digest, whole FROM standby_base WHERE app_id = :app_id AND snapshot_id = :snapshot_id

-- name: put_snapshot
INSERT INTO standby_base (app_id, snapshot_id, manifest, digest, received_at)
VALUES (:app_id, :snapshot_id, :manifest, :digest, :received_at)

-- name: snapshot_is_whole
UPDATE standby_base SET whole = 1 WHERE app_id = :app_id AND snapshot_id = :snapshot_id

-- name: last_whole_snapshot
SELECT snapshot_id, digest, manifest FROM standby_base WHERE app_id = :app_id AND whole = 1
ORDER BY received_at DESC, snapshot_id DESC LIMIT 1

-- name: has_piece
SELECT 1 FROM standby_part WHERE app_id = :app_id AND digest = :digest

-- name: put_piece
INSERT INTO standby_part (app_id, digest) VALUES (:app_id, :digest) ON CONFLICT DO NOTHING

-- name: put_line
INSERT INTO standby_entry (app_id, key, piece, mark, line) VALUES (:app_id, :key, :piece, :mark, :line)
ON CONFLICT DO UPDATE SET mark = excluded.mark, line = excluded.line

-- name: pieces
SELECT digest, current FROM standby_part WHERE app_id = :app_id

-- name: turn_to_piece
UPDATE standby_part SET current = 1 WHERE app_id = :app_id AND digest = :digest

-- name: leave_pieces
UPDATE standby_part SET current = -1 WHERE app_id = :app_id

-- name: left_piece
SELECT digest FROM standby_part WHERE app_id = :app_id AND current = -1 LIMIT 1

-- name: drop_lines
DELETE FROM standby_entry WHERE app_id = :app_id AND piece = :digest

-- name: drop_piece
DELETE FROM standby_part WHERE app_id = :app_id AND digest = :digest

-- name: line
SELECT coalesce((SELECT line FROM standby_change WHERE app_id = :app_id AND key = :key),
                (SELECT e.line FROM standby_entry e JOIN standby_part p ON p.app_id = e.app_id AND p.digest = e.piece AND p.current = 1
                 WHERE e.app_id = :app_id AND e.key = :key))

-- name: count_lines
-- Identifiers of one piece, some tens of thousands at most.
SELECT count(*) FROM standby_entry WHERE app_id = :app_id AND piece = :piece AND key LIKE '%/%'

-- name: line_of_piece
SELECT key FROM standby_entry WHERE app_id = :app_id AND piece = :piece AND key LIKE '%/%' LIMIT 1 OFFSET :place

-- name: count_changed
SELECT count(*) FROM (SELECT 1 FROM standby_change WHERE app_id = :app_id AND key LIKE '%/%' LIMIT 50000)

-- name: changed_line
SELECT key FROM standby_change WHERE app_id = :app_id AND key LIKE '%/%' LIMIT 1 OFFSET :place

-- name: standby_stream
SELECT stream, base, number, watermark FROM standby_stream WHERE app_id = :app_id

-- name: put_stream
INSERT INTO standby_stream (app_id, stream, base, number, watermark) VALUES (:app_id, :stream, :base, :number, :watermark)
ON CONFLICT DO UPDATE SET stream = excluded.stream, base = excluded.base, number = excluded.number, watermark = excluded.watermark

-- name: put_change
INSERT INTO standby_change (app_id, key, number, mark, line) VALUES (:app_id, :key, :number, :mark, :line)
ON CONFLICT DO UPDATE SET number = excluded.number, mark = excluded.mark, line = excluded.line

-- name: drop_changes
-- A whole set holds them.
DELETE FROM standby_change WHERE app_id = :app_id AND number <= :number

-- name: put_document
INSERT INTO standby_document (app_id, number, digest) VALUES (:app_id, :number, :digest)

-- name: document
SELECT digest FROM standby_document WHERE app_id = :app_id AND number = :number

-- name: drop_documents
DELETE FROM standby_document WHERE app_id = :app_id AND number <= :number

-- name: sums
-- Of one range of identifiers: what stands in current pieces, less what changes replaced, and the changes. In halves: a sum of
-- whole marks would overflow.
SELECT sum(rows), sum(high), sum(low) FROM (
    SELECT count(*) AS rows, coalesce(sum(mark >> 32), 0) AS high, coalesce(sum(mark & 4294967295), 0) AS low
    FROM standby_entry WHERE app_id = :app_id AND key >= :first AND key < :end AND instr(key, '/') > 0
      AND piece IN (SELECT digest FROM standby_part WHERE app_id = :app_id AND current = 1)
    UNION ALL
    SELECT -count(*), -coalesce(sum(e.mark >> 32), 0), -coalesce(sum(e.mark & 4294967295), 0)
    FROM standby_change c CROSS JOIN standby_entry e ON e.app_id = c.app_id AND e.key = c.key
    WHERE c.app_id = :app_id AND c.key >= :first AND c.key < :end AND instr(c.key, '/') > 0
      AND e.piece IN (SELECT digest FROM standby_part WHERE app_id = :app_id AND current = 1)
    UNION ALL
    SELECT count(*), coalesce(sum(mark >> 32), 0), coalesce(sum(mark & 4294967295), 0)
    FROM standby_change WHERE app_id = :app_id AND key >= :first AND key < :end AND instr(key, '/') > 0)

-- name: marks
-- A page of one range of identifiers, in order of key.
SELECT key, mark FROM standby_change
WHERE app_id = :app_id AND key >= :first AND key < :end AND instr(key, '/') > 0
UNION ALL
SELECT e.key, e.mark FROM standby_entry e
WHERE e.app_id = :app_id AND e.key >= :first AND e.key < :end AND instr(e.key, '/') > 0
  AND e.piece IN (SELECT digest FROM standby_part WHERE app_id = :app_id AND current = 1)
  AND NOT EXISTS (SELECT 1 FROM standby_change c WHERE c.app_id = e.app_id AND c.key = e.key)
ORDER BY 1 LIMIT :most

-- name: prefix_marks
-- Of prefixes, which are few among the identifiers: by their own index.
SELECT key, mark FROM standby_change INDEXED BY standby_change_prefix
WHERE app_id = :app_id AND key >= :first AND key < :end AND instr(key, '/') = 0
UNION ALL
SELECT e.key, e.mark FROM standby_entry e INDEXED BY standby_entry_prefix
WHERE e.app_id = :app_id AND e.key >= :first AND e.key < :end AND instr(e.key, '/') = 0
  AND e.piece IN (SELECT digest FROM standby_part WHERE app_id = :app_id AND current = 1)
  AND NOT EXISTS (SELECT 1 FROM standby_change c WHERE c.app_id = e.app_id AND c.key = e.key)
ORDER BY 1 LIMIT :most

-- name: prefix_changes
-- The newest prefix data that came as a change.
SELECT key, number, line FROM standby_change INDEXED BY standby_change_prefix
WHERE app_id = :app_id AND instr(key, '/') = 0 ORDER BY number DESC LIMIT :most

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
