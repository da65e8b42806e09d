-- name: identifier_bytes
-- The table with its key on the disk: measured right after loading, when the caller knows how many rows there are.
SELECT pg_total_relation_size('identifier')
