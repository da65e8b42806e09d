-- The whole store of the box (SQLite): one file, safe against kill -9.
CREATE TABLE IF NOT EXISTS account (
    app_id TEXT PRIMARY KEY,
    prefix TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL,
    client TEXT NOT NULL UNIQUE,      -- clID of a login
    password_digest BLOB NOT NULL,
    enabled INTEGER NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS signing_key (
    app_id TEXT NOT NULL REFERENCES account,
    keyid TEXT NOT NULL,
    algorithm TEXT NOT NULL,
    public TEXT NOT NULL,
    PRIMARY KEY (app_id, keyid)
);
CREATE TABLE IF NOT EXISTS enterprise (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id TEXT NOT NULL REFERENCES account,
    credit_code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    content TEXT NOT NULL,            -- JSON; of images only their digests
    pending TEXT,                     -- JSON of an update in audit
    pending_trids TEXT                -- clTRID svTRID of that update
);
CREATE TABLE IF NOT EXISTS prefix (
    prefix TEXT PRIMARY KEY,          -- lower case: as compared
    shown TEXT NOT NULL,
    app_id TEXT NOT NULL REFERENCES account,
    enterprise INTEGER NOT NULL REFERENCES enterprise,
    state INTEGER NOT NULL,
    cl_trid TEXT NOT NULL,
    sv_trid TEXT NOT NULL,
    created_at TEXT NOT NULL,
    audit_at REAL,                    -- when the clerk may look at it; NULL: nothing to look at
    note TEXT NOT NULL DEFAULT ''
);
CREATE INDEX IF NOT EXISTS prefix_audit ON prefix (audit_at) WHERE audit_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS identifier (
    name TEXT PRIMARY KEY,
    app_id TEXT NOT NULL REFERENCES account,
    content TEXT NOT NULL             -- JSON, as the mapping has it
);
CREATE TABLE IF NOT EXISTS message (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id TEXT NOT NULL REFERENCES account,
    queued_at TEXT NOT NULL,
    namespace TEXT NOT NULL,
    text TEXT NOT NULL,
    content TEXT NOT NULL,            -- JSON of resData
    acknowledged INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX IF NOT EXISTS message_waiting ON message (app_id, id) WHERE acknowledged = 0;
-- What was answered to a command, for ever: it is done once under its clTRID.
CREATE TABLE IF NOT EXISTS reply (
    app_id TEXT NOT NULL,
    cl_trid TEXT NOT NULL,
    digest BLOB NOT NULL,
    document BLOB NOT NULL,
    PRIMARY KEY (app_id, cl_trid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS nonce (
    keyid TEXT NOT NULL,
    nonce TEXT NOT NULL,
    seen_at REAL NOT NULL,
    PRIMARY KEY (keyid, nonce)
) WITHOUT ROWID;
-- Evidence: every command with both its numbers and what it was answered.
CREATE TABLE IF NOT EXISTS command_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at TEXT NOT NULL,
    app_id TEXT NOT NULL,
    cl_trid TEXT NOT NULL,
    sv_trid TEXT NOT NULL,
    verb TEXT NOT NULL,
    about TEXT NOT NULL,
    code INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS fact (
    name TEXT PRIMARY KEY,
    content TEXT NOT NULL
);
