-- What the agent of the box holds (SQLite): copies of what deposits said, and the documents about them. Apart from the accounts, so
-- that a deposit of hours keeps nobody waiting.
CREATE TABLE IF NOT EXISTS copy (
    sln TEXT NOT NULL,
    key TEXT NOT NULL,
    digest INTEGER NOT NULL,
    PRIMARY KEY (sln, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS content (
    sln TEXT NOT NULL,
    key TEXT NOT NULL,
    row BLOB NOT NULL,                -- JSON, as the deposit had it
    PRIMARY KEY (sln, key)
);
CREATE TABLE IF NOT EXISTS other (
    sln TEXT NOT NULL,
    namespace TEXT NOT NULL,          -- of nodes, templates and rows of small tables: for the counts
    key TEXT NOT NULL,
    PRIMARY KEY (sln, namespace, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS base (
    sln TEXT PRIMARY KEY,
    id TEXT NOT NULL,                 -- of the deposit that the copy stands at
    last_full TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS report (
    sln TEXT NOT NULL,
    id TEXT NOT NULL,
    day TEXT NOT NULL,
    received_at TEXT NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (sln, id)
);
CREATE TABLE IF NOT EXISTS notification (
    number INTEGER PRIMARY KEY,
    sln TEXT NOT NULL,
    day TEXT NOT NULL,
    status TEXT NOT NULL,
    id TEXT,                          -- of the report
    revision INTEGER,
    received_at TEXT NOT NULL,
    document BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS notification_day ON notification (sln, day);
CREATE TABLE IF NOT EXISTS fact (
    sln TEXT NOT NULL,
    name TEXT NOT NULL,               -- certificate, created, enabled
    content TEXT NOT NULL,
    PRIMARY KEY (sln, name)
);
