import { resolve } from 'node:path';
import { envEmail, type Environment, envPort, loadConfig } from '@loom/config';
import { z } from 'zod';

const schema = z.object({
  LOOM_HOME: z
    .string()
    .default('./.loom')
    .transform((path) => resolve(path))
    .describe('Directory of data and secrets'),
  LOOM_GATEWAY_PORT: envPort.default(4000).describe('Port of the gateway; 0 means any free one'),
  LOOM_BACKEND_PORT: envPort
    .default(4100)
    .describe('Port of query, control and ingest; 0 means any free one'),
  LOOM_CONSOLE_PORT: envPort.default(3000).describe('Port of the console; 0 means any free one'),
  LOOM_FIRST_EMAIL: envEmail
    .default('admin@loom.local')
    .describe('Address of the first person, who is made at the first start'),
});
export type StandaloneConfig = z.infer<typeof schema>;

export const standaloneConfigSchema = schema;

export function readStandaloneConfig(env: Environment): StandaloneConfig {
  return loadConfig(schema, env);
}
