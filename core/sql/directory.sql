-- name: node_id
SELECT id::text FROM node_identity

-- name: all_prefixes
-- Held in memory by every worker; 100,000 of them take about 30 MiB.
SELECT * FROM held_prefix

-- name: one_prefix
SELECT * FROM held_prefix WHERE prefix = $1

-- name: some_prefixes
SELECT * FROM held_prefix WHERE prefix = ANY ($1::text[])

-- name: enterprise_name
SELECT name FROM enterprise WHERE id = $1

-- name: all_templates
SELECT id, key, identifier, items::text AS items, rules::text AS rules, version, retired, facts::text AS facts
FROM template

-- name: one_template
SELECT id, key, identifier, items::text AS items, rules::text AS rules, version, retired, facts::text AS facts
FROM template WHERE key = $1

-- name: template_by_id
SELECT id, key, identifier, items::text AS items, rules::text AS rules, version, retired, facts::text AS facts
FROM template WHERE id = $1

-- name: one_key
SELECT k.id, k.key_id, k.secret_digest, k.role, k.scopes, k.enterprise_id, k.expires_at, k.revoked_at, k.former_digest,
       k.former_until, k.networks, e.state AS enterprise_state, e.state_reason AS enterprise_reason
FROM api_key k LEFT JOIN enterprise e ON e.id = k.enterprise_id WHERE k.key_id = $1

-- name: grants_of
-- What others let this reader see; bounded by how many grants one reader can be given (10,000 are read, newest first).
SELECT id, scope, object, template_id, types, until FROM visibility_grant
WHERE revoked_at IS NULL AND (until IS NULL OR until > now()) AND (to_key = $1 OR to_enterprise = $2)
ORDER BY id DESC LIMIT 10000

-- name: all_quotas
-- Held in memory by every worker; at most one for each enterprise and key.
SELECT kind, id, requests_per_second, burst, registrations_per_day, registrations_total FROM quota

-- name: some_quotas
SELECT kind, id, requests_per_second, burst, registrations_per_day, registrations_total FROM quota
WHERE (kind = 'enterprise' AND id = $1) OR (kind = 'key' AND id = $2)
