-- name: history
-- Newest first. Each row says what the identifier was before the change; the version after it is told by the row above.
SELECT c.version, c.at, c.kind, c.reason, c.old_value, c.old_status, c.old_template_id, c.old_withdrawal, k.key_id, k.label
FROM identifier_change c LEFT JOIN api_key k ON k.id = c.actor
WHERE c.key = $1 AND c.version < $2 ORDER BY c.version DESC LIMIT $3
