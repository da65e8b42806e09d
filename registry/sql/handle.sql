-- name: lock_prefix_record
-- Of a prefix, 0.NA/<prefix>: held until the change is committed.
SELECT key, shown, value, version, status, template_id, withdrawal, created_at, changed_at, owner_id
FROM identifier WHERE key = $1 FOR UPDATE

-- name: make_prefix_record
-- Not counted as a registration: it is the record of a prefix, that was given.
INSERT INTO identifier (key, shown, value, owner_id) VALUES ($1, $2, $3, $4) ON CONFLICT (key) DO NOTHING
RETURNING key, shown, value, version, status, template_id, withdrawal, created_at, changed_at, owner_id

-- name: keep_prefix_record
-- What it was before, and that it changed: history and feed.
INSERT INTO identifier_change (key, version, actor, kind, old_template_id, old_status, old_value, old_withdrawal, reason)
SELECT key, version + 1, $2, $3, template_id, status, value, withdrawal, NULL FROM identifier WHERE key = $1

-- name: change_prefix_record
UPDATE identifier SET value = $2, owner_id = $3, version = version + 1, changed_at = now() WHERE key = $1
RETURNING key, shown, value, version, status, template_id, withdrawal, created_at, changed_at, owner_id

-- name: seal_secret
-- NULL takes it away.
INSERT INTO handle_secret (key, index, sealed) VALUES ($1, $2, $3)
ON CONFLICT (key, index) DO UPDATE SET sealed = excluded.sealed, changed_at = now()

-- name: find_secret
SELECT sealed FROM handle_secret WHERE key = $1 AND index = $2

-- name: secrets_of_other_keys
-- What the newest key did not seal ($1: how everything it seals begins), a step at a time.
SELECT id, key, index, sealed FROM handle_secret
WHERE id > $2 AND substring(sealed FROM 1 FOR 5) <> $1 ORDER BY id LIMIT $3 FOR UPDATE

-- name: seal_secret_anew
UPDATE handle_secret SET sealed = $2 WHERE id = $1

-- name: find_administrator
-- The key behind an administrator on what an enterprise owns.
SELECT k.key_id, k.id, k.revoked_at FROM handle_administrator a JOIN api_key k ON k.id = a.key
WHERE a.handle = $1 AND a.index = $2 AND a.enterprise_id = $3

-- name: lock_administrators
-- Two that come for the first time at once wait for each other.
SELECT pg_advisory_xact_lock(7077352340912300420)

-- name: note_administrator
INSERT INTO handle_administrator (handle, index, enterprise_id, key) VALUES ($1, $2, $3, $4)
ON CONFLICT (handle, index, enterprise_id) DO UPDATE SET key = excluded.key

-- name: page_of_administrators
-- In order, after (handle, index, enterprise).
SELECT a.handle, a.index, a.enterprise_id, e.name AS enterprise, k.key_id, k.revoked_at, k.created_at
FROM handle_administrator a JOIN api_key k ON k.id = a.key JOIN enterprise e ON e.id = a.enterprise_id
WHERE (a.handle, a.index, a.enterprise_id) > ($1, $2::bigint, $3::integer) ORDER BY 1, 2, 3 LIMIT $4

-- name: end_administrator
-- Its keys, of all enterprises.
UPDATE api_key SET revoked_at = coalesce(revoked_at, now())
WHERE id IN (SELECT key FROM handle_administrator WHERE handle = $1 AND index = $2) RETURNING key_id

-- name: names_of_prefix
-- Names that are there, in order of key: those of an enterprise, where it was transferred by itself too.
SELECT key, shown FROM identifier
WHERE key > $1 AND key >= $2 AND key < $3 AND status = 1 AND owner_id IS NULL ORDER BY key LIMIT $4

-- name: registered_under
-- Ever, by the stored counters.
SELECT coalesce(sum(registered), 0)::bigint FROM enterprise_count WHERE prefix = $1

-- name: key_of_administrator
SELECT key FROM handle_administrator WHERE handle = $1 AND index = $2 ORDER BY enterprise_id LIMIT 1
