-- Administration by Handle clients (deploy/decisions/0020). Records of prefixes are rows of `identifier` under 0.NA/<prefix>.

-- The secrets of HS_SECKEY values of prefix records, sealed by core.sealing: the rows themselves hold none, so no cache, history
-- or export does. NULL: taken away.
CREATE TABLE handle_secret (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key text COLLATE "C" NOT NULL,           -- canonical handle, 0.NA/<prefix>
    index bigint NOT NULL CHECK (index BETWEEN 1 AND 4294967295),
    sealed bytea,
    changed_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (key, index)
);

-- Who acts when an administrator changes what an enterprise owns: a key that nobody can send, for audit, history and quotas;
-- revoking it shuts the administrator out.
CREATE TABLE handle_administrator (
    handle text COLLATE "C" NOT NULL,        -- canonical
    index bigint NOT NULL,
    enterprise_id integer NOT NULL REFERENCES enterprise,
    key integer NOT NULL REFERENCES api_key,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (handle, index, enterprise_id)
);
