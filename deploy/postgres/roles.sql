-- A database role for each service, for psql, by one who may make roles. Safe to repeat: it sets the passwords anew.
--   psql -v control=… -v ledger=… -v query=… -f deploy/postgres/roles.sql
-- The user of the migrations owns the tables. It gives each of these roles its rights whenever it brings the schema
-- forward (libs/control-store/src/drivers/pg/grants.sql), so it runs once after this.
SELECT format('CREATE ROLE %I LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION', name)
FROM unnest(ARRAY['loom_control', 'loom_ledger', 'loom_query']) AS name
WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name)
\gexec
ALTER ROLE loom_control PASSWORD :'control';
ALTER ROLE loom_ledger PASSWORD :'ledger';
ALTER ROLE loom_query PASSWORD :'query';
