-- name: leased
-- What is kept from others now; a prefix has at most 1,000 of them. One that is still being made after ten minutes was left by
-- a worker that died.
SELECT id, pattern, day, granted, actor FROM suffix_lease
WHERE prefix = $1 AND ((state = 'making' AND created_at > now() - interval '10 minutes') OR (state = 'open' AND until > now())) ORDER BY id LIMIT 2000

-- name: still_leased
SELECT EXISTS (SELECT FROM suffix_lease WHERE id = $1 AND ((state = 'making' AND created_at > now() - interval '10 minutes') OR (state = 'open' AND until > now())))

-- name: note_lease
-- Before the lease is committed: from then on nobody registers who does not know of it. NULL: no longer of the enterprise $2.
UPDATE prefix SET leases = leases + 1 WHERE prefix = $1 AND ($2::integer IS NULL OR enterprise_id = $2) RETURNING leases

-- name: wait_for_registrations
-- Those that began before end before this returns, the others begin after the commit.
LOCK TABLE enterprise_count IN SHARE MODE

-- name: count_open
-- Of one prefix; bounded by what it is held against.
SELECT count(*) FROM suffix_lease WHERE prefix = $1 AND state IN ('making', 'open') AND until > now()

-- name: make_lease
INSERT INTO suffix_lease (prefix, pattern, day, granted, template_id, value, label, actor, until, state)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'making') RETURNING id

-- name: grow_lease
UPDATE suffix_lease SET granted = $2 WHERE id = $1 AND state = 'making' RETURNING id

-- name: registered_among
SELECT key FROM identifier WHERE key = ANY ($1::text[])

-- name: open_lease
UPDATE suffix_lease SET granted = $2, state = 'open' WHERE id = $1 AND state = 'making' RETURNING id

-- name: read_lease
-- `state` as it is at this moment: what is open when its time comes has expired.
SELECT l.id, l.prefix, p.shown AS prefix_shown, l.pattern, l.day, l.granted, l.used, l.template_id, l.value, l.label,
       l.actor, k.key_id, l.until, l.created_at, l.reported_at, l.ended_at,
       CASE WHEN l.state = 'open' AND l.until <= now() THEN 'expired' ELSE l.state END AS state
FROM suffix_lease l JOIN prefix p USING (prefix) JOIN api_key k ON k.id = l.actor WHERE l.id = $1 AND l.state <> 'making'

-- name: page_of_leases
-- Newest first, before the id $2, in the state $4 where one is asked for.
SELECT l.id, l.prefix, p.shown AS prefix_shown, l.pattern, l.day, l.granted, l.used, l.template_id, l.value, l.label,
       l.actor, k.key_id, l.until, l.created_at, l.reported_at, l.ended_at, s.state
FROM suffix_lease l JOIN prefix p USING (prefix) JOIN api_key k ON k.id = l.actor
CROSS JOIN LATERAL (SELECT CASE WHEN l.state = 'open' AND l.until <= now() THEN 'expired' ELSE l.state END AS state) AS s
WHERE l.prefix = $1 AND l.id < $2 AND l.state <> 'making' AND ($4::text IS NULL OR s.state = $4)
ORDER BY l.id DESC LIMIT $3

-- name: lock_lease
SELECT prefix, pattern, granted, used, ended_at FROM suffix_lease WHERE id = $1 FOR UPDATE

-- name: report_use
UPDATE suffix_lease SET used = $2, reported_at = now() WHERE id = $1

-- name: end_lease
UPDATE suffix_lease SET state = $2, ended_at = now() WHERE id = $1

-- name: overdue_leases
-- Of one sequence: what can be reported no longer, and what was never given out. In order, as everybody locks them.
SELECT id, granted, used FROM suffix_lease
WHERE prefix = $1 AND pattern = $2 AND ended_at IS NULL
  AND (until <= now() - make_interval(secs => $3) OR (state = 'making' AND created_at < now() - interval '10 minutes'))
ORDER BY id LIMIT 100 FOR UPDATE

-- name: open_of_prefix
-- All that has not ended; the prefix changes hands.
SELECT id, pattern, granted, used FROM suffix_lease WHERE prefix = $1 AND ended_at IS NULL ORDER BY id LIMIT 10000 FOR UPDATE
