import { envInteger, type Environment, envPort, envUrl, loadConfig } from '@loom/config';
import { z } from 'zod';

/** Every knob of ingest. */
export const ingestConfigSchema = z.object({
  LOOM_INGEST_HOST: z.string().default('127.0.0.1').describe('Address that health and metrics are served on'),
  LOOM_INGEST_PORT: envPort.default(4101).describe('Port; 0 means any free one'),
  LOOM_EVENT_STREAM_URL: envUrl.describe('The event stream: kafka://…'),
  LOOM_TRACE_STORE_URL: envUrl.describe(
    'The trace store: http(s)://user:password@host:8123/database of ClickHouse',
  ),
  LOOM_INGEST_GENERATION: envInteger(1, 1_000_000)
    .default(1)
    .describe('Raised by one after each restore of the trace store, the same for all instances'),
});
export type IngestConfig = z.infer<typeof ingestConfigSchema>;

export function readIngestConfig(env: Environment): IngestConfig {
  return loadConfig(ingestConfigSchema, env);
}
