-- name: overlapping_prefix
-- One that begins with $1, or that $1 begins with (the shorter ones are in $2).
SELECT prefix FROM prefix
WHERE (prefix = ANY ($2::text[]) OR (starts_with(prefix, $1) AND prefix <> $1)) AND state <> 'rejected' LIMIT 1

-- name: has_identifiers
-- Whether anything is registered from the key $1 up to the key $2, without it.
SELECT EXISTS (SELECT FROM identifier WHERE key >= $1 AND key < $2)
