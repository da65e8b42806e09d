-- The hand-back offer that waits for its answer (state `returning`), as it came: it is compared in the process of the exchange,
-- after the request that brought it has been answered. Null: none has come, or the order is of an older node.
ALTER TABLE takeover_order ADD COLUMN offer bytea;

-- A node that was restored from deposits has counters of its own from then on, and no document of statistics, while the top level
-- goes on counting their numbers. `restored_at`: of a restoration whose place among them is not known yet or was taken up below.
ALTER TABLE monitoring_state
    ADD COLUMN restored_at timestamptz,
    ADD COLUMN adopted_seq bigint,           -- the last number that the top level had of the node that was lost
    ADD COLUMN adopted_digest text COLLATE "C";
