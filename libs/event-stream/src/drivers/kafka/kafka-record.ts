import type { KafkaMessage } from 'kafkajs';
import type { StreamRecord } from '../../event-stream.ts';

/** A message of any client: what it lacks is empty, a header that is given twice counts once. */
export function recordOf(topic: string, partition: number, message: KafkaMessage): StreamRecord {
  return {
    topic,
    partition: String(partition),
    offset: Number(message.offset),
    timestampMs: Number(message.timestamp),
    key: message.key?.toString() ?? '',
    headers: Object.fromEntries(
      Object.entries(message.headers ?? {}).map(([name, value]) => [
        name,
        (Array.isArray(value) ? (value[0] ?? '') : (value ?? '')).toString(),
      ]),
    ),
    value: message.value ?? Buffer.alloc(0),
  };
}
