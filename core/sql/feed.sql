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
SELECT * FROM held_prefix
WHERE changed_xid >= pg_snapshot_xmax($1::text::pg_snapshot)
   OR changed_xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot)))

-- name: changed_templates
SELECT id, key, identifier, items::text AS items, rules::text AS rules, version, retired, facts::text AS facts
FROM template
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

-- name: changed_quotas
SELECT kind, id, requests_per_second, burst, registrations_per_day, registrations_total FROM quota
WHERE changed_xid >= pg_snapshot_xmax($1::text::pg_snapshot)
   OR changed_xid = ANY (ARRAY(SELECT pg_snapshot_xip($1::text::pg_snapshot)))
