/**
 * How the values of a derived column of two sides compare. `count`, `usd`: by their sum. `first`, `last`, `lastText`: by
 * the smallest or largest. `time`, `text`, `number`: one value a row. `set`: the state of a set of texts, of `uniqExact` or
 * `uniqExactIf`. `digest`: the state of `quantilesTDigest`.
 */
export type DerivedKind =
  | 'count' | 'usd' | 'first' | 'last' | 'lastText' | 'time' | 'text' | 'number' | 'set' | 'setIf' | 'digest'; // prettier-ignore

export interface DerivedTable {
  readonly table: string;
  readonly source: 'spans' | 'costs';
  /** What tells rows of one project apart. */
  readonly keys: readonly string[];
  readonly columns: Readonly<Record<string, DerivedKind>>;
  /** The column that bounds in time are about; null where there is none. */
  readonly day: 'hour' | 'day' | null;
}

const rollupKeys = ['hour', 'request_model', 'provider', 'key_id'];
const counts = (...names: readonly string[]) =>
  Object.fromEntries(names.map((name) => [name, 'count' as const]));

/** The views of the migrations, each `<table>_of_<source>`. */
export const derivedTables: readonly DerivedTable[] = [
  {
    ...{ table: 'trace_index', source: 'spans', keys: ['trace_id'], day: null },
    columns: { first_start: 'first', last_start: 'last', spans: 'count' },
  },
  {
    ...{ table: 'facets', source: 'spans', keys: ['attribute', 'day', 'value'], day: 'day' },
    columns: counts('spans'),
  },
  {
    ...{ table: 'calls_hourly', source: 'spans', keys: rollupKeys, day: 'hour' },
    columns: {
      ...counts('requests', 'errors', 'input_uncached_tokens', 'cache_read_tokens', 'cache_write_tokens'),
      ...counts(
        'input_audio_tokens',
        'output_text_tokens',
        'reasoning_tokens',
        'output_audio_tokens',
        'retried',
      ),
      ...{ latency_ms: 'digest', first_chunk_ms: 'digest', overhead_ms: 'digest' },
    },
  },
  {
    ...{ table: 'costs_hourly', source: 'costs', keys: [...rollupKeys, 'price_book_version'], day: 'hour' },
    columns: { ...counts('rows', 'priced', 'without_price', 'partly_priced'), total_usd: 'usd' },
  },
  {
    ...{ table: 'sessions_daily', source: 'spans', keys: ['day', 'session_id'], day: 'day' },
    columns: {
      ...{ user_id: 'lastText', first_start: 'first', last_start: 'last', traces: 'set' },
      ...counts('spans', 'errors', 'tokens'),
    },
  },
  {
    ...{ table: 'users_daily', source: 'spans', keys: ['day', 'user_id'], day: 'day' },
    columns: {
      ...{ first_start: 'first', last_start: 'last', traces: 'set', sessions: 'setIf' },
      ...counts('spans', 'errors', 'tokens'),
    },
  },
  {
    ...{ table: 'spans_by_trace', source: 'spans', keys: ['trace_id', 'span_id'], day: null },
    columns: { start_time: 'time', duration_nanos: 'number', refused: 'number', is_error: 'number', tokens: 'number' }, // prettier-ignore
  },
  {
    ...{ table: 'costs_by_trace', source: 'costs', day: null },
    keys: ['trace_id', 'span_id', 'price_book_version'],
    columns: { time: 'time', called: 'number', state: 'text', total_usd: 'usd' },
  },
];
