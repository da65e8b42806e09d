-- Keys: two more roles, scopes, rotation, where they may be used from, when they last were.

ALTER TABLE api_key DROP CONSTRAINT api_key_role_check;
ALTER TABLE api_key ADD CONSTRAINT api_key_role_check
    CHECK (role IN ('operator', 'auditor', 'enterprise', 'writer', 'partner'));
ALTER TABLE api_key DROP CONSTRAINT api_key_check;
ALTER TABLE api_key ADD CONSTRAINT api_key_check CHECK (role NOT IN ('enterprise', 'writer') OR enterprise_id IS NOT NULL);
ALTER TABLE api_key DROP CONSTRAINT api_key_check1;
ALTER TABLE api_key ADD CONSTRAINT api_key_check1 CHECK (role NOT IN ('operator', 'auditor') OR enterprise_id IS NULL);

ALTER TABLE api_key ADD COLUMN scopes text[];       -- NULL: all that the role has
ALTER TABLE api_key ADD COLUMN networks cidr[];     -- where calls may come from; NULL: from everywhere
ALTER TABLE api_key ADD COLUMN former_digest bytea; -- of the secret before the last rotation, good until former_until
ALTER TABLE api_key ADD COLUMN former_until timestamptz;
CREATE INDEX api_key_enterprise ON api_key (enterprise_id, id);

-- Beside the keys, so that using one is not a change of it that every worker hears of.
CREATE TABLE api_key_use (
    key integer PRIMARY KEY REFERENCES api_key,
    used_at timestamptz NOT NULL,
    source text                              -- address it came from
);
