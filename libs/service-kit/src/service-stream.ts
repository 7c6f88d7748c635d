import { type EventStream, openEventStream, type Producer } from '@loom/event-stream';
import type { Logger } from '@loom/telemetry';

/** The event stream of a service's process, which ends when its log can no longer be written. */
export function openServiceStream(url: URL, logger: Logger): Promise<EventStream> {
  return openEventStream(url, {
    onFailure: (error) => {
      logger.fatal({ error }, 'event stream failed');
      process.exit(1);
    },
  });
}

/** One producer of this process for each topic. */
export function producersOf(stream: EventStream): (topic: string) => Promise<Producer> {
  const opened = new Map<string, Promise<Producer>>();
  return (topic) => {
    const producer = opened.get(topic) ?? stream.producer(topic);
    opened.set(topic, producer);
    return producer;
  };
}
