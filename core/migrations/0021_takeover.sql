-- Takeover of resolution by the top level (deploy/decisions/0024): orders, standby data, and registration frozen meanwhile.

-- One row for each order, with the bytes that were answered: the same order gets the same answer. `state` as in
-- sync/takeover/states.py.
CREATE TABLE takeover_order (
    order_id text COLLATE "C" PRIMARY KEY,
    digest text COLLATE "C" NOT NULL,        -- of the order, canonical
    content bytea NOT NULL,                  -- the order, canonical
    state text NOT NULL,
    since timestamptz NOT NULL,
    effective_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    acceptance bytea,                        -- as answered, countersigned
    offer_digest text COLLATE "C",           -- of the hand-back offer that was answered last
    handback bytea,                          -- that answer
    received_at timestamptz NOT NULL DEFAULT now()
);
-- One at a time.
CREATE UNIQUE INDEX takeover_order_open ON takeover_order ((true)) WHERE state IN ('ordered', 'accepted', 'active', 'returning');
CREATE TABLE takeover_event (
    order_id text COLLATE "C" NOT NULL REFERENCES takeover_order,
    number integer NOT NULL,
    state text NOT NULL,
    at timestamptz NOT NULL,
    PRIMARY KEY (order_id, number)
);

-- What the top level would answer from: every snapshot that it has whole, or is being given.
CREATE TABLE standby_snapshot (
    snapshot_id text COLLATE "C" PRIMARY KEY,
    watermark timestamptz NOT NULL,
    manifest bytea NOT NULL,                 -- as sent, signed
    digest text COLLATE "C" NOT NULL,        -- of the manifest, canonical
    records bigint NOT NULL,
    completed_at timestamptz,                -- the top level lacks nothing of it
    made_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX standby_snapshot_made ON standby_snapshot (made_at);

-- Nonces of the top level's requests, for as long as a signature could be shown again.
CREATE TABLE takeover_nonce (
    keyid text NOT NULL,
    nonce text NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (keyid, nonce)
);

-- One row. From `frozen_from` on nothing is registered, whoever asks and through whichever door: the tables themselves refuse.
CREATE TABLE takeover_freeze (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    frozen_from timestamptz,
    order_id text COLLATE "C"
);
INSERT INTO takeover_freeze DEFAULT VALUES;
CREATE FUNCTION refuse_while_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT frozen_from <= clock_timestamp() FROM takeover_freeze) THEN
        RAISE EXCEPTION 'registration is frozen' USING ERRCODE = 'BJ503';
    END IF;
    RETURN NULL;
END $$;
-- A statement, not a row: a batch is asked once. Suspending and revoking stay possible, and so do keys and quotas.
CREATE TRIGGER identifier_frozen BEFORE INSERT OR UPDATE ON identifier
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_while_frozen();
CREATE TRIGGER prefix_frozen BEFORE INSERT OR UPDATE OF enterprise_id, hosting, site ON prefix
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_while_frozen();
CREATE TRIGGER enterprise_frozen BEFORE INSERT ON enterprise
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_while_frozen();
CREATE TRIGGER template_frozen BEFORE INSERT OR UPDATE ON template
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_while_frozen();
CREATE TRIGGER application_frozen BEFORE INSERT ON application
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_while_frozen();
CREATE TRIGGER suffix_lease_frozen BEFORE INSERT ON suffix_lease
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_while_frozen();
CREATE TRIGGER transfer_frozen BEFORE INSERT ON transfer
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_while_frozen();
