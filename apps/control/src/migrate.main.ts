import { randomBytes } from 'node:crypto';
import { envUrl, loadConfig } from '@loom/config';
import { openControlStore } from '@loom/control-store';
import { endStart } from '@loom/service-kit';
import { createLogger } from '@loom/telemetry';
import { openTraceStore } from '@loom/trace-store';
import { z } from 'zod';

/**
 * Brings the schemas of both stores forward and ends: once before the services of a version start, and while none of
 * the version before takes in events.
 */
const schema = z.object({
  LOOM_TRACE_STORE_URL: envUrl.describe('The trace store, with a user that may change its schema'),
  LOOM_CONTROL_STORE_URL: envUrl.describe('The control store, with a user that may change its schema'),
});

const logger = createLogger({ service: 'migrate' });
try {
  const config = loadConfig(schema, process.env);
  const traceStore = await openTraceStore(config.LOOM_TRACE_STORE_URL);
  await traceStore.close();
  const sessionSecret = randomBytes(32).toString('base64url'); // no session is read or made here
  const controlStore = await openControlStore(config.LOOM_CONTROL_STORE_URL, { sessionSecret });
  await controlStore.close();
  logger.info('schemas are up to date');
} catch (error) {
  await endStart({ service: 'migrate', logger }, error);
}
