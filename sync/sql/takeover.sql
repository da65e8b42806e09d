-- name: order
SELECT order_id, digest, content, state, since, effective_at, expires_at, acceptance, offer, offer_digest, handback FROM takeover_order
WHERE order_id = $1

-- name: hold_order
SELECT order_id, digest, content, state, since, effective_at, expires_at, acceptance, offer, offer_digest, handback FROM takeover_order
WHERE order_id = $1 FOR UPDATE

-- name: open_order
SELECT order_id, state, since, effective_at, expires_at FROM takeover_order
WHERE state IN ('ordered', 'accepted', 'active', 'returning')

-- name: newest_orders
SELECT order_id, state, since, effective_at, expires_at, acceptance IS NOT NULL AS answered FROM takeover_order
ORDER BY received_at DESC LIMIT $1

-- name: write_order
INSERT INTO takeover_order (order_id, digest, content, state, since, effective_at, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: move_order
UPDATE takeover_order SET state = $2, since = $3 WHERE order_id = $1

-- name: note_event
INSERT INTO takeover_event (order_id, number, state, at)
SELECT $1, coalesce(max(number), 0) + 1, $2, $3 FROM takeover_event WHERE order_id = $1

-- name: write_audit
-- By the node itself, at the word of the top level or of an operator at the command line.
INSERT INTO audit (action, object, source) VALUES ('takeover-' || $2, $1, $3)

-- name: events
SELECT state, at FROM takeover_event WHERE order_id = $1 ORDER BY number LIMIT 1000

-- name: keep_acceptance
UPDATE takeover_order SET acceptance = $2 WHERE order_id = $1

-- name: keep_offer
-- It waits from now on; the answer to an earlier one is forgotten.
UPDATE takeover_order SET offer = $2, offer_digest = $3, handback = NULL WHERE order_id = $1

-- name: waiting_offer
SELECT order_id, offer, offer_digest FROM takeover_order WHERE state = 'returning' AND offer IS NOT NULL

-- name: keep_handback
UPDATE takeover_order SET handback = $2 WHERE order_id = $1

-- name: hold_identifiers
-- Those that the top level says it changed, and whether each is a template that is published, which nobody changes.
SELECT key, shown, value, version, status, template_id, withdrawal, created_at, changed_at, owner_id,
       EXISTS (SELECT FROM template t WHERE t.key = i.key) AS fixed,
       (SELECT min(id) FROM api_key WHERE role = 'operator') AS actor
FROM identifier i WHERE key = ANY ($1::text[]) ORDER BY key FOR UPDATE OF i

-- name: note_changes
-- History and the change feed, before the rows themselves change; in the name of the node's first operator.
INSERT INTO identifier_change (key, version, actor, kind, old_template_id, old_status, old_value, old_withdrawal, reason)
SELECT i.key, i.version + 1, $4, t.kind, i.template_id, i.status, i.value, i.withdrawal, $3
FROM unnest($1::text[], $2::text[]) AS t (key, kind) JOIN identifier i ON i.key = t.key ORDER BY i.key

-- name: put_changes
UPDATE identifier i SET version = i.version + 1, status = t.status, value = t.value, withdrawal = t.withdrawal, changed_at = now()
FROM unnest($1::text[], $2::smallint[], $3::bytea[], $4::text[]) AS t (key, status, value, withdrawal) WHERE i.key = t.key

-- name: index_changes
-- The reverse index, where a prefix has one.
INSERT INTO value_index (prefix, type, digest, key)
SELECT w.prefix, v ->> 1, substring(sha256(convert_to((v -> 2)::text, 'UTF8')) for 16), i.key
FROM identifier i JOIN value_index_wish w ON w.prefix = split_part(i.key, '/', 1)
CROSS JOIN LATERAL json_array_elements(convert_from(i.value, 'UTF8')::json) AS v
WHERE i.key = ANY ($1::text[]) AND v ->> 1 = ANY (w.types) ORDER BY 1, 2, 3, 4
ON CONFLICT DO NOTHING

-- name: audit_changes
INSERT INTO audit (actor, action, object, identifiers, source)
VALUES ($4, 'takeover-change', $1, $2, $3)

-- name: freeze
UPDATE takeover_freeze SET frozen_from = $2, order_id = $1

-- name: unfreeze
UPDATE takeover_freeze SET frozen_from = NULL, order_id = NULL WHERE order_id = $1

-- name: frozen
SELECT order_id FROM takeover_freeze WHERE frozen_from <= clock_timestamp()

-- name: last_numbers
SELECT (SELECT coalesce(max(seq), 0) FROM statistics_document) AS statistics,
       (SELECT coalesce(max(id), 0) FROM peering_command) AS outbox

-- name: see_nonce
INSERT INTO takeover_nonce (keyid, nonce) VALUES ($1, $2) ON CONFLICT DO NOTHING

-- name: forget_nonces
DELETE FROM takeover_nonce WHERE seen_at < now() - make_interval(secs => $1)
