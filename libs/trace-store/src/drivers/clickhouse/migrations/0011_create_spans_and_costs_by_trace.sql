-- What a list says of each of its traces, in the order of traces: 50 of them from anywhere in time are 50 short reads.
-- A row is one span, or one cost of one: rows that come twice merge, and reads group by span until they have.
-- Small granules and blocks: each trace is a look-up of its own.
CREATE TABLE IF NOT EXISTS spans_by_trace {{on_cluster}} (
  project_id LowCardinality(String),
  trace_id String CODEC(ZSTD(1)),
  span_id String CODEC(ZSTD(1)),
  start_time DateTime64(9, 'UTC') CODEC(ZSTD(1)),
  duration_nanos UInt64 CODEC(ZSTD(1)),
  refused UInt8,
  is_error UInt8,
  tokens UInt64 CODEC(ZSTD(1))
)
ENGINE = {{replicated}}ReplacingMergeTree
ORDER BY (project_id, trace_id, span_id)
SETTINGS index_granularity = 256, min_compress_block_size = 8192, max_compress_block_size = 32768, {{durable}};

CREATE MATERIALIZED VIEW IF NOT EXISTS spans_by_trace_of_spans {{on_cluster}} TO spans_by_trace AS
SELECT
  project_id,
  trace_id,
  span_id,
  start_time,
  duration_nanos,
  outcome = 'refused' AS refused,
  outcome IN ('failed', 'interrupted', 'refused') OR status >= 400 AS is_error,
  input_uncached_tokens + cache_read_tokens + cache_write_tokens + input_audio_tokens
    + output_text_tokens + reasoning_tokens + output_audio_tokens AS tokens
FROM spans;

-- After the view, so that no row is left out: those of both are one.
INSERT INTO spans_by_trace
SELECT
  project_id, trace_id, span_id, start_time, duration_nanos, outcome = 'refused', is_error, input_tokens + output_tokens
FROM spans
SETTINGS max_execution_time = 3600;

CREATE TABLE IF NOT EXISTS costs_by_trace {{on_cluster}} (
  project_id LowCardinality(String),
  trace_id String CODEC(ZSTD(1)),
  span_id String CODEC(ZSTD(1)),
  price_book_version LowCardinality(String),
  time DateTime64(9, 'UTC') CODEC(ZSTD(1)),
  called UInt8,
  state LowCardinality(String),
  total_usd Decimal(38, 18)
)
ENGINE = {{replicated}}ReplacingMergeTree(time)
ORDER BY (project_id, trace_id, span_id, price_book_version)
SETTINGS index_granularity = 256, min_compress_block_size = 8192, max_compress_block_size = 32768, {{durable}};

CREATE MATERIALIZED VIEW IF NOT EXISTS costs_by_trace_of_costs {{on_cluster}} TO costs_by_trace AS
SELECT project_id, trace_id, span_id, price_book_version, time, provider != '' AS called, state, total_usd
FROM costs;

INSERT INTO costs_by_trace
SELECT project_id, trace_id, span_id, price_book_version, time, provider != '', state, total_usd
FROM costs
SETTINGS max_execution_time = 3600;
