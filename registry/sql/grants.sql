-- name: make_grant
INSERT INTO visibility_grant (scope, prefix, object, template_id, types, to_key, to_enterprise, until)
VALUES ($1, $2, $3, $4, $5::text[], $6, $7, $8) RETURNING id, created_at

-- name: receiving_key
SELECT id FROM api_key WHERE key_id = $1 AND revoked_at IS NULL

-- name: receiving_enterprise
SELECT id FROM enterprise WHERE id = $1

-- name: list_grants
SELECT g.id, g.scope, g.object, g.types, k.key_id, g.to_enterprise, g.until, g.created_at, g.revoked_at
FROM visibility_grant g LEFT JOIN api_key k ON k.id = g.to_key
WHERE g.prefix = $1 AND g.id > $2 ORDER BY g.id LIMIT $3

-- name: prefix_of_grant
-- And whose the identifier is that it shows, where that does not follow its prefix.
SELECT g.prefix, i.owner_id FROM visibility_grant g
LEFT JOIN identifier i ON g.scope = 'identifier' AND i.key = g.object WHERE g.id = $1

-- name: revoke_grant
UPDATE visibility_grant SET revoked_at = coalesce(revoked_at, now()) WHERE id = $1 RETURNING revoked_at
