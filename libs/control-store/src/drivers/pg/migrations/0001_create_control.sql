-- One row: the deployment's change counter, and how far its events are published.
CREATE TABLE control_state (
  one boolean PRIMARY KEY DEFAULT true CHECK (one),
  version bigint NOT NULL DEFAULT 0,
  published_version bigint NOT NULL DEFAULT 0
);
INSERT INTO control_state DEFAULT VALUES;

CREATE TABLE organizations (
  id text PRIMARY KEY,
  name text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE projects (
  id text PRIMARY KEY,
  organization_id text NOT NULL REFERENCES organizations,
  name text NOT NULL,
  capture text NOT NULL,
  content text NOT NULL,
  version bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (organization_id, name)
);

CREATE TABLE api_keys (
  id text PRIMARY KEY,
  organization_id text NOT NULL REFERENCES organizations,
  project_id text NOT NULL REFERENCES projects,
  name text NOT NULL,
  scopes text[] NOT NULL,
  secret_hash text NOT NULL,
  pepper_version integer NOT NULL,
  expires_at_ms bigint,
  revoked_at_ms bigint,
  created_at_ms bigint NOT NULL,
  version bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- A provider without an organization is everyone's. The credential is sealed before it comes here.
CREATE TABLE providers (
  id text PRIMARY KEY,
  organization_id text REFERENCES organizations,
  name text NOT NULL,
  kind text NOT NULL,
  base_url text NOT NULL,
  sealed_credential text,
  origin text NOT NULL,
  enabled boolean NOT NULL,
  models text[] NOT NULL,
  version bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX providers_name ON providers (coalesce(organization_id, ''), name);

CREATE TABLE aliases (
  id text PRIMARY KEY,
  project_id text NOT NULL REFERENCES projects,
  alias text NOT NULL,
  provider text NOT NULL,
  model text NOT NULL,
  version bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  UNIQUE (project_id, alias)
);

CREATE TABLE price_lists (
  id text PRIMARY KEY,
  book_version text NOT NULL,
  provider text NOT NULL,
  organization_id text REFERENCES organizations,
  entries jsonb NOT NULL,
  version bigint NOT NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- Events that are not published yet, by the counter's value of their transaction.
CREATE TABLE control_outbox (
  version bigint PRIMARY KEY,
  entity text NOT NULL,
  entity_id text NOT NULL,
  value jsonb
);

-- A lock with an end, for one holder at a time: session locks would not tell apart connections that share a backend.
CREATE TABLE leases (
  name text PRIMARY KEY,
  holder text NOT NULL,
  expires_at timestamptz NOT NULL
);
