import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { UpstreamPlayer } from '@loom/testkit';
import { isCallEnded, topics } from '@loom/trace-schema';
import { type CallKind, mixedAnswer } from './testing/mixed-calls.ts';
import { Deployment, eventually, onServers, startMsMax } from './testing/deployment.ts';
import { Random } from '@loom/testkit';

/*
 * Traffic goes on while a server that it does not need is away. Afterwards every call that the provider saw is in the
 * stream and in the store once. LOOM_TEST_SEED repeats a run; `npm run test:soak` takes the full figures.
 */
const soak = process.env.LOOM_TEST_SOAK === '1';
const seed = Number(process.env.LOOM_TEST_SEED ?? Date.now() % 1_000_000);
const outageMs = soak ? 60_000 : 20_000;
const trafficMs = soak ? 120_000 : 30_000;
/** What is asked for; the machine may give less, and the count that is printed says so. */
const callsPerSecond = soak ? 200 : 40;
/** A machine that is too slow for that is not asked for more and more at once, but for fewer a second. */
const callsAtOnceMax = 200;
const settleMs = 120_000;

interface Outage {
  readonly title: string;
  /** Takes effect; resolves to what ends it. */
  readonly begin: (loom: Deployment) => Promise<() => Promise<void>>;
}

const outages: readonly Outage[] = [
  {
    title: 'the broker is silent (SIGSTOP)',
    begin: async (loom) => {
      const pid = await pidOf(loom, 'kafka');
      process.kill(pid, 'SIGSTOP');
      return () => Promise.resolve(void process.kill(pid, 'SIGCONT'));
    },
  },
  {
    title: 'the broker is killed and comes back',
    begin: async (loom) => {
      process.kill(await pidOf(loom, 'kafka'), 'SIGKILL');
      return () => Promise.resolve();
    },
  },
  {
    title: 'the trace store is silent (SIGSTOP)',
    begin: async (loom) => {
      const pid = await pidOf(loom, 'engineHost');
      process.kill(pid, 'SIGSTOP');
      return () => Promise.resolve(void process.kill(pid, 'SIGCONT'));
    },
  },
  {
    title: 'one ingest of two is killed in mid-batch and comes back',
    begin: async (loom) => {
      await delay(outageMs / 4);
      process.kill(await pidOf(loom, 'ingest2'), 'SIGKILL');
      return () => Promise.resolve();
    },
  },
  {
    title: 'Redis and PostgreSQL are killed and come back',
    begin: async (loom) => {
      process.kill(await pidOf(loom, 'redis'), 'SIGKILL');
      process.kill(await pidOf(loom, 'postgres'), 'SIGKILL');
      return () => Promise.resolve();
    },
  },
];

const title = `an outage on servers (LOOM_TEST_SEED=${seed}, ${callsPerSecond} calls/s, ${outageMs / 1000} s)`;

if (!onServers) {
  describe(title, () => {
    it.skip('runs with LOOM_TEST_DEPLOYMENT=servers', () => undefined);
  });
} else
  describe(title, () => {
    let loom: Deployment;
    let player: UpstreamPlayer;
    beforeAll(async () => {
      player = await UpstreamPlayer.start(mixedAnswer);
      loom = await Deployment.start({ OPENAI_BASE_URL: player.url, OPENAI_API_KEY: 'sk-x' });
    }, 2 * startMsMax);
    afterAll(async () => {
      await loom.destroy();
      await player.close();
    }, startMsMax);

    it.each(outages)(
      'loses no call and counts none twice while $title',
      async ({ title: what, begin }) => {
        const random = new Random(seed);
        const before = player.seen.length;
        const refused = { count: 0 };
        const beganAtMs = Date.now();
        const traffic = sendTraffic(loom, random, refused);
        const lag = watchLag(loom);
        await delay(2_000);
        const end = await begin(loom);
        const seenAtItsBegin = player.seen.length;
        await delay(outageMs);
        expect(player.seen.length - seenAtItsBegin).toBeGreaterThan(callsPerSecond);
        await end();
        await traffic;
        const seconds = (Date.now() - beganAtMs) / 1000;
        const seenMarkers = new Set(player.seen.slice(before).map(({ body }) => markerOf(body.toString())));
        expect(seenMarkers.size).toBeGreaterThan(callsPerSecond);
        const ended = await eventually(
          async () => endedCalls(loom, seenMarkers),
          ({ open, ids }) => open === 0 && ids.size >= seenMarkers.size,
          settleMs,
        );
        expect(ended.ids.size).toBe(seenMarkers.size);
        const client = await loom.client();
        const counted = await eventually(
          async () => {
            const { groups } = await client.getMetricsSummary();
            const all = await allEnded(loom);
            return { stored: groups[0]?.requests ?? 0, ended: all };
          },
          ({ stored, ended: all }) => stored === all,
          settleMs,
        );
        const lagMax = await lag.stop();
        const lagAfter = await eventually(
          () => lagsOf(loom),
          (lags) => Object.values(lags).every((records) => records === 0),
          settleMs,
        );
        process.stdout.write(
          `${what}: ${seenMarkers.size} calls in ${seconds.toFixed(0)} s (${(seenMarkers.size / seconds).toFixed(0)}/s), ` +
            `${refused.count} refused, ${seenMarkers.size - ended.ids.size} missing, 0 twice, ` +
            `${counted.stored} stored of ${counted.ended} ended; ` +
            `lag at most ${JSON.stringify(lagMax)}, then ${JSON.stringify(lagAfter)}\n`,
        );
        expect(refused.count).toBe(0);
      },
      trafficMs + outageMs + 4 * settleMs,
    );

    async function sendTraffic(to: Deployment, random: Random, refused: { count: number }): Promise<void> {
      const { gatewayUrls = [], apiKey } = await to.runtime();
      const deadline = Date.now() + trafficMs;
      const running = new Set<Promise<void>>();
      let nextAtMs = Date.now();
      for (let index = 0; Date.now() < deadline; index += 1) {
        if (running.size >= callsAtOnceMax) await Promise.race(running);
        const kind = random.pick(['json', 'json', 'stream', 'stream', 'error', 'break'] as const);
        const call = send(
          `${gatewayUrls[index % gatewayUrls.length] ?? ''}/v1/chat/completions`,
          apiKey,
          kind,
        )
          .then((status) => {
            if (status === 503) refused.count += 1;
          })
          .finally(() => running.delete(call));
        running.add(call);
        nextAtMs = Math.max(nextAtMs + 1000 / callsPerSecond, Date.now() - 1000);
        await delay(Math.max(0, nextAtMs - Date.now()));
      }
      await Promise.all(running);
    }
  });

let next = 0;

async function send(url: string, apiKey: string, kind: CallKind): Promise<number> {
  next += 1;
  const stream = kind === 'stream' || kind === 'break';
  const body = {
    model: 'gpt-4o-mini',
    kind,
    pauseMs: 50,
    stream,
    messages: [{ role: 'user', content: `marker-${next}.` }],
  };
  try {
    const headers = { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' };
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(body) });
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0; // a stream that breaks is what some are sent for
  }
}

interface Lags {
  /** Records that are in the outboxes of the gateways only. */
  readonly outbox: number;
  /** Records that ingest has not stored yet. */
  readonly ingest: number;
}

/** What the processes say at /metrics; a lag that cannot be asked for, as the broker is away, is left out as -1. */
async function lagsOf(loom: Deployment): Promise<Lags> {
  const { gatewayUrls = [], ingestUrl = '' } = await loom.runtime();
  const outboxes = await Promise.all(
    gatewayUrls.map((url) => metricOf(url, 'loom_gateway_outbox_lag_records')),
  );
  return {
    outbox: outboxes.reduce((sum, lag) => sum + Math.max(0, lag), 0),
    ingest: await metricOf(ingestUrl, 'loom_ingest_lag_records'),
  };
}

async function metricOf(url: string, name: string): Promise<number> {
  const text = await fetch(`${url}/metrics`, { signal: AbortSignal.timeout(2_000) })
    .then((response) => response.text())
    .catch(() => '');
  const value = Number(new RegExp(`^${name} (.+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
  return Number.isNaN(value) ? -1 : value;
}

/** The largest lags that were seen until `stop`. */
function watchLag(loom: Deployment): { stop(): Promise<Lags> } {
  let most: Lags = { outbox: 0, ingest: 0 };
  let stopped = false;
  const watching = (async () => {
    while (!stopped) {
      const { outbox, ingest } = await lagsOf(loom);
      most = { outbox: Math.max(most.outbox, outbox), ingest: Math.max(most.ingest, ingest) };
      await delay(1_000);
    }
  })();
  return {
    stop: async () => {
      stopped = true;
      await watching;
      return most;
    },
  };
}

const markerOf = (text: string): string => /marker-\d+/.exec(text)?.[0] ?? '';

async function pidOf(loom: Deployment, name: string): Promise<number> {
  const pid = (await loom.runtime()).pids[name];
  if (pid === undefined) throw new Error(`${name} does not run`);
  return pid;
}

/** Of the calls with these markers: accepted ones without their end, and ids of those that have one. */
async function endedCalls(
  loom: Deployment,
  markers: ReadonlySet<string>,
): Promise<{ open: number; ids: Set<string> }> {
  const events = await loom.traceEvents();
  const accepted = new Map<string, string>();
  for (const event of events) {
    if (event.type !== 'call.accepted') continue;
    const marker = markerOf(Buffer.from(event.request.data ?? '', 'base64').toString());
    if (markers.has(marker)) accepted.set(event.call.callId, marker);
  }
  const ids = new Set<string>();
  for (const event of events) {
    if (!isCallEnded(event) || !accepted.has(event.call.callId)) continue;
    if (ids.has(event.call.callId)) throw new Error(`${event.call.callId} has two ends`);
    ids.add(event.call.callId);
  }
  return { open: accepted.size - ids.size, ids };
}

async function allEnded(loom: Deployment): Promise<number> {
  const events = [...(await loom.eventsOf(topics.traces)).values()].flat() as { type: string }[];
  return events.filter(({ type }) => /^call\.(?:completed|failed|aborted|interrupted|refused)$/.test(type))
    .length;
}
