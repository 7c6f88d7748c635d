import { readFile, truncate } from 'node:fs/promises';
import type { ControlStore } from '@loom/control-store';
import { parseMasterKeys, parsePeppers } from '@loom/control-store/secrets';
import type { CounterStore } from '@loom/counter-store';
import type { EventStream } from '@loom/event-stream';
import type { EventStreamClient, VerifyKey } from '@loom/service-kit';
import type { Logger, RecentErrors } from '@loom/telemetry';
import { topics } from '@loom/trace-schema';
import type { DynamicModule } from '@nestjs/common';
import { AppModule } from './app.module.ts';
import type { ControlSettings } from './config.ts';
import type { DeploymentWatchDeps } from './deployment-watch.ts';

export { controlSettings } from './config.ts';

export interface ControlServiceDeps extends Pick<
  DeploymentWatchDeps,
  'name' | 'ready' | 'enginesReady' | 'groups' | 'lagOf' | 'dataDirectories'
> {
  readonly config: ControlSettings;
  readonly store: ControlStore;
  readonly stream: EventStream;
  readonly client: EventStreamClient;
  /** Of `LOOM_COUNTERS_URL`. */
  readonly counters: CounterStore;
  readonly verifyKey: VerifyKey;
  /** Names providers. */
  readonly env: NodeJS.ProcessEnv;
  /** What the logger has noted, for the health page. */
  readonly errors: RecentErrors;
  readonly logger: Logger;
}

/** The module of control, from its configuration. */
export async function controlModule(deps: ControlServiceDeps): Promise<DynamicModule> {
  const { config, store, stream, client, counters, verifyKey, env, errors, logger, ...watched } = deps;
  await client.open(topics.control);
  const peppers = parsePeppers(config.LOOM_KEY_PEPPERS.reveal());
  const pepperVersion = Math.max(...peppers.keys());
  return AppModule.register({
    store,
    verifyKey,
    stream,
    client,
    firstPerson: {
      email: config.LOOM_FIRST_EMAIL,
      password: config.LOOM_FIRST_PASSWORD?.reveal() || null,
    },
    onFirstPasswordChanged: () => forgetFirstPassword(config.LOOM_FIRST_PASSWORD_FILE),
    deployment: {
      ...watched,
      version: await readVersion(),
      services: config.LOOM_HEALTH_URLS,
      runtimeFile: config.LOOM_RUNTIME_FILE ?? null,
      publicGatewayUrl: config.LOOM_PUBLIC_GATEWAY_URL?.origin ?? null,
      lastErrors: () => errors.list(),
    },
    masterKeys: parseMasterKeys(config.LOOM_MASTER_KEYS.reveal()),
    pepper: { version: pepperVersion, text: peppers.get(pepperVersion) ?? '' },
    outboundAllow: config.LOOM_OUTBOUND_ALLOW,
    ...(config.LOOM_OUTBOUND_PORTS.length > 0 && { outboundPorts: config.LOOM_OUTBOUND_PORTS }),
    signIn: {
      counters,
      secret: config.LOOM_SESSION_SECRET.reveal(),
      trustedProxies: config.LOOM_TRUSTED_PROXIES,
    },
    apiKey: config.LOOM_FIRST_KEY.reveal(),
    operatorKey: config.LOOM_OPERATOR_KEY.reveal(),
    onError: (error) => logger.error({ error }, 'control not published'),
    env,
  });
}

/** The file says the first password as long as it is in use. */
async function forgetFirstPassword(path: string | undefined): Promise<void> {
  if (path !== undefined) await truncate(path);
}

async function readVersion(): Promise<string> {
  const manifest = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { readonly version: string }).version;
}
