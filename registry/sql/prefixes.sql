-- name: lock_lives
-- Whoever changes what suspends what waits here for the others: a parent and its child are never judged side by side.
SELECT pg_advisory_xact_lock(7077352340912300403)

-- name: reserve_prefix
-- One that the top level rejected can be given again; nothing was ever registered under it.
INSERT INTO prefix (prefix, shown, enterprise_id, suffix_case_sensitive, parent, state, suspended)
VALUES ($1, $2, $3, $4, $5, $6, $6 <> 'active')
ON CONFLICT (prefix) DO UPDATE
SET shown = excluded.shown, enterprise_id = excluded.enterprise_id, suffix_case_sensitive = excluded.suffix_case_sensitive,
    parent = excluded.parent, state = excluded.state, suspended = excluded.suspended, created_at = now()
WHERE prefix.state = 'rejected' RETURNING prefix

-- name: settle_prefixes
-- Anew from these prefixes ($1) down through what was delegated below them: whether each may be written and is answered.
-- Where one is met on several ways the longest counts: it passes all of the others.
WITH RECURSIVE tree AS (
    SELECT p.prefix, 0 AS depth,
           p.state <> 'active' OR p.hold_reason IS NOT NULL OR p.top_level_hold IS NOT NULL OR e.state <> 'active'
               OR coalesce(u.suspended, false) AS suspended,
           coalesce(p.top_level_hold, p.hold_reason, e.state_reason, u.suspended_reason) AS reason,
           coalesce(u.answering, true) AND NOT p.hold_stops_answering AND p.top_level_hold IS NULL
               AND NOT (e.state <> 'active' AND e.stop_answering) AS answering
    FROM prefix p JOIN enterprise e ON e.id = p.enterprise_id LEFT JOIN prefix u ON u.prefix = p.parent
    WHERE p.prefix = ANY ($1::text[])
    UNION ALL
    SELECT c.prefix, t.depth + 1,
           c.state <> 'active' OR c.hold_reason IS NOT NULL OR c.top_level_hold IS NOT NULL OR e.state <> 'active' OR t.suspended,
           coalesce(c.top_level_hold, c.hold_reason, e.state_reason, t.reason),
           t.answering AND NOT c.hold_stops_answering AND c.top_level_hold IS NULL AND NOT (e.state <> 'active' AND e.stop_answering)
    FROM tree t JOIN prefix c ON c.parent = t.prefix JOIN enterprise e ON e.id = c.enterprise_id
    WHERE t.depth < 32
), settled AS (SELECT DISTINCT ON (prefix) * FROM tree ORDER BY prefix, depth DESC)
UPDATE prefix p SET suspended = s.suspended, suspended_reason = CASE WHEN s.suspended THEN s.reason END, answering = s.answering
FROM settled s WHERE p.prefix = s.prefix RETURNING p.prefix

-- name: hold_prefix
-- A reason that is NULL lets it go.
UPDATE prefix SET hold_reason = $2, hold_stops_answering = $3 WHERE prefix = $1 RETURNING prefix

-- name: hold_by_top_level
-- It is neither registered under nor answered then; a reason that is NULL lets it go.
UPDATE prefix SET top_level_hold = $2 WHERE prefix = $1 RETURNING prefix

-- name: host_prefix
UPDATE prefix SET hosting = $2, site = $3::text::jsonb
WHERE prefix = $1 AND (hosting, site) IS DISTINCT FROM ($2, $3::text::jsonb) RETURNING enterprise_id

-- name: move_prefix
UPDATE prefix SET state = $2 WHERE prefix = $1 AND state <> $2 RETURNING prefix

-- name: one_of_prefixes
SELECT * FROM held_prefix WHERE prefix = $1

-- name: page_of_prefixes
-- Those of one enterprise (NULL: all), after the prefix $2 in order.
SELECT * FROM held_prefix WHERE ($1::integer IS NULL OR enterprise_id = $1) AND prefix > $2 ORDER BY prefix LIMIT $3

-- name: prefixes_of_enterprise
SELECT prefix FROM prefix WHERE enterprise_id = $1 ORDER BY prefix

-- name: lock_enterprise
SELECT id, name, credit_code, state, state_reason, stop_answering FROM enterprise WHERE id = $1 FOR UPDATE

-- name: move_enterprise
UPDATE enterprise SET state = $2, state_reason = $3, stop_answering = $4 WHERE id = $1

-- name: revoke_prefixes
UPDATE prefix SET state = 'revoked' WHERE enterprise_id = $1 AND state <> 'rejected'

-- name: touch_keys
-- So that every worker hears that their enterprise is in another state; revoked with it, where $2 says so.
UPDATE api_key SET revoked_at = CASE WHEN $2 THEN coalesce(revoked_at, now()) ELSE revoked_at END WHERE enterprise_id = $1

-- name: ask_for_route
INSERT INTO top_level_task (kind, enterprise_id, prefix) VALUES ('route', $2, $1)
