import { type EventStream, type EventStreamDeps, openEventStream } from '@loom/event-stream';
import type { Logger } from '@loom/telemetry';

/** The event stream of a service's process, which ends when its log can no longer be written. */
export function openServiceStream(
  url: URL,
  logger: Logger,
  options: Pick<EventStreamDeps, 'segmentAgeMsMax'> = {},
): Promise<EventStream> {
  return openEventStream(url, {
    ...options,
    onFailure: (error) => {
      logger.fatal({ error }, 'event stream failed');
      process.exit(1);
    },
  });
}
