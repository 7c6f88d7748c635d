ALTER TABLE spans {{on_cluster}}
  ADD INDEX IF NOT EXISTS session_id_bloom session_id TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE spans {{on_cluster}}
  ADD INDEX IF NOT EXISTS user_id_bloom user_id TYPE bloom_filter(0.01) GRANULARITY 1;

ALTER TABLE costs {{on_cluster}}
  ADD INDEX IF NOT EXISTS trace_id_bloom trace_id TYPE bloom_filter(0.001) GRANULARITY 1;

-- For the rows of before, in the background.
ALTER TABLE spans {{on_cluster}} MATERIALIZE INDEX session_id_bloom;

ALTER TABLE spans {{on_cluster}} MATERIALIZE INDEX user_id_bloom;

ALTER TABLE costs {{on_cluster}} MATERIALIZE INDEX trace_id_bloom;
