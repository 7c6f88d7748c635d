import { isLoomError } from '@loom/errors';
import type { ClickHouseSettings } from '@clickhouse/client';
import { type Deviation, type DeviationQuery, deviationsMax } from '../../trace-auditor.ts';
import { BoundParams } from './bound-params.ts';
import type { ClickHouseConnection } from './clickhouse-connection.ts';
import { type DerivedKind, type DerivedTable, derivedTables } from './derived-tables.ts';
import { readMigrations } from './migrate.ts';
import { materializedColumns, selectOfView } from './migration-texts.ts';
import type { StoredRow } from './row-codec.ts';

/** As views run, whose statements these are; each may read a whole project. */
const settings: ClickHouseSettings = { prefer_column_name_to_alias: 0, max_execution_time: 110 };

/** A digest may be off by so many ranks of a hundred, and is made of 32-bit numbers. */
const [rankError, valueError] = [0.02, 0.0001];

/** Derives again what views and materialized columns derive, and compares. */
export class DerivedAudit {
  readonly #connection: ClickHouseConnection;

  constructor(connection: ClickHouseConnection) {
    this.#connection = connection;
  }

  async findDeviations(query: DeviationQuery): Promise<Deviation[]> {
    const migrations = await readMigrations();
    const found = [await this.#readable('spans', () => this.#materialized(query, migrations))];
    for (const derived of derivedTables) {
      const select = selectOfView(migrations, `${derived.table}_of_${derived.source}`);
      found.push(await this.#readable(derived.table, () => this.#compare(derived, select, query)));
      const digests = Object.entries(derived.columns).flatMap(([name, kind]) => (kind === 'digest' ? [name] : [])); // prettier-ignore
      if (digests.length > 0)
        found.push(await this.#readable(derived.table, () => this.#compareDigests(derived, digests, select, query))); // prettier-ignore
    }
    return found.flat();
  }

  /** Damage of one table is a finding, and the others are compared all the same. */
  async #readable(table: string, compare: () => Promise<Deviation[]>): Promise<Deviation[]> {
    try {
      return await compare();
    } catch (error) {
      if (!isLoomError(error) || error.code !== 'internal') throw error;
      return [{ table, row: {}, what: 'unreadable', fields: [] }];
    }
  }

  async #materialized({ projectId }: DeviationQuery, migrations: readonly string[]): Promise<Deviation[]> {
    const params = new BoundParams();
    const columns = [...materializedColumns(migrations)];
    const flags = columns.map(([name, expression]) => `${name} != (${expression}) AS diff_${name}`);
    const rows = await this.#connection.select(
      `SELECT span_id AS key_span_id, ${flags.join(', ')} FROM spans
       WHERE project_id = ${params.bind(projectId, 'String')} AND (${columns.map(([name]) => `diff_${name}`).join(' OR ')})
       ORDER BY span_id LIMIT ${deviationsMax}`,
      params,
      settings,
    );
    return rows.map((row) => deviationOf('spans', row));
  }

  async #compare(derived: DerivedTable, select: string, query: DeviationQuery): Promise<Deviation[]> {
    const { table, keys, columns } = derived;
    const compared = Object.entries(columns).filter(([, kind]) => kind !== 'digest');
    const params = new BoundParams();
    const project = params.bind(query.projectId, 'String');
    const values = compared.map(([name, kind]) => `${plainValues[kind](name)} AS v_${name}`).join(', ');
    const sides = [
      `SELECT 1 AS derived, ${keys.join(', ')}, ${values} FROM (${ofProject(select, derived, project)})`,
      `SELECT 0 AS derived, ${keys.join(', ')}, ${values} FROM ${table} FINAL WHERE project_id = ${project}`,
    ];
    const flags = compared.map(
      ([name, kind]) =>
        `(${differs(kind, `v_${name}`)})${excusedColumn(name, query, params)} AS diff_${name}`,
    );
    const rows = await this.#connection.select(
      `SELECT ${keys.map((key) => `toString(${key}) AS key_${key}`).join(', ')}, ${flags.join(', ')},
         countIf(derived = 0) = 0 AS is_missing, countIf(derived = 1) = 0 AS is_added
       FROM (${sides.join(' UNION ALL ')}) GROUP BY ${keys.join(', ')}
       HAVING (is_missing OR is_added OR ${compared.map(([name]) => `diff_${name}`).join(' OR ')})
         AND NOT (${excusedRow(derived, query, params)})
       ORDER BY ${keys.join(', ')} LIMIT ${deviationsMax}`,
      params,
      settings,
    );
    return rows.map((row) => deviationOf(table, row));
  }

  /** Digests depend on the order in which they were merged: what counts is the rank of what they say. */
  async #compareDigests(
    derived: DerivedTable,
    digests: readonly string[],
    select: string,
    query: DeviationQuery,
  ): Promise<Deviation[]> {
    const { table, keys } = derived;
    const params = new BoundParams();
    const project = params.bind(query.projectId, 'String');
    const exact = ofProject(select, derived, project).replaceAll(/quantilesTDigestStateIf\([^)]*\)/g, 'groupArrayIf'); // prettier-ignore
    const quantiles = digests.map((name) => `quantilesTDigestMerge(0.5, 0.95, 0.99)(${name}) AS q_${name}`);
    const flags = digests.map((name) => `${digestDiffers(name)} AS diff_${name}`);
    const rows = await this.#connection.select(
      `SELECT ${keys.map((key) => `toString(${key}) AS key_${key}`).join(', ')}, ${flags.join(', ')}
       FROM (${exact}) AS exact
       INNER JOIN (SELECT ${keys.join(', ')}, ${quantiles.join(', ')} FROM ${table}
                   WHERE project_id = ${project} GROUP BY ${keys.join(', ')}) AS stored USING (${keys.join(', ')})
       WHERE (${digests.map((name) => `diff_${name}`).join(' OR ')}) AND NOT (${beforeRetained(derived, query, params)})
       ORDER BY ${keys.join(', ')} LIMIT ${deviationsMax}`,
      params,
      settings,
    );
    return rows.map((row) => deviationOf(table, row));
  }
}

/** The view's statement over one project. */
function ofProject(select: string, { source }: DerivedTable, project: string): string {
  return select.replace(
    `FROM ${source}`,
    `FROM (SELECT * FROM ${source} WHERE project_id = ${project}) AS ${source}`,
  );
}

const asIs = (name: string) => name;
const asNanos = (name: string) => `toInt64(toUnixTimestamp64Nano(${name}))`;
const asText = (name: string) => `toString(${name})`;
const asNumber = (name: string) => `toUInt64(${name})`;

/** Of both sides the same type. */
const plainValues: Readonly<Record<DerivedKind, (name: string) => string>> = {
  ...{ count: asNumber, number: asNumber, usd: (name) => `toDecimal128(${name}, 18)` },
  ...{ first: asNanos, last: asNanos, time: asNanos, lastText: asText, text: asText },
  ...{ set: asIs, setIf: asIs, digest: asIs },
};

function differs(kind: DerivedKind, value: string): string {
  const bySide = (aggregate: string) => [1, 0].map((side) => `${aggregate}If(${value}, derived = ${side})`);
  const other = (aggregate: string) => bySide(aggregate).join(' != ');
  switch (kind) {
    case 'count':
    case 'usd':
      return other('sum');
    case 'first':
      return other('min');
    case 'last':
    case 'lastText':
      return other('max');
    case 'set':
    case 'setIf': {
      const merge = kind === 'set' ? 'uniqExactMerge' : 'uniqExactIfMerge';
      return bySide(merge).map((side) => `${side} != ${merge}(${value})`).join(' OR '); // prettier-ignore
    }
    default:
      return `${other('min')} OR ${other('max')}`;
  }
}

/** Hours from before Loom's own time was counted have no digest of it. */
function digestDiffers(name: string): string {
  const [values, quantiles] = [`exact.${name}`, `stored.q_${name}`];
  const count = `length(${values})`;
  const isOff = `arrayExists((q, p) -> NOT (
      q >= arrayMin(${values}) * ${1 - valueError} AND q <= arrayMax(${values}) * ${1 + valueError}
      AND arrayCount(x -> x < q * ${1 - valueError}, ${values}) / ${count} <= p + ${rankError} + 1 / ${count}
      AND arrayCount(x -> x <= q * ${1 + valueError}, ${values}) / ${count} >= p - ${rankError} - 1 / ${count}
    ), ${quantiles}, [0.5, 0.95, 0.99])`;
  const isLacking = name === 'overhead_ms' ? '0' : '1';
  return `multiIf(${count} = 0, NOT isNaN(${quantiles}[1]), isNaN(${quantiles}[1]), ${isLacking}, ${isOff})`;
}

/** What erasures and retention have left is no deviation. */
function excusedRow(derived: DerivedTable, query: DeviationQuery, params: BoundParams): string {
  const excuses = [beforeRetained(derived, query, params)];
  const { erasedUntil, retainedSince } = query;
  if (derived.table === 'costs_by_trace' && retainedSince !== null) excuses.push('is_added');
  if (erasedUntil !== null && derived.day === 'day') {
    excuses.push(`day <= toDate(${params.time(erasedUntil)}) AND (${tracesOfErasure(derived)})`);
  }
  return excuses.map((excuse) => `(${excuse})`).join(' OR ');
}

/**
 * What an erasure leaves on a day. Of an end user's day less is stored than there are calls, or as much: rows go as a
 * whole, and calls that come later make new ones. Of a conversation with several end users and of a label that others
 * use too more is stored: their rows stay, and the erased calls do not say any more that they belong to them.
 */
function tracesOfErasure({ table, columns }: DerivedTable): string {
  const side = (name: string, derived: 0 | 1) => `sumIf(v_${name}, derived = ${derived})`;
  const isMore = `${side('spans', 0)} > ${side('spans', 1)}`;
  const counts = Object.keys(columns).filter((name) => columns[name] === 'count');
  const isLess = [
    `${side('spans', 0)} < ${side('spans', 1)}`,
    ...counts.map((name) => `${side(name, 0)} <= ${side(name, 1)}`),
  ].join(' AND ');
  if (table === 'facets') return `startsWith(attribute, 'metadata.') OR (attribute = 'user' AND ${isLess})`;
  return table === 'sessions_daily' ? `(${isLess}) OR ${isMore}` : isLess;
}

function beforeRetained(
  { table, day }: DerivedTable,
  { retainedSince }: DeviationQuery,
  params: BoundParams,
): string {
  if (retainedSince === null) return '0';
  const since = params.time(retainedSince);
  if (day === 'day') return `day < toDate(${since})`;
  if (day === 'hour') return `hour < toDateTime(${since}, 'UTC')`;
  return table === 'trace_index'
    ? `countIf(derived = 0) > 0 AND minIf(v_first_start, derived = 0) < toUnixTimestamp64Nano(${since})`
    : '0';
}

function excusedColumn(name: string, query: DeviationQuery, params: BoundParams): string {
  if (name !== 'retried') return '';
  const times = [query.contentSince, query.erasedUntil].filter((time) => time !== null);
  return times.map((time) => ` AND hour > toDateTime(${params.time(time)}, 'UTC')`).join('');
}

const fieldOf = (column: string) => column.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

function deviationOf(table: string, row: StoredRow): Deviation {
  const named = (prefix: string) =>
    Object.entries(row).flatMap(([name, value]) =>
      name.startsWith(prefix) ? [[fieldOf(name.slice(prefix.length)), value] as const] : [],
    );
  const fields = named('diff_').flatMap(([field, differs]) => (Number(differs) === 1 ? [field] : []));
  const isOneSided = Number(row['is_missing']) === 1 || Number(row['is_added']) === 1;
  return {
    table,
    row: Object.fromEntries(named('key_').map(([field, value]) => [field, String(value)])),
    what: Number(row['is_missing']) === 1 ? 'missing' : Number(row['is_added']) === 1 ? 'added' : 'changed',
    fields: isOneSided ? [] : fields,
  };
}
