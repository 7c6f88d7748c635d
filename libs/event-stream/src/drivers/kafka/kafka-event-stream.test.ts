import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from '@jest/globals';
import { missingForKafka, startedServerSuite, startKafka } from '@loom/testkit';
import type { Batch, EventStream } from '../../event-stream.ts';
import { openEventStream } from '../../open.ts';
import { eventStreamSuite } from '../../testing/event-stream-suite.ts';

const topic = 'ahead.topic';
const offsetsOf = (batches: readonly Batch[]) =>
  batches.map(({ firstOffset, lastOffset }) => [firstOffset, lastOffset]);

await startedServerSuite(
  { server: 'Apache Kafka', variable: 'LOOM_TEST_KAFKA_URL', missing: missingForKafka, start: startKafka },
  (url) => {
    const urlOfOnePartition = (): URL => {
      const own = new URL(url);
      own.searchParams.set('prefix', `${randomUUID()}.`);
      own.searchParams.set('partitions', '1');
      return own;
    };
    eventStreamSuite('kafka:', {
      open: async () => {
        const own = urlOfOnePartition();
        const reopen = () => openEventStream(own);
        return { stream: await reopen(), reopen };
      },
    });
    describe('the batch ahead', () => aheadSuite(urlOfOnePartition));
  },
);

async function fill(stream: EventStream, count: number): Promise<void> {
  const producer = await stream.producer(topic);
  const records = Array.from({ length: count }, (_, n) => ({
    key: 'k',
    headers: {},
    value: Buffer.from(String(n)),
  }));
  await producer.append(records);
}

async function untilNothingIsLeft(stream: EventStream, group: string): Promise<void> {
  while ((await stream.lag(group, [topic])) > 0) await delay(25);
}

function aheadSuite(urlOf: () => URL): void {
  const settings = { group: 'g', topics: [topic], batchRecordsMax: 10 };
  const expected = Array.from({ length: 10 }, (_, n) => [10 * n, 10 * n + 9]);

  it('is shown while the one before is out, and comes as it was shown', async () => {
    const stream = await openEventStream(urlOf());
    await fill(stream, 100);
    const shown: { batch: Batch; whileOut: number }[] = [];
    const handed: Batch[] = [];
    let out = -1;
    const prepare = (batch: Batch) => void shown.push({ batch, whileOut: out });
    await stream.subscribe({ ...settings, prepare }, async (batch) => {
      out = batch.firstOffset;
      handed.push(batch);
      await delay(20);
      out = -1;
    });
    await untilNothingIsLeft(stream, 'g');
    await stream.close();
    expect(offsetsOf(handed)).toEqual(expected);
    expect(shown.length).toBeGreaterThan(0);
    for (const { batch, whileOut } of shown) {
      expect(whileOut).toBe(batch.firstOffset - 10);
      expect(handed.find(({ firstOffset }) => firstOffset === batch.firstOffset)?.records).toBe(
        batch.records,
      );
    }
  });

  it('waits for a batch that fails, which comes again first and as it was', async () => {
    const stream = await openEventStream(urlOf());
    await fill(stream, 100);
    const handed: Batch[] = [];
    let failures = 2;
    await stream.subscribe({ ...settings, onError: () => undefined }, async (batch) => {
      handed.push(batch);
      await delay(5);
      if (batch.firstOffset === 20 && failures-- > 0) throw new Error('down');
    });
    await untilNothingIsLeft(stream, 'g');
    await stream.close();
    expect(offsetsOf(handed)).toEqual([...expected.slice(0, 3), [20, 29], [20, 29], ...expected.slice(3)]);
    expect(handed.filter(({ redelivered }) => redelivered)).toHaveLength(2);
  });

  it('that was planned with the commit of the one before comes with the same end to the next member', async () => {
    const url = urlOf();
    const stream = await openEventStream(url);
    await fill(stream, 100);
    const handed: Batch[] = [];
    const third = Promise.withResolvers<void>();
    await stream.subscribe(settings, async (batch, signal) => {
      handed.push(batch);
      if (batch.firstOffset < 20) return delay(20);
      third.resolve();
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      throw new Error('stopped in the middle');
    });
    await third.promise;
    await stream.close();
    const next = await openEventStream(url);
    const second: Batch[] = [];
    await next.subscribe({ ...settings, batchRecordsMax: 1000 }, (batch) =>
      Promise.resolve(void second.push(batch)),
    );
    await untilNothingIsLeft(next, 'g');
    await next.close();
    expect(offsetsOf(handed)).toEqual(expected.slice(0, 3));
    expect(offsetsOf(second)[0]).toEqual([20, 29]);
    expect(second[0]?.redelivered).toBe(true);
    expect(second.at(-1)?.lastOffset).toBe(99);
  });
}
