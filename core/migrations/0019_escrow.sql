-- Data escrow (deploy/decisions/0023): the deposits of this node, and what marks the line between one and the next.

-- The whole row in its binary form, hashed: 64 bits that two sides can compute and compare, sums of which speak for ranges.
-- record_send is declared stable; for these types it depends on nothing but the row. The other side's is sync.escrow.rows.digest.
CREATE FUNCTION identifier_digest(i identifier) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE RETURN
    ('x' || left(md5(record_send(ROW(i.version, i.status, i.template_id, i.owner_id, i.created_at, i.changed_at,
                                     i.key, i.shown, i.withdrawal, i.value))), 16))::bit(64)::bigint;

-- One a day, made again under the next revision where it was refused. `state`: made (its files are ready), uploaded, sent (its
-- report was taken), accepted, refused. Whatever has `cut_xid` or later as its xmin, and not one of `told`, is not in it.
CREATE TABLE escrow_deposit (
    id text COLLATE "C" NOT NULL,
    revision integer NOT NULL,
    day date NOT NULL,
    kind text NOT NULL CHECK (kind IN ('FULL', 'DIFF')),
    previous text COLLATE "C",               -- the accepted deposit that a differential stands on
    cluster text NOT NULL,                   -- system identifier: transaction numbers mean something in it only
    cut_xid bigint NOT NULL,                 -- the oldest transaction that was running at the snapshot
    told bigint[] NOT NULL,                  -- those after it that had already ended, and are in the deposit
    counts jsonb NOT NULL,                   -- objects by namespace in the state that it leaves behind
    objects bigint NOT NULL,                 -- identifiers that it carries
    files jsonb NOT NULL,                    -- name → SHA-256 and bytes
    made_at timestamptz NOT NULL,
    state text NOT NULL DEFAULT 'made' CHECK (state IN ('made', 'uploaded', 'sent', 'accepted', 'refused')),
    code integer,                            -- of the report's answer, or of the notification
    reason text,
    settled_at timestamptz,
    PRIMARY KEY (id, revision)
);
CREATE INDEX escrow_deposit_state ON escrow_deposit (state, day);

-- What reconciliation found wrong at the top level: told again with the next deposit. `told_in` is the id of that one.
CREATE TABLE escrow_retell (
    key text COLLATE "C" PRIMARY KEY,
    asked_at timestamptz NOT NULL DEFAULT now(),
    told_in text COLLATE "C",
    settled boolean NOT NULL DEFAULT false
);
CREATE INDEX escrow_retell_open ON escrow_retell (key) WHERE NOT settled;

-- One row: when something is tried next, and what went wrong last.
CREATE TABLE escrow_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    due_at timestamptz NOT NULL DEFAULT '-infinity',
    failures integer NOT NULL DEFAULT 0,
    last_error text,
    stopped text,                            -- why nothing is sent until somebody has seen to it
    wanted boolean NOT NULL DEFAULT false,   -- the command line asks for a deposit now
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO escrow_state DEFAULT VALUES;
