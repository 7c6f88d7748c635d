-- How a call was served: the provider's API where it is another one than the caller's ('' where it is the same), the
-- route that chose the provider, whether the response cache answered, and what the provider could not be told.
ALTER TABLE spans {{on_cluster}}
  ADD COLUMN IF NOT EXISTS wire LowCardinality(String),
  ADD COLUMN IF NOT EXISTS route LowCardinality(String),
  ADD COLUMN IF NOT EXISTS cache LowCardinality(String),
  ADD COLUMN IF NOT EXISTS dropped Array(LowCardinality(String));

ALTER TABLE calls_accepted {{on_cluster}}
  ADD COLUMN IF NOT EXISTS wire LowCardinality(String),
  ADD COLUMN IF NOT EXISTS route LowCardinality(String),
  ADD COLUMN IF NOT EXISTS cache LowCardinality(String),
  ADD COLUMN IF NOT EXISTS dropped Array(LowCardinality(String));
