-- The values of each attribute by day. Long values are no facets.
CREATE TABLE IF NOT EXISTS facets {{on_cluster}} (
  project_id LowCardinality(String),
  attribute LowCardinality(String),
  day Date,
  value String CODEC(ZSTD(1)),
  spans UInt64
)
ENGINE = {{replicated}}SummingMergeTree(spans)
PARTITION BY toYYYYMM(day)
ORDER BY (project_id, attribute, day, value)
SETTINGS {{durable}};

CREATE MATERIALIZED VIEW IF NOT EXISTS facets_of_spans {{on_cluster}} TO facets AS
SELECT project_id, facet.1 AS attribute, toDate(start_time) AS day, facet.2 AS value, count() AS spans
FROM spans
ARRAY JOIN arrayFilter(facet -> facet.2 != '' AND length(facet.2) <= 200, arrayConcat(
  [
    ('model', toString(if(response_model = '', request_model, response_model))),
    ('requestModel', toString(request_model)),
    ('provider', toString(provider)),
    ('operation', toString(operation)),
    ('outcome', toString(outcome)),
    ('status', toString(status)),
    ('key', toString(key_id)),
    ('user', user_id),
    ('environment', toString(environment)),
    ('release', toString(release)),
    ('agent', toString(agent_name)),
    ('workflow', toString(workflow_name)),
    ('prompt', toString(prompt_name)),
    ('error', toString(error_type))
  ],
  arrayMap(reason -> ('finishReason', toString(reason)), finish_reasons),
  arrayMap(key -> (concat('metadata.', key), metadata[key]), arraySlice(mapKeys(metadata), 1, 50))
)) AS facet
GROUP BY project_id, attribute, day, value;
