-- Bodies apart from spans. The head of a payload has index -1; slices of a large one count from 0.
CREATE TABLE IF NOT EXISTS span_payloads {{on_cluster}} (
  project_id LowCardinality(String),
  span_id String CODEC(ZSTD(1)),
  part LowCardinality(String),
  `index` Int32,
  time DateTime64(9, 'UTC'),
  codec LowCardinality(String),
  key_id LowCardinality(String),
  length UInt64,
  stored_length UInt64,
  hash String,
  parts UInt32,
  data_base64 String EPHEMERAL '',
  data String DEFAULT base64Decode(data_base64) CODEC(ZSTD(1))
)
ENGINE = {{replicated}}MergeTree
PARTITION BY toYYYYMM(time)
ORDER BY (project_id, span_id, part, `index`)
SETTINGS index_granularity = 1024, {{durable}};

-- The words of requests and answers in lower case, for search by token.
CREATE TABLE IF NOT EXISTS span_texts {{on_cluster}} (
  project_id LowCardinality(String),
  start_time DateTime64(9, 'UTC') CODEC(ZSTD(1)),
  span_id String CODEC(ZSTD(1)),
  part LowCardinality(String),
  text String CODEC(ZSTD(1)),
  INDEX text_tokens text TYPE {{text_index}}
)
ENGINE = {{replicated}}MergeTree
PARTITION BY toYYYYMM(start_time)
ORDER BY (project_id, start_time, span_id)
SETTINGS index_granularity = 1024, {{durable}};
