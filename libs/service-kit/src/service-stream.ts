import { type EventStream, openEventStream } from '@loom/event-stream';
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
