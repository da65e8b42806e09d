-- name: lock_templates
-- Whoever makes or moves a template of a prefix waits for whoever does so already: two tables, one name space.
SELECT pg_advisory_xact_lock(hashtextextended('templates of ' || $1::text, 0))

-- name: find_template
-- Under whichever state it stands; drafts have no number.
SELECT id, key, identifier, items::text AS items, rules::text AS rules, version, retired, facts::text AS facts, created_at,
       retired_at, retired_reason, false AS draft
FROM template WHERE key = $1
UNION ALL
SELECT NULL, key, identifier, items::text, NULL, version, false, facts::text, created_at, NULL, NULL, true
FROM template_draft WHERE key = $1 LIMIT 1

-- name: lock_template
SELECT id, key, identifier, items::text AS items, rules::text AS rules, version, retired, facts::text AS facts
FROM template WHERE key = $1 FOR UPDATE

-- name: version_holder
-- Who has the version $2 of the prefix $1 already, but for the key $3.
SELECT identifier FROM template WHERE split_part(key, '/', 1) = $1 AND version = $2 AND key <> $3
UNION ALL SELECT identifier FROM template_draft WHERE prefix = $1 AND version = $2 AND key <> $3 LIMIT 1

-- name: insert_template
INSERT INTO template (key, identifier, items, rules, version, facts)
VALUES ($1, $2, $3::text::jsonb, $4::text::jsonb, $5, $6::text::jsonb) ON CONFLICT (key) DO NOTHING
RETURNING id, key, identifier, items::text AS items, rules::text AS rules, version, retired, facts::text AS facts

-- name: change_template
UPDATE template SET items = $2::text::jsonb, rules = $3::text::jsonb, facts = $4::text::jsonb WHERE id = $1
RETURNING id, key, identifier, items::text AS items, rules::text AS rules, version, retired, facts::text AS facts

-- name: retire_template
-- The first reason stays.
UPDATE template SET retired = true, retired_at = coalesce(retired_at, now()), retired_reason = coalesce(retired_reason, $2)
WHERE id = $1
RETURNING id, key, identifier, items::text AS items, rules::text AS rules, version, retired, facts::text AS facts

-- name: insert_draft
INSERT INTO template_draft (key, identifier, prefix, items, version, facts)
VALUES ($1, $2, $3, $4::text::jsonb, $5, $6::text::jsonb)

-- name: change_draft
UPDATE template_draft SET items = $2::text::jsonb, version = $3, facts = $4::text::jsonb, changed_at = now() WHERE key = $1

-- name: drop_draft
-- Published, or given up: nothing was ever registered with it.
DELETE FROM template_draft WHERE key = $1

-- name: draft_of
-- Whether an enterprise has a draft under this key; others are not told.
SELECT true FROM template_draft d JOIN prefix p USING (prefix) WHERE d.key = $1 AND p.enterprise_id = $2

-- name: drafts_of
-- The first 10,000 keys of an enterprise's drafts.
SELECT d.key FROM template_draft d JOIN prefix p USING (prefix) WHERE p.enterprise_id = $1 ORDER BY d.key LIMIT 10000

-- name: retired_among
SELECT id FROM template WHERE id = ANY ($1::integer[]) AND retired

-- name: page_of_templates
-- In order of key after $1 up to $2; published and retired ones for all, drafts of the enterprise $3 (of all, where $4).
SELECT * FROM (
    (SELECT key, identifier, version, retired, facts::text AS facts, created_at, false AS draft,
            jsonb_array_length(items) AS item_count
     FROM template WHERE key > $1 AND key < $2 AND ($5::text IS NULL OR $5 = CASE WHEN retired THEN 'retired' ELSE 'published' END)
     ORDER BY key LIMIT $6)
    UNION ALL
    (SELECT d.key, d.identifier, d.version, false, d.facts::text, d.created_at, true, jsonb_array_length(d.items)
     FROM template_draft d JOIN prefix p USING (prefix)
     WHERE d.key > $1 AND d.key < $2 AND ($5::text IS NULL OR $5 = 'draft') AND ($4::boolean OR p.enterprise_id = $3)
     ORDER BY d.key LIMIT $6)
) AS page ORDER BY key LIMIT $6
