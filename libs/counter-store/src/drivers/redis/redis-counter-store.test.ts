import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from '@jest/globals';
import { freePorts, missingForRedis, startedServerSuite, startRedis } from '@loom/testkit';

import { Redis } from 'ioredis';
import type { CounterStore, Demand } from '../../counter-store.ts';
import { openCounterStore } from '../../open.ts';
import { counterStoreSuite } from '../../testing/counter-store-suite.ts';

const demandOf = (scope: string, change: Partial<Demand> = {}): Demand => {
  const window = { name: 'requests', limit: 1000, periodMs: 60_000, amount: 1, estimated: false };
  return {
    scope,
    id: randomUUID(),
    owner: 'o',
    windows: [window],
    slots: null,
    leaseMs: 5_000,
    settleMs: 60_000,
    ...change,
  };
};

async function until(condition: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await condition()) return;
    await delay(25);
  }
  throw new Error('condition not met in time');
}

describe('openCounterStore', () => {
  it('tells what is wrong with a URL', async () => {
    for (const url of [
      'redis:',
      'redis://h/x',
      'redis://h/0?prefix=a',
      'redis://h/?wait=0',
      'redis://h/12345',
    ])
      await expect(openCounterStore(new URL(url))).rejects.toMatchObject({ code: 'config_invalid' });
  });

  it('tells the place, the cause and the remedy when nobody is there, and no password', async () => {
    const [port] = await freePorts(1);
    const opened = openCounterStore(new URL(`redis://loom:hunter2@127.0.0.1:${port}/0`));
    const error = await opened.catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'unavailable' });
    const { message } = error as Error;
    expect(message).toContain(`redis://loom@127.0.0.1:${port}/0`);
    expect(message).toContain('ECONNREFUSED');
    expect(message).toContain('check that Redis runs there');
    expect(message).not.toContain('hunter2');
  });

  it('gives up on one that accepts and never answers', async () => {
    const server = createServer((socket) => void setTimeout(() => socket.destroy(), 6_000).unref());
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    await expect(openCounterStore(new URL(`redis://127.0.0.1:${port}`))).rejects.toMatchObject({
      code: 'unavailable',
    });
    server.close();
  });
});

await startedServerSuite(
  { server: 'Redis', variable: 'LOOM_TEST_REDIS_URL', missing: missingForRedis, start: startRedis },
  (url, server) => {
    // What the counters do is not to fail because the machine is busy; how long they are waited for is tested apart.
    const patient = new URL('?wait=5000', url);
    counterStoreSuite('redis', { open: () => openCounterStore(patient), isShared: true });

    const stores: CounterStore[] = [];
    const open = async (from = patient) => {
      const store = await openCounterStore(from);
      stores.push(store);
      return store;
    };
    afterEach(async () => {
      for (const store of stores.splice(0)) await store.close();
    });

    it('refuses a wrong password and a database that is not there, at start', async () => {
      const wrong = new URL(url);
      wrong.password = 'hunter2';
      const refused = await openCounterStore(wrong).catch((thrown: unknown) => thrown as Error);
      expect(refused).toMatchObject({ code: 'config_invalid' });
      expect((refused as Error).message).not.toContain('hunter2');
      const nowhere = new URL('/9999', url);
      await expect(openCounterStore(nowhere)).rejects.toMatchObject({ code: 'config_invalid' });
    });

    it('refuses a user that may not write, at start', async () => {
      const admin = new Redis(url.href);
      await admin.call('ACL', 'SETUSER', 'reader', 'on', '>pw', '~*', '+@read', '+@connection', '+info');
      const reader = new URL(url);
      reader.username = 'reader';
      reader.password = 'pw';
      const refused = openCounterStore(reader);
      await expect(refused).rejects.toMatchObject({
        code: 'config_invalid',
        message: expect.stringContaining('NOPERM'),
      });
      await admin.quit();
    });

    it('gives every key an end, and keeps those of a scope in one slot', async () => {
      const store = await open();
      const scope = randomUUID();
      const tokens = { name: 'tokens', limit: 100, periodMs: 60_000, amount: 5, estimated: true };
      const demand = demandOf(scope, { slots: 2, windows: [tokens] });
      await store.reserve(demand);
      await store.reserve(demandOf(scope));
      await store.settle({ scope, id: demand.id, owner: demand.owner, windows: [{ ...tokens, amount: 50 }] });
      await store.reserve({ ...demand, id: 'open' });
      const admin = new Redis(url.href);
      const slotsMs = await admin.pttl(`loom:{${scope}}:slots`);
      expect(slotsMs).toBeGreaterThan(0);
      await store.renew({ scope, owner: 'o', ids: ['open'], leaseMs: 50_000 });
      await store.renew({ scope, owner: 'o', ids: ['other'], leaseMs: 1_000 });
      expect(await admin.pttl(`loom:{${scope}}:slots`)).toBeGreaterThan(slotsMs);
      const keys = await admin.keys(`*${scope}*`);
      expect(keys).toHaveLength(4);
      for (const key of keys) {
        expect(key).toMatch(new RegExp(`^loom:\\{${scope}\\}:`));
        expect(await admin.pttl(key)).toBeGreaterThan(0);
      }
      await admin.quit();
    });

    it('gives back the slots of a process that was killed', async () => {
      const store = await open();
      const scope = randomUUID();
      const script = join(import.meta.dirname, '../../testing/hold-slots.ts');
      const child = spawn(process.execPath, ['--conditions=loom:source', script, url.href, scope, '3'], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, NODE_OPTIONS: '' },
      });
      await once(child.stdout, 'data');
      const next = () => store.reserve(demandOf(scope, { windows: [], slots: 3 }));
      await delay(1_500); // longer than a lease
      expect(await next()).toMatchObject({ granted: false });
      child.kill('SIGKILL');
      await once(child, 'exit');
      expect(await next()).toMatchObject({ granted: false });
      await until(async () => (await next()).granted);
    });

    if (!server) return;

    it('rejects at once while Redis is stopped, and goes on by itself', async () => {
      const store = await open(url);
      const scope = randomUUID();
      await store.reserve(demandOf(scope));
      await server.pause();
      try {
        const asked = Array.from({ length: 50 }, () => store.reserve(demandOf(scope)));
        for (const one of await Promise.allSettled(asked))
          expect(one).toMatchObject({ status: 'rejected', reason: { code: 'unavailable' } });
        // From here on nothing waits any more: a thousand in a row would take a minute otherwise.
        const settled: string[] = [];
        const all = Promise.allSettled(
          Array.from({ length: 1000 }, () =>
            store.reserve(demandOf(scope)).finally(() => settled.push('reserve')),
          ),
        );
        const immediate = new Promise<void>((resolve) =>
          setImmediate(() => {
            settled.push('immediate');
            resolve();
          }),
        );
        await all;
        await immediate;
        expect(settled.indexOf('immediate')).toBeGreaterThanOrEqual(1000);
        await expect(store.ping()).rejects.toMatchObject({ code: 'unavailable' });
      } finally {
        server.resume();
      }
      await until(() => store.ping().then(() => true, () => false)); // prettier-ignore
      expect(await store.reserve(demandOf(scope))).toMatchObject({ granted: true });
    });

    it('connects again when Redis was killed and comes back', async () => {
      const store = await open();
      const scope = randomUUID();
      await store.reserve(demandOf(scope));
      await server.kill();
      await expect(store.reserve(demandOf(scope))).rejects.toMatchObject({ code: 'unavailable' });
      await expect(store.reserve(demandOf(scope))).rejects.toMatchObject({ code: 'unavailable' });
      await server.start();
      await until(() => store.ping().then(() => true, () => false)); // prettier-ignore
      expect(await store.reserve(demandOf(scope))).toMatchObject({ granted: true });
    });
  },
);
