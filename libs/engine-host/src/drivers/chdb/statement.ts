import { LoomError } from '@loom/errors';

/** One call of ClickHouse's HTTP interface: what to set on the session, then what to run. */
export interface Statement {
  readonly queryId: string | null;
  readonly database: string | null;
  readonly format: string;
  /** `SET` statements for settings and query parameters, already quoted; null when there are none. */
  readonly assignments: string | null;
  readonly sql: string;
  /** Set when rows follow as raw bytes: the parts of `INSERT INTO table (columns) FORMAT format`. */
  readonly insert: {
    readonly table: string;
    readonly columns: readonly string[];
    readonly format: string;
  } | null;
}

/** Arguments of the URL that are the interface's own and no settings of the engine. */
const interfaceArguments = new Set([
  'buffer_size', 'client_protocol_version', 'compress', 'database', 'decompress', 'default_format',
  'enable_http_compression', 'password', 'query', 'query_id', 'quota_key', 'role', 'send_progress_in_http_headers',
  'http_headers_progress_interval_ms', 'stacktrace', 'user', 'wait_end_of_query',
]); // prettier-ignore

const identifier = String.raw`(?:\w+|\x60[^\x60\\]+\x60)`;
const insertShape = new RegExp(
  String.raw`^\s*INSERT\s+INTO\s+(?:TABLE\s+)?(${identifier}(?:\.${identifier})?)\s*(?:\(([^()]*)\))?\s*FORMAT\s+(\w+)\s*;?\s*$`,
  'i',
);

/** A string literal: nothing in `text` can end it. */
export function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** Reads the URL and the body. With a `query` argument the body is rows, else the body is the query. */
export function readStatement(url: URL, body: Buffer): Statement {
  const fromUrl = url.searchParams.get('query');
  if (url.searchParams.has('session_id')) {
    throw new LoomError('unsupported', 'sessions are not kept: send each setting with its own call');
  }
  const rows = fromUrl !== null && body.length > 0;
  const sql = fromUrl ?? body.toString('utf8');
  if (sql.trim() === '')
    throw new LoomError('invalid_request', 'the query is empty: send one as body or `query`');
  return {
    queryId: url.searchParams.get('query_id'),
    database: url.searchParams.get('database'),
    format: url.searchParams.get('default_format') ?? 'TabSeparated',
    assignments: readAssignments(url.searchParams),
    sql,
    insert: rows ? readInsert(sql) : null,
  };
}

function readAssignments(args: URLSearchParams): string | null {
  const assignments: string[] = [];
  for (const [name, value] of args) {
    if (interfaceArguments.has(name)) continue;
    if (!/^\w{1,128}$/.test(name))
      throw new LoomError('invalid_request', `bad setting name ${JSON.stringify(name)}`);
    assignments.push(`${name}=${quote(value)}`);
  }
  return assignments.length === 0 ? null : `SET ${assignments.join(', ')}`;
}

function readInsert(sql: string): NonNullable<Statement['insert']> {
  const match = insertShape.exec(sql);
  if (!match) {
    throw new LoomError(
      'unsupported',
      'rows in the body need a query of the shape INSERT INTO table (columns) FORMAT JSONEachRow',
    );
  }
  const [, table = '', columns = '', format = ''] = match;
  const names = columns.split(',').map((name) => name.trim().replaceAll('`', ''));
  return { table: table.replaceAll('`', ''), columns: names.filter((name) => name !== ''), format };
}
