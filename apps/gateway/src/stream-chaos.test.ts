import { setTimeout as delay } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { Random } from '@loom/testkit';
import { isCallEnded } from '@loom/trace-schema';
import { useGateway } from './testing/gateway-suite.ts';

/*
 * Streams whose provider dies, stalls or ends, and whose client stays or leaves, at random: each must end as it did, leave
 * nothing behind, and let go of its provider when its client goes. LOOM_TEST_SEED repeats a run; `npm run test:soak` takes
 * ten thousand.
 */
const soak = process.env.LOOM_TEST_SOAK === '1';
const seed = Number(process.env.LOOM_TEST_SEED ?? Date.now() % 1_000_000);
const streams = soak ? 10_000 : 600;
const concurrency = 40;
const idleMs = 250;

type Fate = 'ends' | 'resets' | 'stalls' | 'ends early';
interface Plan {
  readonly id: string;
  readonly fate: Fate;
  readonly pieces: number;
  /** The client leaves after so many reads; null: it stays. */
  readonly leavesAfter: number | null;
  readonly translated: boolean;
}

const collectGarbage = (() => {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
})();

const openSockets = () => process.getActiveResourcesInfo().filter((name) => name.startsWith('TCP')).length;

describe(`streams at random (LOOM_TEST_SEED=${seed}, ${streams})`, () => {
  const suite = useGateway({ LOOM_UPSTREAM_IDLE_TIMEOUT: `${idleMs}ms` });
  const random = new Random(seed);
  const plans = Array.from({ length: streams }, (_, index): Plan => {
    const pieces = 1 + random.below(12);
    return {
      id: `s${index}`,
      fate: random.pick(['ends', 'ends', 'ends', 'resets', 'stalls', 'ends early']),
      pieces,
      leavesAfter: random.below(3) === 0 ? random.below(pieces) : null,
      translated: random.below(2) === 0,
    };
  });
  const byId = new Map(plans.map((plan) => [plan.id, plan]));
  const providerClosed = new Map<string, number>();
  const clientLeft = new Map<string, number>();

  const playAll = () => {
    suite.first.play = async (request, response) => {
      const sent = JSON.parse(request.body.toString()) as { user?: string; metadata?: { user_id: string } };
      const plan = byId.get(sent.user ?? sent.metadata?.user_id ?? '');
      if (!plan) throw new Error('no plan');
      response.on('close', () => providerClosed.set(plan.id, performance.now()));
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (const piece of plan.translated ? messagesPieces(plan.pieces) : chatPieces(plan.pieces)) {
        response.write(piece);
        if (random.below(2) === 0) await delay(random.below(4));
        if (response.destroyed) return;
      }
      if (plan.fate === 'stalls') return;
      if (plan.fate === 'resets') {
        await delay(5);
        response.destroy();
        return;
      }
      response.end(plan.fate === 'ends early' ? '' : plan.translated ? messagesEnd : chatEnd);
    };
  };

  const run = async ({ id, leavesAfter, translated }: Plan): Promise<string | null> => {
    const controller = new AbortController();
    const model = translated ? 'claude/claude-x' : 'one/gpt-x';
    const response = await fetch(`${suite.gateway.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${suite.gateway.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model, stream: true, user: id, messages: [{ role: 'user', content: 'hi' }] }),
      signal: controller.signal,
    });
    if (leavesAfter === null) return response.text();
    const reader = response.body?.getReader();
    for (let reads = 0; reads < leavesAfter; reads += 1) if ((await reader?.read())?.done) return null;
    clientLeft.set(id, performance.now());
    controller.abort();
    return null;
  };

  it('end as they did, and leave nothing behind', async () => {
    playAll();
    const texts = new Map<string, string | null>();
    const heap: number[] = [];
    const sockets: number[] = [];
    const quarter = Math.ceil(plans.length / 4);
    for (let from = 0; from < plans.length; from += quarter) {
      const waiting = plans.slice(from, from + quarter);
      const work = async () => {
        for (let plan = waiting.shift(); plan; plan = waiting.shift()) texts.set(plan.id, await run(plan));
      };
      await Promise.all(Array.from({ length: concurrency }, work));
      await delay(idleMs * 3);
      suite.first.seen.length = 0;
      collectGarbage();
      heap.push(process.memoryUsage().heapUsed);
      sockets.push(openSockets());
    }

    const ends = new Map<string, string>();
    for (let tries = 0; tries < 100 && ends.size < plans.length; tries += 1) {
      for (const event of await suite.gateway.events())
        if (isCallEnded(event)) ends.set(event.call.userId ?? '', event.type.slice('call.'.length));
      await delay(100);
    }
    expect(ends.size).toBe(plans.length);
    const wrong = plans.filter((plan) => !allowedEnds(plan).includes(ends.get(plan.id) ?? ''));
    expect(wrong.map((plan) => ({ ...plan, end: ends.get(plan.id) }))).toEqual([]);

    for (const { id, fate, leavesAfter } of plans) {
      const text = texts.get(id);
      if (leavesAfter !== null || text === null || text === undefined) continue;
      if (fate === 'ends') expect(text).toMatch(/\[DONE\]\n\n$/);
      else {
        expect(text).not.toContain('[DONE]');
        expect(text).toContain('"error"');
      }
    }

    const letGo = [...clientLeft].flatMap(([id, leftAt]) => {
      const closedAt = providerClosed.get(id);
      return closedAt === undefined ? [Infinity] : [closedAt - leftAt];
    });
    letGo.sort((a, b) => a - b);
    const megabytes = heap.map((bytes) => Math.round(bytes / 2 ** 20));
    process.stdout.write(
      `streams ${plans.length}, client left ${letGo.length}; provider let go after p50 ` +
        `${letGo[letGo.length >> 1]?.toFixed(1)} ms, p99 ${letGo[Math.floor(letGo.length * 0.99)]?.toFixed(1)} ms, ` +
        `max ${letGo.at(-1)?.toFixed(1)} ms; heap MB ${megabytes.join(' ')}; sockets ${sockets.join(' ')}\n`,
    );
    expect(letGo.at(-1)).toBeLessThan(Infinity);
    // After the first quarter nothing grows: what a stream needs is given back when it ends.
    expect((megabytes[3] ?? 0) - (megabytes[1] ?? 0)).toBeLessThan(25);
    expect((sockets[3] ?? 0) - (sockets[1] ?? 0)).toBeLessThan(concurrency);
    expect(suite.gateway.gateway.edge.calls).toBe(0);
  }, 1_800_000);
});

/** A client that leaves may have been overtaken by the provider's end, whatever it was. */
function allowedEnds({ fate, leavesAfter }: Plan): readonly string[] {
  const end = fate === 'ends' ? 'completed' : 'failed';
  return leavesAfter === null ? [end] : [end, 'aborted'];
}

const data = (value: object) => `data: ${JSON.stringify(value)}\n\n`;
const chatPieces = (count: number) =>
  Array.from({ length: count }, (_, index) =>
    data({ id: 'c', model: 'm', choices: [{ index: 0, delta: { content: `word ${index} ` } }] }),
  );
const chatEnd = `${data({ id: 'c', model: 'm', choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}data: [DONE]\n\n`;

const named = (value: { readonly type: string } & Record<string, unknown>) =>
  `event: ${value.type}\n${data(value)}`;
const messagesPieces = (count: number) => [
  named({
    type: 'message_start',
    message: { id: 'm', model: 'm', usage: { input_tokens: 1, output_tokens: 1 } },
  }),
  named({ type: 'content_block_start', index: 0, content_block: { type: 'text', text: '' } }),
  ...Array.from({ length: count }, (_, index) =>
    named({ type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text: `word ${index} ` } }),
  ),
];
const messagesEnd = [
  named({ type: 'content_block_stop', index: 0 }),
  named({ type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: 9 } }),
  named({ type: 'message_stop' }),
].join('');
