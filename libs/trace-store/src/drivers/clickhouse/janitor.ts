import type { ErasedRows, Selection, TraceJanitor } from '../../trace-store.ts';
import { BoundParams } from './bound-params.ts';
import type { ClickHouseConnection } from './clickhouse-connection.ts';
import { toDateTime } from './row-codec.ts';

type UserSelection = Selection & { readonly users: readonly string[] };

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
 * (`old_parts_lifetime`). Statements name one project, so that nothing of another is touched.
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
    const [row] = await this.#connection.select(
      `SELECT (SELECT count() FROM spans WHERE ${calls}) AS spans,
              (SELECT uniqExact(span_id, part) FROM span_payloads WHERE ${payloads}) AS payloads`,
      params,
    );
    return { spans: Number(row?.['spans'] ?? 0), payloads: Number(row?.['payloads'] ?? 0) };
  }

  async erase(selection: Selection): Promise<ErasedRows> {
    const counted = await this.countErasable(selection);
    // What finds the rest by its span goes last.
    if ('users' in selection) await this.#eraseFacets(selection);
    await this.#alter('span_payloads', (params) => `DELETE WHERE ${payloadsOf(selection, params)}`);
    await this.#alter('span_texts', (params) => `DELETE WHERE ${textsOf(selection, params)}`);
    if ('users' in selection) await this.#eraseUsers(selection);
    else if (selection.what === 'metadata') await this.#eraseRows(selection);
    else await this.#eraseContent(selection);
    return counted;
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
      const users = params.bind(selection.users, 'Array(String)');
      return `DELETE WHERE project_id = ${project} AND ((attribute = 'user' AND value IN ${users})
        OR (startsWith(attribute, 'metadata.') AND (attribute, value) IN (${pairs(`user_id IN ${users}`)})
          AND (attribute, value) NOT IN (${pairs(`user_id NOT IN ${users}`)})))`;
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

const timeColumns = { spans_by_trace: 'start_time', capture_events: 'time' } as const;

function callsOf(selection: Selection, params: BoundParams): string {
  const calls = before(selection, params, 'start_time');
  return 'users' in selection ? `${calls} AND ${ofUsers(selection, params)}` : calls;
}

function ofUsers(selection: UserSelection, params: BoundParams): string {
  return `user_id IN ${params.bind(selection.users, 'Array(String)')}`;
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

function payloadsOf(selection: Selection, params: BoundParams): string {
  return 'users' in selection ? spansOf(selection, params) : before(selection, params, 'time');
}

function textsOf(selection: Selection, params: BoundParams): string {
  return 'users' in selection ? spansOf(selection, params) : before(selection, params, 'start_time');
}

/** By the calls that are known, ended or not. */
function spansOf(selection: Selection, params: BoundParams): string {
  const calls = callsOf(selection, params);
  const project = `project_id = ${params.bind(selection.projectId, 'String')}`;
  return `${project} AND span_id IN (SELECT span_id FROM spans WHERE ${calls} UNION ALL SELECT span_id FROM calls_accepted WHERE ${calls})`;
}
