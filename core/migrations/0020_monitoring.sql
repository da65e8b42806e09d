-- Statistics and heartbeat for the top level (deploy/decisions/0024).

-- One document for each hour that is over, and one for each correction: frozen as it is sent, numbered without a hole, each
-- with the digest of the one before. Never changed, never deleted.
CREATE TABLE statistics_document (
    seq bigint PRIMARY KEY,
    hour timestamptz NOT NULL,
    corrects bigint REFERENCES statistics_document,
    rows_digest text COLLATE "C" NOT NULL,
    content bytea NOT NULL,                  -- canonical JSON: every attempt sends these bytes
    sealed_at timestamptz NOT NULL DEFAULT now(),
    acknowledged_at timestamptz
);
ALTER TABLE statistics_document ALTER COLUMN content SET STORAGE EXTENDED;
CREATE INDEX statistics_document_hour ON statistics_document (hour, seq);
CREATE INDEX statistics_document_unsent ON statistics_document (seq) WHERE acknowledged_at IS NULL;

-- Live identifiers of each prefix at the beginning of `monitoring_state.settled_until`: what came later is added when an hour
-- is sealed, so nothing is counted live.
CREATE TABLE statistics_live (
    prefix text COLLATE "C" PRIMARY KEY,
    live bigint NOT NULL
);

-- One row: how monitoring stands. `settled_until` NULL: it has not begun.
CREATE TABLE monitoring_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    settled_until timestamptz,
    stopped text,                            -- why no statistics are sent until somebody has seen to it
    last_error text,
    last_heartbeat_at timestamptz,           -- answered
    clock_offset_milliseconds bigint NOT NULL DEFAULT 0,
    notices jsonb NOT NULL DEFAULT '[]',     -- of the last answer
    changed_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO monitoring_state DEFAULT VALUES;
