-- Copies and documents of escrow (SQLite).

-- name: put_copy
INSERT INTO copy (sln, key, digest) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET digest = excluded.digest

-- name: put_content
INSERT INTO content (sln, key, row) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET row = excluded.row

-- name: put_other
INSERT INTO other (sln, namespace, key) VALUES (?, ?, ?) ON CONFLICT DO NOTHING

-- name: drop_copy
DELETE FROM copy WHERE sln = ? AND key = ?

-- name: drop_content
DELETE FROM content WHERE sln = ? AND key = ?

-- name: drop_other
DELETE FROM other WHERE sln = ? AND namespace = ? AND key = ?

-- name: empty_copy
DELETE FROM copy WHERE sln = ?

-- name: empty_content
DELETE FROM content WHERE sln = ?

-- name: empty_other
DELETE FROM other WHERE sln = ?

-- name: base
SELECT id, last_full FROM base WHERE sln = ?

-- name: put_base
INSERT INTO base (sln, id, last_full) VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET id = excluded.id, last_full = excluded.last_full

-- name: count_copy
SELECT count(*) FROM copy WHERE sln = ?

-- name: count_other
SELECT namespace, count(*) FROM other WHERE sln = ? GROUP BY namespace

-- name: range_digest
-- The sum of digests in halves: a sum of whole ones would overflow.
SELECT count(*), coalesce(sum(digest >> 32), 0), coalesce(sum(digest & 4294967295), 0)
FROM copy WHERE sln = ? AND key >= ? AND key < ?

-- name: digests_between
SELECT key, digest FROM copy WHERE sln = ? AND key >= ? AND key < ? ORDER BY key LIMIT ?

-- name: content_of
SELECT row FROM content WHERE sln = ? AND key = ?

-- name: put_report
INSERT INTO report (sln, id, day, received_at, document) VALUES (?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET day = excluded.day, received_at = excluded.received_at, document = excluded.document

-- name: reports_of_day
SELECT received_at, document FROM report WHERE sln = ? AND day = ? ORDER BY received_at LIMIT 100

-- name: report_days
SELECT DISTINCT day FROM report WHERE sln = ? ORDER BY day DESC LIMIT 60

-- name: put_notification
INSERT INTO notification (sln, day, status, id, revision, received_at, document) VALUES (?, ?, ?, ?, ?, ?, ?)

-- name: notifications_of_day
SELECT received_at, document FROM notification WHERE sln = ? AND day = ? ORDER BY number LIMIT 100

-- name: verdicts
SELECT day, status, id, revision FROM notification WHERE sln = ? ORDER BY number DESC LIMIT 1000

-- name: fact
SELECT content FROM fact WHERE sln = ? AND name = ?

-- name: put_fact
INSERT INTO fact (sln, name, content) VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET content = excluded.content

-- name: introduced
SELECT sln FROM fact WHERE name = 'created' ORDER BY sln LIMIT 1000
