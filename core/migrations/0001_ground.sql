-- The ground floor. Decision records 0002 to 0004 in deploy/decisions say why it is cut this way.

-- Who this database is. Every key in Redis starts with the id, so a Redis that served another (or an emptied) database
-- can never answer for this one.
CREATE TABLE node_identity (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    only_one boolean NOT NULL DEFAULT true UNIQUE CHECK (only_one),
    created_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO node_identity DEFAULT VALUES;

-- Small tables carry the transaction that changed them last: readers follow them as they follow the change feed.
CREATE FUNCTION stamp_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.changed_xid := pg_current_xact_id();
    RETURN NEW;
END $$;

CREATE TABLE enterprise (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    credit_code text UNIQUE,                 -- unified social credit code, GB 32100-2015
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE prefix (
    prefix text COLLATE "C" PRIMARY KEY,     -- ASCII letters in upper case
    shown text NOT NULL,                     -- as first given
    enterprise_id integer NOT NULL REFERENCES enterprise,
    suffix_case_sensitive boolean NOT NULL DEFAULT false,  -- fixed at birth: canonical keys depend on it
    suspended boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX prefix_changed ON prefix (changed_xid);
CREATE INDEX prefix_enterprise ON prefix (enterprise_id);
CREATE TRIGGER prefix_stamp BEFORE INSERT OR UPDATE ON prefix FOR EACH ROW EXECUTE FUNCTION stamp_change();

CREATE TABLE api_key (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key_id text COLLATE "C" NOT NULL UNIQUE, -- the public half of the key
    secret_digest bytea NOT NULL,            -- SHA-256 of the secret half: 256 random bits need no slow hash
    role text NOT NULL CHECK (role IN ('operator', 'enterprise', 'partner')),
    enterprise_id integer REFERENCES enterprise,
    label text NOT NULL DEFAULT '',
    expires_at timestamptz,
    revoked_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CHECK (role <> 'enterprise' OR enterprise_id IS NOT NULL),
    CHECK (role <> 'operator' OR enterprise_id IS NULL)
);
CREATE INDEX api_key_changed ON api_key (changed_xid);
CREATE TRIGGER api_key_stamp BEFORE INSERT OR UPDATE ON api_key FOR EACH ROW EXECUTE FUNCTION stamp_change();

-- A published data template. It is also an identifier, so that it resolves; the hot table names it by number.
CREATE TABLE template (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text COLLATE "C" NOT NULL UNIQUE,    -- canonical identifier, <prefix>/META_…
    identifier text NOT NULL,
    items jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id()
);
CREATE INDEX template_changed ON template (changed_xid);
CREATE TRIGGER template_stamp BEFORE INSERT OR UPDATE ON template FOR EACH ROW EXECUTE FUNCTION stamp_change();

-- The thin hot table. Fixed-width columns first, so that no padding is stored; what is usual is NULL and costs nothing.
CREATE TABLE identifier (
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz,                  -- NULL: never changed
    version integer NOT NULL DEFAULT 1,
    template_id integer,
    status smallint NOT NULL DEFAULT 1,      -- core.record.Status
    key text COLLATE "C" PRIMARY KEY,        -- canonical: neighbours of a serial run are neighbours on disk
    shown text,                              -- as first registered; NULL: the same as key
    value bytea NOT NULL,                    -- core.values.pack
    withdrawal text                          -- JSON {"reason", "successor"} of a withdrawn identifier
);
-- Packed values rarely compress, and the try costs a third of a COPY; large ones are still moved out of line.
ALTER TABLE identifier ALTER COLUMN value SET STORAGE EXTERNAL;

-- One row for each change of an EXISTING identifier: what it was before (its history), and that it changed (the feed).
-- Read in commit order by xid: see core/feed.py. A new registration writes nothing here.
CREATE TABLE identifier_change (
    id bigint GENERATED ALWAYS AS IDENTITY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT now(),
    version integer NOT NULL,                -- the version that this change made
    actor integer NOT NULL REFERENCES api_key,
    kind text NOT NULL CHECK (kind IN ('revise', 'withdraw')),
    key text COLLATE "C" NOT NULL,
    old_template_id integer,
    old_status smallint NOT NULL,
    old_value bytea NOT NULL,
    old_withdrawal text,
    reason text,
    PRIMARY KEY (key, version)
);
CREATE INDEX identifier_change_feed ON identifier_change (xid, id);
CREATE INDEX identifier_change_at ON identifier_change (at);
ALTER TABLE identifier_change ALTER COLUMN old_value SET STORAGE EXTERNAL;

-- Registrations, exact, in the same transaction as the rows they count. A slot is a writer's own row: writers of one
-- prefix never wait for each other.
CREATE TABLE registration_count (
    prefix text COLLATE "C" NOT NULL,
    hour timestamptz NOT NULL,
    slot smallint NOT NULL,
    registered bigint NOT NULL,
    PRIMARY KEY (prefix, hour, slot)
);
CREATE INDEX registration_count_hour ON registration_count (hour);

-- One row for each request or batch that changed something. Append-only.
CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    at timestamptz NOT NULL DEFAULT now(),
    actor integer,                           -- api_key.id; NULL: the node itself
    identifiers integer NOT NULL DEFAULT 0,  -- how many it registered or changed
    action text NOT NULL,
    object text NOT NULL,                    -- what it was about: an identifier, a prefix, or first … last of a batch
    source text,                             -- address it came from
    request_id text
);
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit is append-only';
END $$;
CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION refuse_change();
