import { type Environment, envPort, envSecret, envUrl, loadConfig } from '@loom/config';
import { z } from 'zod';

/** Every knob of query. */
export const queryConfigSchema = z.object({
  LOOM_QUERY_HOST: z.string().default('127.0.0.1').describe('Address that the read API is served on'),
  LOOM_QUERY_PORT: envPort.default(4100).describe('Port; 0 means any free one'),
  LOOM_EVENT_STREAM_URL: envUrl.describe('The event stream: kafka://…'),
  LOOM_TRACE_STORE_URL: envUrl.describe(
    'The trace store: http(s)://user:password@host:8123/database of ClickHouse',
  ),
  LOOM_CONTROL_STORE_URL: envUrl.describe('The control store: postgres://user:password@host/database'),
  LOOM_KEY_PEPPERS: envSecret.describe('Peppers of API key hashes: <version>:<text>, separated by commas'),
  LOOM_SESSION_SECRET: envSecret.describe('Signs console sessions; the same for query and control'),
  LOOM_LEDGER_URL: envUrl
    .optional()
    .describe('Where the ledger listens: it signs the manifests of bundles; none are exported without it'),
  LOOM_CONTENT_KEYS: envSecret
    .optional()
    .describe('As the ledger and the gateway have them: they open the bucket keys of content'),
  LOOM_MASTER_KEYS: envSecret.optional().describe('In place of LOOM_CONTENT_KEYS, where there are none'),
});
export type QueryConfig = z.infer<typeof queryConfigSchema>;

export function readQueryConfig(env: Environment): QueryConfig {
  return loadConfig(queryConfigSchema, env);
}
