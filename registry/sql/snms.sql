-- name: make_identity
INSERT INTO app_identity (identity, shown, prefix, key, password_digest) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (identity) DO NOTHING RETURNING id

-- name: lock_identity
SELECT a.id, a.shown, a.key, k.role, k.scopes, k.networks FROM app_identity a JOIN api_key k ON k.id = a.key
WHERE a.identity = $1 FOR UPDATE OF a

-- name: renew_identity
UPDATE app_identity SET key = $2, password_digest = $3, renewed_at = now() WHERE id = $1

-- name: end_key
-- By number: the key behind an identity that gets another one.
UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING key_id

-- name: revoke_identity
UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = $1 RETURNING revoked_at

-- name: identity_of_key
SELECT a.prefix, a.shown FROM app_identity a JOIN api_key k ON k.id = a.key WHERE k.key_id = $1

-- name: find_login
-- Both spellings of the name, by prefixes that tell case apart and by those that do not: one trip whoever asks.
SELECT a.shown, a.password_digest, k.key_id FROM app_identity a JOIN api_key k ON k.id = a.key
WHERE a.identity = ANY ($1::text[]) AND k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())
ORDER BY a.identity = ($1::text[])[1] DESC LIMIT 1

-- name: make_signing_key
INSERT INTO snms_signing_key (day, secret) VALUES ($1, $2) ON CONFLICT (day) DO NOTHING

-- name: find_signing_key
SELECT secret FROM snms_signing_key WHERE day = $1 AND secret <> ''

-- name: empty_signing_keys
-- Of days whose last token expired long ago.
UPDATE snms_signing_key SET secret = '' WHERE day < $1 AND secret <> ''

-- name: prefixes_of
-- The first $2 prefixes of an enterprise (NULL: of all), which the caller cuts its page from; bounded by the caller.
SELECT * FROM held_prefix WHERE $1::integer IS NULL OR enterprise_id = $1 ORDER BY prefix LIMIT $2

-- name: count_prefixes
SELECT count(*) FROM prefix WHERE $1::integer IS NULL OR enterprise_id = $1
