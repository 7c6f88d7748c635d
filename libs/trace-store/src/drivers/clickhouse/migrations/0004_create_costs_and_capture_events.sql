-- Appended, never updated: one row per span and price-book version, with what cost reads need.
CREATE TABLE IF NOT EXISTS costs {{on_cluster}} (
  id String CODEC(ZSTD(1)),
  emitter LowCardinality(String),
  seq UInt64 CODEC(ZSTD(1)),
  time DateTime64(9, 'UTC') CODEC(ZSTD(1)),
  organization_id LowCardinality(String),
  project_id LowCardinality(String),
  call_id String CODEC(ZSTD(1)),
  trace_id String CODEC(ZSTD(1)),
  span_id String CODEC(ZSTD(1)),
  start_time DateTime64(9, 'UTC') CODEC(ZSTD(1)),
  operation LowCardinality(String),
  provider LowCardinality(String),
  request_model LowCardinality(String),
  response_model LowCardinality(String),
  key_id LowCardinality(String),
  user_id String CODEC(ZSTD(1)),
  state LowCardinality(String),
  reason LowCardinality(String),
  total_usd Decimal(38, 18),
  lines String CODEC(ZSTD(1)),
  price_book_version LowCardinality(String),
  price_id LowCardinality(String),
  tier LowCardinality(String),
  estimated UInt8,
  batch_token LowCardinality(String),
  INDEX id_bloom id TYPE bloom_filter(0.001) GRANULARITY 1
)
ENGINE = {{replicated}}MergeTree
PARTITION BY toYYYYMM(start_time)
ORDER BY (project_id, start_time, span_id)
SETTINGS index_granularity = 1024, {{durable}};

-- What capture says about itself: refusal summaries, losses, ends of emitters.
CREATE TABLE IF NOT EXISTS capture_events {{on_cluster}} (
  project_id LowCardinality(String),
  time DateTime64(9, 'UTC'),
  type LowCardinality(String),
  event_id String,
  emitter LowCardinality(String),
  seq UInt64,
  body String CODEC(ZSTD(1))
)
ENGINE = {{replicated}}MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (project_id, time, event_id)
SETTINGS {{durable}};
