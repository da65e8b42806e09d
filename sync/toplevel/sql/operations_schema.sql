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
DROP TABLE IF EXISTS standby_record; -- of boxes before; their nodes send everything again
DROP TABLE IF EXISTS standby_chunk;
DROP TABLE IF EXISTS standby_line;
DROP TABLE IF EXISTS standby_piece;
DROP TABLE IF EXISTS standby_snapshot;
CREATE TABLE IF NOT EXISTS standby_base (
    app_id TEXT NOT NULL REFERENCES account,
    snapshot_id TEXT NOT NULL,
    manifest BLOB NOT NULL,
    digest TEXT NOT NULL,
    received_at TEXT NOT NULL,
    whole INTEGER NOT NULL DEFAULT 0, -- nothing of it is missing, and it is what would be answered from
    PRIMARY KEY (app_id, snapshot_id)
);
-- Pieces by what they are: one that stands in many sets is kept once. Answered from are those that are `current` (1), of the last
-- set that is whole; 0: of one that is on its way, -1: of one before, to be dropped.
CREATE TABLE IF NOT EXISTS standby_part (
    app_id TEXT NOT NULL REFERENCES account,
    digest TEXT NOT NULL,
    current INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (app_id, digest)
) WITHOUT ROWID;
-- Their lines, put here as they come, so that the switch to a new set is a matter of the pieces alone.
CREATE TABLE IF NOT EXISTS standby_entry (
    app_id TEXT NOT NULL REFERENCES account,
    key TEXT NOT NULL,
    piece TEXT NOT NULL,
    mark INTEGER NOT NULL,
    line BLOB NOT NULL,
    PRIMARY KEY (app_id, key, piece)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS standby_entry_piece ON standby_entry (app_id, piece);
CREATE INDEX IF NOT EXISTS standby_entry_prefix ON standby_entry (app_id, key) WHERE instr(key, '/') = 0;
-- The changes that followed: the last line of each key, before that of any piece; and how far they go.
CREATE TABLE IF NOT EXISTS standby_change (
    app_id TEXT NOT NULL REFERENCES account,
    key TEXT NOT NULL,
    number INTEGER NOT NULL,
    mark INTEGER NOT NULL,
    line BLOB NOT NULL,
    PRIMARY KEY (app_id, key)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS standby_change_prefix ON standby_change (app_id, key) WHERE instr(key, '/') = 0;
CREATE TABLE IF NOT EXISTS standby_document (
    app_id TEXT NOT NULL REFERENCES account,
    number INTEGER NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (app_id, number)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS standby_stream (
    app_id TEXT PRIMARY KEY REFERENCES account,
    stream TEXT NOT NULL,
    base TEXT NOT NULL,
    number INTEGER NOT NULL,          -- of the last document that was applied
    watermark TEXT NOT NULL
);
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
-- What each document of statistics says in all, so that nobody reads the documents for it.
CREATE TABLE IF NOT EXISTS statistics_sum (
    app_id TEXT NOT NULL REFERENCES account,
    seq INTEGER NOT NULL,
    registered INTEGER NOT NULL,
    updated INTEGER NOT NULL,
    deleted INTEGER NOT NULL,
    resolved INTEGER NOT NULL,
    not_found INTEGER NOT NULL,
    referred INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (app_id, seq)
) WITHOUT ROWID;
CREATE TRIGGER IF NOT EXISTS statistics_summed AFTER INSERT ON statistics BEGIN
INSERT OR REPLACE INTO statistics_sum (app_id, seq, registered, updated, deleted, resolved, not_found, referred, failed)
SELECT NEW.app_id, NEW.seq, coalesce(sum(r.value ->> 'registered'), 0), coalesce(sum(r.value ->> 'updated'), 0),
       coalesce(sum(r.value ->> 'deleted'), 0), coalesce(sum(r.value ->> 'resolved'), 0), coalesce(sum(r.value ->> 'notFound'), 0),
       coalesce(sum(r.value ->> 'referred'), 0), coalesce(sum(r.value ->> 'failed'), 0)
FROM json_each(CAST(NEW.content AS TEXT), '$.rows') r;
END;
-- Those of boxes that did not add up yet.
INSERT INTO statistics_sum (app_id, seq, registered, updated, deleted, resolved, not_found, referred, failed)
SELECT s.app_id, s.seq, coalesce(sum(r.value ->> 'registered'), 0), coalesce(sum(r.value ->> 'updated'), 0),
       coalesce(sum(r.value ->> 'deleted'), 0), coalesce(sum(r.value ->> 'resolved'), 0), coalesce(sum(r.value ->> 'notFound'), 0),
       coalesce(sum(r.value ->> 'referred'), 0), coalesce(sum(r.value ->> 'failed'), 0)
FROM statistics s LEFT JOIN json_each(CAST(s.content AS TEXT), '$.rows') r
WHERE NOT EXISTS (SELECT 1 FROM statistics_sum t WHERE t.app_id = s.app_id AND t.seq = s.seq)
GROUP BY s.app_id, s.seq;
