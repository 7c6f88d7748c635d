-- What conversations and end users did by day: lists of them over long ranges.
CREATE TABLE IF NOT EXISTS sessions_daily {{on_cluster}} (
  project_id LowCardinality(String),
  day Date,
  session_id String CODEC(ZSTD(1)),
  user_id SimpleAggregateFunction(max, String),
  first_start SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
  last_start SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
  spans SimpleAggregateFunction(sum, UInt64),
  errors SimpleAggregateFunction(sum, UInt64),
  tokens SimpleAggregateFunction(sum, UInt64),
  traces AggregateFunction(uniqExact, String)
)
ENGINE = {{replicated}}AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (project_id, day, session_id)
SETTINGS {{durable}};

CREATE MATERIALIZED VIEW IF NOT EXISTS sessions_daily_of_spans {{on_cluster}} TO sessions_daily AS
SELECT
  project_id,
  toDate(start_time) AS day,
  session_id,
  max(spans.user_id) AS user_id,
  min(start_time) AS first_start,
  max(start_time) AS last_start,
  count() AS spans,
  countIf(outcome IN ('failed', 'interrupted', 'refused') OR status >= 400) AS errors,
  sum(input_uncached_tokens + cache_read_tokens + cache_write_tokens + input_audio_tokens
    + output_text_tokens + reasoning_tokens + output_audio_tokens) AS tokens,
  uniqExactState(trace_id) AS traces
FROM spans
WHERE session_id != ''
GROUP BY project_id, day, session_id;

CREATE TABLE IF NOT EXISTS users_daily {{on_cluster}} (
  project_id LowCardinality(String),
  day Date,
  user_id String CODEC(ZSTD(1)),
  first_start SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
  last_start SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
  spans SimpleAggregateFunction(sum, UInt64),
  errors SimpleAggregateFunction(sum, UInt64),
  tokens SimpleAggregateFunction(sum, UInt64),
  traces AggregateFunction(uniqExact, String),
  sessions AggregateFunction(uniqExactIf, String, UInt8)
)
ENGINE = {{replicated}}AggregatingMergeTree
PARTITION BY toYYYYMM(day)
ORDER BY (project_id, day, user_id)
SETTINGS {{durable}};

CREATE MATERIALIZED VIEW IF NOT EXISTS users_daily_of_spans {{on_cluster}} TO users_daily AS
SELECT
  project_id,
  toDate(start_time) AS day,
  user_id,
  min(start_time) AS first_start,
  max(start_time) AS last_start,
  count() AS spans,
  countIf(outcome IN ('failed', 'interrupted', 'refused') OR status >= 400) AS errors,
  sum(input_uncached_tokens + cache_read_tokens + cache_write_tokens + input_audio_tokens
    + output_text_tokens + reasoning_tokens + output_audio_tokens) AS tokens,
  uniqExactState(trace_id) AS traces,
  uniqExactIfState(session_id, session_id != '') AS sessions
FROM spans
WHERE user_id != ''
GROUP BY project_id, day, user_id;
