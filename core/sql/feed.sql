-- name: snapshot
-- The state of the database that this transaction reads: everything later is what the next reading brings.
SELECT pg_current_snapshot()::text

-- name: changed_identifiers
-- What became visible since the snapshot $1: transactions that began after it, or were still running then.
-- Bounded by the cursor that reads it in pages.
SELECT key, version FROM identifier_change
WHERE xid >= pg_snapshot_xmax($1::text::pg_snapshot)
   OR xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot)))

-- name: recently_changed_identifiers
-- For a shared cache whose position in the feed is not known: all that can differ from what it may still hold.
SELECT key, version FROM identifier_change WHERE at > now() - make_interval(secs => $1)

-- name: changed_prefixes
SELECT p.prefix, p.shown, p.enterprise_id, e.name AS enterprise_name, p.suffix_case_sensitive, p.suspended
FROM prefix p JOIN enterprise e ON e.id = p.enterprise_id
WHERE p.changed_xid >= pg_snapshot_xmax($1::text::pg_snapshot)
   OR p.changed_xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot)))

-- name: changed_templates
SELECT id, key, identifier, items::text AS items, retired, facts::text AS facts FROM template
WHERE changed_xid >= pg_snapshot_xmax($1::text::pg_snapshot)
   OR changed_xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot)))

-- name: changed_keys
SELECT key_id FROM api_key
WHERE changed_xid >= pg_snapshot_xmax($1::text::pg_snapshot)
   OR changed_xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot)))

-- name: grants_changed
-- Only whether something changed: what each reader was given is then read anew.
SELECT EXISTS (
    SELECT 1 FROM visibility_grant
    WHERE changed_xid >= pg_snapshot_xmax($1::text::pg_snapshot)
       OR changed_xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot))))
