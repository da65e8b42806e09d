-- name: rows
-- All of a prefix, or of one template of it; read by a cursor, some thousand rows at a time. Templates are no rows: they are
-- published, not registered.
SELECT i.key, i.shown, i.value, i.version, i.status, i.template_id, i.withdrawal, i.created_at, i.changed_at, i.owner_id
FROM identifier i
WHERE i.key > $1 AND i.key < $2 AND ($3::integer IS NULL OR i.template_id = $3)
  AND (i.owner_id IS NULL OR $4::integer IS NULL OR i.owner_id = $4) AND NOT EXISTS (SELECT FROM template t WHERE t.key = i.key)
ORDER BY i.key

-- name: retired_reasons
-- Why the retired templates of a prefix are, by key.
SELECT key, retired_reason FROM template WHERE retired AND key > $1 AND key < $2
