-- name: lock_credit_code
-- One application of a credit code is counted and handed in at a time.
SELECT pg_advisory_xact_lock(hashtextextended($1, 0))

-- name: count_open
SELECT count(*) FROM (SELECT FROM application WHERE credit_code = $1 AND state = ANY ($2::text[]) LIMIT $3) open

-- name: insert_application
INSERT INTO application (token_digest, state, credit_code, form) VALUES ($1, $2, $3, $4::text::jsonb) RETURNING id

-- name: find_application
SELECT id, token_digest, state, credit_code, form::text AS form, enterprise_id, made_enterprise, prefix, first_key, created_at,
       changed_at
FROM application WHERE id = $1

-- name: lock_application
SELECT id, token_digest, state, credit_code, form::text AS form, enterprise_id, made_enterprise, prefix, first_key, created_at,
       changed_at
FROM application WHERE id = $1 FOR UPDATE

-- name: page_of_applications
-- Newest first, before the number $1; in one state or all (NULL).
SELECT id, state, credit_code, form->>'name' AS name, enterprise_id, prefix, created_at, changed_at FROM application
WHERE id < $1 AND ($2::text IS NULL OR state = $2) ORDER BY id DESC LIMIT $3

-- name: change_form
UPDATE application SET form = $2::text::jsonb, changed_at = now() WHERE id = $1

-- name: rename_enterprise
UPDATE enterprise SET name = $2 WHERE id = $1

-- name: touch
UPDATE application SET changed_at = now() WHERE id = $1

-- name: lock_abandoned
-- In the states $1, untouched for $2 days; not those that another worker or their applicant holds.
SELECT id, state FROM application WHERE state = ANY ($1::text[]) AND changed_at < now() - make_interval(days => $2)
ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED

-- name: change_state
UPDATE application SET state = $2, changed_at = now() WHERE id = $1

-- name: give_prefix
UPDATE application SET enterprise_id = $2, made_enterprise = $3, prefix = $4 WHERE id = $1

-- name: keep_first_key
UPDATE application SET first_key = $2 WHERE id = $1

-- name: write_move
INSERT INTO application_move (application_id, actor, key, move, from_state, to_state, reason) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: moves_of
-- The newest 200, oldest first.
SELECT * FROM (
    SELECT m.id, m.at, m.actor, m.move, m.from_state, m.to_state, m.reason, k.key_id
    FROM application_move m LEFT JOIN api_key k ON k.id = m.key WHERE m.application_id = $1 ORDER BY m.id DESC LIMIT 200
) newest ORDER BY id

-- name: lock_applications_of
SELECT id, state FROM application WHERE enterprise_id = $1 AND state = ANY ($2::text[]) ORDER BY id FOR UPDATE

-- name: put_datum
INSERT INTO personal_datum (application_id, field, masked, sealed) VALUES ($1, $2, $3, $4)
ON CONFLICT (application_id, field) DO UPDATE SET masked = excluded.masked, sealed = excluded.sealed

-- name: masked_of
SELECT field, masked FROM personal_datum WHERE application_id = $1 AND sealed <> '' ORDER BY field

-- name: sealed_of
SELECT field, sealed FROM personal_datum WHERE application_id = $1 AND sealed <> '' ORDER BY field

-- name: put_image
INSERT INTO application_image (application_id, kind, media_type, bytes, sealed) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (application_id, kind) DO UPDATE
SET media_type = excluded.media_type, bytes = excluded.bytes, sealed = excluded.sealed, stored_at = now()

-- name: images_of
SELECT kind, media_type, bytes, stored_at FROM application_image WHERE application_id = $1 ORDER BY kind

-- name: image_of
SELECT media_type, sealed FROM application_image WHERE application_id = $1 AND kind = $2

-- name: data_of_other_keys
-- What the newest key did not seal ($1: how everything it seals begins), a step at a time.
SELECT id, application_id, field, sealed FROM personal_datum
WHERE id > $2 AND sealed <> '' AND substring(sealed FROM 1 FOR 5) <> $1 ORDER BY id LIMIT $3 FOR UPDATE

-- name: images_of_other_keys
SELECT id, application_id, kind, sealed FROM application_image
WHERE id > $2 AND substring(sealed FROM 1 FOR 5) <> $1 ORDER BY id LIMIT $3 FOR UPDATE

-- name: seal_datum_anew
UPDATE personal_datum SET sealed = $2 WHERE id = $1

-- name: seal_image_anew
UPDATE application_image SET sealed = $2 WHERE id = $1
