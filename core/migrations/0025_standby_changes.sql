-- Standby data between two whole sets of it: what changes flows to the top level as it is committed (deploy/decisions/0029).

-- A new registration leaves a row and nothing else; where the newest rows stand is known by ranges of pages, which costs a
-- registration next to nothing. Making it reads the table once, and whoever writes waits for that (some seconds for ten million).
CREATE INDEX identifier_created ON identifier USING brin (created_at) WITH (pages_per_range = 64, autosummarize = on);

-- What of an identifier tells which of its states it is in, as both sides know it; they add up ranges of them.
CREATE FUNCTION standby_mark(i identifier) RETURNS bigint LANGUAGE sql STABLE PARALLEL SAFE RETURN
    ('x' || left(md5(i.key || ' ' || i.version || ' ' || floor(extract(epoch FROM coalesce(i.changed_at, i.created_at)))::bigint),
                 16))::bit(64)::bigint;

-- Numbered without a hole, frozen as they are sent; those that the last whole set holds already are gone.
CREATE TABLE standby_change (
    number bigint PRIMARY KEY,
    watermark timestamptz NOT NULL,          -- whatever was committed before it is in it, or in an earlier one
    lines integer NOT NULL,
    content bytea NOT NULL,                  -- canonical JSON: every attempt sends these bytes
    acknowledged_at timestamptz
);
CREATE INDEX standby_change_unsent ON standby_change (number) WHERE acknowledged_at IS NULL;

-- One row: how far the changes are told. `stream`: numbers mean something within it only. `seen` (a snapshot) and `since` (when the
-- oldest transaction that was running then had begun): what came later is not told yet; both null: a whole set is needed first.
CREATE TABLE standby_state (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    stream uuid NOT NULL DEFAULT gen_random_uuid(),
    number bigint NOT NULL DEFAULT 0,        -- of the last one that was made
    told_base text COLLATE "C",              -- the whole set that it stands on
    seen text,
    since timestamptz,
    last_error text,
    whole_at timestamptz                     -- when the top level last lacked nothing
);
INSERT INTO standby_state DEFAULT VALUES;

-- Of which stream it is, up to which number it holds everything, and from where on changes are to be told then. Null: of an older
-- node. `compared_at`: when it was last found that, with the changes since, it is what is held here.
ALTER TABLE standby_snapshot
    ADD COLUMN stream uuid,
    ADD COLUMN after bigint,
    ADD COLUMN since timestamptz,
    ADD COLUMN compared_at timestamptz;

-- Whose a prefix is changes where its enterprise is called otherwise: whoever follows prefixes hears of it, whoever writes it.
CREATE FUNCTION touch_prefixes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE prefix SET shown = shown WHERE enterprise_id = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER enterprise_renamed AFTER UPDATE OF name, credit_code ON enterprise FOR EACH ROW
    WHEN (OLD.name <> NEW.name OR OLD.credit_code IS DISTINCT FROM NEW.credit_code) EXECUTE FUNCTION touch_prefixes();
