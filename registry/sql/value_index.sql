-- name: index_values
-- What the identifiers $1 say in the types that their prefixes ask for. The digest is over the data as it is stored, so
-- that nothing is decoded; what a value said before stays, and is told apart when it is read.
INSERT INTO value_index (prefix, type, digest, key)
SELECT w.prefix, v ->> 1, substring(sha256(convert_to((v -> 2)::text, 'UTF8')) for 16), i.key
FROM identifier i
JOIN value_index_wish w ON w.prefix = split_part(i.key, '/', 1)
CROSS JOIN LATERAL json_array_elements(convert_from(i.value, 'UTF8')::json) AS v
WHERE i.key = ANY ($1::text[]) AND v ->> 1 = ANY (w.types) ORDER BY 1, 2, 3, 4
ON CONFLICT DO NOTHING

-- name: index_range
-- As `index_values`, for the neighbours $2 to $3 of the prefix $1: a chunk of a bulk job, a step of filling.
INSERT INTO value_index (prefix, type, digest, key)
SELECT $1, v ->> 1, substring(sha256(convert_to((v -> 2)::text, 'UTF8')) for 16), i.key
FROM identifier i CROSS JOIN LATERAL json_array_elements(convert_from(i.value, 'UTF8')::json) AS v
WHERE i.key >= $2 AND i.key <= $3 AND v ->> 1 = ANY ($4::text[]) ORDER BY 2, 3, 4
ON CONFLICT DO NOTHING

-- name: wanted_types
SELECT types FROM value_index_wish WHERE prefix = $1 AND types <> '{}'

-- name: read_wish
SELECT types, state, asked_at, ready_at FROM value_index_wish WHERE prefix = $1

-- name: lock_wish
SELECT types, state FROM value_index_wish WHERE prefix = $1 FOR UPDATE

-- name: write_wish
-- What is filled already stays good when types are only taken away ($3).
INSERT INTO value_index_wish AS w (prefix, types, state) VALUES ($1, $2::text[], CASE WHEN $3::boolean THEN 'ready' ELSE 'building' END)
ON CONFLICT (prefix) DO UPDATE SET types = $2::text[], asked_at = now(),
    state = CASE WHEN $2::text[] = '{}' THEN 'ready' WHEN $3 THEN w.state ELSE 'building' END,
    settled = CASE WHEN $3 THEN w.settled END, position = CASE WHEN $3 THEN w.position END,
    ready_at = CASE WHEN $3 THEN w.ready_at END
RETURNING types, state, asked_at, ready_at

-- name: unfinished_wish
-- The oldest index that is being filled, if nobody else is at it.
SELECT prefix, types, settled::text AS settled, settled_at, position FROM value_index_wish WHERE state = 'building'
ORDER BY asked_at LIMIT 1 FOR UPDATE SKIP LOCKED

-- name: settle_wish
-- Writers that began before now may not have seen the wish: what they write is visible once all of them have ended.
UPDATE value_index_wish SET settled = pg_snapshot_xmax(pg_current_snapshot()), settled_at = clock_timestamp() WHERE prefix = $1

-- name: all_settled
-- A statement that looks and writes at once has its snapshot before it has a number, so the time counts too; exports only read.
SELECT pg_snapshot_xmin(pg_current_snapshot()) >= $1::text::xid8 AND NOT EXISTS (
    SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start <= $2
       AND backend_type = 'client backend' AND application_name <> 'biaojie-export')

-- name: end_of_step
-- The last of the next $3 keys after $1; NULL when there are none.
SELECT max(key) FROM (SELECT key FROM identifier WHERE key > $1 AND key < $2 ORDER BY key LIMIT $3) AS step

-- name: move_wish
UPDATE value_index_wish SET position = $2 WHERE prefix = $1

-- name: finish_wish
UPDATE value_index_wish SET state = 'ready', ready_at = now() WHERE prefix = $1

-- name: keys_with_value
SELECT key FROM value_index
WHERE prefix = $1 AND type = $2 AND digest = $3 AND key > $4 AND key >= $5 AND key < $6 AND key <= $7
ORDER BY key LIMIT $8
