import { contentKeysOf } from '@loom/control-store/secrets';
import { openEventStream, logRootOf } from '@loom/event-stream';
import { LoomError } from '@loom/errors';
import { endStart } from '@loom/service-kit';
import { createLogger } from '@loom/telemetry';
import { newUuid } from '@loom/trace-schema';
import { readGatewayConfig } from './config.ts';
import { Forwarder } from './record/forwarder.ts';
import { succeedDeadEmitters } from './record/succession.ts';

/*
 * Empties the outbox of a gateway that is gone for good: ends the calls that it left open, ships what is there, and
 * ends with 0 when nothing is left. A gateway that still runs on the outbox goes first.
 */
const logger = createLogger({ service: 'drain' });
try {
  const config = readGatewayConfig(process.env);
  if (!config.LOOM_EVENT_STREAM_URL)
    throw new LoomError('config_invalid', 'LOOM_EVENT_STREAM_URL is missing: there is nowhere to ship to');
  const outbox = await openEventStream(config.LOOM_OUTBOX_URL);
  const stream = await openEventStream(config.LOOM_EVENT_STREAM_URL);
  const masterKeys = contentKeysOf(config);
  const root = logRootOf(config.LOOM_OUTBOX_URL);
  await succeedDeadEmitters({ root, successor: newUuid(), masterKeys, logger });
  const forwarder = await Forwarder.start({ outbox, stream, logger });
  await forwarder.drain(Number.POSITIVE_INFINITY);
  await forwarder.close();
  await outbox.close();
  await stream.close();
  logger.info('outbox is empty');
} catch (error) {
  await endStart({ service: 'drain', logger }, error);
}
