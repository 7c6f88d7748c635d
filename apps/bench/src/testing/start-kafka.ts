import { LoomError, messageOf } from '@loom/errors';
import { type RealServer, startKafka } from '@loom/testkit/servers';

/** A broker of its own on loopback, with its data in `directory`. It dies with this process. */
export async function startBroker(directory: string): Promise<RealServer> {
  try {
    return await startKafka({ directory });
  } catch (cause) {
    throw new LoomError(
      'unavailable',
      `Apache Kafka did not start: ${messageOf(cause)}; it needs Java 17 or later and its jars: node deploy/kafka/fetch.mjs`,
      { cause },
    );
  }
}
