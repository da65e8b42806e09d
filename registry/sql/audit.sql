-- name: newest_seal
SELECT number, last_xid::text AS last_xid, last_id, hash, sealed_at FROM audit_seal ORDER BY number DESC LIMIT 1

-- name: settled_entries
-- The next entries after ($1, $2) whose transactions have ended, and with them all that were before: no entry can come to
-- lie among these any more. Hashed where they are, so that sealing moves 40 bytes an entry.
WITH settled AS (
    SELECT a.xid, a.id, sha256(convert_to(json_build_array(
        a.id, a.xid::text, (extract(epoch FROM a.at) * 1000000)::bigint, a.actor, a.identifiers, a.action, a.object, a.source,
        a.request_id)::text, 'UTF8')) AS digest
    FROM audit a WHERE (a.xid, a.id) > ($1::text::xid8, $2::bigint) AND a.xid < pg_snapshot_xmin(pg_current_snapshot())
    ORDER BY a.xid, a.id LIMIT $3
)
SELECT count(*)::integer AS entries, string_agg(digest, ''::bytea ORDER BY xid, id) AS digests,
       (array_agg(xid::text ORDER BY xid, id))[1] AS first_xid, (array_agg(id ORDER BY xid, id))[1] AS first_id,
       (array_agg(xid::text ORDER BY xid DESC, id DESC))[1] AS last_xid,
       (array_agg(id ORDER BY xid DESC, id DESC))[1] AS last_id
FROM settled

-- name: write_seal
INSERT INTO audit_seal (number, entries, first_xid, first_id, last_xid, last_id, marks, keyed, hash, sealed_at)
VALUES ($1, $2, $3::text::xid8, $4, $5::text::xid8, $6, $7, $8, $9, $10)

-- name: seals_from
SELECT number, entries, first_xid::text AS first_xid, first_id, last_xid::text AS last_xid, last_id, marks, keyed, hash, sealed_at
FROM audit_seal WHERE number >= $1 ORDER BY number LIMIT $2

-- name: entries_between
-- What lies after ($1, $2) up to ($3, $4), as text; one more than a seal may hold is enough to know.
SELECT a.id, json_build_array(
    a.id, a.xid::text, (extract(epoch FROM a.at) * 1000000)::bigint, a.actor, a.identifiers, a.action, a.object, a.source,
    a.request_id)::text AS line
FROM audit a WHERE (a.xid, a.id) > ($1::text::xid8, $2::bigint) AND (a.xid, a.id) <= ($3::text::xid8, $4::bigint)
ORDER BY a.xid, a.id LIMIT $5

-- name: unsealed
-- How many wait for their seal; counted up to $3.
SELECT count(*)::integer AS entries, min(at) AS oldest FROM (
    SELECT at FROM audit WHERE (xid, id) > ($1::text::xid8, $2::bigint) ORDER BY xid, id LIMIT $3) AS waiting

-- name: sealed_before
-- Entries after this one began at $1 or later, or were sealed later: where a list of a time may start.
SELECT last_xid::text AS xid, last_id AS id FROM audit_seal WHERE sealed_at <= $1 ORDER BY sealed_at DESC LIMIT 1

-- name: sealed_after
SELECT last_xid::text AS xid, last_id AS id FROM audit_seal WHERE sealed_at > $1 ORDER BY sealed_at LIMIT 1

-- name: page_of_entries
-- Newest first, before ($1, $2) and after ($3, $4). $5 rows are looked at; the last of them is given even where it is not
-- wanted, so that the reader knows where to go on.
SELECT * FROM (
    SELECT a.xid AS position, a.xid::text AS xid, a.id, a.at, k.key_id, k.label, a.action, a.object, a.identifiers, a.source, a.request_id,
           row_number() OVER (ORDER BY a.xid DESC, a.id DESC) AS place,
           ($6::integer IS NULL OR k.enterprise_id = $6) AND ($7::text IS NULL OR k.key_id = $7)
           AND ($8::text IS NULL OR a.action = $8) AND ($9::text IS NULL OR a.object = $9)
           AND ($10::timestamptz IS NULL OR a.at >= $10) AND ($11::timestamptz IS NULL OR a.at < $11) AS wanted
    FROM audit a LEFT JOIN api_key k ON k.id = a.actor
    WHERE (a.xid, a.id) < ($1::text::xid8, $2::bigint) AND (a.xid, a.id) > ($3::text::xid8, $4::bigint)
    ORDER BY a.xid DESC, a.id DESC LIMIT $5) AS looked_at
WHERE wanted OR place = $5 ORDER BY position DESC, id DESC LIMIT $12
