-- Who else may see values that are meant for partners. Never changed but to be revoked.
CREATE TABLE visibility_grant (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    scope text NOT NULL CHECK (scope IN ('identifier', 'template', 'prefix')),
    prefix text COLLATE "C" NOT NULL REFERENCES prefix,
    object text COLLATE "C" NOT NULL,        -- canonical key of the identifier or template, or the prefix itself
    template_id integer REFERENCES template,
    types text[],                            -- NULL: all types
    to_key integer REFERENCES api_key,
    to_enterprise integer REFERENCES enterprise,
    until timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    revoked_at timestamptz,
    changed_xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
    CHECK ((to_key IS NULL) <> (to_enterprise IS NULL)),
    CHECK ((scope = 'template') = (template_id IS NOT NULL))
);
CREATE INDEX visibility_grant_to_key ON visibility_grant (to_key) WHERE revoked_at IS NULL;
CREATE INDEX visibility_grant_to_enterprise ON visibility_grant (to_enterprise) WHERE revoked_at IS NULL;
CREATE INDEX visibility_grant_prefix ON visibility_grant (prefix, id);
CREATE INDEX visibility_grant_changed ON visibility_grant (changed_xid);
CREATE TRIGGER visibility_grant_stamp BEFORE INSERT OR UPDATE ON visibility_grant
    FOR EACH ROW EXECUTE FUNCTION stamp_change();
