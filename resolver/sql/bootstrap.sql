-- The copy of the top level's IIIDAP bootstrap registry.

-- name: claim_bootstrap
-- Whoever gets a row fetches it; others leave it alone for $2 seconds.
INSERT INTO bootstrap_registry AS b (url, due_at) VALUES ($1, now() + make_interval(secs => $2))
ON CONFLICT (one) DO UPDATE SET url = $1, due_at = now() + make_interval(secs => $2),
    services = CASE WHEN b.url = $1 THEN b.services END, fetched_at = CASE WHEN b.url = $1 THEN b.fetched_at END
WHERE b.due_at <= now() OR b.url <> $1 RETURNING one

-- name: keep_bootstrap
UPDATE bootstrap_registry SET services = $2, fetched_at = now(), due_at = now() + make_interval(secs => $3) WHERE url = $1

-- name: bootstrap_standing
SELECT fetched_at, due_at <= now() AS due FROM bootstrap_registry WHERE url = $1

-- name: bootstrap
SELECT services, fetched_at FROM bootstrap_registry WHERE url = $1 AND services IS NOT NULL
