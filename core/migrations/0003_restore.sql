-- More kinds of change than the first two: the program knows them, the table only bounds their form.
ALTER TABLE identifier_change DROP CONSTRAINT IF EXISTS identifier_change_kind_check;
ALTER TABLE identifier_change ADD CONSTRAINT identifier_change_kind_check CHECK (kind ~ '^[a-z-]{1,30}$') NOT VALID;
