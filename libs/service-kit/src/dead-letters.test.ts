import { describe, expect, it } from '@jest/globals';
import type { NewRecord } from '@loom/event-stream';
import { Metrics } from '@loom/telemetry';
import { DeadLetter, topics } from '@loom/trace-schema';
import { DeadLetters } from './dead-letters.ts';

const cause = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';
const record = {
  topic: topics.traces,
  partition: '3',
  offset: 7,
  timestampMs: 0,
  key: 'p/e',
  headers: { ce_id: 'e/1', ce_traceparent: cause },
  value: Buffer.from('{'),
};
const fault = { record, reason: 'malformed' as const, message: 'x'.repeat(5_000) };

function open(append: (topic: string, records: readonly NewRecord[]) => Promise<void>) {
  const metrics = new Metrics({ processMetrics: false });
  const letters = new DeadLetters({ client: { append }, group: 'ingest', metrics, now: () => 1_000 });
  const counted = async () => /^loom_ingest_dead_letters_total.*$/m.exec((await metrics.render()).body)?.[0];
  return { letters, counted };
}

describe('DeadLetters', () => {
  it('keeps the record whole, with its place, its cause and the reason, and counts it', async () => {
    const appended: [string, readonly NewRecord[]][] = [];
    const { letters, counted } = open((...call) => Promise.resolve(void appended.push(call)));
    await letters.append([fault]);
    const [topic, [letter] = []] = appended[0] ?? [];
    expect(topic).toBe(topics.deadLetters);
    expect(letter?.headers).toMatchObject({ ce_traceparent: cause, ce_type: 'loom.dead-letter' });
    const read = DeadLetter.parse(JSON.parse(Buffer.from(letter?.value ?? []).toString()));
    expect(read).toMatchObject({
      id: 'loom.traces.v1/3/7/dead/ingest',
      headers: record.headers,
      value: record.value.toString('base64'),
      time: '1000000000',
    });
    expect(read.message).toHaveLength(2_000);
    expect(await counted()).toBe('loom_ingest_dead_letters_total{reason="malformed"} 1');
  });

  it('counts nothing that is not durable', async () => {
    const { letters, counted } = open(() => Promise.reject(new Error('down')));
    await expect(letters.append([fault])).rejects.toThrow('down');
    expect(await counted()).toBe('loom_ingest_dead_letters_total{reason="malformed"} 0');
  });
});
