import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { removeEnginesFile, writeEnginesFile } from '@loom/app-standalone/engines-file';
import { lockHome } from '@loom/app-standalone/home-lock';
import { firstPasswordFile, type LocalSecrets, openLocalSecrets } from '@loom/app-standalone/local-secrets';
import { type Runtime, RuntimeFile } from '@loom/app-standalone/runtime-file';
import { SupervisedProcess } from '@loom/app-standalone/supervised-process';
import { LoomError } from '@loom/errors';
import type { Logger } from '@loom/telemetry';
import type { ServersConfig } from './config.ts';
import { type ServerUrls, startServers } from './server-urls.ts';

interface Ready {
  readonly url: string;
}

interface EnginesReady {
  readonly traceStoreUrl: string;
}

const readyMs = 120_000;
const reviveMs = 1_000;
const twice = [1, 2] as const;
const portOf = (before: Ready | null, wanted: number): string =>
  before ? new URL(before.url).port : String(wanted);

/**
 * The product as a team runs it on servers, on one machine: every service a process of its own, gateway, ingest,
 * pricing and ledger twice, on a real Kafka, PostgreSQL and Redis. Where no ClickHouse is given the embedded engine stands in.
 */
export class ServersDeployment {
  readonly #config: ServersConfig;
  readonly #logger: Logger;
  readonly #env: NodeJS.ProcessEnv;
  readonly #file: RuntimeFile;
  readonly #processes: SupervisedProcess<Ready | EnginesReady>[] = [];
  #servers: ServerUrls | null = null;
  #reviving: NodeJS.Timeout | undefined;
  readonly #startingAgain = new Set<string>();
  #runtime: Omit<Runtime, 'pids'> | null = null;
  /** Lets go of the home; null while it is another's. */
  #unlock: (() => Promise<void>) | null = null;

  /** `env` is handed on to the processes: it names providers, and the knobs of each service. */
  constructor(config: ServersConfig, logger: Logger, env: NodeJS.ProcessEnv) {
    this.#config = config;
    this.#logger = logger;
    this.#env = env;
    this.#file = new RuntimeFile(config.LOOM_HOME);
  }

  get home(): string {
    return this.#config.LOOM_HOME;
  }

  async start(): Promise<Omit<Runtime, 'pids'>> {
    const { home } = this;
    this.#unlock = await lockHome(home);
    await this.#file.survivorsGone();
    await this.#file.remove();
    const secrets = await openLocalSecrets(home);
    this.#servers = await startServers(this.#config);
    const stores = {
      LOOM_EVENT_STREAM_URL: this.#servers.eventStream.href,
      LOOM_CONTROL_STORE_URL: this.#servers.controlStore.href,
      LOOM_TRACE_STORE_URL: this.#config.LOOM_TRACE_STORE_URL?.href ?? (await this.#startEngine()),
    };
    await writeEnginesFile(home, stores.LOOM_TRACE_STORE_URL);
    await this.#migrate(stores);
    const control = await this.#startControl(stores, secrets);
    const opening = {
      LOOM_MASTER_KEYS: secrets.masterKeys,
      LOOM_SESSION_SECRET: secrets.sessionSecret,
    };
    const signer = this.#env.LOOM_LEDGER_SIGNER_URL ?? secrets.ledgerSigner.href;
    const ledgers = await this.#startTwice(
      'ledger',
      import.meta.resolve('@loom/app-ledger/main'),
      { ...stores, ...opening, LOOM_LEDGER_SIGNER_URL: signer },
      'LOOM_LEDGER_PORT',
    );
    const [query, ingests, pricings, gateways] = await Promise.all([
      this.#supervise('query', import.meta.resolve('@loom/app-query/main'), (before) => ({
        ...stores,
        ...opening,
        ...(ledgers[0] && { LOOM_LEDGER_URL: ledgers[0].url }),
        LOOM_KEY_PEPPERS: secrets.keyPeppers,
        LOOM_QUERY_PORT: portOf(before, this.#config.LOOM_QUERY_PORT),
      })),
      this.#startTwice('ingest', import.meta.resolve('@loom/app-ingest/main'), stores, 'LOOM_INGEST_PORT'),
      this.#startTwice('pricing', import.meta.resolve('@loom/app-pricing/main'), stores, 'LOOM_PRICING_PORT'),
      Promise.all(twice.map((at) => this.#startGateway(at, secrets))),
    ]);
    const console = await this.#startConsole(query, control);
    this.#runtime = {
      gatewayUrl: gateways[0]?.url ?? '',
      gatewayUrls: gateways.map(({ url }) => url),
      eventStreamUrl: this.#servers.eventStream.href,
      queryUrl: query.url,
      controlUrl: control.url,
      ingestUrl: ingests[0]?.url ?? '',
      services: {
        ...numbered('gateway', gateways),
        ...numbered('ingest', ingests),
        ...numbered('pricing', pricings),
        ...numbered('ledger', ledgers),
        ...{ query: query.url, console: console.url },
      },
      consoleUrl: console.url,
      apiKey: secrets.firstKey,
      adminEmail: this.#config.LOOM_FIRST_EMAIL,
      adminPassword: (await readFile(firstPasswordFile(home), 'utf8')).trim() || null,
    };
    await this.#writeRuntime();
    this.#reviving = setInterval(() => this.#reviveServers(), reviveMs);
    return this.#runtime;
  }

  /** Gateways first, so that what they write last is still taken in; servers last. */
  async stop(): Promise<void> {
    if (!this.#unlock) return;
    clearInterval(this.#reviving);
    this.#runtime = null;
    await this.#file.remove();
    await removeEnginesFile(this.#config.LOOM_HOME);
    const gateways = this.#processes.filter(({ name }) => name.startsWith('gateway'));
    await Promise.all(gateways.map((gateway) => gateway.stop()));
    const others = this.#processes.filter((one) => !gateways.includes(one) && one.name !== 'engineHost');
    await Promise.all(others.map((one) => one.stop()));
    await this.#processes.find(({ name }) => name === 'engineHost')?.stop();
    await Promise.all([...(this.#servers?.started.values() ?? [])].map((server) => server.stop()));
    await this.#unlock();
    this.#unlock = null;
  }

  async #startEngine(): Promise<string> {
    const directory = join(this.#config.LOOM_HOME, 'engines');
    const { traceStoreUrl } = await this.#supervise<EnginesReady>(
      'engineHost',
      import.meta.resolve('@loom/engine-host/main'),
      () => ({ UV_THREADPOOL_SIZE: '16' }),
      (before) => {
        const url = before && new URL(before.traceStoreUrl);
        return [
          JSON.stringify({
            directory,
            traceStorePort: Number(url?.port ?? 0),
            ...(url && { password: decodeURIComponent(url.password) }),
          }),
        ];
      },
    );
    return traceStoreUrl;
  }

  async #migrate(stores: NodeJS.ProcessEnv): Promise<void> {
    const child = spawn(
      process.execPath,
      ['--disable-proto=delete', fileURLToPath(import.meta.resolve('@loom/app-control/migrate'))],
      {
        env: { ...this.#env, ...stores },
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    );
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0)
      throw new LoomError('config_invalid', 'the schemas were not brought forward; the log says why');
  }

  #startControl(stores: NodeJS.ProcessEnv, secrets: LocalSecrets): Promise<Ready> {
    const { counters } = this.#servers as ServerUrls;
    return this.#supervise('control', import.meta.resolve('@loom/app-control/main'), (before) => ({
      ...stores,
      LOOM_COUNTERS_URL: counters.href,
      LOOM_CONTROL_PORT: portOf(before, this.#config.LOOM_CONTROL_PORT),
      LOOM_MASTER_KEYS: secrets.masterKeys,
      LOOM_KEY_PEPPERS: secrets.keyPeppers,
      LOOM_FIRST_KEY: secrets.firstKey,
      LOOM_OPERATOR_KEY: secrets.operatorKey,
      LOOM_SESSION_SECRET: secrets.sessionSecret,
      LOOM_FIRST_EMAIL: this.#config.LOOM_FIRST_EMAIL,
      LOOM_FIRST_PASSWORD: secrets.firstPassword ?? '',
      LOOM_FIRST_PASSWORD_FILE: firstPasswordFile(this.#config.LOOM_HOME),
      LOOM_RUNTIME_FILE: this.#file.path,
    }));
  }

  #startTwice(name: string, entry: string, env: NodeJS.ProcessEnv, portName: string): Promise<Ready[]> {
    const launch = (before: Ready | null) => ({ ...env, [portName]: portOf(before, 0) });
    return Promise.all(twice.map((at) => this.#supervise(nameOf(name, at), entry, launch)));
  }

  #startGateway(at: number, secrets: LocalSecrets): Promise<Ready> {
    const home = join(this.#config.LOOM_HOME, `gateway-${at}`);
    const port = at === 1 ? this.#config.LOOM_GATEWAY_PORT : 0;
    const { eventStream, counters } = this.#servers as ServerUrls;
    return this.#supervise(
      nameOf('gateway', at),
      import.meta.resolve('@loom/app-gateway/main'),
      (before) => ({
        UV_THREADPOOL_SIZE: '8',
        LOOM_GATEWAY_PORT: portOf(before, port),
        LOOM_OUTBOX_URL: `log:${join(home, 'outbox')}`,
        LOOM_EVENT_STREAM_URL: eventStream.href,
        LOOM_COUNTERS_URL: counters.href,
        LOOM_GATEWAY_SNAPSHOT_FILE: join(home, 'control-snapshot.json'),
        LOOM_MASTER_KEYS: secrets.masterKeys,
        LOOM_KEY_PEPPERS: secrets.keyPeppers,
      }),
    );
  }

  #startConsole(query: Ready, control: Ready): Promise<Ready> {
    return this.#supervise('console', import.meta.resolve('@loom/app-console/server'), (before) => ({
      NODE_ENV: 'production',
      LOOM_CONSOLE_PORT: portOf(before, this.#config.LOOM_CONSOLE_PORT),
      LOOM_QUERY_URL: query.url,
      LOOM_CONTROL_URL: control.url,
    }));
  }

  #supervise<Said extends Ready | EnginesReady = Ready>(
    name: string,
    entry: string,
    env: (before: Said | null) => NodeJS.ProcessEnv,
    args: (before: Said | null) => string[] = () => [],
  ): Promise<Said> {
    const launch = (before: Said | null) => ({ args: args(before), env: { ...this.#env, ...env(before) } });
    const supervised = new SupervisedProcess<Said>(
      {
        name,
        entry: fileURLToPath(entry),
        nodeFlags: ['--disable-proto=delete', '--enable-source-maps'],
        launch,
        readyMs,
      },
      this.#logger,
      () => void this.#writeRuntime(),
    );
    this.#processes.push(supervised as unknown as SupervisedProcess<Ready | EnginesReady>);
    return supervised.start();
  }

  /** A server that was started here and died is started again, as an operator would. */
  #reviveServers(): void {
    for (const [name, server] of this.#servers?.started ?? []) {
      if (this.#startingAgain.has(name) || server.isRunning) continue;
      this.#startingAgain.add(name);
      this.#logger.warn({ name }, 'server died');
      server
        .start()
        .then(() => this.#writeRuntime())
        .catch((error: unknown) => this.#logger.error({ name, error }, 'server not started again'))
        .finally(() => this.#startingAgain.delete(name));
    }
  }

  async #writeRuntime(): Promise<void> {
    if (!this.#runtime) return;
    const pids: Record<string, number> = { supervisor: process.pid };
    for (const { name, pid } of this.#processes) if (pid !== null) pids[name] = pid;
    for (const [name, server] of this.#servers?.started ?? []) if (server.isRunning) pids[name] = server.pid;
    await this.#file.write({ ...this.#runtime, pids });
  }
}

const nameOf = (name: string, at: number): string => (at === 1 ? name : `${name}${at}`);

const numbered = (name: string, processes: readonly Ready[]): Record<string, string> =>
  Object.fromEntries(processes.map(({ url }, index) => [nameOf(name, index + 1), url]));
