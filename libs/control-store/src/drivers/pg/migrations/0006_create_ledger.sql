-- The logs of the ledger, one per project and one for the deployment ('system'). A head is changed only by the statement
-- that appends: it compares epoch and size. `edge` is the compact range of the log: the roots of its perfect subtrees.
CREATE TABLE ledger_heads (
  project_id text PRIMARY KEY,
  epoch bigint NOT NULL,
  size bigint NOT NULL,
  edge bytea NOT NULL,
  appender text NOT NULL,
  appended_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE ledger_leaves (
  project_id text NOT NULL,
  index bigint NOT NULL,
  event_id text COLLATE "C" NOT NULL,
  kind text NOT NULL,
  time_ms bigint NOT NULL,
  envelope text NOT NULL,
  PRIMARY KEY (project_id, index),
  UNIQUE (project_id, event_id)
);
-- What is rare and asked for: gaps, losses, erasures, changes.
CREATE INDEX ledger_leaves_kind ON ledger_leaves (project_id, kind, index)
  WHERE kind NOT LIKE 'call.%' AND kind <> 'cost.computed';

CREATE FUNCTION refuse_leaf_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'leaves are never changed';
END $$;
CREATE TRIGGER ledger_leaves_stay BEFORE UPDATE OR DELETE ON ledger_leaves
  FOR EACH ROW EXECUTE FUNCTION refuse_leaf_change();

-- How far each emitter's sequence has been taken in, by log.
CREATE TABLE ledger_marks (
  project_id text NOT NULL,
  emitter text NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (project_id, emitter)
);

-- Numbers that were passed over; gone when they have come after all.
CREATE TABLE ledger_gaps (
  project_id text NOT NULL,
  emitter text NOT NULL,
  from_seq bigint NOT NULL,
  to_seq bigint NOT NULL,
  noticed_at_ms bigint NOT NULL,
  is_sealed boolean NOT NULL DEFAULT false,
  PRIMARY KEY (project_id, emitter, from_seq)
);

-- Last numbers of emitters that are closed, until everything up to them is in.
CREATE TABLE ledger_ends (
  project_id text NOT NULL,
  emitter text NOT NULL,
  last_seq bigint NOT NULL,
  noticed_at_ms bigint NOT NULL,
  PRIMARY KEY (project_id, emitter)
);

-- Calls with their first leaf and without their last.
CREATE TABLE ledger_open_calls (
  project_id text NOT NULL,
  call_id text NOT NULL,
  accepted_at_ms bigint NOT NULL,
  is_orphaned boolean NOT NULL DEFAULT false,
  PRIMARY KEY (project_id, call_id)
);

CREATE TABLE ledger_checkpoints (
  project_id text NOT NULL,
  size bigint NOT NULL,
  edge bytea NOT NULL,
  note text NOT NULL,
  sealed_at_ms bigint NOT NULL,
  PRIMARY KEY (project_id, size)
);
CREATE INDEX ledger_checkpoints_time ON ledger_checkpoints (project_id, sealed_at_ms);

-- C2SP tlog-tiles: up to 256 hashes a row.
CREATE TABLE ledger_tiles (
  project_id text NOT NULL,
  level smallint NOT NULL,
  index bigint NOT NULL,
  hashes bytea NOT NULL,
  PRIMARY KEY (project_id, level, index)
);

CREATE TABLE ledger_cosignatures (
  project_id text NOT NULL,
  size bigint NOT NULL,
  witness text NOT NULL,
  line text NOT NULL,
  cosigned_at_ms bigint NOT NULL,
  PRIMARY KEY (project_id, size, witness)
);

-- Audit entries that have a leaf.
CREATE VIEW ledger_changes AS
  SELECT substr(event_id, 9) AS id FROM ledger_leaves WHERE kind = 'control.changed';

-- Where checkpoints were last brought to: witnesses, webhooks, buckets.
CREATE TABLE ledger_anchors (
  project_id text NOT NULL,
  anchor text NOT NULL,
  size bigint NOT NULL,
  at_ms bigint NOT NULL,
  error text,
  PRIMARY KEY (project_id, anchor)
);

-- Keys of 32 bytes, sealed by the master key: the row is the only place where one is. To delete it is to erase. A bucket is
-- named `day/<date>`, or `user/<hash>`: no name of a person is in this database.
CREATE TABLE bucket_keys (
  key_id text PRIMARY KEY,
  project_id text NOT NULL,
  bucket text NOT NULL,
  sealed_key text NOT NULL,
  is_current boolean NOT NULL,
  created_at_ms bigint NOT NULL
);
CREATE INDEX bucket_keys_bucket ON bucket_keys (project_id, bucket);
CREATE UNIQUE INDEX bucket_keys_current ON bucket_keys (project_id, bucket) WHERE is_current;

-- End users whose calls are to be erased, and how far that has come. The name is sealed, and gone when it is done.
CREATE TABLE erasures (
  id text PRIMARY KEY,
  project_id text NOT NULL,
  sealed_user text NOT NULL,
  state text NOT NULL CHECK (state IN ('requested', 'keys_gone', 'rows_gone', 'complete')),
  buckets text[] NOT NULL DEFAULT '{}',
  spans bigint NOT NULL DEFAULT 0,
  payloads bigint NOT NULL DEFAULT 0,
  requested_by text NOT NULL,
  requested_at_ms bigint NOT NULL,
  keys_gone_at_ms bigint,
  rows_gone_at_ms bigint,
  complete_at_ms bigint
);
CREATE INDEX erasures_project ON erasures (project_id, requested_at_ms);

-- How far retention has come in each project.
CREATE TABLE retention_runs (
  project_id text PRIMARY KEY,
  content_before_ms bigint,
  metadata_before_ms bigint,
  ran_at_ms bigint NOT NULL
);

-- { contentDays, metadataDays, hold }: how long content and metadata stay, null for ever; nothing goes while on hold.
ALTER TABLE projects ADD COLUMN retention jsonb;
