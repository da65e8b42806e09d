-- Peering with the national top level (deploy/decisions/0021): what is to be sent, what was heard, what was ordered.

-- Ordered by the top level, apart from a hold of the operator's: neither lifts the other. Its text is the reason.
ALTER TABLE prefix ADD COLUMN top_level_hold text;

CREATE SEQUENCE peering_number; -- of clTRID: never used twice

-- Frozen when decided: every attempt sends the same bytes under the same clTRID. Personal data is in them, so they are
-- sealed, and gone once there is an answer. `state`: queued, sent (outcome unknown), awaiting (its audit), done, refused, failed.
CREATE TABLE peering_command (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    task bigint REFERENCES top_level_task,   -- NULL: a question of our own
    parent bigint REFERENCES peering_command, -- whose outcome this one clears up
    kind text NOT NULL,
    about text COLLATE "C" NOT NULL,         -- canonical prefix, or credit code
    cl_trid text COLLATE "C" NOT NULL UNIQUE,
    sealed bytea,
    state text NOT NULL DEFAULT 'queued',
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    last_error text,
    code integer,
    reason text,
    sv_trid text,
    reference text,                          -- what the top level calls the enterprise
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
ALTER TABLE peering_command ALTER COLUMN sealed SET STORAGE EXTERNAL; -- what is encrypted does not compress
CREATE UNIQUE INDEX peering_command_task ON peering_command (task) WHERE parent IS NULL AND state <> 'failed';
CREATE INDEX peering_command_open ON peering_command (due_at, id) WHERE state IN ('queued', 'sent');
CREATE INDEX peering_command_awaiting ON peering_command (id) WHERE state = 'awaiting';
CREATE INDEX peering_command_about ON peering_command (about, id);

-- Every message of the poll queue, once, with what was made of it. `raw` only where it could not be read.
CREATE TABLE peering_message (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message_id text COLLATE "C" NOT NULL,
    queued_at timestamptz NOT NULL,
    prefix text COLLATE "C",
    cl_trid text COLLATE "C",
    sv_trid text COLLATE "C",
    reference text,
    state integer,
    audit_result integer,
    text text,
    made_of text NOT NULL,                   -- sync.access.messages.Finding
    raw bytea,
    deliveries integer NOT NULL DEFAULT 1,
    received_at timestamptz NOT NULL DEFAULT now(),
    ack_cl_trid text COLLATE "C" NOT NULL,
    acked_at timestamptz,
    UNIQUE (message_id, queued_at)
);
CREATE INDEX peering_message_prefix ON peering_message (prefix, queued_at) WHERE prefix IS NOT NULL;
CREATE INDEX peering_message_raised ON peering_message (id) WHERE made_of IN ('unknown', 'unreadable');

-- What the top level ordered of a prefix it had approved; applied once, by the registry, in its own transaction.
CREATE TABLE peering_order (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message bigint NOT NULL REFERENCES peering_message,
    prefix text COLLATE "C" NOT NULL,
    wish text NOT NULL CHECK (wish IN ('suspend', 'resume', 'revoke')),
    reason text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    applied_at timestamptz
);
CREATE INDEX peering_order_open ON peering_order (id) WHERE applied_at IS NULL;

-- One row: how the exchange stands, and what the command line asks of the process that does it.
CREATE TABLE peering_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    poll_due_at timestamptz NOT NULL DEFAULT now(),
    last_poll_at timestamptz,
    last_answer_at timestamptz,
    last_acknowledged_at timestamptz,
    last_error text,
    stopped text,                            -- why nothing is sent until somebody has seen to it
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO peering_state DEFAULT VALUES;
