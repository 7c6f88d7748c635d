-- Which batch wrote a span: the same event in another batch is left out before the insert.
ALTER TABLE spans {{on_cluster}}
  ADD COLUMN IF NOT EXISTS batch_token LowCardinality(String);
