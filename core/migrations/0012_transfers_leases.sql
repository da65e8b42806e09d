-- Transfers of identifiers and prefixes, and leases of ranges of suffixes (deploy/decisions/0014).

-- Whose an identifier is that does not follow its prefix: NULL for nearly all, and then it takes no room. In the row itself,
-- so that whoever locks the row knows, and every cache knows by the version.
ALTER TABLE identifier ADD COLUMN owner_id integer;
CREATE INDEX identifier_owner ON identifier (owner_id, key) WHERE owner_id IS NOT NULL;

-- How often suffixes of the prefix were leased: a writer that knows of fewer leases asks again before it registers.
ALTER TABLE prefix ADD COLUMN leases integer NOT NULL DEFAULT 0;
CREATE OR REPLACE VIEW held_prefix AS
SELECT p.prefix, p.shown, p.enterprise_id, e.name AS enterprise_name, p.suffix_case_sensitive, p.suspended, p.state,
       p.suspended_reason, p.answering, p.parent, p.hosting, p.site::text AS site, p.created_at, p.changed_xid, p.leases
FROM prefix p JOIN enterprise e ON e.id = p.enterprise_id;

CREATE TABLE transfer (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('identifier', 'prefix')),
    prefix text COLLATE "C" NOT NULL REFERENCES prefix,
    key text COLLATE "C" NOT NULL,           -- canonical identifier, or the prefix itself
    shown text NOT NULL,
    from_enterprise integer NOT NULL REFERENCES enterprise,
    to_enterprise integer NOT NULL REFERENCES enterprise,
    reason text NOT NULL,
    until timestamptz NOT NULL,              -- what is open then has expired
    state text NOT NULL,                     -- registry.transfers.states
    started_by integer NOT NULL REFERENCES api_key,
    consented_by integer REFERENCES api_key, -- of the giving side
    ended_by integer REFERENCES api_key,
    created_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz
);
CREATE UNIQUE INDEX transfer_open ON transfer (key) WHERE state IN ('proposed', 'offered');
CREATE INDEX transfer_from ON transfer (from_enterprise, id);
CREATE INDEX transfer_to ON transfer (to_enterprise, id);
CREATE INDEX transfer_prefix ON transfer (prefix) WHERE state IN ('proposed', 'offered');

-- Ranges of numbers are kept flat: {first, last, first, last, …}, in order, apart from each other.
ALTER TABLE mint_sequence ADD COLUMN returned bigint[] NOT NULL DEFAULT '{}'; -- given back unused: given out first

CREATE TABLE suffix_lease (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    prefix text COLLATE "C" NOT NULL REFERENCES prefix,
    pattern text COLLATE "C" NOT NULL,       -- as asked for: names the sequence
    day date NOT NULL,                       -- what {date} stands for
    granted bigint[] NOT NULL,
    used bigint[] NOT NULL DEFAULT '{}',     -- reported
    template_id integer REFERENCES template,
    value bytea NOT NULL,                    -- packed; what each identifier says that brings nothing of its own
    label text NOT NULL,
    actor integer NOT NULL REFERENCES api_key,
    until timestamptz NOT NULL,              -- the suffixes are kept until then, and can be reported for some days more
    state text NOT NULL DEFAULT 'making' CHECK (state IN ('making', 'open', 'closed', 'expired')),
    created_at timestamptz NOT NULL DEFAULT now(),
    reported_at timestamptz,
    ended_at timestamptz                     -- what was left has gone back to the sequence
);
CREATE INDEX suffix_lease_prefix ON suffix_lease (prefix, id);
CREATE INDEX suffix_lease_open ON suffix_lease (prefix, until) WHERE state IN ('making', 'open');
CREATE INDEX suffix_lease_sequence ON suffix_lease (prefix, pattern, id) WHERE ended_at IS NULL;
