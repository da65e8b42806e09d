-- name: issue_key
INSERT INTO api_key (key_id, secret_digest, role, enterprise_id, label, expires_at, scopes, networks)
VALUES ($1, $2, $3, $4, $5, now() + make_interval(secs => $6), $7, $8) RETURNING id, created_at, expires_at

-- name: one_key
SELECT k.id, k.key_id, k.role, k.scopes, k.label, k.enterprise_id, e.name AS enterprise, k.networks, k.created_at,
       k.expires_at, k.revoked_at, k.former_until, u.used_at, u.source AS used_from
FROM api_key k LEFT JOIN enterprise e ON e.id = k.enterprise_id LEFT JOIN api_key_use u ON u.key = k.id
WHERE k.key_id = $1

-- name: page_of_keys
-- Those of one enterprise (NULL: all) in the order they were issued, after the key numbered $2.
SELECT k.id, k.key_id, k.role, k.scopes, k.label, k.enterprise_id, e.name AS enterprise, k.networks, k.created_at,
       k.expires_at, k.revoked_at, k.former_until, u.used_at, u.source AS used_from
FROM api_key k LEFT JOIN enterprise e ON e.id = k.enterprise_id LEFT JOIN api_key_use u ON u.key = k.id
WHERE ($1::integer IS NULL OR k.enterprise_id = $1) AND k.id > $2 ORDER BY k.id LIMIT $3

-- name: revoke_key
UPDATE api_key SET revoked_at = coalesce(revoked_at, now()) WHERE key_id = $1 RETURNING revoked_at

-- name: rotate_key
-- The secret before the last one ends with this, whatever it had left.
UPDATE api_key SET former_digest = secret_digest, former_until = now() + make_interval(secs => $3), secret_digest = $2
WHERE key_id = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now()) RETURNING former_until

-- name: change_key
-- A flag before each member that may become NULL; a label that is NULL stays.
UPDATE api_key SET label = coalesce($2, label),
    expires_at = CASE WHEN $3 THEN now() + make_interval(secs => $4) ELSE expires_at END,
    scopes = CASE WHEN $5 THEN $6 ELSE scopes END,
    networks = CASE WHEN $7 THEN $8 ELSE networks END
WHERE key_id = $1 AND revoked_at IS NULL RETURNING id
