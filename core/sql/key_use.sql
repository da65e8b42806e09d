-- name: note_uses
-- One row a key, in order of key so that two workers never wait for each other crosswise; bounded by the caller.
INSERT INTO api_key_use (key, used_at, source)
SELECT * FROM unnest($1::integer[], $2::timestamptz[], $3::text[]) AS used (key, used_at, source) ORDER BY key
ON CONFLICT (key) DO UPDATE SET used_at = excluded.used_at, source = excluded.source
WHERE api_key_use.used_at < excluded.used_at
