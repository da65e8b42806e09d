-- name: take_numbers
-- A range of $3 numbers, in a transaction of its own so that nobody waits for somebody's registration.
INSERT INTO mint_sequence (prefix, pattern, last) VALUES ($1, $2, $3)
ON CONFLICT (prefix, pattern) DO UPDATE SET last = mint_sequence.last + excluded.last
RETURNING last
