-- Bulk jobs: a file of rows, planned, confirmed, and merged chunk by chunk (deploy/decisions/0006).

CREATE TABLE bulk_job (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity bytea NOT NULL,                 -- SHA-256 over the file's digest, prefix, template and mapping
    digest bytea NOT NULL,                   -- SHA-256 of the file
    size_bytes bigint NOT NULL,
    file_name text,
    prefix text COLLATE "C" NOT NULL REFERENCES prefix,
    template_id integer REFERENCES template,
    format text NOT NULL CHECK (format IN ('csv', 'ndjson', 'xlsx')),
    mapping jsonb,                           -- NULL: by the names of the template
    auto boolean NOT NULL,                   -- confirms itself
    actor integer NOT NULL REFERENCES api_key,
    source text,
    request_id text,
    state text NOT NULL DEFAULT 'received' CHECK
        (state IN ('received', 'planned', 'confirmed', 'merging', 'paused', 'done', 'failed', 'cancelled')),
    paused_from text,
    created_at timestamptz NOT NULL DEFAULT now(),
    planned_at timestamptz,
    merging_at timestamptz,
    finished_at timestamptz,
    bytes_read bigint NOT NULL DEFAULT 0,    -- progress of the plan, in bytes of the file
    rows bigint NOT NULL DEFAULT 0,
    chunks integer NOT NULL DEFAULT 0,
    chunks_done integer NOT NULL DEFAULT 0,
    -- Totals, moved on in the transaction of each chunk. Rows refused or repeated by the file alone count from the plan on.
    created bigint NOT NULL DEFAULT 0,
    unchanged bigint NOT NULL DEFAULT 0,
    changed bigint NOT NULL DEFAULT 0,
    refused bigint NOT NULL DEFAULT 0,
    plan jsonb,
    problem jsonb                            -- why it failed, or was paused by the node itself
);
-- The same file again is the same job, as long as that one may still end well.
CREATE UNIQUE INDEX bulk_job_identity ON bulk_job (identity) WHERE state NOT IN ('cancelled', 'failed');
CREATE INDEX bulk_job_prefix ON bulk_job (prefix, id);
CREATE INDEX bulk_job_open ON bulk_job (id) WHERE state IN ('received', 'confirmed', 'merging');

-- What a job merges in one transaction: neighbours in order of key. Finished in the transaction that merged it.
CREATE TABLE bulk_chunk (
    job_id bigint NOT NULL REFERENCES bulk_job,
    number integer NOT NULL,
    piece integer NOT NULL,                  -- which prepared file of the job, and where in it
    start_row integer NOT NULL,
    row_count integer NOT NULL,
    first_key text COLLATE "C" NOT NULL,
    last_key text COLLATE "C" NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (job_id, number)
);

-- Which column of a file is which value, as last said for a template (0: none) of a prefix.
CREATE TABLE bulk_mapping (
    prefix text COLLATE "C" NOT NULL REFERENCES prefix,
    template_id integer NOT NULL,
    mapping jsonb NOT NULL,
    PRIMARY KEY (prefix, template_id)
);

-- Kinds of change are named in code; other migrations, earlier or later, add theirs without knowing of this one.
ALTER TABLE identifier_change DROP CONSTRAINT IF EXISTS identifier_change_kind_check;
ALTER TABLE identifier_change ADD CONSTRAINT identifier_change_kind_check CHECK (kind ~ '^[a-z-]{1,30}$') NOT VALID;
