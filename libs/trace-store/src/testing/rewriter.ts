/** A column of a table as the engine describes it. */
export interface StoredColumn {
  readonly table: string;
  readonly name: string;
  readonly type: string;
}

/** What becomes of one column in the rows that a condition selects. */
export interface Rewrite {
  readonly column: string;
  /** SQL; all rows when it is absent. */
  readonly where?: string;
  /** SQL in place of {@link otherValue}. */
  readonly value?: string;
}

/**
 * Somebody with write access to the trace store. Changes rows by putting other partitions in the place of a table's own: so
 * every column can be changed, those of the key too, and no view notices.
 */
export class Rewriter {
  readonly #url: URL;
  readonly #kept = new Set<string>();

  constructor(url: URL) {
    this.#url = url;
  }

  async run(statement: string): Promise<string> {
    const { origin, pathname, username, password } = this.#url;
    const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
    const settings = 'mutations_sync=2&insert_allow_materialized_columns=1';
    const response = await fetch(`${origin}/?database=${pathname.slice(1)}&${settings}`, {
      method: 'POST',
      headers: { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` },
      body: statement,
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${statement}\n${text}`);
    return text;
  }

  async select<Row>(query: string): Promise<Row[]> {
    const text = await this.run(`${query} FORMAT JSONEachRow`);
    return text.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as Row]));
  }

  /** All columns of all tables of the store that have values of their own. */
  async columns(): Promise<StoredColumn[]> {
    return this.select(
      `SELECT table, name, type FROM system.columns WHERE database = currentDatabase()
         AND default_kind NOT IN ('ALIAS', 'EPHEMERAL')
         AND table IN (SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree')
         AND table NOT LIKE 'kept_%' ORDER BY table, position`,
    );
  }

  /** Keeps a table as it is, for {@link restore}. */
  async keep(table: string): Promise<void> {
    await this.run(`CREATE TABLE kept_${table} AS ${table}`);
    await this.#copyPartitions(table, `kept_${table}`, 'ATTACH');
    this.#kept.add(table);
  }

  async restore(): Promise<void> {
    for (const table of this.#kept) {
      await this.#replace(table, `kept_${table}`);
      await this.run(`DROP TABLE kept_${table}`);
    }
    this.#kept.clear();
  }

  async rewrite(table: string, rewrites: readonly Rewrite[]): Promise<void> {
    const columns = (await this.columns()).filter((column) => column.table === table);
    const names = columns.map(({ name }) => `\`${name}\``).join(', ');
    const values = columns.map((column) => {
      const own = rewrites.filter((rewrite) => rewrite.column === column.name);
      const cases = own.map(({ where = '1', value = otherValue(column) }) => `${where}, ${value}`);
      return cases.length === 0 ? `\`${column.name}\`` : `multiIf(${cases.join(', ')}, \`${column.name}\`)`;
    });
    await this.run('DROP TABLE IF EXISTS kept_new');
    await this.run(`CREATE TABLE kept_new AS ${table}`);
    await this.run(`INSERT INTO kept_new (${names}) SELECT ${values.join(', ')} FROM ${table}`);
    await this.#replace(table, 'kept_new');
    await this.run(`DROP TABLE kept_new`);
  }

  async #replace(table: string, by: string): Promise<void> {
    const wanted = new Set(await this.#copyPartitions(by, table, 'REPLACE'));
    for (const partition of await this.#partitions(table))
      if (!wanted.has(partition)) await this.run(`ALTER TABLE ${table} DROP PARTITION ID '${partition}'`);
  }

  async #copyPartitions(from: string, to: string, how: 'ATTACH' | 'REPLACE'): Promise<string[]> {
    const partitions = await this.#partitions(from);
    for (const partition of partitions)
      await this.run(`ALTER TABLE ${to} ${how} PARTITION ID '${partition}' FROM ${from}`);
    return partitions;
  }

  async #partitions(table: string): Promise<string[]> {
    const rows = await this.select<{ id: string }>(
      `SELECT DISTINCT partition_id AS id FROM system.parts
       WHERE database = currentDatabase() AND table = '${table}' AND active`,
    );
    return rows.map(({ id }) => id);
  }
}

/** SQL for the least change of a column's value. */
export function otherValue({ name, type: whole }: StoredColumn): string {
  const type = whole
    .replace(/^SimpleAggregateFunction\(\w+, (.*)\)$/, '$1')
    .replace(/^LowCardinality\((.*)\)$/, '$1');
  const column = `\`${name}\``;
  if (type === 'String') return `concat(${column}, 'x')`;
  if (type === 'UInt8') return `1 - ${column}`;
  if (/^U?Int/.test(type)) return `${column} + 1`;
  if (type.startsWith('DateTime64')) return `addMilliseconds(${column}, 1)`;
  if (type.startsWith('DateTime')) return `addHours(${column}, 1)`;
  if (type === 'Date') return `${column} + 1`;
  if (type.startsWith('Decimal')) return `${column} + toDecimal128('0.000000000000000001', 18)`;
  if (type.startsWith('Map')) return `mapConcat(${column}, map('x', 'y'))`;
  if (type.startsWith('Array')) return `arrayPushBack(${column}, ${type.includes('String') ? `'x'` : '1'})`;
  if (type.includes('uniqExactIf')) return `arrayReduce('uniqExactIfState', ['x'], [1])`;
  if (type.includes('uniqExact')) return `arrayReduce('uniqExactState', ['x'])`;
  if (type.includes('TDigest')) return `arrayReduce('quantilesTDigestState(0.5, 0.95, 0.99)', [1e9])`;
  throw new Error(`${name}: nothing is known of the type ${whole}`);
}
