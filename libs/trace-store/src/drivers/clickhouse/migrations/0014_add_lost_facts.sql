-- Paths of facts that an event had and its reader could not read: the call is stored without them.
ALTER TABLE spans {{on_cluster}} ADD COLUMN IF NOT EXISTS lost_facts Array(LowCardinality(String));

ALTER TABLE calls_accepted {{on_cluster}} ADD COLUMN IF NOT EXISTS lost_facts Array(LowCardinality(String));
