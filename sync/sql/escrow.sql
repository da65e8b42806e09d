-- Deposits: what they are made of, how they stand, and what restores them.

-- name: cut
-- The line that this snapshot draws: transactions before `cut_xid` have all ended, those from `next_xid` on have not begun.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS cut_xid,
       pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_xid,
       (SELECT system_identifier::text FROM pg_control_system()) AS cluster, now() AS at

-- name: times_in_utc
-- What rows of small tables say as JSON is the same wherever it is said. Until the transaction ends.
SELECT set_config('TimeZone', 'UTC', true)

-- name: rows_since
-- Rows in order of key that transactions from $2 on wrote, without those of $3; all of them where $2 is 0. The xmin of a row
-- is the low half of its transaction's number; $1, the next number, gives the other half.
SELECT i.version, i.status, i.template_id, i.owner_id, i.created_at, i.changed_at, i.key, i.shown, i.withdrawal, i.value,
       $1::bigint - (($1 - i.xmin::text::bigint) & 4294967295) AS xid
FROM identifier i
WHERE key IS NOT NULL AND ($2::bigint = 0 OR ($1 - (($1 - i.xmin::text::bigint) & 4294967295) >= $2
      AND $1 - (($1 - i.xmin::text::bigint) & 4294967295) <> ALL ($3::bigint[])))
ORDER BY i.key

-- name: rows_of_keys
-- Those that are told again whatever has become of them.
SELECT i.version, i.status, i.template_id, i.owner_id, i.created_at, i.changed_at, i.key, i.shown, i.withdrawal, i.value
FROM identifier i WHERE key = ANY ($1::text[])

-- name: range_borders
-- Keys of some pages here and there: neighbours on disk are neighbours in order, so the ranges between them are nearly even.
SELECT key FROM (SELECT key, row_number() OVER (ORDER BY key) AS place, sum(1) OVER () AS known
                 FROM identifier TABLESAMPLE SYSTEM ($1::real) WHERE key IS NOT NULL) s
WHERE place % greatest(known / $2::integer, 1) = 0 ORDER BY key LIMIT 2 * $2::integer

-- name: about_rows
-- How many identifiers there are, roughly: what the planner thinks.
SELECT greatest(reltuples, 1)::bigint FROM pg_class WHERE oid = 'identifier'::regclass

-- name: range_digests
-- Of the ranges from $1 (included) to $2 (not included), each a walk along the key: width_bucket, which would do it in one scan,
-- walks through its whole list of texts for every row. Rows of transactions from $4 on, but for those of $5, are only counted, as
-- `newer`; $3 is the next transaction's number.
SELECT r.place, d.rows, d.total, d.walked - d.rows AS newer
FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS r (first, last, place), LATERAL (
    SELECT coalesce(sum(1) FILTER (WHERE told), 0)::bigint AS rows, coalesce(sum(1), 0)::bigint AS walked,
           coalesce(sum(identifier_digest(i)) FILTER (WHERE told), 0)::text AS total
    FROM identifier i, LATERAL (SELECT $3::bigint - (($3 - i.xmin::text::bigint) & 4294967295) AS xid) x,
         LATERAL (SELECT xid < $4::bigint OR xid = ANY ($5::bigint[]) AS told) t
    WHERE key >= r.first AND key < r.last) d
ORDER BY r.place

-- name: digests_between
-- Of one range, in order of key, from $1 (included) to $2 (not included); left out as above.
SELECT i.key, identifier_digest(i) AS digest FROM identifier i
WHERE key >= $1 AND key < $2 AND ($3::bigint - (($3 - i.xmin::text::bigint) & 4294967295) < $4::bigint
      OR $3 - (($3 - i.xmin::text::bigint) & 4294967295) = ANY ($5::bigint[]))
ORDER BY i.key LIMIT $6

-- name: keys_held
SELECT key FROM identifier i WHERE key = ANY ($1::text[])

-- name: small_rows
-- Everything that a restoration needs beside identifiers. Credentials never leave the house: a restored key opens nothing until it
-- is rotated.
SELECT object, key, content, $1::bigint - (($1 - xmin::text::bigint) & 4294967295) AS xid FROM (
    SELECT 1 AS place, 'enterprise' AS object, id::text AS key, to_jsonb(t)::text AS content, t.xmin FROM enterprise t
    UNION ALL SELECT 2, 'prefix', prefix, (to_jsonb(t) - 'changed_xid')::text, t.xmin FROM prefix t
    UNION ALL SELECT 3, 'api_key', id::text,
        (to_jsonb(t) - '{changed_xid,secret_digest,former_digest,former_until}'::text[])::text, t.xmin FROM api_key t
    UNION ALL SELECT 4, 'template', id::text, (to_jsonb(t) - 'changed_xid')::text, t.xmin FROM template t
    UNION ALL SELECT 5, 'visibility_grant', id::text, (to_jsonb(t) - 'changed_xid')::text, t.xmin FROM visibility_grant t
    UNION ALL SELECT 6, 'quota', kind || ':' || id, (to_jsonb(t) - 'changed_xid')::text, t.xmin FROM quota t
    UNION ALL SELECT 7, 'mint_sequence', prefix || ' ' || pattern, to_jsonb(t)::text, t.xmin FROM mint_sequence t
    UNION ALL SELECT 8, 'suffix_lease', id::text, to_jsonb(t)::text, t.xmin FROM suffix_lease t
) s ORDER BY place, key

-- name: nodes
-- Prefixes with their enterprises, for readers who know nothing of us; the later of both transactions.
SELECT p.prefix, p.shown, p.created_at, p.suspended, p.state, p.hosting, e.name, e.credit_code,
       e.top_level_reference AS reference,
       greatest($1::bigint - (($1 - p.xmin::text::bigint) & 4294967295),
                $1 - (($1 - e.xmin::text::bigint) & 4294967295)) AS xid
FROM prefix p JOIN enterprise e ON e.id = p.enterprise_id ORDER BY p.prefix

-- name: templates
SELECT key, items::text AS items, facts::text AS facts, $1::bigint - (($1 - xmin::text::bigint) & 4294967295) AS xid
FROM template ORDER BY key

-- name: keep_deposit
-- In one statement with the files on disk: before it nothing was made, after it everything was.
INSERT INTO escrow_deposit (id, revision, day, kind, previous, cluster, cut_xid, told, counts, objects, files, made_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb, $10, $11::text::jsonb, $12)

-- name: repairer
-- In whose name the node repairs what it holds: its first operator's.
SELECT min(id) FROM api_key WHERE role = 'operator'

-- name: note_repair
-- What was there before the top level's copy took its place, for history and the change feed.
INSERT INTO identifier_change (version, actor, kind, key, old_template_id, old_status, old_value, old_withdrawal, reason)
SELECT greatest(i.version, $2::integer) + 1, $3, 'reconcile', i.key, i.template_id, i.status, i.value, i.withdrawal,
       'from the copy at the top level'
FROM identifier i WHERE key = $1 FOR UPDATE

-- name: repair_row
UPDATE identifier SET version = greatest(version, $2::integer) + 1, status = $3, template_id = $4, owner_id = $5, shown = $6,
       withdrawal = $7, value = $8, changed_at = now() WHERE key = $1

-- name: bring_back
-- One that is only there.
INSERT INTO identifier (version, status, template_id, owner_id, created_at, changed_at, key, shown, withdrawal, value)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (key) DO NOTHING

-- name: count_again
-- Of these prefixes: hours that have more rows than were counted are counted up to their rows. Rows and counters are written in one
-- transaction, so that only what went by another way is ever missing here.
INSERT INTO enterprise_count AS c (enterprise_id, prefix, hour, slot, registered)
SELECT p.enterprise_id, told.prefix, told.hour, -1, told.rows - told.counted
FROM (SELECT r.prefix, r.hour, r.rows, coalesce((SELECT sum(registered) FROM enterprise_count e
                                                 WHERE e.prefix = r.prefix AND e.hour = r.hour), 0)::bigint AS counted
      FROM (SELECT w.prefix, date_trunc('hour', i.created_at, 'UTC') AS hour, sum(1)::bigint AS rows
            FROM unnest($1::text[]) AS w (prefix) CROSS JOIN LATERAL (
                SELECT created_at FROM identifier WHERE key >= w.prefix || '/' AND key < w.prefix || '0') AS i GROUP BY 1, 2) AS r) AS told
JOIN prefix p ON p.prefix = told.prefix WHERE told.rows > told.counted
ON CONFLICT (enterprise_id, hour, prefix, slot) DO UPDATE SET registered = c.registered + excluded.registered

-- name: audit_repair
INSERT INTO audit (actor, action, object, identifiers, source) VALUES ($1, 'reconcile', $2, $3, 'top level')

-- name: newest_deposit
SELECT id, revision, day, kind, previous, state, made_at, code, reason, counts::text AS counts, files::text AS files
FROM escrow_deposit ORDER BY day DESC, revision DESC LIMIT 1

-- name: newest_deposits
-- For status.
SELECT id, revision, kind, previous, state, objects, made_at, settled_at, code, reason
FROM escrow_deposit ORDER BY day DESC, revision DESC LIMIT $1

-- name: accepted_deposit
-- The base of a differential.
SELECT id, day, cluster, cut_xid, told FROM escrow_deposit WHERE state = 'accepted' ORDER BY day DESC, revision DESC LIMIT 1

-- name: standing
-- For alarms and metrics: the last accepted day, how large the newest deposit is, and since when it is under way, if it is.
SELECT (SELECT day FROM escrow_deposit WHERE state = 'accepted' ORDER BY day DESC LIMIT 1) AS accepted_day,
       (SELECT sum((f.value->>1)::bigint)::bigint FROM jsonb_each(d.files) f) AS bytes, s.stopped,
       CASE WHEN d.state NOT IN ('accepted', 'refused') THEN d.made_at END AS under_way_since
FROM escrow_state s
LEFT JOIN (SELECT files, state, made_at FROM escrow_deposit ORDER BY day DESC, revision DESC LIMIT 1) d ON true

-- name: move_deposit
UPDATE escrow_deposit SET state = $3, code = $4, reason = $5,
       settled_at = CASE WHEN $3 IN ('accepted', 'refused') THEN now() END
WHERE id = $1 AND revision = $2 AND state NOT IN ('accepted', 'refused')

-- name: read_state
SELECT due_at <= $1 AS due, failures, last_error, stopped, wanted, changed_at FROM escrow_state

-- name: put_off
-- After a failure ($3) or an idle look.
UPDATE escrow_state SET due_at = $1, failures = CASE WHEN $3::text IS NULL THEN 0 ELSE $2 END,
       last_error = $3, changed_at = now()

-- name: stop
UPDATE escrow_state SET stopped = $1, last_error = $1, changed_at = now()

-- name: go_on
-- What the command line asks for.
UPDATE escrow_state SET stopped = NULL, failures = 0, due_at = '-infinity', wanted = $1, changed_at = now()

-- name: wish_granted
UPDATE escrow_state SET wanted = false, changed_at = now()

-- name: ask_retelling
INSERT INTO escrow_retell (key) SELECT unnest($1::text[])
ON CONFLICT (key) DO UPDATE SET told_in = NULL, settled = false, asked_at = now()

-- name: open_retelling
SELECT key FROM escrow_retell WHERE NOT settled ORDER BY key LIMIT $1

-- name: retelling_told
UPDATE escrow_retell SET told_in = $2 WHERE key = ANY ($1::text[]) AND NOT settled

-- name: retelling_settled
UPDATE escrow_retell SET settled = true WHERE told_in = $1 AND NOT settled
