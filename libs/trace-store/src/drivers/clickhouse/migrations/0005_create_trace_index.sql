-- Where in time a trace lies: bounds the read of its spans.
CREATE TABLE IF NOT EXISTS trace_index {{on_cluster}} (
  project_id LowCardinality(String),
  trace_id String CODEC(ZSTD(1)),
  first_start SimpleAggregateFunction(min, DateTime64(9, 'UTC')),
  last_start SimpleAggregateFunction(max, DateTime64(9, 'UTC')),
  spans SimpleAggregateFunction(sum, UInt64)
)
ENGINE = {{replicated}}AggregatingMergeTree
ORDER BY (project_id, trace_id)
SETTINGS index_granularity = 1024, {{durable}};

CREATE MATERIALIZED VIEW IF NOT EXISTS trace_index_of_spans {{on_cluster}} TO trace_index AS
SELECT project_id, trace_id, min(start_time) AS first_start, max(start_time) AS last_start, count() AS spans
FROM spans
GROUP BY project_id, trace_id;
