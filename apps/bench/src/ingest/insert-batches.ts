/** One insert as ingest sent it: the arguments of its URL and its rows. */
export interface RecordedInsert {
  readonly args: URLSearchParams;
  readonly rows: Buffer;
}

/** Rows of one batch: an insert for each table. */
export type InsertBatch = readonly RecordedInsert[];

/** The insert that a request to ClickHouse's HTTP interface makes; null when it is something else. */
export function readInsert(path: string, rows: Buffer): RecordedInsert | null {
  const args = new URL(path, 'http://127.0.0.1').searchParams;
  return /^\s*INSERT\s/i.test(args.get('query') ?? '') ? { args, rows } : null;
}

/** Puts the inserts of one batch together: its token is what they have in common. In the order of arrival. */
export function batchesOf(inserts: readonly RecordedInsert[]): InsertBatch[] {
  const tokenOf = ({ args }: RecordedInsert) => (args.get('insert_deduplication_token') ?? '').split('/')[0];
  return [...Map.groupBy(inserts, tokenOf).values()];
}

/** The path that makes the same insert in another database. */
export function pathInto(database: string, { args }: RecordedInsert): string {
  const own = new URLSearchParams(args);
  own.delete('query_id');
  own.set('database', database);
  return `/?${own.toString()}`;
}
