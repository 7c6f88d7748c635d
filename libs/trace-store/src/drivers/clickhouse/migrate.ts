import { readdir, readFile } from 'node:fs/promises';
import { LoomError } from '@loom/errors';
import type { ClickHouseConnection } from './clickhouse-connection.ts';

const directory = new URL('migrations/', import.meta.url);

/** What differs between one server and a cluster. */
function templateValues(cluster: string | null): Record<string, string> {
  const window = `${cluster === null ? 'non_replicated' : 'replicated'}_deduplication_window = 10000`;
  return {
    on_cluster: cluster === null ? '' : `ON CLUSTER \`${cluster}\``,
    replicated: cluster === null ? '' : 'Replicated',
    durable: `${window}, fsync_after_insert = 1, fsync_part_directory = 1`,
    text_index: `text(tokenizer = 'splitByNonAlpha')`,
  };
}

/**
 * Brings the schema forward: runs each numbered file that is not recorded yet, in order. ClickHouse has no lock to
 * take, so every statement of a migration must be harmless when it runs twice or at the same time in two processes
 * (`IF NOT EXISTS`); that is the guard.
 */
export async function migrate(connection: ClickHouseConnection, cluster: string | null): Promise<void> {
  if (cluster !== null && !/^\w+$/.test(cluster)) {
    throw new LoomError(
      'config_invalid',
      `cluster name ${JSON.stringify(cluster)}: letters, digits and _ only`,
    );
  }
  const values = templateValues(cluster);
  await connection.command(fill(ledgerTable, values));
  const [applied, files] = [await appliedNames(connection), await migrationFiles()];
  refuseNewerSchema(applied, files);
  for (const name of files.filter((file) => !applied.has(file))) {
    const text = await readFile(new URL(name, directory), 'utf8');
    for (const statement of splitStatements(fill(text, values))) await connection.command(statement);
    await connection.insert('schema_migrations', ['name'], [[name]], name);
  }
}

/** Throws `config_invalid` when the store does not have exactly this version's schema. */
export async function expectSchema(connection: ClickHouseConnection): Promise<void> {
  const [known] = await connection.select('EXISTS TABLE schema_migrations');
  const applied = Number(known?.['result']) === 1 ? await appliedNames(connection) : new Set<unknown>();
  const files = await migrationFiles();
  refuseNewerSchema(applied, files);
  const missing = files.filter((name) => !applied.has(name));
  if (missing.length === 0) return;
  throw new LoomError(
    'config_invalid',
    `the trace store's schema lacks ${missing.join(', ')}: run the migrations of this version first`,
  );
}

/** The texts of all migrations, in order. */
export async function readMigrations(): Promise<string[]> {
  const files = await migrationFiles();
  return Promise.all(files.map((name) => readFile(new URL(name, directory), 'utf8')));
}

async function appliedNames(connection: ClickHouseConnection): Promise<ReadonlySet<unknown>> {
  const rows = await connection.select('SELECT name FROM schema_migrations');
  return new Set(rows.map((row) => row['name']));
}

async function migrationFiles(): Promise<string[]> {
  return (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort();
}

const ledgerTable = `CREATE TABLE IF NOT EXISTS schema_migrations {{on_cluster}}
  (name String, applied_at DateTime DEFAULT now())
  ENGINE = {{replicated}}MergeTree ORDER BY name SETTINGS {{durable}}`;

function refuseNewerSchema(applied: ReadonlySet<unknown>, files: readonly string[]): void {
  const unknown = [...applied].filter((name) => !files.includes(String(name)));
  if (unknown.length > 0) {
    throw new LoomError(
      'config_invalid',
      `the trace store is of a newer version of Loom (it has ${unknown.join(', ')}); start that version or a newer one`,
    );
  }
}

function fill(text: string, values: Record<string, string>): string {
  return text.replace(/\{\{(\w+)\}\}/g, (_, name: string) => {
    const value = values[name];
    if (value === undefined) throw new LoomError('internal', `unknown template variable ${name}`);
    return value;
  });
}

/** A statement ends with a semicolon at the end of a line. */
function splitStatements(text: string): string[] {
  return text
    .split(/;\s*(?:\n|$)/)
    .map((statement) => statement.trim())
    .filter((statement) => statement !== '');
}
