import { readdir, readFile } from 'node:fs/promises';
import { LoomError } from '@loom/errors';
import type { Pool } from 'pg';

const directory = new URL('migrations/', import.meta.url);
const grants = new URL('grants.sql', import.meta.url);

/**
 * Brings the schema forward: each numbered file that is not recorded yet, in order, all in one transaction, and
 * then the rights of each service's role. The lock
 * on the table of migrations lets one process at a time through; the next one finds the work done.
 */
export async function migrate(pool: Pool): Promise<void> {
  const files = await migrationFiles();
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock(7021306)'); // CREATE … IF NOT EXISTS alone may collide
    await client.query('CREATE TABLE IF NOT EXISTS schema_migrations (name text PRIMARY KEY)');
    const { rows } = await client.query<{ name: string }>('SELECT name FROM schema_migrations');
    const applied = new Set(rows.map((row) => row.name));
    refuseNewerSchema(applied, files);
    for (const name of files.filter((file) => !applied.has(file))) {
      await client.query(await readFile(new URL(name, directory), 'utf8'));
      await client.query('INSERT INTO schema_migrations (name) VALUES ($1)', [name]);
    }
    await client.query(await readFile(grants, 'utf8'));
    await client.query('COMMIT');
    client.release();
  } catch (error) {
    client.release(true);
    throw error;
  }
}

/** Throws `config_invalid` when the store does not have exactly this version's schema. */
export async function expectSchema(pool: Pool): Promise<void> {
  const known = await pool.query<{ found: boolean }>(
    `SELECT to_regclass('schema_migrations') IS NOT NULL AS found`,
  );
  const rows = known.rows[0]?.found
    ? (await pool.query<{ name: string }>('SELECT name FROM schema_migrations')).rows
    : [];
  const [applied, files] = [new Set(rows.map((row) => row.name)), await migrationFiles()];
  refuseNewerSchema(applied, files);
  const missing = files.filter((name) => !applied.has(name));
  if (missing.length === 0) return;
  throw new LoomError(
    'config_invalid',
    `the control store's schema lacks ${missing.join(', ')}: run the migrations of this version first`,
  );
}

async function migrationFiles(): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
}

function refuseNewerSchema(applied: ReadonlySet<string>, files: readonly string[]): void {
  const unknown = [...applied].filter((name) => !files.includes(name));
  if (unknown.length > 0) {
    throw new LoomError(
      'config_invalid',
      `the control store is of a newer version of Loom (it has ${unknown.join(', ')}); start that version or a newer one`,
    );
  }
}
