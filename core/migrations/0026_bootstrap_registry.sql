-- This node's copy of the top level's IIIDAP bootstrap registry, for all workers; one of them fetches it when it is due.
CREATE TABLE bootstrap_registry (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    url text NOT NULL,                       -- where it came from: another address, another registry
    services text,                           -- JSON, prefix (lower case) to base URL; NULL: never had
    fetched_at timestamptz,
    due_at timestamptz NOT NULL DEFAULT now()
);
