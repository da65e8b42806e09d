-- Counts by enterprise, sealed audit, lists with filters, lossless export (deploy/decisions/0010 and 0011).

-- Registrations of an enterprise, a prefix and an hour. The enterprise is part of the key, so a prefix that changes hands
-- within an hour counts for each of its owners what was registered while it was theirs.
CREATE TABLE enterprise_count (
    enterprise_id integer NOT NULL,
    prefix text COLLATE "C" NOT NULL,
    hour timestamptz NOT NULL,
    slot smallint NOT NULL,                  -- a writer's own row, as in registration_count
    registered bigint NOT NULL,
    PRIMARY KEY (enterprise_id, hour, prefix, slot)
);
CREATE INDEX enterprise_count_hour ON enterprise_count (hour);
-- Nothing is counted between the copy and the trigger.
LOCK TABLE registration_count IN SHARE ROW EXCLUSIVE MODE;
INSERT INTO enterprise_count (enterprise_id, prefix, hour, slot, registered)
SELECT p.enterprise_id, c.prefix, c.hour, c.slot, c.registered FROM registration_count c JOIN prefix p USING (prefix);
-- Code from before this migration still counts in the old table; what it adds there is added here. Newer code writes here only.
CREATE FUNCTION count_for_enterprise() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO enterprise_count AS c (enterprise_id, prefix, hour, slot, registered)
    SELECT p.enterprise_id, NEW.prefix, NEW.hour, NEW.slot,
           NEW.registered - CASE WHEN TG_OP = 'UPDATE' THEN OLD.registered ELSE 0 END
    FROM prefix p WHERE p.prefix = NEW.prefix
    ON CONFLICT (enterprise_id, hour, prefix, slot) DO UPDATE SET registered = c.registered + excluded.registered;
    RETURN NULL;
END $$;
CREATE TRIGGER registration_count_forward AFTER INSERT OR UPDATE ON registration_count
    FOR EACH ROW EXECUTE FUNCTION count_for_enterprise();

-- Entries are sealed and listed in order of transaction: the key of the table is that order, at the cost of no further index.
ALTER TABLE audit DROP CONSTRAINT audit_pkey, ADD PRIMARY KEY (xid, id);
CREATE TRIGGER audit_no_truncate BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The chain over the audit. `marks`: eight bytes of the digest of each entry, in order, which tell the entry that was touched.
CREATE TABLE audit_seal (
    number bigint PRIMARY KEY,               -- 1, 2, 3, …
    entries integer NOT NULL,
    first_xid xid8 NOT NULL,
    first_id bigint NOT NULL,
    last_xid xid8 NOT NULL,
    last_id bigint NOT NULL,
    marks bytea NOT NULL,
    keyed boolean NOT NULL,                  -- HMAC-SHA-256 under BIAOJIE_AUDIT_KEY, else SHA-256
    hash bytea NOT NULL,                     -- over the hash before, the other columns, and the entries
    sealed_at timestamptz NOT NULL
);
CREATE INDEX audit_seal_at ON audit_seal (sealed_at);
CREATE TRIGGER audit_seal_append_only BEFORE UPDATE OR DELETE ON audit_seal FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER audit_seal_no_truncate BEFORE TRUNCATE ON audit_seal FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Few identifiers are ever withdrawn: a list of them needs no look at the others. Active inserts do not touch it.
CREATE INDEX identifier_withdrawn ON identifier (key) WHERE status = 2;

-- Which types of a prefix are found by value, and how far the index has been filled with what was there before.
CREATE TABLE value_index_wish (
    prefix text COLLATE "C" PRIMARY KEY REFERENCES prefix,
    types text[] NOT NULL,
    state text NOT NULL CHECK (state IN ('building', 'ready')),
    settled xid8,                            -- writers before this transaction, or begun before this time, may not have
    settled_at timestamptz,                  -- known of the wish
    position text COLLATE "C",               -- filled up to this key
    asked_at timestamptz NOT NULL DEFAULT now(),
    ready_at timestamptz
);
-- The reverse index: every identifier that says, or once said, a value. What it finds is held against the identifier itself.
CREATE TABLE value_index (
    prefix text COLLATE "C" NOT NULL,
    type text COLLATE "C" NOT NULL,
    digest bytea NOT NULL,                   -- 16 bytes of SHA-256 of the data as JSON
    key text COLLATE "C" NOT NULL,
    PRIMARY KEY (prefix, type, digest, key)
);

ALTER TABLE bulk_job DROP CONSTRAINT IF EXISTS bulk_job_format_check;
ALTER TABLE bulk_job ADD CONSTRAINT bulk_job_format_check CHECK (format IN ('csv', 'ndjson', 'xlsx', 'parquet')) NOT VALID;
