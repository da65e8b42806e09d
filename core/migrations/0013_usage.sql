-- Resolutions, counted once (deploy/decisions/0015).

-- One run of one worker, and which of its batches have been applied: a batch that comes again finds its number taken.
CREATE TABLE usage_worker (
    run uuid PRIMARY KEY,
    slot smallint NOT NULL,                  -- the worker's number: its own rows among the totals
    sequence bigint NOT NULL DEFAULT 0,
    resolutions bigint NOT NULL DEFAULT 0,   -- applied of this run, probes too
    started_at timestamptz NOT NULL DEFAULT now(),
    heard_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    lost bigint                              -- answered but never applied, known once the run has ended
);
CREATE INDEX usage_worker_heard ON usage_worker (heard_at);

-- Totals, moved on together in the transaction of a batch. Days are those of Beijing (UTC+8).
CREATE TABLE usage_minute (
    minute timestamptz NOT NULL,
    prefix text COLLATE "C" NOT NULL,        -- '' where the prefix is not one of this node's
    door text NOT NULL,
    outcome text NOT NULL,
    probe boolean NOT NULL,                  -- our own, and what the operator marked: never part of a total
    slot smallint NOT NULL,
    resolutions bigint NOT NULL,
    PRIMARY KEY (minute, prefix, door, outcome, probe, slot)
);
CREATE TABLE usage_day (
    day date NOT NULL,
    prefix text COLLATE "C" NOT NULL,
    door text NOT NULL,
    outcome text NOT NULL,
    probe boolean NOT NULL,
    slot smallint NOT NULL,
    resolutions bigint NOT NULL,
    PRIMARY KEY (day, prefix, door, outcome, probe, slot)
);
