-- What usage tells besides the token buckets (parts with a price of their own, uses sold by the piece, terms, the
-- provider's own figure), as JSON; and of prices: what has none, and what the provider said that the call cost ('' when it
-- said nothing).
ALTER TABLE spans {{on_cluster}} ADD COLUMN IF NOT EXISTS usage_details String DEFAULT '{}' CODEC(ZSTD(1));

ALTER TABLE costs {{on_cluster}}
  ADD COLUMN IF NOT EXISTS missing Array(LowCardinality(String)),
  ADD COLUMN IF NOT EXISTS reported_usd String CODEC(ZSTD(1));
