-- Applications, personal data at rest, the life of prefixes, and what is handed to the top level (deploy/decisions/0012).

ALTER TABLE enterprise ADD COLUMN state text NOT NULL DEFAULT 'active' CHECK (state IN ('active', 'suspended', 'revoked'));
ALTER TABLE enterprise ADD COLUMN state_reason text;          -- why it is not active
ALTER TABLE enterprise ADD COLUMN stop_answering boolean NOT NULL DEFAULT false; -- while it is not active
ALTER TABLE enterprise ADD COLUMN top_level_reference text;   -- what the top level calls it

-- `suspended`, which code of before reads, is the sum: the state, a hold of its own, its enterprise's, its parent's.
ALTER TABLE prefix ADD COLUMN state text NOT NULL DEFAULT 'active'
    CHECK (state IN ('awaiting', 'submitted', 'active', 'rejected', 'revoked'));
ALTER TABLE prefix ADD COLUMN parent text COLLATE "C" REFERENCES prefix;
ALTER TABLE prefix ADD COLUMN hold_reason text;               -- suspended by itself; NULL: it is not
ALTER TABLE prefix ADD COLUMN hold_stops_answering boolean NOT NULL DEFAULT false;
ALTER TABLE prefix ADD COLUMN suspended_reason text;          -- of the sum
ALTER TABLE prefix ADD COLUMN answering boolean NOT NULL DEFAULT true; -- of the sum
ALTER TABLE prefix ADD COLUMN hosting text NOT NULL DEFAULT 'here' CHECK (hosting IN ('here', 'own-node'));
ALTER TABLE prefix ADD COLUMN site jsonb CHECK (hosting = 'here' OR site IS NOT NULL);
CREATE INDEX prefix_parent ON prefix (parent) WHERE parent IS NOT NULL;
CREATE INDEX prefix_of_enterprise ON prefix (enterprise_id, prefix);

-- What readers know of a prefix: one list of columns for the directory, the change feed and the lists.
CREATE VIEW held_prefix AS
SELECT p.prefix, p.shown, p.enterprise_id, e.name AS enterprise_name, p.suffix_case_sensitive, p.suspended, p.state,
       p.suspended_reason, p.answering, p.parent, p.hosting, p.site::text AS site, p.created_at, p.changed_xid
FROM prefix p JOIN enterprise e ON e.id = p.enterprise_id;

CREATE TABLE application (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    token_digest bytea NOT NULL,             -- SHA-256 of the applicant's token
    state text NOT NULL,                     -- registry.applications.states
    credit_code text COLLATE "C" NOT NULL,
    form jsonb NOT NULL,                     -- what is nobody's personal data
    enterprise_id integer REFERENCES enterprise,
    made_enterprise boolean NOT NULL DEFAULT false, -- else the enterprise was there, and has keys of its own
    prefix text COLLATE "C" REFERENCES prefix,
    first_key integer REFERENCES api_key,    -- fetched by the applicant
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX application_credit_code ON application (credit_code);
CREATE INDEX application_state ON application (state, id);
CREATE INDEX application_enterprise ON application (enterprise_id) WHERE enterprise_id IS NOT NULL;

-- Who moved it from where to where. `actor`: applicant, operator, top-level or node; `key`: the operator's.
CREATE TABLE application_move (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id bigint NOT NULL REFERENCES application,
    at timestamptz NOT NULL DEFAULT now(),
    actor text NOT NULL,
    key integer REFERENCES api_key,
    move text NOT NULL,
    from_state text,
    to_state text NOT NULL,
    reason text
);
CREATE INDEX application_move_of ON application_move (application_id, id);

-- Sealed by core.sealing; `masked` is what may be shown without a look, as in 138****1234. Empty: taken back.
CREATE TABLE personal_datum (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id bigint NOT NULL REFERENCES application,
    field text COLLATE "C" NOT NULL,
    masked text NOT NULL,
    sealed bytea NOT NULL,
    UNIQUE (application_id, field)
);
CREATE TABLE application_image (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    application_id bigint NOT NULL REFERENCES application,
    kind text COLLATE "C" NOT NULL,
    media_type text NOT NULL,
    bytes integer NOT NULL,
    sealed bytea NOT NULL,
    stored_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (application_id, kind)
);
ALTER TABLE application_image ALTER COLUMN sealed SET STORAGE EXTERNAL; -- what is encrypted does not compress

-- What the top level is to hear, written in the transaction that decided it. `state`: queued, submitted, accepted, refused, failed.
CREATE TABLE top_level_task (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind text NOT NULL CHECK (kind IN ('enterprise', 'prefix', 'route')),
    application_id bigint REFERENCES application,
    enterprise_id integer NOT NULL REFERENCES enterprise,
    prefix text COLLATE "C" REFERENCES prefix,
    state text NOT NULL DEFAULT 'queued',
    attempts integer NOT NULL DEFAULT 0,
    due_at timestamptz NOT NULL DEFAULT now(),
    last_error text,
    reason text,                             -- of the verdict
    created_at timestamptz NOT NULL DEFAULT now(),
    finished_at timestamptz
);
CREATE INDEX top_level_task_open ON top_level_task (due_at, id) WHERE state IN ('queued', 'submitted');
CREATE INDEX top_level_task_application ON top_level_task (application_id) WHERE application_id IS NOT NULL;
