import { LoomError, messageOf } from '@loom/errors';
import type { EventStream } from './event-stream.ts';

export interface EventStreamDeps {
  /** Told once when this process' log can no longer be written (a failed write or fsync). */
  readonly onFailure?: (error: LoomError) => void;
  /** Of `log:`: a segment is closed when its first record is this old, so that it can be deleted. Default an hour. */
  readonly segmentAgeMsMax?: number;
}

type OpenEventStream = (url: URL, deps: EventStreamDeps) => Promise<EventStream>;

const drivers = {
  'kafka:': () =>
    import('./drivers/kafka/kafka-event-stream.ts').then((module) => module.openKafkaEventStream),
  'log:': () => import('./drivers/log/log-event-stream.ts').then((module) => module.openLogEventStream),
  'memory:': () =>
    import('./drivers/memory/memory-event-stream.ts').then((module) => module.openMemoryEventStream),
} satisfies Record<string, () => Promise<OpenEventStream>>;

/**
 * Connects to the event stream of `url` (`kafka://host:9092`, `log:<directory>`, `memory:`), or throws
 * `config_invalid` or, when it cannot be reached, `unavailable`.
 */
export async function openEventStream(url: URL, deps: EventStreamDeps = {}): Promise<EventStream> {
  const load = drivers[url.protocol as keyof typeof drivers] as (() => Promise<OpenEventStream>) | undefined;
  if (!load) {
    throw new LoomError(
      'config_invalid',
      `event stream: unknown scheme ${url.protocol}; known: ${Object.keys(drivers).join(' ')}`,
    );
  }
  let open: OpenEventStream;
  try {
    open = await load();
  } catch (cause) {
    throw new LoomError(
      'config_invalid',
      `event stream: the driver for ${url.protocol} cannot be loaded (${messageOf(cause)}); run the install again`,
      { cause },
    );
  }
  return open(url, deps);
}
