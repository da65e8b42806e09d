-- name: find_many
-- One trip for all that missed the caches in a loop tick; names the key, touches one table.
SELECT key, shown, value, version, status, template_id, withdrawal, created_at, changed_at, owner_id
FROM identifier WHERE key = ANY ($1::text[])
