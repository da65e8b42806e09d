-- What an enterprise says of itself may change after it was accepted, and the top level hears of it.
ALTER TABLE top_level_task DROP CONSTRAINT top_level_task_kind_check;
ALTER TABLE top_level_task ADD CONSTRAINT top_level_task_kind_check CHECK (kind IN ('enterprise', 'prefix', 'route', 'update'));
ALTER TABLE top_level_task ADD COLUMN changed text[];  -- of an update: the members that are others now
