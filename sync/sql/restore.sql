-- What brings deposits back into an empty database, in one transaction.

-- name: anything_held
-- A database that holds anything is not restored into.
SELECT EXISTS (SELECT FROM identifier WHERE key IS NOT NULL) OR EXISTS (SELECT FROM enterprise)
    OR EXISTS (SELECT FROM prefix) OR EXISTS (SELECT FROM api_key)

-- name: make_stage
-- What one deposit says, before it is merged.
CREATE TEMPORARY TABLE IF NOT EXISTS restore_row (object text, key text, content jsonb, place bigint GENERATED ALWAYS AS IDENTITY)
ON COMMIT DROP

-- name: make_identifier_stage
CREATE TEMPORARY TABLE IF NOT EXISTS restore_identifier (LIKE identifier INCLUDING DEFAULTS) ON COMMIT DROP

-- name: merge_identifiers
-- Of a differential: whole objects, the later wins.
INSERT INTO identifier AS i (version, status, template_id, owner_id, created_at, changed_at, key, shown, withdrawal, value)
SELECT version, status, template_id, owner_id, created_at, changed_at, key, shown, withdrawal, value
FROM restore_identifier s WHERE s.key IS NOT NULL ORDER BY s.key
ON CONFLICT (key) DO UPDATE
SET version = excluded.version, status = excluded.status, template_id = excluded.template_id, owner_id = excluded.owner_id,
    created_at = excluded.created_at, changed_at = excluded.changed_at, shown = excluded.shown,
    withdrawal = excluded.withdrawal, value = excluded.value

-- name: empty_identifier_stage
TRUNCATE restore_identifier

-- name: restore_deletes
-- What a differential says is gone; only ever in a database that is being restored.
DELETE FROM identifier WHERE key = ANY ($1::text[])

-- name: restore_enterprise
INSERT INTO enterprise OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(NULL::enterprise, content)).* FROM restore_row WHERE object = 'enterprise'

-- name: restore_prefix
INSERT INTO prefix SELECT (jsonb_populate_record(NULL::prefix, content)).* FROM restore_row WHERE object = 'prefix'

-- name: restore_api_key
-- Without a secret: nothing digests to nothing.
INSERT INTO api_key OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(NULL::api_key, content || '{"secret_digest": "\\x"}')).* FROM restore_row WHERE object = 'api_key'

-- name: restore_template
INSERT INTO template OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(NULL::template, content)).* FROM restore_row WHERE object = 'template'

-- name: restore_visibility_grant
INSERT INTO visibility_grant OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(NULL::visibility_grant, content)).* FROM restore_row WHERE object = 'visibility_grant'

-- name: restore_quota
INSERT INTO quota SELECT (jsonb_populate_record(NULL::quota, content)).* FROM restore_row WHERE object = 'quota'

-- name: restore_mint_sequence
INSERT INTO mint_sequence SELECT (jsonb_populate_record(NULL::mint_sequence, content)).*
FROM restore_row WHERE object = 'mint_sequence'

-- name: restore_suffix_lease
INSERT INTO suffix_lease OVERRIDING SYSTEM VALUE
SELECT (jsonb_populate_record(NULL::suffix_lease, content)).* FROM restore_row WHERE object = 'suffix_lease'

-- name: settle_sequences
-- Numbers go on where they had come to.
SELECT setval(pg_get_serial_sequence(name, 'id'), greatest(most, 1)) FROM (
    SELECT 'enterprise' AS name, max(id) AS most FROM enterprise UNION ALL SELECT 'api_key', max(id) FROM api_key
    UNION ALL SELECT 'template', max(id) FROM template UNION ALL SELECT 'visibility_grant', max(id) FROM visibility_grant
    UNION ALL SELECT 'suffix_lease', max(id) FROM suffix_lease) s

-- name: restore_counts
-- Counters are in no deposit: what every row says of itself takes their place, so that quotas and yearly figures go on.
INSERT INTO enterprise_count (enterprise_id, prefix, hour, slot, registered)
SELECT p.enterprise_id, p.prefix, told.hour, -1, told.registered
FROM (SELECT split_part(key, '/', 1) AS prefix, date_trunc('hour', created_at, 'UTC') AS hour, sum(1)::bigint AS registered
      FROM identifier WHERE key IS NOT NULL GROUP BY 1, 2) AS told JOIN prefix p USING (prefix)

-- name: restore_live
-- Where the statistics of live identifiers go on from, at the beginning of the hour that is told first.
INSERT INTO statistics_live (prefix, live)
SELECT split_part(key, '/', 1), sum(1)::bigint FROM identifier
WHERE key IS NOT NULL AND status <> 2 AND NOT starts_with(key, '0.NA/') AND created_at < date_trunc('hour', now(), 'UTC') GROUP BY 1 ON CONFLICT DO NOTHING

-- name: restored_now
-- The hour that is running is the first that this node tells of: one that is over may have been told by the node that was lost.
-- What the top level would answer from is sent whole, in a stream of another name.
WITH placed AS (UPDATE standby_state SET seen = NULL, since = NULL, told_base = NULL, stream = gen_random_uuid(), number = 0)
UPDATE monitoring_state SET restored_at = now(), settled_until = date_trunc('hour', now(), 'UTC')
