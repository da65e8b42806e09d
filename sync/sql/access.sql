-- name: next_number
SELECT nextval('peering_number')

-- name: command_of_task
-- What was made of a task and has not failed.
SELECT id, state FROM peering_command WHERE task = $1 AND parent IS NULL AND state <> 'failed'

-- name: write_command
-- Nothing where another has written it meanwhile.
INSERT INTO peering_command (task, parent, kind, about, cl_trid, sealed, state, reference, finished_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $7 = 'done' THEN now() END)
ON CONFLICT (task) WHERE parent IS NULL AND state <> 'failed' DO NOTHING RETURNING id

-- name: due_commands
SELECT id, task, parent, kind, about, cl_trid, sealed, state, attempts FROM peering_command
WHERE state IN ('queued', 'sent') AND due_at <= now() ORDER BY id LIMIT $1

-- name: before_sending
-- Committed before the bytes go out: whoever comes after a crash knows that they may have.
UPDATE peering_command SET state = 'sent', attempts = attempts + 1 WHERE id = $1 RETURNING attempts

-- name: not_sent
-- It never went out: nothing is unknown of it.
UPDATE peering_command SET state = $2, attempts = attempts - 1, due_at = now() + make_interval(secs => $3), last_error = $4
WHERE id = $1

-- name: send_again
UPDATE peering_command SET state = $2, due_at = now() + make_interval(secs => $3), last_error = $4 WHERE id = $1

-- name: answered
UPDATE peering_command SET state = $2, code = $3, reason = $4, sv_trid = $5, reference = coalesce($6, reference),
    last_error = NULL, sealed = NULL, finished_at = CASE WHEN $2 IN ('done', 'refused', 'failed') THEN now() END
WHERE id = $1 AND state IN ('queued', 'sent')

-- name: wait_for_check
-- An enterprise that is there already: what it is called is asked next. It is not sent any more.
UPDATE peering_command SET state = 'awaiting', code = $2, reason = $3, sv_trid = $4, sealed = NULL, last_error = NULL
WHERE id = $1

-- name: decisions
-- Of these tasks, each by its newest command.
SELECT DISTINCT ON (task) task, state, reason, reference FROM peering_command
WHERE task = ANY ($1::bigint[]) AND parent IS NULL ORDER BY task, id DESC

-- name: open_orders
SELECT id, prefix, wish, reason FROM peering_order WHERE applied_at IS NULL ORDER BY id LIMIT $1

-- name: order_applied
UPDATE peering_order SET applied_at = now() WHERE id = $1 AND applied_at IS NULL RETURNING id

-- name: was_published
-- Whether the top level has heard of the identifier of this prefix.
SELECT EXISTS (SELECT FROM peering_command WHERE about = $1 AND kind = 'identifier-create' AND state = 'done')

-- name: take_message
-- Its row, made at its first delivery. `first`: this is it.
INSERT INTO peering_message (message_id, queued_at, ack_cl_trid, made_of) VALUES ($1, $2, $3, 'new')
ON CONFLICT (message_id, queued_at) DO UPDATE SET deliveries = peering_message.deliveries + 1
RETURNING id, made_of, deliveries, ack_cl_trid, acked_at

-- name: keep_message
UPDATE peering_message SET prefix = $2, cl_trid = $3, sv_trid = $4, reference = $5, state = $6, audit_result = $7, text = $8,
    made_of = $9, raw = $10
WHERE id = $1

-- name: new_acknowledgement
-- It was acknowledged and came again: under the number of before the answer of before would come.
UPDATE peering_message SET ack_cl_trid = $2, acked_at = NULL WHERE id = $1

-- name: acknowledged
UPDATE peering_message SET acked_at = now() WHERE id = $1

-- name: command_awaiting
-- Which command a message answers: the one that it names, else the newest of the prefix that waits.
SELECT id, kind, cl_trid, state FROM peering_command
WHERE (cl_trid = $1 OR (about = $2 AND kind = 'prefix-create' AND NOT EXISTS (
    SELECT FROM peering_command n WHERE n.cl_trid = $1)))
    AND parent IS NULL
ORDER BY id DESC LIMIT 1 FOR UPDATE

-- name: last_applied
-- Of the same prefix and the same creation.
SELECT queued_at, sv_trid, state, audit_result FROM peering_message
WHERE prefix = $1 AND cl_trid = $2 AND made_of = 'applied' ORDER BY queued_at DESC, id DESC LIMIT 1

-- name: order_in_force
-- The last order; `resume` for an approved prefix that none was given for; NULL for any other.
SELECT coalesce(
    (SELECT wish FROM peering_order WHERE prefix = $1 ORDER BY id DESC LIMIT 1),
    (SELECT 'resume' FROM prefix WHERE prefix = $1 AND state = 'active'),
    (SELECT 'resume' FROM peering_command WHERE about = $1 AND kind = 'prefix-create' AND state = 'done' LIMIT 1))

-- name: decide_command
UPDATE peering_command SET state = $2, reason = $3, reference = coalesce(nullif($4, ''), reference), sealed = NULL,
    finished_at = now()
WHERE id = $1

-- name: give_order
INSERT INTO peering_order (message, prefix, wish, reason) VALUES ($1, $2, $3, $4)

-- name: read_state
SELECT poll_due_at <= now() AS poll_due, stopped, changed_at FROM peering_state

-- name: anything_awaited
SELECT EXISTS (SELECT FROM peering_command WHERE state IN ('sent', 'awaiting'))

-- name: polled
UPDATE peering_state SET last_poll_at = now(), poll_due_at = now() + make_interval(secs => $1)

-- name: poll_soon
-- Something is awaited: not as late as when nothing was.
UPDATE peering_state SET poll_due_at = least(poll_due_at, coalesce(last_poll_at, now()) + make_interval(secs => $1))

-- name: heard
UPDATE peering_state SET last_answer_at = now(), last_error = NULL

-- name: noted_acknowledgement
UPDATE peering_state SET last_acknowledged_at = now()

-- name: failed_to_hear
UPDATE peering_state SET last_error = $1

-- name: stop_sending
UPDATE peering_state SET stopped = $1, last_error = $1 WHERE stopped IS NULL

-- name: poll_now
UPDATE peering_state SET poll_due_at = now(), changed_at = now()

-- name: send_now
UPDATE peering_state SET stopped = NULL, changed_at = now()

-- name: everything_due
UPDATE peering_command SET due_at = now() WHERE state IN ('queued', 'sent') AND due_at > now()

-- name: figures
-- Bounded: each count stops at 100,000.
SELECT (SELECT count(*) FROM (SELECT FROM peering_command WHERE state IN ('queued', 'sent') LIMIT 100000) a) AS open,
       (SELECT extract(epoch FROM now() - min(created_at)) FROM peering_command WHERE state IN ('queued', 'sent')) AS oldest_seconds,
       (SELECT count(*) FROM (SELECT FROM peering_command WHERE state = 'awaiting' LIMIT 100000) a) AS awaiting,
       (SELECT count(*) FROM (SELECT FROM peering_command WHERE state = 'failed' LIMIT 100000) a) AS failed,
       (SELECT count(*) FROM (SELECT FROM peering_command WHERE state = 'refused' LIMIT 100000) a) AS refused,
       (SELECT count(*) FROM (SELECT FROM peering_message WHERE made_of IN ('unknown', 'unreadable') LIMIT 100000) a) AS raised,
       (SELECT count(*) FROM (SELECT FROM peering_order WHERE applied_at IS NULL LIMIT 100000) a) AS orders,
       last_poll_at, last_answer_at, last_acknowledged_at, last_error, stopped
FROM peering_state

-- name: newest_commands
SELECT id, kind, about, cl_trid, state, attempts, code, reason, last_error, sv_trid, reference, created_at, finished_at
FROM peering_command ORDER BY id DESC LIMIT $1

-- name: newest_messages
SELECT message_id, queued_at, prefix, state, audit_result, text, made_of, deliveries, received_at, acked_at
FROM peering_message ORDER BY id DESC LIMIT $1

-- name: commands_of_other_keys
-- What the newest key did not seal ($1: how everything it seals begins), a step at a time.
SELECT id, cl_trid, sealed FROM peering_command
WHERE id > $2 AND sealed IS NOT NULL AND substring(sealed FROM 1 FOR 5) <> $1 ORDER BY id LIMIT $3 FOR UPDATE

-- name: seal_command_anew
UPDATE peering_command SET sealed = $2 WHERE id = $1
