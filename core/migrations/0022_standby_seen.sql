-- What a standby snapshot has seen (pg_current_snapshot), so that prefixes that changed after it are known. Null: of an older node.
ALTER TABLE standby_snapshot ADD COLUMN seen text;
