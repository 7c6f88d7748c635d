-- A key with `from_ms` is for calls that began then or later: what began before was erased. `before_ms`: the erasure takes
-- the calls that began before it, which is the end of a key period. Unix milliseconds.
ALTER TABLE bucket_keys ADD COLUMN from_ms bigint NOT NULL DEFAULT 0;
ALTER TABLE erasures ADD COLUMN before_ms bigint;
UPDATE erasures SET before_ms = keys_gone_at_ms;
-- Keys that were made after an erasure that is under way are not of what it takes.
UPDATE bucket_keys SET from_ms = created_at_ms WHERE EXISTS (
  SELECT FROM erasures WHERE erasures.project_id = bucket_keys.project_id AND state <> 'complete'
    AND created_at_ms >= keys_gone_at_ms);
