-- What each service may do with the tables, run after every migration. Roles that are not there are passed over: on one
-- machine, and where one user is enough, nobody else connects. deploy/postgres/roles.sql makes them.
DO $grants$
DECLARE
  named text;
  is_log boolean;
BEGIN
  FOR named IN SELECT rolname FROM pg_roles WHERE rolname IN ('loom_control', 'loom_ledger', 'loom_query') LOOP
    EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM %I', current_schema(), named);
  END LOOP;
  FOR named IN SELECT relname FROM pg_class
    WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'v')
  LOOP
    is_log := named LIKE 'ledger\_%' OR named IN ('bucket_keys', 'retention_runs');
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loom_control') THEN
      IF named IN ('audit_entries', 'erasures') THEN
        EXECUTE format('GRANT SELECT, INSERT ON %I TO loom_control', named);
      ELSIF named = 'schema_migrations' THEN
        EXECUTE format('GRANT SELECT ON %I TO loom_control', named);
      ELSIF NOT is_log THEN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO loom_control', named);
      END IF;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loom_ledger') THEN
      IF named = 'ledger_leaves' THEN
        EXECUTE format('GRANT SELECT, INSERT ON %I TO loom_ledger', named);
      ELSIF is_log OR named IN ('erasures', 'leases') THEN
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %I TO loom_ledger', named);
      ELSIF named IN ('projects', 'audit_entries', 'schema_migrations') THEN
        EXECUTE format('GRANT SELECT ON %I TO loom_ledger', named);
      END IF;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'loom_query') THEN
      IF is_log OR named IN ('erasures', 'audit_entries', 'projects', 'members', 'users', 'sessions', 'schema_migrations') THEN
        EXECUTE format('GRANT SELECT ON %I TO loom_query', named);
      END IF;
      -- A session that is used goes on.
      IF named = 'sessions' THEN
        GRANT UPDATE (expires_at, updated_at) ON sessions TO loom_query;
      END IF;
    END IF;
  END LOOP;
END
$grants$;
