-- name: create_job
-- The same wish at the same time from two places is one job: the unique index decides.
INSERT INTO bulk_job (identity, digest, size_bytes, file_name, prefix, template_id, format, mapping, auto, actor, source, request_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8::text::jsonb, $9, $10, $11, $12)
ON CONFLICT (identity) WHERE state NOT IN ('cancelled', 'failed') DO NOTHING RETURNING id

-- name: same_job
SELECT id FROM bulk_job WHERE identity = $1 AND state NOT IN ('cancelled', 'failed')

-- name: read_job
SELECT j.*, j.mapping::text AS mapping_text, j.plan::text AS plan_text, j.problem::text AS problem_text,
       p.shown AS prefix_shown, t.identifier AS template
FROM bulk_job j JOIN prefix p USING (prefix) LEFT JOIN template t ON t.id = j.template_id
WHERE j.id = $1

-- name: page_of_jobs
-- Newest first, before the id $2; by digest where one is asked for.
SELECT j.*, j.mapping::text AS mapping_text, j.plan::text AS plan_text, j.problem::text AS problem_text,
       p.shown AS prefix_shown, t.identifier AS template
FROM bulk_job j JOIN prefix p USING (prefix) LEFT JOIN template t ON t.id = j.template_id
WHERE j.prefix = $1 AND j.id < $2 AND ($4::bytea IS NULL OR j.digest = $4) ORDER BY j.id DESC LIMIT $3

-- name: open_jobs
-- What a runner may work on, oldest first.
SELECT id FROM bulk_job WHERE state IN ('received', 'confirmed', 'merging') ORDER BY id LIMIT 100

-- name: job_state
SELECT j.state, p.suspended FROM bulk_job j JOIN prefix p USING (prefix) WHERE j.id = $1

-- name: move_job
-- From one of the states $2 to $3, if it is in one of them; a job that ends says when.
UPDATE bulk_job SET state = $3, paused_from = NULL, problem = coalesce($4::text::jsonb, problem),
    merging_at = CASE WHEN $3 = 'merging' THEN coalesce(merging_at, now()) ELSE merging_at END,
    finished_at = CASE WHEN $3 IN ('done', 'failed', 'cancelled') THEN now() END
WHERE id = $1 AND state = ANY ($2::text[]) RETURNING id

-- name: pause_job
UPDATE bulk_job SET paused_from = state, state = 'paused', problem = $2::text::jsonb
WHERE id = $1 AND state IN ('received', 'planned', 'confirmed', 'merging') RETURNING id

-- name: resume_job
UPDATE bulk_job SET state = paused_from, paused_from = NULL, problem = NULL
WHERE id = $1 AND state = 'paused' RETURNING id

-- name: read_progress
UPDATE bulk_job SET bytes_read = $2 WHERE id = $1

-- name: plan_job
-- Once; the totals start from what the file alone decides.
UPDATE bulk_job SET state = $2, planned_at = now(), rows = $3, refused = $4, unchanged = $5, chunks = $6,
    bytes_read = size_bytes, plan = $7::text::jsonb, created = 0, changed = 0, chunks_done = 0
WHERE id = $1 AND state = 'received' RETURNING id

-- name: plan_chunks
INSERT INTO bulk_chunk (job_id, number, piece, start_row, row_count, first_key, last_key)
SELECT $1, * FROM unnest($2::integer[], $3::integer[], $4::integer[], $5::integer[], $6::text[], $7::text[])

-- name: forget_chunks
DELETE FROM bulk_chunk WHERE job_id = $1 AND finished_at IS NULL

-- name: all_chunks
-- A job of 30 million rows has about 750.
SELECT number, piece, start_row, row_count, first_key, last_key, finished_at IS NOT NULL AS finished
FROM bulk_chunk WHERE job_id = $1 ORDER BY number

-- name: save_mapping
INSERT INTO bulk_mapping (prefix, template_id, mapping) VALUES ($1, coalesce($2::integer, 0), $3::text::jsonb)
ON CONFLICT (prefix, template_id) DO UPDATE SET mapping = excluded.mapping

-- name: saved_mapping
SELECT mapping::text FROM bulk_mapping WHERE prefix = $1 AND template_id = coalesce($2::integer, 0)

-- name: registrations_elsewhere
-- Registrations of this hour by everybody but bulk jobs: what a job reads to know whether others are busy.
SELECT coalesce(sum(registered), 0)::bigint FROM enterprise_count
WHERE hour = date_trunc('hour', now()) AND slot < 32000

-- name: kept_jobs
-- Of the jobs $1, those whose files stay: open ones, and for $2 days those that ended.
SELECT id FROM bulk_job WHERE id = ANY ($1::bigint[])
   AND (finished_at IS NULL OR finished_at > now() - make_interval(days => $2))

-- name: digests_wanted
-- Uploads that an open job still reads.
SELECT encode(digest, 'hex') FROM bulk_job WHERE state NOT IN ('done', 'failed', 'cancelled')

-- name: totals
-- Of all jobs ever; the table has a row a file.
SELECT state, count(*) AS jobs, sum(created)::bigint AS created, sum(unchanged)::bigint AS unchanged,
       sum(changed)::bigint AS changed, sum(refused)::bigint AS refused
FROM bulk_job GROUP BY state

-- name: actor_of_job
SELECT k.role, k.scopes FROM bulk_job j JOIN api_key k ON k.id = j.actor WHERE j.id = $1
