import { percentile } from './statistics.ts';

export interface NeighbourTarget {
  readonly gatewayUrl: string;
  readonly queryUrl: string;
  readonly consoleUrl: string;
  readonly apiKey: string;
  readonly adminEmail: string;
  readonly adminPassword: string;
  readonly signal: AbortSignal;
}

/** Latencies in milliseconds, while the other organization rests and while it does its worst. */
export interface NeighbourRow {
  readonly what: string;
  readonly quiet: Latency;
  readonly beside: Latency;
}

interface Latency {
  readonly p50: number;
  readonly p95: number;
  readonly failed: number;
}

/** The second organization: it has its own key, and asks for little. */
interface Neighbour {
  readonly key: string;
}

const samples = 100;
const pauseMs = 50;
/** Readers of the first organization that never pause. */
const readers = 32;
const calls = 200;
const yearMs = 365 * 86_400_000;

/**
 * Measures the lists and the calls of one organization while another reads as much as it can: lists of a year by words,
 * facets, overviews, exports and deep checks, most of them given up half-way. Makes an organization for it.
 */
export async function measureNeighbour(target: NeighbourTarget): Promise<NeighbourRow[]> {
  const neighbour = await foundOrganization(target);
  for (let index = 0; index < calls; index += 1) await call(target, neighbour);
  const work = { list: () => list(target, neighbour), call: () => call(target, neighbour) };
  const quiet = { list: await latencyOf(work.list), call: await latencyOf(work.call) };
  const worst = new AbortController();
  const busy = Array.from({ length: readers }, (_, index) => readForEver(target, index, worst.signal));
  const beside = { list: await latencyOf(work.list), call: await latencyOf(work.call) };
  worst.abort();
  await Promise.all(busy);
  return (['list', 'call'] as const).map((what) => ({ what, quiet: quiet[what], beside: beside[what] }));
}

export function formatNeighbourRows(rows: readonly NeighbourRow[]): string {
  const text = ({ p50, p95, failed }: Latency) =>
    `${p50.toFixed(1).padStart(8)} ${p95.toFixed(1).padStart(8)} ${String(failed).padStart(7)}`;
  return [
    `${''.padEnd(8)}${'quiet p50'.padStart(10)}${'p95'.padStart(9)}${'failed'.padStart(8)}${'beside p50'.padStart(12)}${'p95'.padStart(9)}${'failed'.padStart(8)}`,
    ...rows.map(({ what, quiet, beside }) => `${what.padEnd(8)} ${text(quiet)}   ${text(beside)}`),
  ].join('\n');
}

async function latencyOf(ask: () => Promise<boolean>): Promise<Latency> {
  const times: number[] = [];
  let failed = 0;
  for (let index = 0; index < samples; index += 1) {
    const startedAt = performance.now();
    if (!(await ask())) failed += 1;
    times.push(performance.now() - startedAt);
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
  return { p50: percentile(times, 50), p95: percentile(times, 95), failed };
}

async function list({ queryUrl, signal }: NeighbourTarget, { key }: Neighbour): Promise<boolean> {
  const headers = { authorization: `Bearer ${key}` };
  const answer = await fetch(`${queryUrl}/v1/traces?limit=50`, { headers, signal });
  await answer.arrayBuffer();
  return answer.ok;
}

async function call({ gatewayUrl, signal }: NeighbourTarget, { key }: Neighbour): Promise<boolean> {
  const answer = await fetch(`${gatewayUrl}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'loom-sim', messages: [{ role: 'user', content: 'hello' }] }),
    signal,
  });
  await answer.arrayBuffer();
  return answer.ok;
}

/** Every third read is given up after a moment, as a page that is left gives up its own. */
async function readForEver(
  { queryUrl, apiKey }: NeighbourTarget,
  place: number,
  signal: AbortSignal,
): Promise<void> {
  const from = new Date(Date.now() - yearMs).toISOString();
  const paths = [
    `/v1/traces?limit=200&from=${from}&filter=${encodeURIComponent('text:"hello the of" latency:>0')}`,
    `/v1/facets?from=${from}&attributes=model,user,session,key`,
    `/v1/metrics/overview?from=${from}&bucketSeconds=86400&timeZone=Asia/Kolkata&groupBy=model`,
    `/v1/users?from=${from}&limit=200`,
    `/v1/ledger/bundle?from=${from}`,
    '/v1/ledger/check?deep=true',
  ];
  const headers = { authorization: `Bearer ${apiKey}` };
  for (let turn = place; !signal.aborted; turn += 1) {
    const path = paths[turn % paths.length] ?? '';
    const patience = turn % 3 === 0 ? AbortSignal.any([signal, AbortSignal.timeout(100)]) : signal;
    await fetch(queryUrl + path, { headers, signal: patience })
      .then(async (answer) => {
        await answer.arrayBuffer();
        if (answer.status === 429) await new Promise((resolve) => setTimeout(resolve, 100));
      })
      .catch(() => undefined);
  }
}

async function foundOrganization(target: NeighbourTarget): Promise<Neighbour> {
  const { consoleUrl, adminEmail: email, adminPassword: password } = target;
  const origin = { origin: consoleUrl, 'content-type': 'application/json' };
  const post = async (path: string, body: object, headers: Record<string, string> = {}) => {
    const url = `${consoleUrl}/api/control${path}`;
    const answer = await fetch(url, {
      method: 'POST',
      headers: { ...origin, ...headers },
      body: JSON.stringify(body),
    });
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`);
    return answer;
  };
  const signedIn = await post('/v1/sign-in', { email, password });
  const cookie = signedIn.headers
    .getSetCookie()
    .map((one) => one.split(';', 1)[0])
    .join('; ');
  const made = (await (
    await post('/v1/organizations', { name: `neighbour ${Date.now()}` }, { cookie })
  ).json()) as { id: string };
  const me = (await (await fetch(`${consoleUrl}/api/control/v1/me`, { headers: { cookie } })).json()) as {
    organizations: { id: string; projects: { id: string }[] }[];
  };
  const projectId = me.organizations.find(({ id }) => id === made.id)?.projects[0]?.id ?? '';
  const key = await post(
    '/v1/keys',
    { name: 'neighbour', scopes: ['call', 'read'] },
    { cookie, 'x-loom-project': projectId },
  );
  return { key: ((await key.json()) as { secret: string }).secret };
}
