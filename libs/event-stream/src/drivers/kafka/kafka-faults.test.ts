import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { missingForKafka, type RealServer, startedServerSuite, startKafka } from '@loom/testkit';
import type { Batch, EventStream, NewRecord, StreamRecord } from '../../event-stream.ts';
import { openEventStream } from '../../open.ts';

jest.setTimeout(60_000);

const topic = 'loom.faults.v1';

const record = (key: string, n: number): NewRecord => ({
  key,
  headers: { ce_id: `${key}-${n}` },
  value: Buffer.from(JSON.stringify({ key, n })),
});
const contentOf = (one: StreamRecord) => JSON.parse(one.value.toString()) as { key: string; n: number };
const count = (n: number) => Array.from({ length: n }, (_, index) => index);

async function until(condition: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1200; tries += 1) {
    if (condition()) return;
    await delay(25);
  }
  throw new Error('condition not met in time');
}

/** The numbers of each key, in the order in which they were read. */
function byKey(records: readonly StreamRecord[]): Record<string, number[]> {
  const found: Record<string, number[]> = {};
  for (const { key, n } of records.map(contentOf)) (found[key] ??= []).push(n);
  return found;
}

function startMember(args: readonly string[], lines: string[]): ChildProcess {
  const script = join(import.meta.dirname, '../../testing/kafka-member.ts');
  const child = spawn(process.execPath, ['--conditions=loom:source', script, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  createInterface({ input: child.stderr }).on('line', (line) => lines.push(`stderr: ${line}`));
  return child;
}

await startedServerSuite(
  { server: 'Apache Kafka', variable: 'LOOM_TEST_KAFKA_URL', missing: missingForKafka, start: startKafka },
  (url, server) => {
    let own: URL;
    const streams: EventStream[] = [];
    const open = async (parameters: Record<string, string>) => {
      for (const [name, value] of Object.entries(parameters)) own.searchParams.set(name, value);
      const stream = await openEventStream(own);
      streams.push(stream);
      return stream;
    };
    const readAll = async (stream: EventStream) => {
      const seen: StreamRecord[] = [];
      await stream.tail({ topics: [topic], from: 'beginning' }, (records) => seen.push(...records));
      return seen;
    };
    beforeEach(() => {
      own = new URL(url);
      own.searchParams.set('prefix', `${randomUUID()}.`);
    });
    afterEach(async () => {
      for (const stream of streams.splice(0)) await stream.close();
    });

    it('begins on topics that several connections make at the same moment', async () => {
      const opened = await Promise.all(count(6).map(() => open({ partitions: '12' })));
      const tails = opened.map(async (stream, n) => {
        const made = `loom.made-${n % 3}.v1`;
        await stream.tail({ topics: [made], from: 'beginning' }, () => undefined);
        await (await stream.producer(made)).append([record('k', n)]);
        return stream.lag('nobody', [made]);
      });
      for (const lag of await Promise.all(tails)) expect(lag).toBeGreaterThan(0);
    });

    it('goes on with the partitions that a member keeps when another one joins while it is behind', async () => {
      const stream = await open({ partitions: '4' });
      const producer = await stream.producer(topic);
      await producer.append(count(4_000).map((n) => record(`k${n % 40}`, n)));
      const seen = new Set<string>();
      const read = async (batch: Batch) => {
        await delay(20);
        for (const { partition, offset } of batch.records) seen.add(`${partition}/${offset}`);
      };
      const options = { group: 'behind', topics: [topic], batchRecordsMax: 50 };
      await stream.subscribe(options, read);
      await until(() => seen.size > 300);
      await (await open({ partitions: '4' })).subscribe(options, read);
      await until(() => seen.size === 4_000);
    });

    it('gives 10,000 concurrent appends 10,000 distinct offsets, and all are read back', async () => {
      const stream = await open({ partitions: '3' });
      const producer = await stream.producer(topic);
      await Promise.all(count(10_000).map((n) => producer.append([record(`k${n % 50}`, n)])));
      const seen = await readAll(stream);
      expect(new Set(seen.map(({ partition, offset }) => `${partition}/${offset}`)).size).toBe(10_000);
      expect(new Set(seen.map(({ partition }) => partition))).toEqual(new Set(['0', '1', '2']));
      expect(seen.map((one) => contentOf(one).n).sort((a, b) => a - b)).toEqual(count(10_000));
      for (const numbers of Object.values(byKey(seen))) {
        expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
      }
    });

    it('shares partitions between members, and gives what a killed one had out to the other as it was', async () => {
      const stream = await open({ partitions: '2', session: '1500' });
      const producer = await stream.producer(topic);
      for (const n of count(40)) await producer.append([record(`k${n % 8}`, n)]);
      const lines: string[] = [];
      const child = startMember([own.href, 'pair', topic], lines);
      await until(() => lines.length === 2);
      const batches: Batch[] = [];
      await stream.subscribe({ group: 'pair', topics: [topic], batchRecordsMax: 100 }, (batch) => {
        batches.push(batch);
        return Promise.resolve();
      });
      // The newcomer takes one partition over, whose batch was out, and leaves the other to the older member.
      await until(() => batches.length >= 2);
      expect(new Set(batches.map(({ partition }) => partition))).toEqual(new Set(['1']));
      child.kill('SIGKILL');
      const total = () => batches.reduce((sum, { records }) => sum + records.length, 0);
      await until(() => total() === 40);
      for (const partition of ['0', '1']) {
        const [first, ...rest] = batches.filter((batch) => batch.partition === partition);
        expect(first).toMatchObject({ firstOffset: 0, lastOffset: 4, redelivered: true });
        expect(rest.every(({ redelivered }) => !redelivered)).toBe(true);
        const offsets = [first, ...rest].flatMap((batch) => batch!.records.map(({ offset }) => offset));
        expect(offsets).toEqual(count(offsets.length));
      }
      // Nothing else was told by the member: no warning, no second delivery to a handler that had not ended.
      expect(lines.map((line) => JSON.parse(line) as Batch)).toEqual([
        expect.objectContaining({ firstOffset: 0, lastOffset: 4, redelivered: false }),
        expect.objectContaining({ firstOffset: 0, lastOffset: 4, redelivered: false }),
      ]);
    });

    it('keeps a member whose handler is slow, and the other partitions go on meanwhile', async () => {
      const stream = await open({ partitions: '2', session: '1500' });
      const producer = await stream.producer(topic);
      const release = Promise.withResolvers<void>();
      const batches: Batch[] = [];
      await stream.subscribe({ group: 'slow', topics: [topic] }, async (batch) => {
        batches.push(batch);
        if (batch.partition === '0') await release.promise;
      });
      for (const n of count(80)) {
        await producer.append([record(`k${n % 8}`, n)]);
        await delay(50); // several sessions long
      }
      release.resolve();
      const readOf = (partition: string) => batches.filter((batch) => batch.partition === partition);
      const total = () => batches.reduce((sum, { records }) => sum + records.length, 0);
      const before = readOf('1').length;
      expect(before).toBeGreaterThan(3);
      await until(() => total() === 80);
      expect(batches.filter(({ redelivered }) => redelivered)).toEqual([]);
    });

    if (server) brokerFaults(server);

    function brokerFaults(broker: RealServer): void {
      it('loses nothing and keeps order while the broker is paused, killed and restarted', async () => {
        const stream = await open({ partitions: '3', session: '2000' });
        const producer = await stream.producer(topic);
        const read = new Map<string, StreamRecord>();
        const errors: unknown[] = [];
        const onError = (error: unknown) => errors.push(error);
        await stream.subscribe({ group: 'faults', topics: [topic], onError }, (batch) => {
          for (const one of batch.records) read.set(`${one.partition}/${one.offset}`, one);
          return Promise.resolve();
        });
        let sent = 0;
        let isSending = true;
        const appends: Promise<void>[] = [];
        const sending = (async () => {
          for (; isSending; sent += 1) {
            appends.push(producer.append([record(`k${sent % 4}`, Math.floor(sent / 4))]));
            await delay(5);
          }
        })();
        await until(() => read.size > 100);
        await broker.pause();
        await delay(3_000);
        broker.resume();
        const afterPause = sent;
        await until(() => read.size > afterPause);
        await broker.kill();
        await delay(1_000);
        await broker.start();
        const afterKill = sent;
        await until(() => read.size > afterKill + 100);
        isSending = false;
        await sending;
        await Promise.all(appends);
        await until(() => read.size >= sent);
        expect(read.size).toBe(sent);
        const found = byKey([...read.values()].sort((a, b) => a.offset - b.offset));
        for (const key of count(4)) {
          expect(found[`k${key}`]).toEqual(count(Math.ceil((sent - key) / 4)));
        }
        expect(await stream.lag('faults', [topic])).toBe(0);
      });

      it('rejects what the broker does not acknowledge in time, and drops nothing that comes after', async () => {
        const stream = await open({ partitions: '1', delivery: '1000' });
        const producer = await stream.producer(topic);
        await producer.append([record('k', 0)]);
        await broker.pause();
        const first = producer.append([record('k', 1)]);
        await delay(200);
        const second = producer.append([record('k', 2)]);
        await expect(first).rejects.toMatchObject({ code: 'unavailable' });
        await expect(second).rejects.toMatchObject({ code: 'unavailable' });
        broker.resume();
        await producer.append([record('k', 3)]);
        const numbers = (await readAll(stream)).map((one) => contentOf(one).n);
        expect(numbers.filter((n) => n !== 1)).toEqual([0, 3]);
      });

      it('refuses with overloaded when too much waits, and has appended nothing of that', async () => {
        const stream = await open({ partitions: '1' });
        const producer = await stream.producer(topic);
        const value = Buffer.alloc(900_000, 'x');
        const append = () => producer.append([{ key: 'k', headers: {}, value }]);
        await broker.pause();
        const accepted = count(74).map(append);
        await expect(append()).rejects.toMatchObject({
          code: 'overloaded',
          retryAfterMs: expect.any(Number),
        });
        broker.resume();
        await Promise.all(accepted);
        expect(await readAll(stream)).toHaveLength(74);
      });
    }
  },
);
