import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { answerJson, answerPieces, SmallDisk, UpstreamPlayer } from '@loom/testkit';
import { isCallEnded } from '@loom/trace-schema';
import { GatewayHarness } from './testing/gateway-harness.ts';

const disk = SmallDisk.mount(16);
if (!disk && process.env.LOOM_REQUIRE_SERVERS === '1') throw new Error('a small disk cannot be mounted here');
const call = { model: 'gpt-x', messages: [{ role: 'user', content: 'hi' }] };
const event = 'data: {"id":"a","model":"m","choices":[{"index":0,"delta":{"content":"one"}}]}\n\n';

(disk ? describe : describe.skip)('a full disk', () => {
  let upstream: UpstreamPlayer;
  let loom: GatewayHarness;
  beforeAll(async () => {
    upstream = await UpstreamPlayer.start(answerJson({ id: 'x', model: 'm', choices: [] }));
    loom = await GatewayHarness.start({}, {}, disk?.path);
    await loom.provider({ baseUrl: upstream.url });
  });
  afterAll(async () => {
    await loom.destroy();
    await upstream.close();
    disk?.unmount();
  });

  const statusOf = async () => {
    const answer = await loom.chat(call);
    await answer.text();
    return answer.status;
  };

  it('refuses calls with 503 and Retry-After, calls no provider, and goes on when there is room', async () => {
    expect(await statusOf()).toBe(200);
    const running = loom.chat({ ...call, stream: true });
    upstream.play = answerPieces([event, 'data: [DONE]\n\n'], { pauseMs: 300 });
    await (await running).body?.getReader().read();
    upstream.play = answerJson({ id: 'x', model: 'm', choices: [] });
    // The last page of the segment has room for a few records, and each processor counts its own free pages.
    for (let [tries, refusals] = [0, 0]; tries < 200 && refusals < 10; tries += 1) {
      disk?.fill();
      refusals = (await statusOf()) === 503 ? refusals + 1 : 0;
    }
    const before = upstream.seen.length;
    const refused = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const answer = await loom.chat(call);
        const { error } = (await answer.json()) as { error: { code: string } };
        return [answer.status, error.code, Number(answer.headers.get('retry-after')) > 0];
      }),
    );
    expect(refused).toEqual(refused.map(() => [503, 'capture_unavailable', true]));
    expect(upstream.seen).toHaveLength(before);
    await expect(loom.gateway.ready()).rejects.toMatchObject({ reason: 'disk_full' });
    expect(loom.failures).toEqual([]);

    disk?.free();
    for (let tries = 0; tries < 100 && (await statusOf()) !== 200; tries += 1) await delay(100);
    expect(await statusOf()).toBe(200);
    await expect(loom.gateway.ready()).resolves.toBeUndefined();
  });

  it('leaves no gap, and an end for each accepted call', async () => {
    await loom.close();
    const events = await loom.events();
    const accepted = events.flatMap((one) => (one.type === 'call.accepted' ? [one.call.callId] : []));
    const ended = events.filter(isCallEnded).map(({ call: { callId } }) => callId);
    expect(ended.toSorted()).toEqual(accepted.toSorted());
    const last = new Map<string, number>();
    for (const { emitter, projectId, seq } of events) {
      expect(seq).toBe((last.get(`${emitter} ${projectId}`) ?? 0) + 1);
      last.set(`${emitter} ${projectId}`, seq);
    }
  });
});
