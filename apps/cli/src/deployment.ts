import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createLoomClient, type LoomClient } from '@loom/api-contract';
import { LoomError } from '@loom/errors';
import { z } from 'zod';
import type { CliConfig } from './config.ts';

const RuntimeFile = z.object({
  gatewayUrl: z.string(),
  queryUrl: z.string(),
  controlUrl: z.string(),
  apiKey: z.string(),
});

/** A client with the key that reads: of the named deployment, else of the one that runs in LOOM_HOME. */
export async function connectReader(config: CliConfig): Promise<LoomClient> {
  if (config.queryUrl !== null)
    return createLoomClient({ ...urlsOf(config, config.queryUrl), apiKey: keyOf(config) });
  const runtime = await readRuntime(config.home);
  return createLoomClient({ ...runtime, apiKey: config.apiKey ?? runtime.apiKey });
}

/** Where models are called, and the key for it: of the deployment that runs in LOOM_HOME. */
export async function connectGateway(config: CliConfig): Promise<{ gatewayUrl: string; apiKey: string }> {
  const { gatewayUrl, apiKey } = await readRuntime(config.home);
  return { gatewayUrl, apiKey: config.apiKey ?? apiKey };
}

/** A client with a key that administers: the operator key of LOOM_HOME, or LOOM_API_KEY of a named deployment. */
export async function connectOperator(config: CliConfig): Promise<LoomClient> {
  if (config.queryUrl !== null)
    return createLoomClient({ ...urlsOf(config, config.queryUrl), apiKey: keyOf(config) });
  const runtime = await readRuntime(config.home);
  return createLoomClient({ ...runtime, apiKey: config.apiKey ?? (await readOperatorKey(config.home)) });
}

function urlsOf({ controlUrl }: CliConfig, queryUrl: string) {
  return { queryUrl, controlUrl: controlUrl ?? queryUrl };
}

function keyOf({ apiKey }: CliConfig): string {
  if (apiKey !== null) return apiKey;
  throw new LoomError('config_invalid', 'LOOM_QUERY_URL is set and LOOM_API_KEY is not; set both');
}

async function readRuntime(home: string): Promise<z.infer<typeof RuntimeFile>> {
  const path = join(home, 'runtime.json');
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new LoomError(
      'unavailable',
      `no Loom is running here (no ${path}); start it with npm start, or set LOOM_HOME`,
      {
        cause,
      },
    );
  });
  const parsed = RuntimeFile.safeParse(jsonOf(text));
  if (parsed.success) return parsed.data;
  throw new LoomError('unavailable', `${path} is not what a running Loom writes; start it again`);
}

async function readOperatorKey(home: string): Promise<string> {
  const path = join(home, 'secrets', 'operator-key');
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new LoomError(
      'permission_denied',
      `${path} cannot be read; run this as the user who started Loom`,
      { cause },
    );
  });
  return text.trim();
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
