import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { UpstreamPlayer } from '@loom/testkit';
import { type CallAccepted, type CallEnded, isCallEnded, topics, type TraceEvent } from '@loom/trace-schema';
import { Deployment, eventually, onServers, startMsMax } from './testing/deployment.ts';
import { mixedAnswer } from './testing/mixed-calls.ts';
import { Random } from '@loom/testkit';

/*
 * Calls of every kind while gateway, backend and engine host are killed with SIGKILL at random moments. Afterwards
 * nothing that the provider saw may be missing from the record, and nothing may be there twice.
 * LOOM_TEST_SEED repeats a run; the full figures are those of `npm run test:soak`.
 */
const soak = process.env.LOOM_TEST_SOAK === '1';
const seed = Number(process.env.LOOM_TEST_SEED ?? Date.now() % 1_000_000);
const calls = soak ? 2_000 : 300;
const killsEach = soak ? 10 : 2;
const concurrency = 50;
const victims = onServers
  ? ['gateway', 'gateway2', 'ingest', 'ingest2', 'pricing', 'engineHost']
  : ['gateway', 'backend', 'engineHost'];

let loom: Deployment;
let player: UpstreamPlayer;
const random = new Random(seed);

beforeAll(async () => {
  player = await UpstreamPlayer.start(mixedAnswer);
  loom = await Deployment.start({ OPENAI_BASE_URL: player.url, OPENAI_API_KEY: 'sk-x' });
}, 2 * startMsMax);
afterAll(async () => {
  await loom.destroy();
  await player.close();
});

const markerOf = (body: Buffer): string => /marker-\d+/.exec(body.toString('latin1'))?.[0] ?? '';

const noRuntime = { gatewayUrls: undefined, gatewayUrl: '', apiKey: '' };

/** One call, tried again only when nobody has heard it: the gateway was not there, or would not take it. */
async function call(index: number): Promise<void> {
  const kind = random.pick(['json', 'json', 'stream', 'stream', 'error', 'break', 'abort'] as const);
  const stream = kind !== 'json' && kind !== 'error';
  const body = {
    model: 'gpt-4o-mini',
    kind,
    pauseMs: random.below(soak ? 2_400 : 1_200),
    stream,
    messages: [{ role: 'user', content: `marker-${index}` }],
  };
  for (;;) {
    const { gatewayUrls, gatewayUrl: first, apiKey } = await loom.runtime().catch(() => noRuntime);
    const gatewayUrl = gatewayUrls?.[index % gatewayUrls.length] ?? first;
    try {
      const response = await fetch(`${gatewayUrl}/v1/chat/completions`, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
        ...(kind === 'abort' ? { signal: AbortSignal.timeout(body.pauseMs + 30) } : {}),
      });
      await response.arrayBuffer();
      if (response.status !== 503) return;
    } catch (error) {
      const refused = (error as { cause?: { code?: string } }).cause?.code === 'ECONNREFUSED';
      if (!refused && gatewayUrl !== '') return; // it broke off on the way
    }
    await delay(100);
  }
}

/** Each process as often as it is asked for, whichever life it has at that moment. */
async function killAtRandom(): Promise<void> {
  const order = random.shuffle(victims.flatMap((victim) => Array.from({ length: killsEach }, () => victim)));
  const killed = new Set<number>();
  for (const victim of order) {
    await delay(200 + random.below(1_300));
    await eventually(
      async () => {
        const pid = (await loom.runtime()).pids[victim] ?? 0;
        if (killed.has(pid)) return false; // its next life has not begun yet
        killed.add(pid);
        return process.kill(pid, 'SIGKILL');
      },
      (done) => done,
      60_000,
    );
  }
}

const byId = (events: readonly TraceEvent[]) => new Set(events.map((event) => event.id));

describe(`kill -9 of every process (LOOM_TEST_SEED=${seed}, ${calls} calls, ${killsEach} kills each)`, () => {
  let events: TraceEvent[] = [];

  it('is survived by every call', async () => {
    let next = 0;
    let killing = true;
    const workers = Array.from({ length: concurrency }, async () => {
      while (next < calls || killing) await call((next += 1));
    });
    await killAtRandom();
    killing = false;
    await Promise.all(workers);
    events = await eventually(
      () => loom.traceEvents(),
      (found) => {
        const open = new Set(
          found.filter((event) => event.type === 'call.accepted').map((event) => event.call.callId),
        );
        for (const event of found) if (isCallEnded(event)) open.delete(event.call.callId);
        return open.size === 0;
      },
      60_000,
    );
  }, 600_000);

  it('put an accepted event and exactly one terminal on the record of everything that the provider saw', () => {
    const accepted = new Map<string, CallAccepted>();
    const seenAccepted = new Set<string>();
    const ended = new Map<string, CallEnded[]>();
    for (const event of events) {
      if (event.type === 'call.accepted') {
        const marker = markerOf(Buffer.from(event.request.data ?? '', 'base64'));
        expect(accepted.has(event.call.callId)).toBe(false);
        accepted.set(event.call.callId, event);
        seenAccepted.add(marker);
      } else if (isCallEnded(event)) {
        ended.set(event.call.callId, [...(ended.get(event.call.callId) ?? []), event]);
      }
    }
    const unrecorded = player.seen
      .map(({ body }) => markerOf(body))
      .filter((marker) => !seenAccepted.has(marker));
    expect(unrecorded).toEqual([]);
    expect([...accepted.keys()].filter((callId) => ended.get(callId)?.length !== 1)).toEqual([]);
    expect([...ended.keys()].filter((callId) => !accepted.has(callId))).toEqual([]);
    expect(player.seen.length).toBeGreaterThan(calls * 0.8);
  });

  it('left no gap and nothing twice in the sequence of any emitter', () => {
    expect(byId(events).size).toBe(events.length);
    const sequences = new Map<string, number>();
    for (const event of events) {
      const emitterAndProject = `${event.emitter} ${event.projectId}`;
      const last = sequences.get(emitterAndProject) ?? 0;
      expect([event.id, event.seq]).toEqual([event.id, last + 1]);
      sequences.set(emitterAndProject, event.seq);
    }
  });

  it('brought every call into the trace store once, priced once, and the rollups count the same', async () => {
    const client = await loom.client();
    const terminals = events.filter(isCallEnded);
    const spans = new Map<string, number>();
    await eventually(
      async () => {
        spans.clear();
        let unpriced = 0;
        for (let cursor: string | null | undefined; cursor !== null;) {
          const page: Awaited<ReturnType<typeof client.listTraces>> = await client.listTraces({
            query: { limit: 200, ...(cursor ? { cursor } : {}) },
          });
          for (const trace of page.traces) {
            spans.set(trace.span.spanId, (spans.get(trace.span.spanId) ?? 0) + trace.spanCount);
            if (trace.costState === 'pending') unpriced += 1;
          }
          cursor = page.nextCursor;
        }
        return { spans: spans.size, unpriced, terminals: terminals.length };
      },
      (found) => found.spans === found.terminals && found.unpriced === 0,
      90_000,
    );
    expect([...spans.values()].filter((count) => count !== 1)).toEqual([]);
    const costs = [...(await loom.eventsOf(topics.costs)).values()].flat() as {
      id: string;
      totalUsd: string;
    }[];
    const costOf = new Map(costs.map((cost) => [cost.id, Number(cost.totalUsd)]));
    expect(costOf.size).toBe(terminals.length);
    const paid = [...costOf.values()].reduce((sum, usd) => sum + usd, 0);
    // An hour is counted over the spans, a month over the rollups.
    for (const hours of [1, 31 * 24]) {
      const from = new Date(Date.now() - hours * 3_600_000).toISOString();
      const { points } = await client.getMetricsSeries({ query: { from, bucketSeconds: 3600 } });
      const requests = points.reduce((sum, point) => sum + point.requests, 0);
      expect([hours, requests]).toEqual([hours, terminals.length]);
      expect(points.reduce((sum, point) => sum + Number(point.costUsd), 0)).toBeCloseTo(paid, 9);
    }
  }, 120_000);
});
