import {
  envDurationMs,
  type Environment,
  envList,
  envPort,
  envSecret,
  envUrl,
  loadConfig,
} from '@loom/config';
import { z } from 'zod';

const schema = z.object({
  LOOM_BACKEND_HOST: z.string().default('127.0.0.1').describe('Address that query and control listen on'),
  LOOM_BACKEND_PORT: envPort.default(4100).describe('Port; 0 means any free one'),
  LOOM_EVENT_STREAM_URL: envUrl.describe('The event stream: log:<directory>'),
  LOOM_TRACE_STORE_URL: envUrl.describe('The trace store, by the HTTP interface of ClickHouse'),
  LOOM_CONTROL_STORE_URL: envUrl.describe('The control store: postgres://…'),
  LOOM_MASTER_KEYS: envSecret.describe('Keys of sealed credentials; the first seals'),
  LOOM_KEY_PEPPERS: envSecret.describe('Peppers of API key hashes; the highest version hashes new keys'),
  LOOM_FIRST_KEY: envSecret.describe('Text of the first API key'),
  LOOM_OPERATOR_KEY: envSecret.describe("Text of the operator's API key"),
  LOOM_SESSION_SECRET: envSecret.describe('Signs console sessions; another one ends them all'),
  LOOM_FIRST_EMAIL: z
    .email()
    .default('admin@loom.local')
    .describe('Address of the first person, who is made when there are none'),
  LOOM_FIRST_PASSWORD: envSecret.optional().describe('Password of the first person, until it is changed'),
  LOOM_FIRST_PASSWORD_FILE: z
    .string()
    .optional()
    .describe('File of that password; emptied when it is not in use any more'),
  LOOM_RUNTIME_FILE: z.string().optional().describe('File in which the supervisor names the processes'),
  LOOM_PUBLIC_GATEWAY_URL: envUrl
    .optional()
    .describe('Where clients reach the gateway, as the console says it'),
  LOOM_HOME: z.string().optional().describe('Directory of the data, for the health page'),
  LOOM_OUTBOUND_ALLOW: envList.describe('Private hosts that entered providers may have, separated by commas'),
  LOOM_STREAM_RETENTION: envDurationMs
    .default(24 * 3_600_000)
    .describe('Segments of the stream are kept at least this long after their last record'),
});
export type BackendConfig = z.infer<typeof schema>;

export const backendConfigSchema = schema;

export function readBackendConfig(env: Environment): BackendConfig {
  return loadConfig(schema, env);
}
