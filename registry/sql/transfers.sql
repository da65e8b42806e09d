-- name: hold_prefix
SELECT enterprise_id FROM prefix WHERE prefix = $1 FOR SHARE

-- name: lock_prefix
SELECT p.enterprise_id, p.suspended, p.state, p.hosting FROM prefix p WHERE p.prefix = $1 FOR UPDATE

-- name: enterprise_state
SELECT state FROM enterprise WHERE id = $1

-- name: expire_transfers
-- What is open and due, of one object: so that there can be another.
UPDATE transfer SET state = 'expired', ended_at = until
WHERE key = $1 AND state IN ('proposed', 'offered') AND until <= now()

-- name: make_transfer
INSERT INTO transfer (kind, prefix, key, shown, from_enterprise, to_enterprise, reason, until, state, started_by, consented_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (key) WHERE state IN ('proposed', 'offered') DO NOTHING RETURNING id

-- name: read_transfer
-- `state` as it is at this moment: what is open when its time comes has expired.
SELECT t.id, t.kind, t.prefix, t.key, t.shown, t.from_enterprise, f.name AS from_name, t.to_enterprise, r.name AS to_name,
       t.reason, t.until, t.created_at, t.ended_at, t.consented_by, k.key_id AS started_by,
       CASE WHEN t.state IN ('proposed', 'offered') AND t.until <= now() THEN 'expired' ELSE t.state END AS state
FROM transfer t JOIN enterprise f ON f.id = t.from_enterprise JOIN enterprise r ON r.id = t.to_enterprise
JOIN api_key k ON k.id = t.started_by WHERE t.id = $1

-- name: lock_transfer
SELECT id FROM transfer WHERE id = $1 FOR UPDATE

-- name: page_of_transfers
-- Newest first, before the id $2: of the enterprise $1 (NULL: of all), in the state $4 where one is asked for.
SELECT t.id, t.kind, t.prefix, t.key, t.shown, t.from_enterprise, f.name AS from_name, t.to_enterprise, r.name AS to_name,
       t.reason, t.until, t.created_at, t.ended_at, t.consented_by, k.key_id AS started_by, s.state
FROM transfer t JOIN enterprise f ON f.id = t.from_enterprise JOIN enterprise r ON r.id = t.to_enterprise
JOIN api_key k ON k.id = t.started_by
CROSS JOIN LATERAL (
    SELECT CASE WHEN t.state IN ('proposed', 'offered') AND t.until <= now() THEN 'expired' ELSE t.state END AS state) AS s
WHERE ($1::integer IS NULL OR t.from_enterprise = $1 OR t.to_enterprise = $1) AND t.id < $2 AND ($4::text IS NULL OR s.state = $4)
ORDER BY t.id DESC LIMIT $3

-- name: move_transfer
-- An end says who and when; the consent of the giving side stays.
UPDATE transfer SET state = $2, consented_by = CASE WHEN $2 = 'offered' THEN $3 ELSE consented_by END,
    ended_by = CASE WHEN $2 <> 'offered' THEN $3 END, ended_at = CASE WHEN $2 <> 'offered' THEN now() END
WHERE id = $1

-- name: sub_prefixes
-- Those that the same enterprise holds below a prefix; some are enough to say so.
SELECT shown FROM prefix WHERE prefix > $1 || '.' AND prefix < $1 || '/' AND enterprise_id = $2 ORDER BY prefix LIMIT 20

-- name: lock_jobs
SELECT id, state FROM bulk_job WHERE prefix = $1 AND state NOT IN ('done', 'failed', 'cancelled') ORDER BY id LIMIT 1000 FOR UPDATE

-- name: cancel_jobs
UPDATE bulk_job SET state = 'cancelled', paused_from = NULL, finished_at = now() WHERE id = ANY ($1::bigint[])

-- name: give_prefix
UPDATE prefix SET enterprise_id = $2 WHERE prefix = $1

-- name: end_grants
-- Of the giving enterprise; those of who owns a single identifier below stay.
UPDATE visibility_grant g SET revoked_at = now() WHERE g.prefix = $1 AND g.revoked_at IS NULL
AND NOT EXISTS (SELECT FROM identifier i WHERE i.key = g.object AND i.owner_id IS NOT NULL AND i.owner_id <> $2)

-- name: end_grants_of_identifier
UPDATE visibility_grant SET revoked_at = now() WHERE prefix = $1 AND object = $2 AND scope = 'identifier' AND revoked_at IS NULL

-- name: end_identities
-- The programs that logged in under the prefix; the names stay, and the new enterprise may renew them.
UPDATE api_key SET revoked_at = now() WHERE revoked_at IS NULL AND id IN (SELECT key FROM app_identity WHERE prefix = $1)
RETURNING key_id

-- name: cancel_other_transfers
-- Whatever else the giving enterprise had offered below the prefix.
UPDATE transfer SET state = 'cancelled', ended_at = now()
WHERE prefix = $1 AND from_enterprise = $2 AND id <> $3 AND state IN ('proposed', 'offered')

-- name: wait_for_writers
-- Registrations and changes that began before end before this returns, the others begin after the commit.
LOCK TABLE enterprise_count, identifier_change IN SHARE MODE
