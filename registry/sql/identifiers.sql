-- name: insert_new
-- Sorted by key beforehand: writers that meet wait for each other in one order, and neighbours land on one page.
INSERT INTO identifier (key, shown, value, template_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::integer[])
ON CONFLICT (key) DO NOTHING
RETURNING key, created_at

-- name: insert_group
-- Singles of many callers in one statement, so one transaction and one trip: the rows, their counters, an audit entry for
-- each that is new, and the reverse index where a prefix has one. Sorted by key beforehand, as above. A prefix that is not
-- what the caller believed takes nothing: who gives it away, or leases suffixes of it, waits for statements that began before.
WITH wish AS (
    SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::integer[], $5::integer[], $6::text[], $7::text[],
                         $9::integer[], $10::integer[])
        WITH ORDINALITY AS t (key, shown, value, template_id, actor, source, request_id, enterprise_id, leases, place)),
made AS (
    INSERT INTO identifier (key, shown, value, template_id) SELECT key, shown, value, template_id FROM wish
    WHERE EXISTS (SELECT FROM prefix p WHERE p.prefix = split_part(wish.key, '/', 1)
        AND (wish.enterprise_id IS NULL OR wish.enterprise_id = p.enterprise_id) AND (wish.leases IS NULL OR wish.leases = p.leases))
    ORDER BY place
    ON CONFLICT (key) DO NOTHING RETURNING key, created_at),
counted AS (
    INSERT INTO enterprise_count AS c (enterprise_id, prefix, hour, slot, registered, minutes)
    SELECT p.enterprise_id, t.prefix, date_trunc('hour', now()), $8, t.registered,
           array_fill(t.registered::integer, ARRAY[1], ARRAY[extract(minute FROM now())::integer])
    FROM (SELECT split_part(key, '/', 1) AS prefix, count(*) AS registered FROM made GROUP BY 1) AS t LEFT JOIN prefix p USING (prefix)
    ON CONFLICT (enterprise_id, hour, prefix, slot) DO UPDATE SET registered = c.registered + excluded.registered,
        minutes[extract(minute FROM now())::integer] =
            coalesce(c.minutes[extract(minute FROM now())::integer], 0) + excluded.registered::integer),
audited AS (
    INSERT INTO audit (actor, action, object, identifiers, source, request_id)
    SELECT w.actor, 'register', coalesce(w.shown, w.key), 1, w.source, w.request_id
    FROM wish w JOIN made USING (key) ORDER BY w.place),
indexed AS (
    INSERT INTO value_index (prefix, type, digest, key)
    SELECT i.prefix, v ->> 1, substring(sha256(convert_to((v -> 2)::text, 'UTF8')) for 16), w.key
    FROM value_index_wish i JOIN wish w ON i.prefix = split_part(w.key, '/', 1) JOIN made USING (key)
    CROSS JOIN LATERAL json_array_elements(convert_from(w.value, 'UTF8')::json) AS v
    WHERE v ->> 1 = ANY (i.types) ORDER BY 1, 2, 3, 4 ON CONFLICT DO NOTHING)
SELECT key, created_at FROM made

-- name: find_many
SELECT key, shown, value, version, status, template_id, withdrawal, created_at, changed_at, owner_id
FROM identifier WHERE key = ANY ($1::text[])

-- name: find_one
SELECT key, shown, value, version, status, template_id, withdrawal, created_at, changed_at, owner_id
FROM identifier WHERE key = $1

-- name: owner_of
-- Where it is not its prefix's; asked for callers who do not hold the prefix.
SELECT owner_id FROM identifier WHERE key = $1

-- name: give_identifier
-- In the transaction that locked it; NULL: it follows its prefix again.
UPDATE identifier SET owner_id = $2 WHERE key = $1

-- name: owned_elsewhere
-- What an enterprise owns below prefixes of others, in order of key; the records of prefixes (0.NA) are none of these.
SELECT key FROM identifier WHERE key > $2 AND owner_id = $1 AND NOT starts_with(key, '0.NA/') ORDER BY key LIMIT $3

-- name: lock_one
-- Held until the change is committed, so that two revisions of one identifier follow each other.
SELECT key, shown, value, version, status, template_id, withdrawal, created_at, changed_at, owner_id
FROM identifier WHERE key = $1 FOR UPDATE

-- name: page
-- The prefix is the range from '<prefix>/' to '<prefix>0', the character after '/'.
SELECT key, shown, value, version, status, template_id, withdrawal, created_at, changed_at, owner_id
FROM identifier WHERE key > $1 AND key >= $2 AND key < $3 AND key <= $4 ORDER BY key LIMIT $5

-- name: scan_page
-- Where a filter needs a look at each row: $5 neighbours are looked at, no more. The last of them is given even where it is
-- not wanted, so that the reader knows where to go on. Values are read afterwards, of those that are wanted.
SELECT key, wanted, place FROM (
    SELECT key, row_number() OVER (ORDER BY key) AS place,
           ($7::integer IS NULL OR template_id = $7) AND ($8::smallint IS NULL OR status = $8)
           AND ($9::timestamptz IS NULL OR created_at >= $9) AND ($10::timestamptz IS NULL OR created_at < $10)
           AND ($11::timestamptz IS NULL OR coalesce(changed_at, created_at) >= $11)
           AND ($12::timestamptz IS NULL OR coalesce(changed_at, created_at) < $12) AS wanted
    FROM identifier WHERE key > $1 AND key >= $2 AND key < $3 AND key <= $4 ORDER BY key LIMIT $5) AS looked_at
WHERE wanted OR place = $5 ORDER BY key LIMIT $6

-- name: scan_withdrawn
-- The same along the index of withdrawn ones, which passes over all others.
SELECT key, wanted, place FROM (
    SELECT key, row_number() OVER (ORDER BY key) AS place,
           ($7::integer IS NULL OR template_id = $7) AND ($8::smallint IS NULL OR status = $8)
           AND ($9::timestamptz IS NULL OR created_at >= $9) AND ($10::timestamptz IS NULL OR created_at < $10)
           AND ($11::timestamptz IS NULL OR coalesce(changed_at, created_at) >= $11)
           AND ($12::timestamptz IS NULL OR coalesce(changed_at, created_at) < $12) AS wanted
    FROM identifier WHERE key > $1 AND key >= $2 AND key < $3 AND key <= $4 AND status = 2 ORDER BY key LIMIT $5) AS looked_at
WHERE wanted OR place = $5 ORDER BY key LIMIT $6

-- name: keep_change
-- History and change feed in one row; written before the row itself changes. Says whether the prefix has a reverse index,
-- and whether the row is the caller's to change: a key of its owner's, or of the node's.
INSERT INTO identifier_change
    (key, version, actor, kind, old_template_id, old_status, old_value, old_withdrawal, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
RETURNING EXISTS (SELECT FROM value_index_wish WHERE prefix = split_part($1, '/', 1)) AS indexed,
    EXISTS (SELECT FROM api_key k JOIN prefix p ON p.prefix = split_part($1, '/', 1) JOIN identifier i ON i.key = $1
            WHERE k.id = $3 AND (k.enterprise_id IS NULL OR k.enterprise_id = coalesce(i.owner_id, p.enterprise_id))) AS owned

-- name: change_one
UPDATE identifier SET value = $2, template_id = $3, status = $4, withdrawal = $5, version = $6, changed_at = now()
WHERE key = $1 RETURNING changed_at

-- name: count_registrations
-- In the transaction of the rows it counts: never more, never less; for who owns the prefix now, in the hour and minute in
-- which the transaction began. Says which prefixes have
-- a reverse index: nearly none, and asked here it costs no statement; and what the prefix is now, as in insert_group.
INSERT INTO enterprise_count AS c (enterprise_id, prefix, hour, slot, registered, minutes)
SELECT p.enterprise_id, t.prefix, date_trunc('hour', now()), $3, t.registered,
       array_fill(t.registered::integer, ARRAY[1], ARRAY[extract(minute FROM now())::integer])
FROM unnest($1::text[], $2::bigint[]) AS t (prefix, registered) LEFT JOIN prefix p USING (prefix)
ON CONFLICT (enterprise_id, hour, prefix, slot) DO UPDATE SET registered = c.registered + excluded.registered,
    minutes[extract(minute FROM now())::integer] =
        coalesce(c.minutes[extract(minute FROM now())::integer], 0) + excluded.registered::integer
RETURNING prefix, enterprise_id, (SELECT p.leases FROM prefix p WHERE p.prefix = c.prefix),
    EXISTS (SELECT FROM value_index_wish w WHERE w.prefix = c.prefix) AS indexed

-- name: write_audit
INSERT INTO audit (actor, action, object, identifiers, source, request_id)
SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[])
