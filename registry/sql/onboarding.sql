-- name: create_enterprise
INSERT INTO enterprise (name, credit_code) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id

-- name: same_enterprise
-- By credit code where there is one, else by name.
SELECT id, name, credit_code FROM enterprise WHERE credit_code = $2 OR name = $1 ORDER BY credit_code = $2 DESC NULLS LAST LIMIT 1

-- name: enterprise_exists
SELECT true FROM enterprise WHERE id = $1

-- name: grant_prefix
INSERT INTO prefix (prefix, shown, enterprise_id, suffix_case_sensitive) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING RETURNING prefix

-- name: next_number
-- The next free number right below the node's prefix $1; the table is small, and this is rare.
SELECT coalesce(max(substring(prefix from length($1) + 2)::bigint), 0) + 1 FROM prefix
WHERE starts_with(prefix, $1 || '.') AND substring(prefix from length($1) + 2) ~ '^[1-9][0-9]{0,11}$'

-- name: issue_key
INSERT INTO api_key (key_id, secret_digest, role, enterprise_id, label, expires_at)
VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6)) RETURNING id, created_at, expires_at

-- name: revoke_key
UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = $1 RETURNING id, revoked_at

-- name: publish_template
INSERT INTO template (key, identifier, items, facts) VALUES ($1, $2, $3::text::jsonb, $4::text::jsonb) ON CONFLICT (key) DO NOTHING RETURNING id
