CREATE TABLE IF NOT EXISTS calls_hourly {{on_cluster}} (
  project_id LowCardinality(String),
  hour DateTime('UTC'),
  request_model LowCardinality(String),
  provider LowCardinality(String),
  key_id LowCardinality(String),
  requests SimpleAggregateFunction(sum, UInt64),
  errors SimpleAggregateFunction(sum, UInt64),
  input_uncached_tokens SimpleAggregateFunction(sum, UInt64),
  cache_read_tokens SimpleAggregateFunction(sum, UInt64),
  cache_write_tokens SimpleAggregateFunction(sum, UInt64),
  input_audio_tokens SimpleAggregateFunction(sum, UInt64),
  output_text_tokens SimpleAggregateFunction(sum, UInt64),
  reasoning_tokens SimpleAggregateFunction(sum, UInt64),
  output_audio_tokens SimpleAggregateFunction(sum, UInt64),
  latency_ms AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64),
  first_chunk_ms AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64)
)
ENGINE = {{replicated}}AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (project_id, hour, request_model, provider, key_id)
SETTINGS {{durable}};

CREATE MATERIALIZED VIEW IF NOT EXISTS calls_hourly_of_spans {{on_cluster}} TO calls_hourly AS
SELECT
  project_id,
  toStartOfHour(toDateTime(start_time, 'UTC')) AS hour,
  request_model,
  provider,
  key_id,
  count() AS requests,
  countIf(outcome IN ('failed', 'interrupted', 'refused') OR status >= 400) AS errors,
  sum(spans.input_uncached_tokens) AS input_uncached_tokens,
  sum(spans.cache_read_tokens) AS cache_read_tokens,
  sum(spans.cache_write_tokens) AS cache_write_tokens,
  sum(spans.input_audio_tokens) AS input_audio_tokens,
  sum(spans.output_text_tokens) AS output_text_tokens,
  sum(spans.reasoning_tokens) AS reasoning_tokens,
  sum(spans.output_audio_tokens) AS output_audio_tokens,
  quantilesTDigestStateIf(0.5, 0.95, 0.99)(duration_nanos / 1e6, outcome != 'refused') AS latency_ms,
  quantilesTDigestStateIf(0.5, 0.95, 0.99)(time_to_first_chunk_nanos / 1e6, time_to_first_chunk_nanos >= 0)
    AS first_chunk_ms
FROM spans
GROUP BY project_id, hour, request_model, provider, key_id;

CREATE TABLE IF NOT EXISTS costs_hourly {{on_cluster}} (
  project_id LowCardinality(String),
  hour DateTime('UTC'),
  request_model LowCardinality(String),
  provider LowCardinality(String),
  key_id LowCardinality(String),
  price_book_version LowCardinality(String),
  rows SimpleAggregateFunction(sum, UInt64),
  total_usd SimpleAggregateFunction(sum, Decimal(38, 18))
)
ENGINE = {{replicated}}AggregatingMergeTree
PARTITION BY toYYYYMM(hour)
ORDER BY (project_id, hour, request_model, provider, key_id, price_book_version)
SETTINGS {{durable}};

CREATE MATERIALIZED VIEW IF NOT EXISTS costs_hourly_of_costs {{on_cluster}} TO costs_hourly AS
SELECT
  project_id,
  toStartOfHour(toDateTime(start_time, 'UTC')) AS hour,
  request_model,
  provider,
  key_id,
  price_book_version,
  count() AS rows,
  sum(costs.total_usd) AS total_usd
FROM costs
GROUP BY project_id, hour, request_model, provider, key_id, price_book_version;
