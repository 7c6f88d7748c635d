-- Calls that a provider may be answering. A call without a row in spans is in flight.
CREATE TABLE IF NOT EXISTS calls_accepted {{on_cluster}} (
  organization_id LowCardinality(String),
  project_id LowCardinality(String),
  trace_id String CODEC(ZSTD(1)),
  span_id String CODEC(ZSTD(1)),
  parent_span_id String CODEC(ZSTD(1)),
  call_id String CODEC(ZSTD(1)),
  key_id LowCardinality(String),
  start_time DateTime64(9, 'UTC') CODEC(ZSTD(1)),
  session_id String CODEC(ZSTD(1)),
  user_id String CODEC(ZSTD(1)),
  environment LowCardinality(String),
  release LowCardinality(String),
  agent_name LowCardinality(String),
  agent_version LowCardinality(String),
  workflow_name LowCardinality(String),
  prompt_name LowCardinality(String),
  prompt_version LowCardinality(String),
  metadata Map(String, String) CODEC(ZSTD(1)),
  operation LowCardinality(String),
  dialect LowCardinality(String),
  provider LowCardinality(String),
  provider_kind LowCardinality(String),
  request_model LowCardinality(String),
  routed_model LowCardinality(String),
  stream UInt8,
  capture LowCardinality(String),
  parameters Map(String, String) CODEC(ZSTD(1)),
  input_preview String CODEC(ZSTD(1)),
  request_length UInt64,
  request_hash String CODEC(ZSTD(1)),
  event_id String CODEC(ZSTD(1)),
  emitter LowCardinality(String),
  seq UInt64 CODEC(ZSTD(1))
)
ENGINE = {{replicated}}MergeTree
PARTITION BY toYYYYMM(start_time)
ORDER BY (project_id, start_time, call_id)
SETTINGS {{durable}};
