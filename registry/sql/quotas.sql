-- name: take
-- Lend a block to a worker: $5 units if there is room for them, up to $6 while that is no more than 1 % of the room, all that
-- is left where that is less. The row is locked first and the rest reckoned from it, so that lenders follow each other.
-- No row: nothing was ever lent to this subject, see `open_account`.
WITH today AS (SELECT (now() AT TIME ZONE 'Asia/Shanghai')::date AS today),
held AS (
    SELECT greatest(day, today) AS day, CASE WHEN day >= today THEN taken_today ELSE 0 END AS taken_today, taken_total
    FROM quota_use, today WHERE kind = $1 AND id = $2 FOR UPDATE OF quota_use),
room AS (SELECT *, greatest(0, least($3::bigint - taken_today, $4::bigint - taken_total)) AS room FROM held),
block AS (SELECT *, least(room, greatest($5::bigint, least($6::bigint, room / 100))) AS units FROM room),
moved AS (
    UPDATE quota_use u SET day = b.day, taken_today = b.taken_today + b.units, taken_total = b.taken_total + b.units
    FROM block b WHERE u.kind = $1 AND u.id = $2),
lent AS (
    INSERT INTO quota_lease (kind, id, day, units, expires_at)
    SELECT $1, $2, day, units, now() + make_interval(secs => $7) FROM block WHERE units > 0 RETURNING number)
SELECT units, (SELECT number FROM lent) AS number, coalesce(taken_total + units >= $4, false) AS total_is_spent,
       extract(epoch FROM (day + 1)::timestamp AT TIME ZONE 'Asia/Shanghai' - now())::float8 AS seconds_left
FROM block

-- name: room
-- For a forecast: what `take` would find.
SELECT greatest(0, least($3::bigint - CASE WHEN day >= (now() AT TIME ZONE 'Asia/Shanghai')::date THEN taken_today ELSE 0 END,
                         $4::bigint - taken_total))
FROM quota_use WHERE kind = $1 AND id = $2

-- name: open_account
-- What an enterprise registered before it had a quota counts; of a key that is not known.
INSERT INTO quota_use (kind, id, day, taken_today, taken_total)
SELECT $1, $2, (now() AT TIME ZONE 'Asia/Shanghai')::date,
       coalesce(sum(registered) FILTER (WHERE hour >= date_trunc('day', now(), 'Asia/Shanghai')), 0), coalesce(sum(registered), 0)
FROM enterprise_count WHERE $1 = 'enterprise' AND enterprise_id = $2
ON CONFLICT DO NOTHING

-- name: give_back
-- Units of a lease ($1) that were not spent; nothing once it has expired and been settled. The subject's row is locked before
-- the lease, as everywhere.
WITH lease AS (SELECT kind, id FROM quota_lease WHERE number = $1),
held AS (SELECT u.kind, u.id FROM quota_use u JOIN lease USING (kind, id) FOR UPDATE OF u),
less AS (
    UPDATE quota_lease l SET units = l.units - $2 FROM held WHERE l.number = $1 AND l.units >= $2
    RETURNING l.kind, l.id, l.day)
UPDATE quota_use u SET taken_total = greatest(0, u.taken_total - $2),
    taken_today = CASE WHEN u.day = less.day THEN greatest(0, u.taken_today - $2) ELSE u.taken_today END
FROM less WHERE u.kind = less.kind AND u.id = less.id

-- name: expired
-- Whose leases have ended, a few at a time.
SELECT DISTINCT kind, id FROM quota_lease WHERE expires_at < now() ORDER BY kind, id LIMIT $1

-- name: lock_account
SELECT day FROM quota_use WHERE kind = $1 AND id = $2 FOR UPDATE

-- name: correct
-- What was taken can be no more than what is registered and what is still lent, and no less than what is registered. Hours
-- that no transaction can still add to are counted once.
WITH lent AS (
    SELECT coalesce(sum(l.units), 0) AS total, coalesce(sum(l.units) FILTER (WHERE l.day = u.day), 0) AS today
    FROM quota_use u LEFT JOIN quota_lease l ON l.kind = u.kind AND l.id = u.id AND l.expires_at >= now()
    WHERE u.kind = 'enterprise' AND u.id = $1),
settled AS (SELECT date_trunc('hour', now()) - interval '3 hours' AS until),
registered AS (
    SELECT coalesce(sum(c.registered), 0) AS since,
           coalesce(sum(c.registered) FILTER (WHERE c.hour < until), 0) AS settled
    FROM quota_use u CROSS JOIN settled JOIN enterprise_count c ON c.enterprise_id = u.id AND c.hour >= u.counted_until
    WHERE u.kind = 'enterprise' AND u.id = $1),
of_day AS (
    SELECT coalesce(sum(c.registered), 0) AS today
    FROM quota_use u JOIN enterprise_count c ON c.enterprise_id = u.id
     AND c.hour >= u.day::timestamp AT TIME ZONE 'Asia/Shanghai' AND c.hour < (u.day + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
    WHERE u.kind = 'enterprise' AND u.id = $1)
UPDATE quota_use u SET
    taken_total = greatest(u.counted + r.since, least(u.taken_total, u.counted + r.since + lent.total)),
    taken_today = greatest(d.today, least(u.taken_today, d.today + lent.today)),
    counted = u.counted + r.settled, counted_until = greatest(u.counted_until, s.until)
FROM lent, registered r, of_day d, settled s WHERE u.kind = 'enterprise' AND u.id = $1

-- name: drop_expired
DELETE FROM quota_lease WHERE kind = $1 AND id = $2 AND expires_at < now()

-- name: set_quota
INSERT INTO quota (kind, id, requests_per_second, burst, registrations_per_day, registrations_total)
VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (kind, id) DO UPDATE SET requests_per_second = $3, burst = $4, registrations_per_day = $5, registrations_total = $6
RETURNING kind, id, requests_per_second, burst, registrations_per_day, registrations_total

-- name: one_quota
SELECT kind, id, requests_per_second, burst, registrations_per_day, registrations_total FROM quota WHERE kind = $1 AND id = $2

-- name: used_by_enterprise
-- From stored counters: what was registered, not what was lent.
SELECT coalesce(sum(registered) FILTER (WHERE hour >= date_trunc('day', now(), 'Asia/Shanghai')), 0)::bigint AS today,
       coalesce(sum(registered), 0)::bigint AS total, date_trunc('day', now(), 'Asia/Shanghai') + interval '1 day' AS renews_at
FROM enterprise_count WHERE enterprise_id = $1

-- name: used_by_key
-- What was lent on its account: of a key nothing else is kept.
SELECT coalesce(sum(taken_today) FILTER (WHERE day = (now() AT TIME ZONE 'Asia/Shanghai')::date), 0)::bigint AS today,
       coalesce(sum(taken_total), 0)::bigint AS total, date_trunc('day', now(), 'Asia/Shanghai') + interval '1 day' AS renews_at
FROM quota_use WHERE kind = 'key' AND id = $1
