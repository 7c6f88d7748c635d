import { mkdtemp, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, jest } from '@jest/globals';
import { type EventStream, openEventStream, PartitionWriter, type StreamRecord } from '@loom/event-stream';
import { createLogger } from '@loom/telemetry';
import { missingForKafka, startedServerSuite, startKafka, UpstreamPlayer } from '@loom/testkit';
import { newUuid, topics } from '@loom/trace-schema';
import { GatewayHarness } from '../testing/gateway-harness.ts';
import { Forwarder } from './forwarder.ts';

jest.setTimeout(90_000);

const logger = createLogger({ service: 'test', level: 'silent' });

async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 1200; tries += 1) {
    if (await condition()) return;
    await delay(50);
  }
  throw new Error('condition not met in time');
}

it('tells of records of the outbox that cannot be read, when what is left of their batch is shipped', async () => {
  const home = await mkdtemp(join(tmpdir(), 'loom-forwarder-'));
  const writer = await PartitionWriter.create(home, topics.traces, 'p', { segmentBytesMax: 1 });
  for (const text of ['0', '1', '2'])
    await writer.append([{ key: 'p/e', headers: { ce_id: text }, value: Buffer.from(text) }]);
  await writer.close();
  await truncate(join(writer.directory, `${'1'.padStart(20, '0')}.log`), 20);
  const [outbox, stream] = [
    await openEventStream(new URL(`log:${home}`)),
    await openEventStream(new URL('memory:')),
  ];
  const shipped: string[] = [];
  await stream.tail({ topics: [topics.traces], from: 'beginning' }, (records) => {
    shipped.push(...records.map(({ value }) => value.toString()));
  });
  let unreadable = 0;
  const onUnreadable = (records: number) => (unreadable += records);
  const forwarder = await Forwarder.start({ outbox, stream, logger, onUnreadable });
  await until(() => unreadable > 0 && shipped.length === 2);
  expect({ shipped, unreadable }).toEqual({ shipped: ['0', '2'], unreadable: 1 });
  await forwarder.close();
  await outbox.close();
  await stream.close();
  await rm(home, { recursive: true });
});

await startedServerSuite(
  { server: 'Apache Kafka', variable: 'LOOM_TEST_KAFKA_URL', missing: missingForKafka, start: startKafka },
  (url, server) => {
    let own: URL;
    let home: string;
    const open: EventStream[] = [];
    const opened = async (at: URL) => {
      const stream = await openEventStream(at);
      open.push(stream);
      return stream;
    };
    const numbersIn = async (stream: EventStream) => {
      const records: StreamRecord[] = [];
      const tail = await stream.tail({ topics: [topics.traces], from: 'beginning' }, (more) =>
        records.push(...more),
      );
      await tail.close();
      const seen = new Set<string>();
      const first = records.filter(({ headers }) => {
        const id = headers['ce_id'] ?? '';
        if (seen.has(id)) return false;
        seen.add(id);
        return true;
      });
      return first.map(({ value }) => Number(value.toString()));
    };
    const outboxOf = async (from: number, count: number) => {
      const outbox = await opened(new URL(`log:${home}/outbox`));
      const producer = await outbox.producer(topics.traces);
      const records = Array.from({ length: count }, (_, index) => ({
        key: 'p/e',
        headers: { ce_id: String(from + index) },
        value: Buffer.from(String(from + index)),
      }));
      await producer.append(records);
      return outbox;
    };
    const closeAll = async () => {
      for (const stream of open.splice(0)) await stream.close();
    };
    beforeEach(async () => {
      home = await mkdtemp(join(tmpdir(), 'loom-forwarder-'));
      own = new URL(url);
      own.searchParams.set('prefix', `${newUuid()}.`);
    });
    afterEach(async () => {
      await closeAll();
      await rm(home, { recursive: true, force: true });
    });

    it('ships the outbox in its order, and goes on after a restart where it was', async () => {
      const first = await Forwarder.start({
        outbox: await outboxOf(0, 2500),
        stream: await opened(own),
        logger,
      });
      expect(await first.drain(30_000)).toBe(0);
      await first.close();
      await closeAll();
      const stream = await opened(own);
      const second = await Forwarder.start({ outbox: await outboxOf(2500, 500), stream, logger });
      expect(await second.drain(30_000)).toBe(0);
      expect(await numbersIn(stream)).toEqual(Array.from({ length: 3000 }, (_, n) => n));
      await second.close();
    });

    it('keeps what it cannot ship while the broker is silent, tells the lag, and ships it after', async () => {
      if (!server) return;
      const outbox = await outboxOf(0, 100);
      const stream = await opened(own);
      const forwarder = await Forwarder.start({ outbox, stream, logger });
      await forwarder.drain(30_000);
      await server.pause();
      await (
        await outbox.producer(topics.traces)
      ).append([{ key: 'p/e', headers: { ce_id: '100' }, value: Buffer.from('100') }]);
      expect(await forwarder.drain(1_500)).toBe(1);
      server.resume();
      expect(await forwarder.drain(60_000)).toBe(0);
      expect(await numbersIn(stream)).toEqual(Array.from({ length: 101 }, (_, n) => n));
      await forwarder.close();
    });

    it('is not needed by calls: a gateway starts from its snapshot and records while the stream is away', async () => {
      if (!server) return;
      const env: Record<string, string> = {};
      const player = await UpstreamPlayer.start();
      const gateway = await GatewayHarness.start(env);
      await gateway.provider({ baseUrl: player.url });
      const call = async () => {
        const response = await fetch(`${gateway.url}/v1/chat/completions`, {
          method: 'POST',
          headers: { authorization: `Bearer ${gateway.token}` },
          body: JSON.stringify({ model: 'gpt-4o-mini', messages: [{ role: 'user', content: 'x' }] }),
        });
        await response.text();
        return response.status;
      };
      expect(await call()).toBe(200);
      await gateway.close();
      env['LOOM_EVENT_STREAM_URL'] = own.href;
      await server.pause();
      await gateway.open();
      expect(await call()).toBe(200);
      expect(await gateway.metric('loom_gateway_stream_connected')).toBe(0);
      server.resume();
      await until(async () => (await gateway.metric('loom_gateway_stream_connected')) === 1);
      await until(async () => (await gateway.metric('loom_gateway_outbox_lag_records')) === 0);
      const stream = await opened(own);
      expect((await numbersIn(stream)).length).toBeGreaterThanOrEqual(4);
      await gateway.destroy();
      await player.close();
    });
  },
);
