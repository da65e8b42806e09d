-- name: insert_new
-- Sorted by key beforehand: writers that meet wait for each other in one order, and neighbours land on one page.
INSERT INTO identifier (key, shown, value, template_id)
SELECT * FROM unnest($1::text[], $2::text[], $3::bytea[], $4::integer[])
ON CONFLICT (key) DO NOTHING
RETURNING key, created_at

-- name: find_many
SELECT key, shown, value, version, status, template_id, withdrawal, created_at, changed_at
FROM identifier WHERE key = ANY ($1::text[])

-- name: find_one
SELECT key, shown, value, version, status, template_id, withdrawal, created_at, changed_at
FROM identifier WHERE key = $1

-- name: lock_one
-- Held until the change is committed, so that two revisions of one identifier follow each other.
SELECT key, shown, value, version, status, template_id, withdrawal, created_at, changed_at
FROM identifier WHERE key = $1 FOR UPDATE

-- name: page
-- The prefix is the range from '<prefix>/' to '<prefix>0', the character after '/'.
SELECT key, shown, value, version, status, template_id, withdrawal, created_at, changed_at
FROM identifier WHERE key > $1 AND key < $2 ORDER BY key LIMIT $3

-- name: keep_change
-- History and change feed in one row; written before the row itself changes.
INSERT INTO identifier_change
    (key, version, actor, kind, old_template_id, old_status, old_value, old_withdrawal, reason)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: change_one
UPDATE identifier SET value = $2, template_id = $3, status = $4, withdrawal = $5, version = $6, changed_at = now()
WHERE key = $1 RETURNING changed_at

-- name: count_registrations
-- In the transaction of the rows it counts: never more, never less.
INSERT INTO registration_count (prefix, hour, slot, registered)
SELECT prefix, date_trunc('hour', now()), $3, registered FROM unnest($1::text[], $2::bigint[]) AS t (prefix, registered)
ON CONFLICT (prefix, hour, slot) DO UPDATE SET registered = registration_count.registered + excluded.registered

-- name: write_audit
INSERT INTO audit (actor, action, object, identifiers, source, request_id)
SELECT * FROM unnest($1::integer[], $2::text[], $3::text[], $4::integer[], $5::text[], $6::text[])
