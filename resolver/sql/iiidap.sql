-- name: node_born
SELECT created_at FROM node_identity

-- name: by_prefix
-- Registration data of one prefix that is in force, with the newest application of its enterprise.
SELECT p.prefix, p.shown, p.created_at, p.suspended, e.id AS enterprise_id, e.name, e.credit_code, a.id AS application_id,
       a.form::text AS form
FROM prefix p JOIN enterprise e ON e.id = p.enterprise_id
LEFT JOIN LATERAL (SELECT id, form FROM application WHERE enterprise_id = e.id ORDER BY id DESC LIMIT 1) a ON true
WHERE p.prefix = $1 AND p.state = 'active'

-- name: by_name
-- $1 is a name as somebody wrote it; the prefixes of its enterprise, the first one given first.
SELECT p.prefix, p.shown, p.created_at, p.suspended, e.id AS enterprise_id, e.name, e.credit_code, a.id AS application_id,
       a.form::text AS form
FROM enterprise e JOIN prefix p ON p.enterprise_id = e.id AND p.state = 'active'
LEFT JOIN LATERAL (SELECT id, form FROM application WHERE enterprise_id = e.id ORDER BY id DESC LIMIT 1) a ON true
WHERE folded_name(e.name) = folded_name($1) ORDER BY p.created_at, p.prefix LIMIT $2

-- name: by_stem
-- $1 is how a name begins. `after` is the character that follows: a mark that combines must not be cut off.
SELECT p.prefix, p.shown, p.created_at, p.suspended, e.id AS enterprise_id, e.name, e.credit_code, a.id AS application_id,
       a.form::text AS form, substr(folded_name(e.name), length(folded_name($1)) + 1, 1) AS after
FROM enterprise e JOIN prefix p ON p.enterprise_id = e.id AND p.state = 'active'
LEFT JOIN LATERAL (SELECT id, form FROM application WHERE enterprise_id = e.id ORDER BY id DESC LIMIT 1) a ON true
WHERE folded_name(e.name) >= folded_name($1) AND folded_name(e.name) < folded_name($1) || U&'\+10FFFF'
ORDER BY folded_name(e.name) COLLATE "C", e.id, p.prefix LIMIT $2

-- name: masked
-- Personal data as they may be shown without a look.
SELECT field, masked FROM personal_datum WHERE application_id = $1 AND masked <> '' LIMIT 50

-- name: same_name
SELECT folded_name($1) = folded_name($2)

-- name: begins_so
SELECT starts_with(folded_name($1), folded_name($2))
