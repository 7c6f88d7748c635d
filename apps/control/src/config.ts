import {
  envEmail,
  type Environment,
  envList,
  envNamedUrls,
  envNetworks,
  envPort,
  envPortRanges,
  envSecret,
  envUrl,
  loadConfig,
} from '@loom/config';
import { z } from 'zod';

/** What control needs wherever it runs; on one machine it is a part of the backend. */
export const controlSettings = z.object({
  LOOM_EVENT_STREAM_URL: envUrl.describe('The event stream: kafka://…, on one machine log:<directory>'),
  LOOM_CONTROL_STORE_URL: envUrl.describe('The control store: postgres://user:password@host/database'),
  LOOM_MASTER_KEYS: envSecret.describe(
    'Keys of sealed credentials: <id>:<base64 of 32 bytes>, separated by commas; the first seals',
  ),
  LOOM_KEY_PEPPERS: envSecret.describe('Peppers of API key hashes: <version>:<text>, separated by commas'),
  LOOM_FIRST_KEY: envSecret.describe('Text of the first API key'),
  LOOM_OPERATOR_KEY: envSecret.describe("Text of the operator's API key"),
  LOOM_SESSION_SECRET: envSecret.describe('Signs console sessions; the same for query and control'),
  LOOM_COUNTERS_URL: envUrl
    .default(new URL('memory:'))
    .describe(
      'Where failed sign-ins are counted: redis://… (rediss: with TLS), shared by all processes; memory: counts in this process',
    ),
  LOOM_TRUSTED_PROXIES: envNetworks.describe(
    'Proxies before the console, as addresses or networks (10.1.0.0/16) separated by commas: whom they name in x-forwarded-for is who asks',
  ),
  LOOM_FIRST_EMAIL: envEmail
    .default('admin@loom.local')
    .describe('Address of the first person, who is made when there are none'),
  LOOM_FIRST_PASSWORD: envSecret.optional().describe('Password of the first person, until it is changed'),
  LOOM_FIRST_PASSWORD_FILE: z
    .string()
    .optional()
    .describe('File of that password; emptied when it is not in use any more'),
  LOOM_RUNTIME_FILE: z
    .string()
    .optional()
    .describe('File in which a supervisor on the same machine names the processes'),
  LOOM_HEALTH_URLS: envNamedUrls.describe(
    'Processes that the health page tells of, <name>=<URL> each, separated by commas',
  ),
  LOOM_PUBLIC_GATEWAY_URL: envUrl
    .optional()
    .describe('Where clients reach the gateway, as the console says it'),
  LOOM_OUTBOUND_PORTS: envPortRanges.describe(
    'Ports and ranges of ports that entered providers may have, separated by commas; unset: those of HTTP, 80, 443 and 8000-8999',
  ),
  LOOM_OUTBOUND_ALLOW: envList.describe(
    'Private hosts that entered providers may have, on any port (or one: host:port), separated by commas',
  ),
});
export type ControlSettings = z.infer<typeof controlSettings>;

/** Every knob of control as a process of its own. */
export const controlConfigSchema = z.object({
  LOOM_CONTROL_HOST: z.string().default('127.0.0.1').describe('Address that the write API is served on'),
  LOOM_CONTROL_PORT: envPort.default(4110).describe('Port; 0 means any free one'),
  ...controlSettings.shape,
});
export type ControlConfig = z.infer<typeof controlConfigSchema>;

export function readControlConfig(env: Environment): ControlConfig {
  return loadConfig(controlConfigSchema, env);
}
