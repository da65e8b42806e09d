-- name: make_staging
-- Of one connection, and empty after each transaction: a crash leaves nothing to clean up. `n` is the order of key.
CREATE TEMPORARY TABLE IF NOT EXISTS bulk_staging (
    n integer NOT NULL, key text COLLATE "C" NOT NULL, shown text, template_id integer, value bytea NOT NULL,
    status smallint NOT NULL DEFAULT 1, withdrawal text
) ON COMMIT DELETE ROWS

-- name: anybody_there
-- Whether the hot table holds anything in the range of a chunk.
SELECT EXISTS (SELECT FROM identifier WHERE key >= $1 AND key <= $2)

-- name: standing
-- Which rows of the chunk exist: those that say the same, and those that do not (or were withdrawn, or have an owner of
-- their own).
SELECT array_agg(s.n) FILTER (WHERE same) AS same, array_agg(s.n) FILTER (WHERE NOT same) AS differing
FROM bulk_staging s JOIN identifier i ON i.key = s.key AND i.key >= $1 AND i.key <= $2
CROSS JOIN LATERAL (SELECT i.owner_id IS NULL AND i.status = 1 AND s.status = 1 AND i.value = s.value AND i.template_id IS NOT DISTINCT FROM s.template_id) AS c (same)

-- name: count_standing
-- For the plan: as `standing`, counted.
SELECT count(*) FILTER (WHERE i.status = s.status AND i.withdrawal IS NOT DISTINCT FROM s.withdrawal AND i.value = s.value AND i.template_id IS NOT DISTINCT FROM s.template_id) AS same,
       count(*) FILTER (WHERE i.status <> 1 AND s.status = 1) AS withdrawn, count(*) AS standing
FROM bulk_staging s JOIN identifier i ON i.key = s.key AND i.key >= $1 AND i.key <= $2

-- name: drop_retired
-- Rows that would be new under a template (of $3) that was retired; identifiers that have it already may go on saying more.
DELETE FROM bulk_staging s WHERE s.template_id = ANY ($3::integer[]) AND NOT EXISTS
    (SELECT FROM identifier i WHERE i.key = s.key AND i.key >= $1 AND i.key <= $2 AND i.template_id = s.template_id)
RETURNING s.n

-- name: drop_places
-- Rows for which there is no allowance.
DELETE FROM bulk_staging WHERE n = ANY ($1::integer[])

-- name: drop_leased
-- Of the places $1, rows that would be new.
DELETE FROM bulk_staging s WHERE s.n = ANY ($1::integer[]) AND NOT EXISTS (SELECT FROM identifier i WHERE i.key = s.key)
RETURNING s.n

-- name: leases_of_prefix
SELECT leases FROM prefix WHERE prefix = $1

-- name: lock_differing
-- In order of key, as every writer locks.
SELECT s.n, i.key, i.shown, i.value, i.version, i.status, i.template_id, i.withdrawal, i.created_at, i.changed_at, i.owner_id,
       (SELECT enterprise_id FROM prefix WHERE prefix = split_part(i.key, '/', 1)) AS holder,
       s.value AS new_value, s.template_id AS new_template_id, s.withdrawal AS new_withdrawal
FROM bulk_staging s JOIN identifier i ON i.key = s.key
WHERE s.n = ANY ($1::integer[]) ORDER BY i.key FOR UPDATE OF i

-- name: insert_staged
INSERT INTO identifier (key, shown, value, template_id, status, withdrawal)
SELECT key, shown, value, template_id, status, withdrawal FROM bulk_staging ORDER BY key
ON CONFLICT (key) DO NOTHING

-- name: keep_changes
-- History and change feed; written before the rows themselves change. A withdrawal is called one: it is counted as such.
INSERT INTO identifier_change
    (key, version, actor, kind, old_template_id, old_status, old_value, old_withdrawal, reason)
SELECT i.key, i.version + 1, $2, CASE WHEN c.withdrawal IS NULL THEN 'bulk' ELSE 'withdraw' END,
    i.template_id, i.status, i.value, i.withdrawal, NULL
FROM unnest($1::text[], $3::text[]) AS c (key, withdrawal) JOIN identifier i ON i.key = c.key ORDER BY i.key

-- name: change_many
UPDATE identifier i SET value = c.value, template_id = c.template_id, version = i.version + 1, changed_at = now(),
    status = CASE WHEN c.withdrawal IS NULL THEN 1 ELSE 2 END, withdrawal = c.withdrawal
FROM unnest($1::text[], $2::bytea[], $3::integer[], $4::text[]) AS c (key, value, template_id, withdrawal) WHERE i.key = c.key

-- name: finish_chunk
-- Once: whoever finds it finished rolls back. So does whoever sent the job for a prefix that is another's by now: after the
-- counter or the history was written, so that who gives the prefix away has waited for it, or is waited for.
UPDATE bulk_chunk c SET finished_at = now() WHERE c.job_id = $1 AND c.number = $2 AND c.finished_at IS NULL AND EXISTS (
    SELECT FROM bulk_job j JOIN api_key k ON k.id = j.actor JOIN prefix p USING (prefix)
    WHERE j.id = $1 AND (k.enterprise_id IS NULL OR k.enterprise_id = p.enterprise_id))
RETURNING c.number

-- name: add_to_job
UPDATE bulk_job SET created = created + $2, unchanged = unchanged + $3, changed = changed + $4, refused = refused + $5,
    chunks_done = chunks_done + 1 WHERE id = $1
