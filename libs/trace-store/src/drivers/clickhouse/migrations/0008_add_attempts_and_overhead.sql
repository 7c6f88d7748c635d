ALTER TABLE spans {{on_cluster}}
  ADD COLUMN IF NOT EXISTS attempt_count UInt16 MATERIALIZED toUInt16(JSONLength(attempts));

-- Hours of before have no calls in them that were retried, and no overhead: empty states, no quantiles.
ALTER TABLE calls_hourly {{on_cluster}}
  ADD COLUMN IF NOT EXISTS retried SimpleAggregateFunction(sum, UInt64);

ALTER TABLE calls_hourly {{on_cluster}}
  ADD COLUMN IF NOT EXISTS overhead_ms AggregateFunction(quantilesTDigest(0.5, 0.95, 0.99), Float64);

-- Not MODIFY QUERY: a batch that comes again after the server's next start would get another block id in a view that was
-- altered so, and count twice.
DROP VIEW IF EXISTS calls_hourly_of_spans {{on_cluster}};

CREATE MATERIALIZED VIEW IF NOT EXISTS calls_hourly_of_spans {{on_cluster}} TO calls_hourly AS
SELECT
  project_id,
  toStartOfHour(toDateTime(start_time, 'UTC')) AS hour,
  request_model,
  provider,
  key_id,
  count() AS requests,
  countIf(outcome IN ('failed', 'interrupted', 'refused') OR status >= 400) AS errors,
  countIf(JSONLength(attempts) > 1) AS retried,
  sum(spans.input_uncached_tokens) AS input_uncached_tokens,
  sum(spans.cache_read_tokens) AS cache_read_tokens,
  sum(spans.cache_write_tokens) AS cache_write_tokens,
  sum(spans.input_audio_tokens) AS input_audio_tokens,
  sum(spans.output_text_tokens) AS output_text_tokens,
  sum(spans.reasoning_tokens) AS reasoning_tokens,
  sum(spans.output_audio_tokens) AS output_audio_tokens,
  quantilesTDigestStateIf(0.5, 0.95, 0.99)(duration_nanos / 1e6, outcome != 'refused') AS latency_ms,
  quantilesTDigestStateIf(0.5, 0.95, 0.99)(time_to_first_chunk_nanos / 1e6, time_to_first_chunk_nanos >= 0)
    AS first_chunk_ms,
  quantilesTDigestStateIf(0.5, 0.95, 0.99)(
    gateway_overhead_nanos / 1e6, outcome != 'refused' AND gateway_overhead_nanos > 0
  ) AS overhead_ms
FROM spans
GROUP BY project_id, hour, request_model, provider, key_id;
