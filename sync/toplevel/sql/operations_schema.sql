-- Monitoring and takeover at the top level in a box.
CREATE TABLE IF NOT EXISTS statistics (
    app_id TEXT NOT NULL REFERENCES account,
    seq INTEGER NOT NULL,
    hour TEXT NOT NULL,
    corrects INTEGER,
    rows_digest TEXT NOT NULL,
    content_digest TEXT NOT NULL,     -- without the envelope's own number and time
    content BLOB NOT NULL,
    received_at TEXT NOT NULL,
    PRIMARY KEY (app_id, seq)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS statistics_hour ON statistics (app_id, hour, seq);
CREATE TABLE IF NOT EXISTS heartbeat (
    app_id TEXT PRIMARY KEY REFERENCES account,
    received_at REAL NOT NULL,
    count INTEGER NOT NULL DEFAULT 1,
    content BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS standby_snapshot (
    app_id TEXT NOT NULL REFERENCES account,
    snapshot_id TEXT NOT NULL,
    manifest BLOB NOT NULL,
    digest TEXT NOT NULL,
    received_at TEXT NOT NULL,
    whole INTEGER NOT NULL DEFAULT 0, -- nothing of it is missing, and it is what would be answered from
    PRIMARY KEY (app_id, snapshot_id)
);
DROP TABLE IF EXISTS standby_record; -- of a box before 2026-11-22
DROP TABLE IF EXISTS standby_chunk;
-- Pieces by what they are: one that stands in many snapshots is kept once. Answered from are those that are `current`, of the last
-- snapshot that is whole.
CREATE TABLE IF NOT EXISTS standby_piece (
    app_id TEXT NOT NULL REFERENCES account,
    digest TEXT NOT NULL,
    current INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (app_id, digest)
) WITHOUT ROWID;
-- Their lines, put here as they come, so that the switch to a new snapshot is a matter of the pieces alone.
CREATE TABLE IF NOT EXISTS standby_line (
    app_id TEXT NOT NULL REFERENCES account,
    key TEXT NOT NULL,
    piece TEXT NOT NULL,
    line BLOB NOT NULL,
    PRIMARY KEY (app_id, key, piece)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS standby_line_piece ON standby_line (app_id, piece);
CREATE TABLE IF NOT EXISTS takeover (
    order_id TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES account,
    content BLOB NOT NULL,            -- the signed order
    state TEXT NOT NULL,              -- open, active, returning, closed
    effective_at REAL NOT NULL,
    expires_at REAL NOT NULL,
    acceptance BLOB,
    offer BLOB,
    handback BLOB,
    resolved INTEGER NOT NULL DEFAULT 0,
    not_found INTEGER NOT NULL DEFAULT 0
);
