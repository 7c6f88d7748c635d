import { controlSettings } from '@loom/app-control/service';
import { ledgerSettings } from '@loom/app-ledger/service';
import { envDurationMs, type Environment, envPort, envUrl, loadConfig } from '@loom/config';
import { z } from 'zod';

const schema = z.object({
  LOOM_BACKEND_HOST: z.string().default('127.0.0.1').describe('Address that query and control listen on'),
  LOOM_BACKEND_PORT: envPort.default(4100).describe('Port; 0 means any free one'),
  LOOM_TRACE_STORE_URL: envUrl.describe('The trace store, by the HTTP interface of ClickHouse'),
  ...controlSettings.shape,
  ...ledgerSettings.shape,
  LOOM_HOME: z.string().optional().describe('Directory of the data, for the health page'),
  LOOM_STREAM_RETENTION: envDurationMs
    .default(24 * 3_600_000)
    .describe('Segments of the stream are kept at least this long after their last record'),
  LOOM_STREAM_SEGMENT_AGE: envDurationMs
    .default(3_600_000)
    .describe('A segment is closed after this long, so that it can go; the gateway has the same variable'),
});
export type BackendConfig = z.infer<typeof schema>;

export const backendConfigSchema = schema;

export function readBackendConfig(env: Environment): BackendConfig {
  return loadConfig(schema, env);
}
