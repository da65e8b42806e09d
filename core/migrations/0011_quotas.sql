-- Quotas of enterprises and keys (deploy/decisions/0013).

-- What one may do: NULL is unlimited, no row means the defaults of the settings. Rows are changed and never deleted, so that
-- every worker follows them.
CREATE TABLE quota (
    kind text NOT NULL CHECK (kind IN ('enterprise', 'key')),
    id integer NOT NULL,                     -- enterprise.id or api_key.id
    requests_per_second integer CHECK (requests_per_second > 0),
    burst integer CHECK (burst > 0),
    registrations_per_day bigint CHECK (registrations_per_day >= 0),
    registrations_total bigint CHECK (registrations_total >= 0),
    changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    PRIMARY KEY (kind, id)
);
CREATE INDEX quota_changed ON quota (changed_xid);
CREATE TRIGGER quota_stamp BEFORE INSERT OR UPDATE ON quota FOR EACH ROW EXECUTE FUNCTION stamp_change();

-- How much of it has been taken: spent, or lent to a worker that has not spent it yet. Never less than was registered.
CREATE TABLE quota_use (
    kind text NOT NULL,
    id integer NOT NULL,
    day date NOT NULL,                       -- of Beijing (UTC+8)
    taken_today bigint NOT NULL DEFAULT 0,   -- on that day
    taken_total bigint NOT NULL DEFAULT 0,
    counted bigint NOT NULL DEFAULT 0,       -- registrations of an enterprise before counted_until: hours that are settled
    counted_until timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (kind, id)
);

-- What is lent. A worker may spend it until shortly before expires_at; from then on what the counters say is the truth.
CREATE TABLE quota_lease (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL,
    id integer NOT NULL,
    day date NOT NULL,
    units bigint NOT NULL,                   -- without what was given back
    expires_at timestamptz NOT NULL
);
CREATE INDEX quota_lease_subject ON quota_lease (kind, id);
CREATE INDEX quota_lease_expiry ON quota_lease (expires_at);
