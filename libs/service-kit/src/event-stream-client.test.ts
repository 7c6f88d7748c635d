import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { type EventStream, type NewRecord, openEventStream, type StreamRecord } from '@loom/event-stream';
import { missingForKafka, startedServerSuite, startKafka } from '@loom/testkit';
import { lastValueFrom } from 'rxjs';
import { EventStreamClient } from './event-stream-client.ts';

const recordOf = (text: string): NewRecord => ({
  key: 'k',
  headers: { ce_id: text },
  value: Buffer.from(text),
});

function clientSuite(urlOf: () => URL, refuses: boolean): void {
  let stream: EventStream;
  let client: EventStreamClient;
  beforeAll(async () => {
    stream = await openEventStream(urlOf());
    client = new EventStreamClient(stream);
  });
  afterAll(async () => {
    await client.close();
    await stream.close();
  });

  const textsOf = async (topic: string): Promise<string[]> => {
    const records: StreamRecord[] = [];
    const tail = await stream.tail({ topics: [topic], from: 'beginning' }, (more) => records.push(...more));
    await tail.close();
    return records.map(({ value }) => value.toString());
  };

  it('completes emit when the records are there to be read', async () => {
    await lastValueFrom(client.emit('client.a', [recordOf('1'), recordOf('2')]), { defaultValue: undefined });
    expect(await textsOf('client.a')).toEqual(['1', '2']);
  });

  it('emits without anybody subscribed, and keeps the order of calls from the first on', async () => {
    const numbers = Array.from({ length: 50 }, (_, index) => String(index));
    for (const number of numbers.slice(0, -1)) client.emit('client.b', [recordOf(number)]);
    await client.append('client.b', [recordOf('49')]);
    expect(await textsOf('client.b')).toEqual(numbers);
  });

  // Only a driver that has a limit can say what is over it.
  if (refuses)
    it('tells what the stream refuses, and goes on', async () => {
      const tooLarge = { ...recordOf('x'), value: Buffer.alloc(2 * 1024 * 1024) };
      const refused = client.append('client.c', [tooLarge]);
      await expect(refused).rejects.toMatchObject({ code: 'payload_too_large' });
      await client.append('client.c', [recordOf('after it')]);
      expect(await textsOf('client.c')).toEqual(['after it']);
    });

  it('has no answers', async () => {
    await expect(lastValueFrom(client.send('client.a', recordOf('?')))).rejects.toMatchObject({
      code: 'unsupported',
      message: expect.stringContaining('use emit, not send, for client.a'),
    });
  });
}

describe('EventStreamClient', () => {
  describe('on memory', () => clientSuite(() => new URL('memory:'), false));
});

const kafka = { server: 'Kafka', variable: 'LOOM_TEST_KAFKA_URL', missing: missingForKafka };
await startedServerSuite({ ...kafka, start: startKafka }, (url) => clientSuite(() => ofThisRun(url), true));

function ofThisRun(url: URL): URL {
  const own = new URL(url);
  own.searchParams.set('prefix', `client-${Date.now()}.`);
  return own;
}
