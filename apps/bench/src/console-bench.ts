import { createLoomClient, type LoomClient } from '@loom/api-contract';
import { median } from './statistics.ts';

export interface ConsoleRow {
  readonly name: string;
  readonly firstMs: number;
  readonly medianMs: number;
  /** Rows, points or values in the answer. */
  readonly items: number;
}

interface ConsoleCall {
  readonly name: string;
  readonly read: (client: LoomClient) => Promise<number>;
}

const runs = 5;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const facetAttributes =
  'model,provider,outcome,key,user,environment,release,error,metadata.region,metadata.feature';

/** Calls of the query API behind the console's pages, one after another: time of the whole answer over HTTP. */
export async function measureConsole(options: {
  readonly queryUrl: string;
  readonly apiKey: string;
  /** A trace with many spans, for its outline; null leaves that out. */
  readonly traceId: string | null;
  readonly signal: AbortSignal;
}): Promise<ConsoleRow[]> {
  const { queryUrl, apiKey, traceId, signal } = options;
  const client = createLoomClient({ queryUrl, controlUrl: queryUrl, apiKey });
  const rows: ConsoleRow[] = [];
  for (const { name, read } of consoleCalls(Date.now(), traceId)) {
    const times: number[] = [];
    let items = 0;
    for (let run = 0; run < runs; run += 1) {
      signal.throwIfAborted();
      const startedMs = performance.now();
      items = await read(client);
      times.push(performance.now() - startedMs);
    }
    rows.push({ name, firstMs: times[0] ?? 0, medianMs: median(times), items });
  }
  return rows;
}

function consoleCalls(nowMs: number, traceId: string | null): ConsoleCall[] {
  const range = (days: number) => ({ from: String(nowMs - days * dayMs), to: String(nowMs) });
  const list = (name: string, filter: string, days = 30): ConsoleCall => ({
    name: `list ${name}`,
    read: async (client) => (await client.listTraces({ query: { ...range(days), filter } })).traces.length,
  });
  const series = (days: number, bucketMs: number, groupBy: 'none' | 'model'): ConsoleCall => ({
    name: `series ${days} d by ${bucketMs / hourMs} h${groupBy === 'none' ? '' : ` and ${groupBy}`}`,
    read: async (client) =>
      (await client.getMetricsSeries({ query: { ...range(days), bucketSeconds: bucketMs / 1000, groupBy } }))
        .points.length,
  });
  const summary = (days: number): ConsoleCall => ({
    name: `summary ${days} d by model`,
    read: async (client) =>
      (await client.getMetricsSummary({ query: { ...range(days), groupBy: 'model' } })).groups.length,
  });
  const outline: ConsoleCall[] =
    traceId === null
      ? []
      : [
          {
            name: 'outline',
            read: async (client) => (await client.getTraceOutline({ params: { traceId } })).spans.length,
          },
        ];
  return [
    list('24 h', '', 1),
    list('30 d', ''),
    list('model and errors', 'model:gpt-4o status:error'),
    list('cost above 0.01', 'cost:>0.01'),
    list('text', 'parcel'),
    list('user', 'user:ana.0@example.com'),
    list('nothing found', 'model:none'),
    {
      name: 'facets 7 d, 10 attributes',
      read: async (client) =>
        (await client.getFacets({ query: { ...range(7), attributes: facetAttributes } })).facets.length,
    },
    series(1, hourMs, 'none'),
    series(7, hourMs, 'model'),
    series(30, dayMs, 'none'),
    summary(1),
    summary(30),
    {
      name: 'sessions 7 d',
      read: async (client) => (await client.listSessions({ query: range(7) })).sessions.length,
    },
    { name: 'users 7 d', read: async (client) => (await client.listUsers({ query: range(7) })).users.length },
    ...outline,
  ];
}

export function formatConsoleRows(rows: readonly ConsoleRow[]): string {
  const line = (name: string, first: string, middle: string, items: string) =>
    `${name.padEnd(28)} ${first.padStart(9)} ${middle.padStart(9)} ${items.padStart(7)}`;
  return [
    line('call', 'first ms', 'median ms', 'items'),
    ...rows.map(({ name, firstMs, medianMs, items }) =>
      line(name, firstMs.toFixed(0), medianMs.toFixed(0), String(items)),
    ),
  ].join('\n');
}
