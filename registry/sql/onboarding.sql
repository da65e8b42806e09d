-- name: create_enterprise
INSERT INTO enterprise (name, credit_code) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id

-- name: same_enterprise
-- By credit code where there is one, else by name.
SELECT id, name, credit_code, state, top_level_reference FROM enterprise WHERE credit_code = $2 OR name = $1 ORDER BY credit_code = $2 DESC NULLS LAST LIMIT 1

-- name: enterprise_state
SELECT state FROM enterprise WHERE id = $1

-- name: enterprise_exists
SELECT true FROM enterprise WHERE id = $1

-- name: has_more_prefixes
-- Whether an enterprise ($1) has more prefixes than $2; no more of them are looked at.
SELECT count(*) > $2 FROM (SELECT FROM prefix WHERE enterprise_id = $1 AND state NOT IN ('rejected', 'revoked') LIMIT $2 + 1) AS held

-- name: next_number
-- The next free number right below the node's prefix $1; the table is small, and this is rare.
SELECT coalesce(max(substring(prefix from length($1) + 2)::bigint), 0) + 1 FROM prefix
WHERE starts_with(prefix, $1 || '.') AND substring(prefix from length($1) + 2) ~ '^[1-9][0-9]{0,11}$'
