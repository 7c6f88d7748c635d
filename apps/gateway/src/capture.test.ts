import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { newApiKey } from '@loom/control-store/secrets';
import { PartitionWriter, readPartition } from '@loom/event-stream';
import { answerJson, answerPieces, UpstreamPlayer } from '@loom/testkit';
import {
  type CallEnded,
  isCallEnded,
  nanosOfMillis,
  newUuid,
  type TraceEvent,
  uuidTimeMs,
} from '@loom/trace-schema';
import { GatewayHarness } from './testing/gateway-harness.ts';

let upstream: UpstreamPlayer;
let gateway: GatewayHarness | undefined;
beforeEach(async () => {
  upstream = await UpstreamPlayer.start(answerJson({ id: 'x', model: 'm', choices: [] }));
});
afterEach(async () => {
  await gateway?.destroy();
  gateway = undefined;
  await upstream.close();
});

async function start(env: Record<string, string> = {}, project = {}): Promise<GatewayHarness> {
  const started = await GatewayHarness.start(env, project);
  gateway = started;
  await started.provider({ baseUrl: upstream.url });
  return started;
}

const call = { model: 'gpt-x', messages: [{ role: 'user', content: 'hi' }] };
const event = 'data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"content":"one"}}]}\n\n';

function expectGapFree(events: readonly TraceEvent[]): void {
  const last = new Map<string, number>();
  for (const { emitter, projectId, seq } of events) {
    const key = `${emitter} ${projectId}`;
    expect(seq).toBe((last.get(key) ?? 0) + 1);
    last.set(key, seq);
  }
}

describe('strict capture', () => {
  it('has the accepted event on the disk before the provider hears of the call', async () => {
    const loom = await start();
    const seen: number[] = [];
    upstream.play = async (request, response) => {
      seen.push((await loom.events()).filter(({ type }) => type === 'call.accepted').length);
      await answerJson({ choices: [] })(request, response);
    };
    await (await loom.chat(call)).text();
    await (await loom.chat(call)).text();
    expect(seen).toEqual([1, 2]);
  });

  it('answers 503 with Retry-After and calls nobody when the outbox is full; best effort goes on and counts it', async () => {
    for (const capture of ['strict', 'best_effort'] as const) {
      const loom = await start({ LOOM_OUTBOX_BYTES_MAX: '6000' }, { capture });
      const statuses: number[] = [];
      let retryAfter: string | null = null;
      for (let index = 0; index < 12; index += 1) {
        const response = await loom.chat(call);
        await response.text();
        statuses.push(response.status);
        retryAfter ??= response.headers.get('retry-after');
      }
      const recorded = (await loom.events()).filter(({ type }) => type === 'call.accepted').length;
      expect(recorded).toBeLessThan(12);
      expect(statuses.filter((status) => status === 200)).toHaveLength(capture === 'strict' ? recorded : 12);
      expect(upstream.seen.length).toBe(capture === 'strict' ? recorded : 12);
      if (capture === 'strict') expect(retryAfter).not.toBeNull();
      await loom.destroy();
      upstream.seen.length = 0;
    }
  });

  it('records the loss of a best-effort project as an event of its own when there is room again', async () => {
    const loom = await start({ LOOM_OUTBOX_BYTES_MAX: '6000' }, { capture: 'best_effort' });
    for (let index = 0; index < 12; index += 1) await (await loom.chat(call)).text();
    const accepted = (await loom.events()).filter(({ type }) => type === 'call.accepted').length;
    await loom.close();
    const lost = (await loom.events()).flatMap((found) =>
      found.type === 'capture.lost' ? [found.lostCalls] : [],
    );
    const lostCalls = lost.reduce((sum, count) => sum + count, 0);
    expect(lostCalls + accepted).toBe(12);
    expect(await loom.metric('loom_gateway_outbox_lost_records_total')).toBeGreaterThanOrEqual(lostCalls);
    expect(await loom.metric('loom_gateway_outbox_pending_records')).toBe(0);
    expect(await loom.metric('loom_gateway_outbox_pending_bytes')).toBe(0);
  });

  it('tells its owner when the outbox can no longer be written, and refuses from then on', async () => {
    const loom = await start();
    await (await loom.chat(call)).text();
    const [partition = ''] = await readdir(join(loom.home, 'stream', 'loom.traces.v1'));
    expect(partition).not.toBe('');
    await expect(loom.gateway.ready()).resolves.toBeUndefined();
    loom.breakOutbox();
    const response = await loom.chat(call);
    expect(response.status).toBe(503);
    expect(await response.json()).toMatchObject({ error: { code: 'capture_unavailable' } });
    expect(upstream.seen).toHaveLength(1);
    expect(loom.failures).toHaveLength(1);
    await expect(loom.gateway.ready()).rejects.toThrow(/cannot be written/);
  });
});

describe('the end of a gateway', () => {
  it('breaks running streams off with an error event and interrupted, and closes its emitter', async () => {
    const loom = await start({ LOOM_GATEWAY_STOP_GRACE: '100ms' });
    upstream.play = answerPieces([event], { end: 'never' });
    const response = await loom.chat({ ...call, stream: true });
    const text = response.text();
    await new Promise((resolve) => setTimeout(resolve, 150));
    await loom.close();
    expect(await text).toMatch(/"one".*\n\ndata: \{"error":\{"message":"the gateway is stopping"/s);
    expect(await text).not.toContain('[DONE]');
    const events = await loom.events();
    expect(events.filter(isCallEnded).map(({ type }) => type)).toEqual(['call.interrupted']);
    expect(events.at(-1)).toMatchObject({ type: 'emitter.closed', lastSeq: { p1: expect.any(Number) } });
    expectGapFree(events);
  });

  it('that dies leaves its calls to a successor, who ends each once, with what had come, in its own sequence', async () => {
    const loom = await start();
    upstream.play = answerPieces([event, event], { end: 'never' });
    const broken = loom.chat({ ...call, stream: true }).then((response) => response.text());
    await loom.eventsOf('call.chunks');
    await loom.die();
    await expect(broken).rejects.toThrow();
    await loom.open();
    const events = await loom.events();
    const [ended, ...more] = events.filter(isCallEnded);
    expect(more).toEqual([]);
    expect(ended).toMatchObject({ type: 'call.interrupted', status: 200, usageSource: 'estimated' });
    expect(ended?.timing.startTime).toBe(nanosOfMillis(uuidTimeMs(ended?.call.callId ?? '')));
    expect(Buffer.from(ended?.response?.data ?? '', 'base64').toString()).toBe(event + event);
    expect(ended?.emitter).toBe(events.find(({ type }) => type === 'call.accepted')?.emitter);
    expectGapFree(events);
    await loom.die();
    await loom.open();
    expect((await loom.events()).filter(isCallEnded)).toHaveLength(1);
  });

  it('that dies is not mistaken for who replayed a dead letter, whose record keeps the numbers of its emitter', async () => {
    const loom = await start();
    for (let index = 0; index < 3; index += 1) await (await loom.chat(call)).text();
    await loom.eventsOf('call.completed', 3);
    const directory = join(loom.home, 'stream', 'loom.traces.v1');
    const [partition = ''] = await readdir(directory);
    const records = [];
    for await (const record of readPartition(join(directory, partition))) records.push(record);
    const before = await loom.events();
    const replayer = newUuid();
    const replaying = await PartitionWriter.create(join(loom.home, 'stream'), 'loom.traces.v1', replayer);
    const accepted = records.filter(({ headers }) => headers['ce_type'] === 'loom.call.accepted');
    await replaying.append(
      accepted.map(({ key, headers, value }) => ({ key, headers, value: Buffer.from(value) })),
    );
    await replaying.close();
    await rm(join(directory, replayer, 'closed')); // as when it was killed
    await loom.die();
    await loom.open();
    const since = (await loom.events()).slice(before.length);
    expect(since.filter(isCallEnded)).toEqual([]);
    const closed = since.filter(({ type }) => type === 'emitter.closed');
    expect(closed).toMatchObject([{ emitter: partition }]);
  });
});

describe('without its neighbours', () => {
  it('starts from the control snapshot beside the outbox, and is not ready without any', async () => {
    const loom = await start();
    await (await loom.chat(call)).text();
    await loom.close();
    await rm(join(loom.home, 'stream', 'loom.control.v1'), { recursive: true });
    await loom.open();
    expect((await loom.chat(call)).status).toBe(200);
    await loom.close();
    await rm(join(loom.home, 'snapshot.json'));
    await loom.open();
    await expect(loom.gateway.ready()).rejects.toThrow(/no control snapshot/);
  });

  it('takes a revocation while it runs', async () => {
    const loom = await start();
    const key = newApiKey();
    const status = async () =>
      (await loom.chat(call, { headers: { authorization: `Bearer ${key.text}` } })).status;
    await loom.publishKey(key, {});
    await loom.settled();
    expect(await status()).toBe(200);
    await loom.publishKey(key, { revokedAtMs: Date.now() });
    await loom.settled();
    expect(await status()).toBe(401);
  });
});

describe('an own middleware', () => {
  it('is loaded from its file, can refuse in the dialect and label the record', async () => {
    const file = join(import.meta.dirname, '../examples/require-team.mjs');
    const loom = await start({ LOOM_GATEWAY_MIDDLEWARES: file });
    const refused = await loom.chat(call);
    expect(refused.status).toBe(403);
    expect(await refused.json()).toMatchObject({ error: { code: 'team_missing', param: 'x-loom-metadata' } });
    const accepted = await loom.chat(call, { headers: { 'x-loom-metadata': '{"team":"search"}' } });
    expect(accepted.status).toBe(200);
    const [ended] = (await loom.eventsOf('call.completed')) as CallEnded[];
    expect(ended?.call.metadata).toEqual({ team: 'search', policy: 'require-team' });
    expect(upstream.seen).toHaveLength(1);
  });

  it('costs its own call and no other when it does not wait for next, or does nothing at all', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'loom-middleware-'));
    const file = async (name: string, body: string) => {
      const path = join(directory, `${name}.mjs`);
      await writeFile(
        path,
        `export default () => ({ name: '${name}', async handle(call, next) { ${body} } });`,
      );
      return path;
    };
    const floating = await file('floating', "if (call.metadata.mode !== 'idle') next();");
    const failing = await file(
      'failing',
      "if (call.metadata.mode === 'fail') throw new Error('boom'); return next();",
    );
    const loom = await start({ LOOM_GATEWAY_MIDDLEWARES: `${floating},${failing}` });
    const status = async (mode: string) =>
      (await loom.chat(call, { headers: { 'x-loom-metadata': JSON.stringify({ mode }) } })).status;
    expect([await status('fail'), await status('idle'), await status('go')]).toEqual([500, 500, 200]);
    await rm(directory, { recursive: true });
  });

  it.each([
    ['/nowhere/x.mjs', /nowhere.*cannot be loaded/],
    [join(import.meta.dirname, 'headers.ts'), /must export a function/],
  ])('that cannot be used (%s) ends the start and is named', async (file, message) => {
    await expect(GatewayHarness.start({ LOOM_GATEWAY_MIDDLEWARES: file })).rejects.toThrow(message);
  });
});

describe('a provider that was entered', () => {
  it('is not called at an address that is not public, unless the operator allows it', async () => {
    for (const [allow, status] of [
      ['', 502],
      ['127.0.0.1', 200],
    ] as const) {
      const loom = await start({ LOOM_OUTBOUND_ALLOW: allow });
      await loom.provider({ name: 'entered', baseUrl: upstream.url, origin: 'console', models: [] });
      expect((await loom.chat({ ...call, model: 'entered/m' })).status).toBe(status);
      await loom.destroy();
    }
    expect(upstream.seen).toHaveLength(1);
  });
});
