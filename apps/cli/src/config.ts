import { resolve } from 'node:path';
import { envSecret, envUrl, loadConfig } from '@loom/config';
import { z } from 'zod';

const schema = z.object({
  /** Data and secrets of the deployment on this machine. */
  LOOM_HOME: z.string().default('./.loom'),
  /** Another deployment than the one in LOOM_HOME: needs LOOM_API_KEY too. */
  LOOM_QUERY_URL: envUrl.optional(),
  /** Default: LOOM_QUERY_URL. */
  LOOM_CONTROL_URL: envUrl.optional(),
  LOOM_API_KEY: envSecret.optional(),
});

export interface CliConfig {
  readonly home: string;
  readonly queryUrl: string | null;
  readonly controlUrl: string | null;
  readonly apiKey: string | null;
}

export function readConfig(env: NodeJS.ProcessEnv = process.env): CliConfig {
  const config = loadConfig(schema, env);
  const queryUrl = config.LOOM_QUERY_URL ? withoutSlash(config.LOOM_QUERY_URL) : null;
  return {
    home: resolve(config.LOOM_HOME),
    queryUrl,
    controlUrl: config.LOOM_CONTROL_URL ? withoutSlash(config.LOOM_CONTROL_URL) : queryUrl,
    apiKey: config.LOOM_API_KEY?.reveal() ?? null,
  };
}

function withoutSlash(url: URL): string {
  return url.href.replace(/\/$/, '');
}
