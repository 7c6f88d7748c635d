import { resolve } from 'node:path';
import { envEmail, type Environment, envPort, envUrl, loadConfig } from '@loom/config';
import { z } from 'zod';

/** What `npm run start:servers` takes; every server that is not given by its URL is started. */
const serversConfigSchema = z.object({
  LOOM_HOME: z
    .string()
    .default('./.loom/servers')
    .transform((path) => resolve(path))
    .describe('Directory of the data of what is started, of outboxes and secrets'),
  LOOM_EVENT_STREAM_URL: envUrl.optional().describe('Kafka: kafka://host:9092'),
  LOOM_TRACE_STORE_URL: envUrl
    .optional()
    .describe('ClickHouse: http(s)://user:password@host:8123/database; else the embedded engine stands in'),
  LOOM_CONTROL_STORE_URL: envUrl.optional().describe('PostgreSQL: postgres://user:password@host/database'),
  LOOM_COUNTERS_URL: envUrl.optional().describe('Redis: redis://host:6379'),
  LOOM_GATEWAY_PORT: envPort.default(4000).describe('Port of the first gateway; 0 means any free one'),
  LOOM_QUERY_PORT: envPort.default(4100).describe('Port of query; 0 means any free one'),
  LOOM_CONTROL_PORT: envPort.default(4110).describe('Port of control; 0 means any free one'),
  LOOM_CONSOLE_PORT: envPort.default(3000).describe('Port of the console; 0 means any free one'),
  LOOM_FIRST_EMAIL: envEmail
    .default('admin@loom.local')
    .describe('Address of the first person, who is made at the first start'),
});
export type ServersConfig = z.infer<typeof serversConfigSchema>;

export function readServersConfig(env: Environment): ServersConfig {
  return loadConfig(serversConfigSchema, env);
}
