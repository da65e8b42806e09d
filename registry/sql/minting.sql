-- name: lock_sequence
-- Until the caller's transaction ends, so that no number is given out twice; made where there is none.
INSERT INTO mint_sequence (prefix, pattern, last) VALUES ($1, $2, 0)
ON CONFLICT (prefix, pattern) DO UPDATE SET last = mint_sequence.last
RETURNING last, returned

-- name: move_sequence
UPDATE mint_sequence SET last = $3, returned = $4 WHERE prefix = $1 AND pattern = $2
