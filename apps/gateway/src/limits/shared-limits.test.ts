import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, it } from '@jest/globals';
import { newApiKey } from '@loom/control-store/secrets';
import {
  answerJson,
  answerPieces,
  freePorts,
  missingForRedis,
  startedServerSuite,
  startRedis,
  UpstreamPlayer,
} from '@loom/testkit';
import { type CallEnded, type KeyLimits } from '@loom/trace-schema';
import { GatewayHarness } from '../testing/gateway-harness.ts';
import { GatewayProcess } from '../testing/gateway-process.ts';

const message = { role: 'assistant', content: 'hi' };
const usage = { prompt_tokens: 2, completion_tokens: 3, total_tokens: 5 };
const answer = {
  id: 'x',
  model: 'gpt-4o-mini',
  choices: [{ index: 0, message, finish_reason: 'stop' }],
  usage,
};
const body = { model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'hi' }] };
const piece = 'data: {"id":"x","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n';
const none: KeyLimits = { requestsPerMinute: null, tokensPerMinute: null, concurrentCalls: null };

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 600; tries += 1) {
    if (await condition()) return;
    await delay(25);
  }
  throw new Error('condition not met in time');
}

it('under closed, a gateway does not start without its counters', async () => {
  const [port] = await freePorts(1);
  const started = GatewayHarness.start({
    LOOM_COUNTERS_URL: `redis://:hunter2@127.0.0.1:${port}/0`,
    LOOM_COUNTERS_DOWN: 'closed',
  });
  const error = await started.catch((thrown: unknown) => thrown as Error);
  expect(error).toMatchObject({ code: 'unavailable', message: expect.stringContaining(`127.0.0.1:${port}`) });
  expect((error as Error).message).not.toContain('hunter2');
});

await startedServerSuite(
  { server: 'Redis', variable: 'LOOM_TEST_REDIS_URL', missing: missingForRedis, start: startRedis },
  (url, server) => {
    let one: GatewayHarness;
    let two: GatewayHarness;
    let upstream: UpstreamPlayer;
    const patient = new URL('?wait=5000', url).href;

    beforeAll(async () => {
      upstream = await UpstreamPlayer.start();
      one = await GatewayHarness.start({ LOOM_COUNTERS_URL: patient });
      two = await GatewayHarness.start({ LOOM_COUNTERS_URL: patient });
      for (const gateway of [one, two]) await gateway.provider({ baseUrl: upstream.url });
    });
    afterAll(async () => {
      for (const gateway of [one, two]) await gateway.destroy();
      await upstream.close();
    });
    beforeEach(() => {
      upstream.seen.length = 0;
      upstream.play = answerJson(answer);
    });

    /** One key, known to all of them. */
    async function keyOf(limits: Partial<KeyLimits>, gateways: readonly GatewayHarness[]) {
      const key = newApiKey();
      for (const gateway of gateways) {
        await gateway.publishKey(key, { limits: { ...none, ...limits } });
        await gateway.settled();
      }
      const headers = { authorization: `Bearer ${key.text}` };
      const chat = (gateway: GatewayHarness, content: object = body) => gateway.chat(content, { headers });
      const status = async (gateway: GatewayHarness) => {
        const response = await chat(gateway);
        await response.text();
        return response.status;
      };
      return { headers, chat, status };
    }

    it('two gateways share each limit of a key', async () => {
      const key = await keyOf({ requestsPerMinute: 20 }, [one, two]);
      const statuses = await Promise.all(Array.from({ length: 60 }, (_, n) => key.status(n % 2 ? one : two)));
      expect(statuses.filter((status) => status === 200)).toHaveLength(20);
      const slots = await keyOf({ concurrentCalls: 2 }, [one, two]);
      upstream.play = answerPieces([piece], { end: 'never' });
      const streams = await Promise.all(
        [one, two].map((gateway) => slots.chat(gateway, { ...body, stream: true })),
      );
      expect([await slots.status(one), await slots.status(two)]).toEqual([429, 429]);
      await streams[0]?.body?.cancel();
      upstream.play = answerJson(answer);
      await until(async () => (await slots.status(two)) === 200);
      await streams[1]?.body?.cancel();
    });

    it('a gateway that is killed with calls open gives their slots back', async () => {
      const key = await keyOf({ concurrentCalls: 3 }, [one]);
      const [port = 0] = await freePorts(1);
      const snapshot = join(one.home, 'sibling.json');
      const sibling = await GatewayProcess.start({ ...one.env, LOOM_GATEWAY_SNAPSHOT_FILE: snapshot }, port);
      upstream.play = answerPieces([piece], { end: 'never' });
      const open = Array.from({ length: 3 }, () => {
        const init = { method: 'POST', headers: { ...key.headers, 'content-type': 'application/json' } };
        return fetch(`${sibling.url}/v1/chat/completions`, {
          ...init,
          body: JSON.stringify({ ...body, stream: true }),
        });
      });
      expect((await Promise.all(open)).map(({ status }) => status)).toEqual([200, 200, 200]);
      upstream.play = answerJson(answer);
      await delay(7_000); // longer than a lease: the sibling renews them
      expect(await key.status(one)).toBe(429);
      await sibling.kill();
      await until(async () => (await key.status(one)) === 200);
    });

    if (!server) return;

    it('under open, calls go on while Redis is stopped, and their record says so', async () => {
      const gateway = await GatewayHarness.start({ LOOM_COUNTERS_URL: url.href, LOOM_COUNTERS_DOWN: 'open' });
      await gateway.provider({ baseUrl: upstream.url });
      const key = await keyOf({ requestsPerMinute: 3, concurrentCalls: 1 }, [gateway]);
      upstream.play = async (request, response) => {
        await answerPieces([piece, piece], { pauseMs: 300, end: 'never' })(request, response);
        response.end('data: [DONE]\n\n');
      };
      const running = await key.chat(gateway, { ...body, stream: true });
      upstream.play = answerJson(answer);
      await server.pause();
      try {
        for (let n = 0; n < 6; n += 1) {
          const response = await key.chat(gateway);
          expect([response.status, response.headers.get('x-ratelimit-limit-requests')]).toEqual([200, null]);
        }
        expect(await running.text()).toMatch(/\[DONE\]\n\n$/);
      } finally {
        server.resume();
      }
      await until(async () => (await key.status(gateway)) === 429);
      const ended = (await gateway.eventsOf('call.completed', 7)) as CallEnded[];
      const flags = ended.map(({ facts }) => facts.limits);
      expect(flags.filter((flag) => flag === 'unchecked').length).toBeGreaterThanOrEqual(6);
      expect(
        ended.find(({ call }) => call.callId === running.headers.get('x-request-id'))?.facts.limits,
      ).toBeUndefined();
      const accepted = await gateway.eventsOf('call.accepted', 7);
      expect(accepted.filter((event) => event.type === 'call.accepted' && event.facts.limits === 'unchecked').length).toBeGreaterThanOrEqual(6); // prettier-ignore
      await gateway.destroy();
    });

    it('under open, a gateway starts while Redis is dead, and holds keys to their limits once it is there', async () => {
      await server.kill();
      const gateway = await GatewayHarness.start({ LOOM_COUNTERS_URL: url.href, LOOM_COUNTERS_DOWN: 'open' });
      await gateway.provider({ baseUrl: upstream.url });
      const key = await keyOf({ requestsPerMinute: 1 }, [gateway]);
      for (let n = 0; n < 3; n += 1) expect(await key.status(gateway)).toBe(200);
      const ended = (await gateway.eventsOf('call.completed', 3)) as CallEnded[];
      expect(ended.map(({ facts }) => facts.limits)).toEqual(['unchecked', 'unchecked', 'unchecked']);
      await server.start();
      await until(async () => (await key.status(gateway)) === 429);
      await gateway.destroy();
    });

    it('under closed, calls of keys with limits are refused while Redis is dead, others go on, and it comes back', async () => {
      const gateway = await GatewayHarness.start({
        LOOM_COUNTERS_URL: url.href,
        LOOM_COUNTERS_DOWN: 'closed',
      });
      await gateway.provider({ baseUrl: upstream.url });
      const key = await keyOf({ requestsPerMinute: 100 }, [gateway]);
      expect(await key.status(gateway)).toBe(200);
      await server.kill();
      const refused = await key.chat(gateway);
      expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '1']);
      const { error } = (await refused.json()) as { error: object };
      expect(error).toMatchObject({ type: 'server_error', code: 'limits_unavailable' });
      expect(upstream.seen).toHaveLength(1);
      expect((await gateway.chat(body)).status).toBe(200);
      expect(await gateway.eventsOf('call.refused')).toMatchObject([
        { error: { type: 'limits_unavailable' } },
      ]);
      await server.start();
      await until(async () => (await key.status(gateway)) === 200);
      await gateway.destroy();
    });
  },
);
