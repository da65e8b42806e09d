-- Templates in full (deploy/decisions/0009): drafts, versions, rules of data types, how a template ended.

-- Drafts have a table of their own: whatever reads `template` may go on taking each of its rows for a published one.
CREATE TABLE template_draft (
    key text COLLATE "C" PRIMARY KEY,        -- canonical identifier, as template.key
    identifier text NOT NULL,
    prefix text COLLATE "C" NOT NULL REFERENCES prefix,
    items jsonb NOT NULL,                    -- with all their rules
    version text,
    facts jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    changed_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX template_draft_prefix ON template_draft (prefix, key);

-- What items ask beyond presence and length, by their index. Beside `items`, not in it: programs from before data types read
-- `items` and would stop at a member that they do not know.
ALTER TABLE template ADD COLUMN rules jsonb;
ALTER TABLE template ADD COLUMN version text; -- as its owner calls it; once in a prefix
ALTER TABLE template ADD COLUMN retired_at timestamptz;
ALTER TABLE template ADD COLUMN retired_reason text;
CREATE UNIQUE INDEX template_version ON template (split_part(key, '/', 1), version) WHERE version IS NOT NULL;
