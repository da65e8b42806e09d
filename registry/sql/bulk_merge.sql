-- name: make_staging
-- Of one connection, and empty after each transaction: a crash leaves nothing to clean up. `n` is the order of key.
CREATE TEMPORARY TABLE IF NOT EXISTS bulk_staging (
    n integer NOT NULL, key text COLLATE "C" NOT NULL, shown text, template_id integer, value bytea NOT NULL
) ON COMMIT DELETE ROWS

-- name: anybody_there
-- Whether the hot table holds anything in the range of a chunk.
SELECT EXISTS (SELECT FROM identifier WHERE key >= $1 AND key <= $2)

-- name: standing
-- Which rows of the chunk exist: those that say the same, and those that do not (or were withdrawn).
SELECT array_agg(s.n) FILTER (WHERE same) AS same, array_agg(s.n) FILTER (WHERE NOT same) AS differing
FROM bulk_staging s JOIN identifier i ON i.key = s.key AND i.key >= $1 AND i.key <= $2
CROSS JOIN LATERAL (SELECT i.status = 1 AND i.value = s.value AND i.template_id IS NOT DISTINCT FROM s.template_id) AS c (same)

-- name: count_standing
-- For the plan: as `standing`, counted.
SELECT count(*) FILTER (WHERE i.status = 1 AND i.value = s.value AND i.template_id IS NOT DISTINCT FROM s.template_id) AS same,
       count(*) FILTER (WHERE i.status <> 1) AS withdrawn, count(*) AS standing
FROM bulk_staging s JOIN identifier i ON i.key = s.key AND i.key >= $1 AND i.key <= $2

-- name: lock_differing
-- In order of key, as every writer locks.
SELECT s.n, i.key, i.shown, i.value, i.version, i.status, i.template_id, i.withdrawal, i.created_at, i.changed_at,
       s.value AS new_value, s.template_id AS new_template_id
FROM bulk_staging s JOIN identifier i ON i.key = s.key
WHERE s.n = ANY ($1::integer[]) ORDER BY i.key FOR UPDATE OF i

-- name: insert_staged
INSERT INTO identifier (key, shown, value, template_id)
SELECT key, shown, value, template_id FROM bulk_staging ORDER BY key
ON CONFLICT (key) DO NOTHING

-- name: keep_changes
-- History and change feed; written before the rows themselves change.
INSERT INTO identifier_change
    (key, version, actor, kind, old_template_id, old_status, old_value, old_withdrawal, reason)
SELECT i.key, i.version + 1, $2, 'bulk', i.template_id, i.status, i.value, i.withdrawal, NULL
FROM identifier i WHERE i.key = ANY ($1::text[]) ORDER BY i.key

-- name: change_many
UPDATE identifier i SET value = c.value, template_id = c.template_id, version = i.version + 1, changed_at = now()
FROM unnest($1::text[], $2::bytea[], $3::integer[]) AS c (key, value, template_id) WHERE i.key = c.key

-- name: finish_chunk
-- Once: whoever finds it finished rolls back.
UPDATE bulk_chunk SET finished_at = now() WHERE job_id = $1 AND number = $2 AND finished_at IS NULL RETURNING number

-- name: add_to_job
UPDATE bulk_job SET created = created + $2, unchanged = unchanged + $3, changed = changed + $4, refused = refused + $5,
    chunks_done = chunks_done + 1 WHERE id = $1
