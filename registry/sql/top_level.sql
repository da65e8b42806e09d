-- name: ask_top_level
INSERT INTO top_level_task (kind, application_id, enterprise_id, prefix) VALUES ($1, $2, $3, $4)

-- name: tell_change
INSERT INTO top_level_task (kind, application_id, enterprise_id, changed) VALUES ('update', $1, $2, $3)

-- name: anything_open
SELECT EXISTS (SELECT FROM top_level_task WHERE state = 'submitted' OR (state = 'queued' AND due_at <= now()))

-- name: due_tasks
-- A prefix waits for its enterprise, a change for the one before.
SELECT t.id, t.kind, t.application_id, t.enterprise_id, t.prefix, t.attempts, t.changed FROM top_level_task t
WHERE t.state = 'queued' AND t.due_at <= now() AND (t.kind <> 'prefix' OR NOT EXISTS (
    SELECT FROM top_level_task b
    WHERE b.application_id = t.application_id AND b.kind = 'enterprise' AND b.state <> 'accepted'))
AND (t.kind <> 'update' OR NOT EXISTS (
    SELECT FROM top_level_task b
    WHERE b.application_id = t.application_id AND b.kind = 'update' AND b.id < t.id AND b.state IN ('queued', 'submitted')))
ORDER BY t.id LIMIT $1

-- name: waiting_tasks
SELECT id FROM top_level_task WHERE state = 'submitted' ORDER BY id LIMIT $1

-- name: lock_task
SELECT id, kind, application_id, enterprise_id, prefix, state FROM top_level_task WHERE id = $1 FOR UPDATE

-- name: task_submitted
UPDATE top_level_task SET state = 'submitted', attempts = attempts + 1, last_error = NULL WHERE id = $1 AND state = 'queued'
RETURNING id

-- name: task_delayed
-- Tried again after $3 seconds; given up after $4 times.
UPDATE top_level_task SET attempts = attempts + 1, last_error = $2, due_at = now() + make_interval(secs => $3),
    state = CASE WHEN attempts + 1 >= $4 THEN 'failed' ELSE state END
WHERE id = $1 AND state = 'queued' RETURNING state

-- name: task_stuck
UPDATE top_level_task SET state = 'failed', attempts = attempts + 1, last_error = left($2, 500)
WHERE id = $1 AND state IN ('queued', 'submitted')

-- name: lock_application_of_prefix
-- The newest that was given the prefix.
SELECT id, state FROM application WHERE prefix = $1 ORDER BY id DESC LIMIT 1 FOR UPDATE

-- name: task_decided
UPDATE top_level_task SET state = $2, reason = $3, finished_at = now() WHERE id = $1

-- name: refuse_rest
-- Of an application whose enterprise was refused.
UPDATE top_level_task SET state = 'refused', finished_at = now()
WHERE application_id = $1 AND state IN ('queued', 'submitted', 'failed')

-- name: retry_tasks
UPDATE top_level_task SET state = 'queued', attempts = 0, due_at = now()
WHERE application_id = $1 AND state IN ('queued', 'failed') RETURNING id

-- name: tasks_of
SELECT kind, prefix, state, attempts, last_error, reason, due_at, finished_at FROM top_level_task
WHERE application_id = $1 ORDER BY id LIMIT 20

-- name: enterprise_facts
SELECT e.id, e.name, e.credit_code, e.top_level_reference, a.form::text AS form
FROM enterprise e LEFT JOIN application a ON a.id = $2 WHERE e.id = $1

-- name: keep_reference
UPDATE enterprise SET top_level_reference = $2 WHERE id = $1
