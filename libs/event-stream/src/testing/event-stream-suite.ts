import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import type { Batch, EventStream, NewRecord, StreamRecord } from '../event-stream.ts';

export interface EventStreamSuiteOptions {
  /** A stream on storage of its own; `reopen` opens the same storage again after `close`. */
  readonly open: () => Promise<{ stream: EventStream; reopen: () => Promise<EventStream> }>;
  /** Cases that this driver cannot have, by name: `survives a restart`. */
  readonly skip?: readonly string[];
}

const topic = 'loom.suite.v1';

function records(from: number, count: number): NewRecord[] {
  return Array.from({ length: count }, (_, index) => ({
    key: 'key-1',
    headers: { ce_id: `e${from + index}`, 'content-type': 'application/json' },
    value: Buffer.from(JSON.stringify({ n: from + index, text: 'žluťoučký 你好 🙂' })),
  }));
}

const numberOf = (record: StreamRecord): number => (JSON.parse(record.value.toString()) as { n: number }).n;

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries += 1) {
    if (await condition()) return;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error('condition not met in time');
}

/** The contract of the event stream port; every driver passes it. */
export function eventStreamSuite(name: string, options: EventStreamSuiteOptions): void {
  const check = (title: string, run: () => Promise<void>) =>
    options.skip?.includes(title) ? it.skip(title, run) : it(title, run);

  describe(`event stream ${name}`, () => {
    let stream: EventStream;
    let reopen: () => Promise<EventStream>;
    beforeEach(async () => ({ stream, reopen } = await options.open()));
    afterEach(() => stream.close());

    check('delivers what was appended, whole and in order, to a new group', async () => {
      const producer = await stream.producer(topic);
      await producer.append(records(0, 3));
      await producer.append(records(3, 2));
      const seen: StreamRecord[] = [];
      await stream.subscribe({ group: 'g1', topics: [topic] }, (batch) => {
        seen.push(...batch.records);
        return Promise.resolve();
      });
      await until(() => seen.length === 5);
      expect(seen.map(numberOf)).toEqual([0, 1, 2, 3, 4]);
      expect(seen.map((record) => record.offset)).toEqual([0, 1, 2, 3, 4]);
      expect(seen[0]).toMatchObject({
        key: 'key-1',
        headers: { ce_id: 'e0', 'content-type': 'application/json' },
      });
      expect(seen[0]?.value.toString()).toContain('你好 🙂');
    });

    check('keeps the order of concurrent appends and loses none', async () => {
      const producer = await stream.producer(topic);
      await Promise.all(Array.from({ length: 200 }, (_, index) => producer.append(records(index, 1))));
      const seen: number[] = [];
      await stream.subscribe({ group: 'g1', topics: [topic], batchRecordsMax: 7 }, (batch) => {
        expect(batch.records.length).toBeLessThanOrEqual(7);
        seen.push(...batch.records.map(numberOf));
        return Promise.resolve();
      });
      await until(() => seen.length === 200);
      expect(seen).toEqual(Array.from({ length: 200 }, (_, index) => index));
    });

    check('delivers a failed batch again with the same boundaries while new records wait', async () => {
      const producer = await stream.producer(topic);
      await producer.append(records(0, 4));
      const batches: Batch[] = [];
      const errors: unknown[] = [];
      await stream.subscribe(
        { group: 'g1', topics: [topic], batchRecordsMax: 100, onError: (error) => errors.push(error) },
        async (batch) => {
          batches.push(batch);
          if (batches.length > 2) return;
          await producer.append(records(4 * batches.length, 4));
          throw new Error('store is down');
        },
      );
      await until(() => batches.reduce((sum, batch) => sum + batch.records.length, 0) === 4 * 3 + 8);
      const first = batches
        .slice(0, 3)
        .map((batch) => [batch.firstOffset, batch.lastOffset, batch.redelivered]);
      expect(first).toEqual([
        [0, 3, false],
        [0, 3, true],
        [0, 3, true],
      ]);
      expect(batches.slice(3).flatMap((batch) => batch.records.map(numberOf))).toEqual([
        4, 5, 6, 7, 8, 9, 10, 11,
      ]);
      expect(errors).toHaveLength(2);
    });

    check('gives each group everything, and one live member of a group what no other has', async () => {
      const producer = await stream.producer(topic);
      const counts = { a1: 0, a2: 0, b: 0 };
      const count = (who: keyof typeof counts) => (batch: Batch) => {
        counts[who] += batch.records.length;
        return Promise.resolve();
      };
      const first = await stream.subscribe({ group: 'a', topics: [topic] }, count('a1'));
      await producer.append(records(0, 10));
      await until(() => counts.a1 === 10);
      await stream.subscribe({ group: 'a', topics: [topic] }, count('a2'));
      await stream.subscribe({ group: 'b', topics: [topic] }, count('b'));
      await producer.append(records(10, 10));
      await until(() => counts.a1 === 20 && counts.b === 20);
      expect(counts.a2).toBe(0);
      await first.close();
      await producer.append(records(20, 10));
      await until(() => counts.a2 === 10 && counts.b === 30);
      expect(counts.a1).toBe(20);
    });

    check('can be reached, before its first record and after', async () => {
      await stream.ping();
      await (await stream.producer(topic)).append(records(0, 1));
      await stream.ping();
    });

    check('counts what a group has not committed as its lag', async () => {
      const producer = await stream.producer(topic);
      await producer.append(records(0, 6));
      expect(await stream.lag('g1', [topic])).toBe(6);
      const subscription = await stream.subscribe({ group: 'g1', topics: [topic] }, () => Promise.resolve());
      await until(async () => (await stream.lag('g1', [topic])) === 0);
      await subscription.close();
      await producer.append(records(6, 2));
      expect(await stream.lag('g1', [topic])).toBe(2);
    });

    check('tells when a group has passed where the stream ended once, however much comes after', async () => {
      const producer = await stream.producer(topic);
      await producer.append(records(0, 6));
      const ends = await stream.ends([topic]);
      await producer.append(records(6, 3));
      expect(await stream.lagBehind('g1', ends)).toBe(6);
      const subscription = await stream.subscribe(
        { group: 'g1', topics: [topic], batchRecordsMax: 1 },
        ({ records: [first] }) =>
          (first?.offset ?? 0) < 6 ? Promise.resolve() : Promise.reject(new Error('not now')),
      );
      await until(async () => (await stream.lagBehind('g1', ends)) === 0);
      await subscription.close();
      expect(await stream.lag('g1', [topic])).toBeGreaterThan(0);
      expect(await stream.lagBehind('g1', await stream.ends([]))).toBe(0);
    });

    check('tails from the beginning and from now, without a group', async () => {
      const producer = await stream.producer(topic);
      await producer.append(records(0, 3));
      const all: number[] = [];
      const fresh: number[] = [];
      await stream.tail({ topics: [topic], from: 'beginning' }, (found) => all.push(...found.map(numberOf)));
      expect(all).toEqual([0, 1, 2]);
      await stream.tail({ topics: [topic], from: 'now' }, (found) => fresh.push(...found.map(numberOf)));
      await producer.append(records(3, 1));
      const late = await stream.producer(topic);
      await late.append(records(4, 1));
      await until(() => all.length === 5 && fresh.length === 2);
      expect([...fresh].sort()).toEqual([3, 4]);
    });

    check(
      'survives a restart: commits and records are there, a batch that was out comes again as it was',
      async () => {
        const producer = await stream.producer(topic);
        await producer.append(records(0, 4));
        let out: Batch | null = null;
        await stream.subscribe({ group: 'g1', topics: [topic], batchRecordsMax: 2 }, async (batch) => {
          if (batch.firstOffset === 0) return;
          out = batch;
          await producer.append(records(4, 5));
          throw new Error('stopped before commit');
        });
        await until(() => out !== null);
        await stream.close();
        stream = await reopen();
        const again: Batch[] = [];
        await stream.subscribe({ group: 'g1', topics: [topic], batchRecordsMax: 100 }, (batch) => {
          again.push(batch);
          return Promise.resolve();
        });
        await until(() => again.length >= 2);
        expect(again[0]).toMatchObject({ firstOffset: 2, lastOffset: 3, redelivered: true });
        expect(again.slice(1).flatMap((batch) => batch.records.map(numberOf))).toContain(8);
      },
    );
  });
}
