import { hash, randomBytes } from 'node:crypto';
import { millisOfNanos, uuidFloor } from '@loom/trace-schema';
import type { ErasedRows, Selection, TraceJanitor } from '../../trace-store.ts';
import { BoundParams } from './bound-params.ts';
import { type ClickHouseConnection, unlogged } from './clickhouse-connection.ts';
import { toDateTime } from './row-codec.ts';

/**
 * With a salt, end users are in the statement by their hashes: statements of changes stay in files of the engine, in the
 * queue and the journal of a cluster.
 */
type Salted<Kind> = Kind & { readonly salt?: string };
type UserSelection = Salted<Selection & { readonly users: readonly string[] }>;

/** Columns of a span that may hold what a person or a model said, or say who it was. */
const contentColumns = [
  `input_preview = ''`,
  `output_preview = ''`,
  `error_message = ''`,
  `request_hash = ''`,
];
const responseColumns = [`response_hash = ''`, `attempts = '[]'`, `parameters = map()`];
const personColumns = [`user_id = ''`, `session_id = ''`, `metadata = map()`];

/**
 * Takes rows out for good: parts are rewritten without them, one table after the other, and the old parts go soon after
 * (`old_parts_lifetime`), which {@link Janitor.sweep} watches. Statements name one project, so that nothing of another is
 * touched.
 */
export class Janitor implements TraceJanitor {
  readonly #connection: ClickHouseConnection;
  readonly #cluster: string | null;

  constructor(connection: ClickHouseConnection, cluster: string | null) {
    this.#connection = connection;
    this.#cluster = cluster;
  }

  async countErasable(selection: Selection): Promise<ErasedRows> {
    const params = new BoundParams();
    const [calls, payloads] = [callsOf(selection, params), payloadsOf(selection, params)];
    // What names an end user also where the span does not: of calls in flight, of a cost that came late.
    const others = ['calls_accepted', 'costs'].map(
      (table) => ` UNION ALL SELECT span_id FROM ${table} WHERE ${calls}`,
    );
    const [row] = await this.#connection.select(
      `SELECT (SELECT uniqExact(span_id) FROM (
                SELECT span_id FROM spans WHERE ${calls}${'users' in selection ? others.join('') : ''})) AS spans,
              (SELECT uniqExact(span_id, part) FROM span_payloads WHERE ${payloads}) AS payloads`,
      params,
      unlogged,
    );
    return { spans: Number(row?.['spans'] ?? 0), payloads: Number(row?.['payloads'] ?? 0) };
  }

  async erase(plain: Selection): Promise<ErasedRows> {
    const counted = await this.countErasable(plain);
    const selection = 'users' in plain ? { ...plain, salt: randomBytes(16).toString('hex') } : plain;
    // What finds the rest by its span goes last.
    if ('users' in selection) await this.#eraseFacets(selection);
    await this.#alter('span_payloads', (params) => `DELETE WHERE ${payloadsOf(selection, params)}`);
    await this.#alter('span_texts', (params) => `DELETE WHERE ${textsOf(selection, params)}`);
    if ('users' in selection) await this.#eraseUsers(selection);
    else if (selection.what === 'metadata') await this.#eraseRows(selection);
    else await this.#eraseContent(selection);
    return counted;
  }

  async sweep(statementsKeptMs: number): Promise<number> {
    if (this.#cluster === null) await this.#forgetStatements(statementsKeptMs);
    const of = (table: string) =>
      this.#cluster === null ? `system.${table}` : `clusterAllReplicas('${this.#cluster}', system.${table})`;
    // `_state` shows also what is being deleted just now. Times are whole seconds: a part counts as older by one.
    const [row] = await this.#connection.select(
      `SELECT max(dateDiff('second', since, now())) + 1 AS seconds, count() AS count FROM (
         SELECT remove_time AS since FROM ${of('parts')}
         WHERE database = currentDatabase() AND NOT active AND _state NOT IN ('Temporary', 'PreActive')
         UNION ALL SELECT modification_time FROM ${of('detached_parts')} WHERE database = currentDatabase()
         ${this.#cluster === null ? `UNION ALL SELECT create_time FROM system.mutations WHERE database = currentDatabase() AND ${isErasure}` : ''})`,
    );
    return Number(row?.['count']) === 0 ? 0 : Number(row?.['seconds']) * 1000;
  }

  /** Replicas need theirs until all of them are there: a cluster forgets them by itself. */
  async #forgetStatements(keptMs: number): Promise<void> {
    await this.#connection.command(
      `KILL MUTATION WHERE database = currentDatabase() AND is_done AND ${isErasure}
       AND create_time <= now() - toIntervalSecond(${Math.floor(keptMs / 1000)})`,
    );
  }

  async #eraseContent(selection: Selection): Promise<void> {
    const columns = [...contentColumns, ...responseColumns].join(', ');
    await this.#alter('spans', (params) => `UPDATE ${columns} WHERE ${callsOf(selection, params)}`);
    await this.#alter('calls_accepted', (params) => {
      return `UPDATE input_preview = '', request_hash = '' WHERE ${callsOf(selection, params)}`;
    });
  }

  async #eraseUsers(selection: UserSelection): Promise<void> {
    // Days are not told apart: figures of the users' last day go as a whole.
    for (const table of ['sessions_daily', 'users_daily'])
      await this.#alter(table, (params) => {
        return `DELETE WHERE project_id = ${params.bind(selection.projectId, 'String')} AND ${ofUsers(selection, params)}`;
      });
    await this.#alter('costs', (params) => `UPDATE user_id = '' WHERE ${callsOf(selection, params)}`);
    await this.#alter('calls_accepted', (params) => `DELETE WHERE ${callsOf(selection, params)}`);
    const columns = [...contentColumns, ...responseColumns, ...personColumns].join(', ');
    await this.#alter('spans', (params) => `UPDATE ${columns} WHERE ${callsOf(selection, params)}`);
  }

  /** Values of metadata that nobody else has said, and the users' own. */
  async #eraseFacets(selection: UserSelection): Promise<void> {
    await this.#alter('facets', (params) => {
      const project = params.bind(selection.projectId, 'String');
      const pairs = (who: string) =>
        `SELECT concat('metadata.', pair.1), pair.2 FROM spans ARRAY JOIN CAST(metadata AS Array(Tuple(String, String))) AS pair
         WHERE project_id = ${project} AND ${who}`;
      const theirs = ofUsers(selection, params);
      return `DELETE WHERE project_id = ${project} AND ((attribute = 'user' AND ${ofUsers(selection, params, 'value')})
        OR (startsWith(attribute, 'metadata.') AND (attribute, value) IN (${pairs(theirs)})
          AND (attribute, value) NOT IN (${pairs(`NOT (${theirs})`)})))`;
    });
  }

  async #eraseRows(selection: Selection): Promise<void> {
    for (const table of ['spans', 'costs', 'calls_accepted'])
      await this.#alter(table, (params) => `DELETE WHERE ${callsOf(selection, params)}`);
    for (const table of ['spans_by_trace', 'capture_events'] as const)
      await this.#alter(table, (params) => `DELETE WHERE ${before(selection, params, timeColumns[table])}`);
    await this.#alter('trace_index', (params) => `DELETE WHERE ${before(selection, params, 'last_start')}`);
    for (const table of ['facets', 'sessions_daily', 'users_daily'])
      await this.#alter(table, (params) => `DELETE WHERE ${beforeDay(selection, params)}`);
  }

  async #alter(table: string, change: (params: BoundParams) => string): Promise<void> {
    const params = new BoundParams();
    const cluster = this.#cluster === null ? '' : ` ON CLUSTER '${this.#cluster}'`;
    await this.#connection.mutate(`ALTER TABLE ${table}${cluster} ${change(params)}`, params);
  }
}

const isErasure = `match(command, '^\\\\(?(DELETE|UPDATE) ')`;

const timeColumns = { spans_by_trace: 'start_time', capture_events: 'time' } as const;

/** An erasure takes calls as a whole: their attempts too, which began later. */
function callsOf(selection: Salted<Selection>, params: BoundParams): string {
  const started = before(selection, params, 'start_time');
  if (!('users' in selection)) return started;
  const project = `project_id = ${params.bind(selection.projectId, 'String')}`;
  const called = `call_id < ${params.bind(uuidFloor(millisOfNanos(selection.before)), 'String')}`;
  return `${project} AND (${started} OR ${called}) AND ${ofUsers(selection, params)}`;
}

function ofUsers({ users, salt }: UserSelection, params: BoundParams, column = 'user_id'): string {
  if (salt === undefined) return `${column} IN ${params.bind(users, 'Array(String)')}`;
  const hashes = users.map((user) => hash('sha256', salt + user, 'hex').toUpperCase());
  const salted = `concat(${params.bind(salt, 'String')}, ${column})`;
  return `hex(SHA256(${salted})) IN ${params.bind(hashes, 'Array(String)')}`;
}

function before(selection: Selection, params: BoundParams, column: string): string {
  const project = `project_id = ${params.bind(selection.projectId, 'String')}`;
  return `${project} AND ${column} < toDateTime64(${params.bind(toDateTime(selection.before), 'String')}, 9, 'UTC')`;
}

/** Whole days that are over by then. */
function beforeDay(selection: Selection, params: BoundParams): string {
  const project = `project_id = ${params.bind(selection.projectId, 'String')}`;
  return `${project} AND day < toDate(toDateTime64(${params.bind(toDateTime(selection.before), 'String')}, 9, 'UTC'))`;
}

function payloadsOf(selection: Salted<Selection>, params: BoundParams): string {
  return 'users' in selection ? spansOf(selection, params) : before(selection, params, 'time');
}

function textsOf(selection: Salted<Selection>, params: BoundParams): string {
  return 'users' in selection ? spansOf(selection, params) : before(selection, params, 'start_time');
}

/** By the calls that are known, ended or not. */
function spansOf(selection: Salted<Selection>, params: BoundParams): string {
  const calls = callsOf(selection, params);
  const project = `project_id = ${params.bind(selection.projectId, 'String')}`;
  return `${project} AND span_id IN (SELECT span_id FROM spans WHERE ${calls} UNION ALL SELECT span_id FROM calls_accepted WHERE ${calls})`;
}
