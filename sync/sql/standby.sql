-- Standby data: whole sets, the changes that follow them, and their comparison with what the top level holds.

-- name: standby_prefixes
-- A page: every prefix that was ever in use, whose it is, and where it is resolved.
SELECT p.prefix, p.shown, p.state, p.suspended, p.answering, p.suffix_case_sensitive, p.hosting, p.site::text AS site,
       e.name AS holder, e.credit_code
FROM prefix p JOIN enterprise e ON e.id = p.enterprise_id
WHERE p.prefix > $1 AND p.state IN ('active', 'revoked') ORDER BY p.prefix LIMIT $2

-- name: standby_identifiers
-- A page, in the order of keys.
SELECT key, shown, value, version, status, template_id, withdrawal, created_at, changed_at, owner_id FROM identifier
WHERE key > $1 ORDER BY key LIMIT $2

-- name: oldest_moment
-- Asked before a snapshot is taken: what that will not see was registered by transactions that began later than this. A minute is
-- for a clock that is set back.
SELECT least(now(), (SELECT min(xact_start) FROM pg_stat_activity
                     WHERE datname = current_database() AND backend_type = 'client backend')) - interval '1 minute'

-- name: standby_moment
-- What this transaction sees, for whoever asks later what came after it.
SELECT pg_current_snapshot()::text AS seen, s.stream, s.number,
       (SELECT coalesce(sum(1), 0)::bigint FROM prefix WHERE state IN ('active', 'revoked')) AS prefixes
FROM standby_state s

-- name: changed_prefixes
-- As above; what became visible since the snapshot $1.
SELECT p.prefix, p.shown, p.state, p.suspended, p.answering, p.suffix_case_sensitive, p.hosting, p.site::text AS site,
       e.name AS holder, e.credit_code
FROM prefix p JOIN enterprise e ON e.id = p.enterprise_id
WHERE p.state IN ('active', 'revoked')
  AND (p.changed_xid >= pg_snapshot_xmax($1::text::pg_snapshot)
       OR p.changed_xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot))))
ORDER BY p.prefix LIMIT $2

-- name: changed_identifiers
-- What became visible since the snapshot $1, by the change feed; and what was registered since, by the transaction that wrote the
-- row ($3 is the next one's number), among the rows that are not older than $2. Registering uses no savepoints: these have
-- numbers of their own, which a snapshot does not name. `found` (an identifier that changed twice counts twice) of $4 or more:
-- no more was looked for, as after a bulk job of millions, and only one row is given.
WITH changed AS MATERIALIZED (
    (SELECT c.key FROM identifier_change c
     WHERE c.xid >= pg_snapshot_xmax($1::text::pg_snapshot)
        OR c.xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot))) LIMIT $4)
    UNION ALL
    (SELECT n.key FROM identifier n, LATERAL (SELECT $3::bigint - (($3 - n.xmin::text::bigint) & 4294967295) AS xid) x
     WHERE n.created_at >= $2
       AND (x.xid >= pg_snapshot_xmax($1::text::pg_snapshot)::text::bigint
            OR x.xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot)::text::bigint))) LIMIT $4)),
total AS MATERIALIZED (SELECT coalesce(sum(1), 0)::bigint AS found FROM changed)
SELECT i.key, i.shown, i.value, i.version, i.status, i.template_id, i.withdrawal, i.created_at, i.changed_at, i.owner_id,
       (SELECT found FROM total) AS found
FROM identifier i WHERE key IN (SELECT c.key FROM changed c LIMIT (SELECT CASE WHEN found >= $4 THEN 1 END FROM total))
ORDER BY i.key

-- name: next_transaction
SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint

-- name: lock_position
-- Before the snapshot is taken: it is to see what whoever had the lock before has written.
LOCK TABLE standby_state IN SHARE ROW EXCLUSIVE MODE

-- name: position
SELECT stream, number, told_base, seen, since, last_error, whole_at FROM standby_state

-- name: move_position
-- With the documents that tell what lies between, in one transaction.
UPDATE standby_state SET number = $1, told_base = $2, seen = $3, since = $4

-- name: lose_position
-- A whole set is needed. Under a name of its own the stream begins anew, as the top level has other changes under these numbers.
UPDATE standby_state SET seen = NULL, since = NULL, told_base = NULL, last_error = $1,
       stream = CASE WHEN $2 THEN gen_random_uuid() ELSE stream END, number = CASE WHEN $2 THEN 0 ELSE number END

-- name: forget_changes
-- Up to this number they are in a whole set that the top level has, or in none that anybody asks for.
DELETE FROM standby_change WHERE number <= $1

-- name: take_position
-- From the whole set on, where changes are not followed yet.
UPDATE standby_state SET seen = coalesce(seen, $1), since = coalesce(since, $2) WHERE stream = $3

-- name: stream
SELECT stream FROM standby_state

-- name: is_stream
SELECT EXISTS (SELECT FROM standby_state WHERE stream = $1)

-- name: position_failed
UPDATE standby_state SET last_error = $1

-- name: position_whole
UPDATE standby_state SET last_error = NULL, whole_at = greatest(whole_at, $1)

-- name: age_seconds
-- Since the top level last lacked nothing.
SELECT extract(epoch FROM now() - whole_at)::float8 FROM standby_state

-- name: write_change
INSERT INTO standby_change (number, watermark, lines, content) VALUES ($1, $2, $3, $4)

-- name: unsent_changes
SELECT number, watermark, content FROM standby_change WHERE acknowledged_at IS NULL ORDER BY number LIMIT $1

-- name: change_acknowledged
UPDATE standby_change SET acknowledged_at = now() WHERE number = $1

-- name: rewind_changes
-- From this one on everything is sent again; what was frozen stays as it is.
UPDATE standby_change SET acknowledged_at = NULL WHERE number >= $1 AND acknowledged_at IS NOT NULL

-- name: ask_again
-- The last one goes out again now and then, so that a top level that lost it is found out.
UPDATE standby_change SET acknowledged_at = NULL
WHERE number = (SELECT max(number) FROM standby_change) AND acknowledged_at < now() - interval '10 minutes'

-- name: changes_kept
-- How many lines were told since the last whole set, and between which numbers they can be sent again.
SELECT coalesce(sum(lines), 0)::bigint AS lines, coalesce(sum(octet_length(content)), 0)::bigint AS bytes,
       min(number) AS first, max(number) AS last,
       min(number) FILTER (WHERE acknowledged_at IS NULL) AS next, coalesce(sum(1) FILTER (WHERE acknowledged_at IS NULL), 0)::bigint AS waiting,
       max(acknowledged_at) AS last_acknowledged_at
FROM standby_change

-- name: write_snapshot
INSERT INTO standby_snapshot (snapshot_id, watermark, manifest, digest, records, seen, stream, after, since)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: snapshot_completed
UPDATE standby_snapshot SET completed_at = now(), compared_at = now() WHERE snapshot_id = $1

-- name: snapshot_compared
UPDATE standby_snapshot SET compared_at = now() WHERE snapshot_id = $1

-- name: forget_snapshots
-- That nobody will ask for: neither the last one nor younger than a month, or than a day where it was never whole.
DELETE FROM standby_snapshot WHERE made_at < now() - CASE WHEN completed_at IS NULL THEN interval '1 day' ELSE interval '30 days' END
    AND made_at < (SELECT max(made_at) FROM standby_snapshot WHERE completed_at IS NOT NULL)

-- name: last_snapshot
-- Of this stream.
SELECT p.snapshot_id, p.watermark, p.manifest, p.digest, p.records, p.completed_at, p.after FROM standby_snapshot p, standby_state s
WHERE p.completed_at IS NOT NULL AND p.stream = s.stream ORDER BY p.made_at DESC LIMIT 1

-- name: to_be_compared
-- Whether a deposit was accepted since the snapshot $1 was last compared.
SELECT EXISTS (SELECT FROM escrow_deposit d WHERE d.state = 'accepted' AND d.settled_at > s.compared_at)
FROM standby_snapshot s WHERE s.snapshot_id = $1

-- name: standby_sums
-- Of the ranges from $1 (included) to $2 (not included), each a walk along the key.
SELECT d.rows, d.total FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS r (first, last, place), LATERAL (
    SELECT coalesce(sum(1), 0)::bigint AS rows, coalesce(sum(standby_mark(i)), 0)::text AS total
    FROM identifier i WHERE key >= r.first AND key < r.last) d
ORDER BY r.place

-- name: standby_marks
-- Of one range, in order of key.
SELECT i.key, standby_mark(i) AS mark FROM identifier i WHERE key >= $1 AND key < $2 ORDER BY i.key LIMIT $3
