-- name: node_id
SELECT id::text FROM node_identity

-- name: all_prefixes
-- Held in memory by every worker; 100,000 of them take about 30 MiB.
SELECT p.prefix, p.shown, p.enterprise_id, e.name AS enterprise_name, p.suffix_case_sensitive, p.suspended
FROM prefix p JOIN enterprise e ON e.id = p.enterprise_id

-- name: one_prefix
SELECT p.prefix, p.shown, p.enterprise_id, e.name AS enterprise_name, p.suffix_case_sensitive, p.suspended
FROM prefix p JOIN enterprise e ON e.id = p.enterprise_id
WHERE p.prefix = $1

-- name: all_templates
SELECT id, key, identifier, items::text AS items, retired, facts::text AS facts FROM template

-- name: one_template
SELECT id, key, identifier, items::text AS items, retired, facts::text AS facts FROM template WHERE key = $1

-- name: template_by_id
SELECT id, key, identifier, items::text AS items, retired, facts::text AS facts FROM template WHERE id = $1

-- name: one_key
SELECT id, key_id, secret_digest, role, enterprise_id, expires_at, revoked_at FROM api_key WHERE key_id = $1

-- name: grants_of
-- What others let this reader see; bounded by how many grants one reader can be given (10,000 are read, newest first).
SELECT id, scope, object, template_id, types, until FROM visibility_grant
WHERE revoked_at IS NULL AND (until IS NULL OR until > now()) AND (to_key = $1 OR to_enterprise = $2)
ORDER BY id DESC LIMIT 10000
