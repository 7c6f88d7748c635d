import { type FSWatcher, watch } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Logger } from '@loom/telemetry';
import type { StandaloneConfig } from './config.ts';
import { removeEnginesFile, writeEnginesFile } from './engines-file.ts';
import { lockHome } from './home-lock.ts';
import { firstPasswordFile, type LocalSecrets, openLocalSecrets } from './local-secrets.ts';
import { type Runtime, RuntimeFile } from './runtime-file.ts';
import { SupervisedProcess } from './supervised-process.ts';

interface EnginesReady {
  readonly traceStoreUrl: string;
  readonly controlStoreUrl: string;
}

interface ServiceReady {
  readonly url: string;
}

const readyMs = 120_000;
/**
 * `__proto__` is a name as any other: what came from outside under it cannot alter what all objects share, and nothing
 * throws for it either. (`throw` in place of `delete` would let one member of that name in an answer stop its reader.)
 */
const hardeningFlags = ['--disable-proto=delete'];
const settleFlags = ['--expose-gc', `--import=${import.meta.resolve('@loom/app-standalone/settle-memory')}`];
/** The optimizing compiler takes 350 MB to make the embedded PostgreSQL faster than its few queries need. */
const engineFlags = ['--liftoff-only'];
const serviceFlags = ['--enable-source-maps', '--max-semi-space-size=8'];

const portOf = (url: string | undefined, otherwise: number): string =>
  url ? new URL(url).port : String(otherwise);

/** Everything on one machine: engine host, backend and gateway as processes of their own, kept running. */
export class Deployment {
  readonly #config: StandaloneConfig;
  readonly #logger: Logger;
  readonly #env: NodeJS.ProcessEnv;
  readonly #file: RuntimeFile;
  readonly #processes: SupervisedProcess<object>[] = [];
  #runtime: Omit<Runtime, 'pids'> | null = null;
  #passwordWatch: FSWatcher | null = null;
  /** Lets go of the home; null while it is another's. */
  #unlock: (() => Promise<void>) | null = null;

  /** `env` is handed on to the processes: it names providers, and the knobs of each service. */
  constructor(config: StandaloneConfig, logger: Logger, env: NodeJS.ProcessEnv) {
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
    const engines = await this.#startEngines(join(home, 'engines'));
    await writeEnginesFile(home, engines.traceStoreUrl);
    const backend = await this.#startBackend(engines, secrets);
    const gateway = await this.#startGateway(secrets);
    const console = await this.#startConsole(backend);
    this.#watchFirstPassword();
    this.#runtime = {
      gatewayUrl: gateway.url,
      queryUrl: backend.url,
      controlUrl: backend.url,
      ingestUrl: backend.url,
      consoleUrl: console.url,
      apiKey: secrets.firstKey,
      adminEmail: this.#config.LOOM_FIRST_EMAIL,
      adminPassword: await this.#firstPassword(),
    };
    await this.#writeRuntime();
    return this.#runtime;
  }

  /** Gateway first, so that what it writes last is still taken in; engines last. */
  async stop(): Promise<void> {
    if (!this.#unlock) return;
    this.#runtime = null;
    this.#passwordWatch?.close();
    await this.#file.remove();
    await removeEnginesFile(this.#config.LOOM_HOME);
    for (const process of this.#processes.reverse()) await process.stop();
    await this.#unlock();
    this.#unlock = null;
  }

  #startEngines(directory: string): Promise<EnginesReady> {
    return this.#supervise<EnginesReady>(
      'engineHost',
      fileURLToPath(import.meta.resolve('@loom/engine-host/main')),
      (before) => {
        const url = before && new URL(before.traceStoreUrl);
        const options = {
          directory,
          traceStorePort: Number(url?.port ?? 0),
          controlStorePort: Number(before ? new URL(before.controlStoreUrl).port : 0),
          ...(url ? { password: decodeURIComponent(url.password) } : {}),
        };
        const env = { ...withoutProviderCredentials(this.#env), UV_THREADPOOL_SIZE: '16' };
        return { args: [JSON.stringify(options)], env };
      },
      engineFlags,
    );
  }

  #startBackend(engines: EnginesReady, secrets: LocalSecrets): Promise<ServiceReady> {
    return this.#supervise<ServiceReady>(
      'backend',
      fileURLToPath(import.meta.resolve('@loom/app-standalone/backend')),
      (before) => ({
        args: [],
        env: {
          ...this.#env,
          LOOM_BACKEND_PORT: portOf(before?.url, this.#config.LOOM_BACKEND_PORT),
          LOOM_EVENT_STREAM_URL: this.#streamUrl(),
          LOOM_TRACE_STORE_URL: engines.traceStoreUrl,
          LOOM_CONTROL_STORE_URL: engines.controlStoreUrl,
          LOOM_MASTER_KEYS: secrets.masterKeys,
          LOOM_KEY_PEPPERS: secrets.keyPeppers,
          LOOM_FIRST_KEY: secrets.firstKey,
          LOOM_OPERATOR_KEY: secrets.operatorKey,
          LOOM_SESSION_SECRET: secrets.sessionSecret,
          LOOM_FIRST_EMAIL: this.#config.LOOM_FIRST_EMAIL,
          LOOM_FIRST_PASSWORD: secrets.firstPassword ?? '',
          LOOM_FIRST_PASSWORD_FILE: firstPasswordFile(this.#config.LOOM_HOME),
          LOOM_RUNTIME_FILE: this.#file.path,
          LOOM_LEDGER_SIGNER_URL: this.#env.LOOM_LEDGER_SIGNER_URL ?? secrets.ledgerSigner.href,
          LOOM_LEDGER_DIRECTORY: join(this.#config.LOOM_HOME, 'ledger'),
          LOOM_LEDGER_JOURNAL: 'true',
          LOOM_HOME: this.#config.LOOM_HOME,
        },
      }),
    );
  }

  #startGateway(secrets: LocalSecrets): Promise<ServiceReady> {
    return this.#supervise<ServiceReady>(
      'gateway',
      fileURLToPath(import.meta.resolve('@loom/app-gateway/main')),
      (before) => ({
        args: [],
        env: {
          ...withoutProviderCredentials(this.#env),
          UV_THREADPOOL_SIZE: '8',
          LOOM_GATEWAY_PORT: portOf(before?.url, this.#config.LOOM_GATEWAY_PORT),
          LOOM_OUTBOX_URL: this.#streamUrl(),
          LOOM_GATEWAY_SNAPSHOT_FILE: join(this.#config.LOOM_HOME, 'control-snapshot.json'),
          LOOM_MASTER_KEYS: secrets.masterKeys,
          LOOM_KEY_PEPPERS: secrets.keyPeppers,
        },
      }),
    );
  }

  /** Nothing secret: the console has what a browser sends. */
  #startConsole(backend: ServiceReady): Promise<ServiceReady> {
    const { PATH, HOME, LANG } = this.#env;
    return this.#supervise<ServiceReady>(
      'console',
      fileURLToPath(import.meta.resolve('@loom/app-console/server')),
      (before) => ({
        args: [],
        env: {
          ...{ PATH, HOME, LANG, NODE_ENV: 'production' },
          LOOM_CONSOLE_PORT: portOf(before?.url, this.#config.LOOM_CONSOLE_PORT),
          LOOM_QUERY_URL: backend.url,
          LOOM_CONTROL_URL: backend.url,
        },
      }),
    );
  }

  /** The backend empties the file when the password was changed. */
  #watchFirstPassword(): void {
    this.#passwordWatch = watch(firstPasswordFile(this.#config.LOOM_HOME), { persistent: false }, () => {
      this.#firstPassword()
        .then(async (adminPassword) => {
          if (this.#runtime) this.#runtime = { ...this.#runtime, adminPassword };
          await this.#writeRuntime();
        })
        .catch((error: unknown) => this.#logger.error({ error }, 'first password not read'));
    });
  }

  async #firstPassword(): Promise<string | null> {
    return (await readFile(firstPasswordFile(this.#config.LOOM_HOME), 'utf8')).trim() || null;
  }

  #supervise<Ready extends object>(
    name: string,
    file: string,
    launch: (before: Ready | null) => { args: string[]; env: NodeJS.ProcessEnv },
    nodeFlags: readonly string[] = serviceFlags,
  ): Promise<Ready> {
    const onChange = () => {
      this.#writeRuntime().catch((error: unknown) =>
        this.#logger.error({ error }, 'runtime file not written'),
      );
    };
    const supervised = new SupervisedProcess<Ready>(
      { name, entry: file, nodeFlags: [...hardeningFlags, ...settleFlags, ...nodeFlags], launch, readyMs },
      this.#logger,
      onChange,
    );
    this.#processes.push(supervised as unknown as SupervisedProcess<object>);
    return supervised.start();
  }

  async #writeRuntime(): Promise<void> {
    if (!this.#runtime) return;
    const pids: Record<string, number> = { supervisor: process.pid };
    for (const { name, pid } of this.#processes) if (pid !== null) pids[name] = pid;
    await this.#file.write({ ...this.#runtime, pids });
  }

  #streamUrl(): string {
    return `log:${join(this.#config.LOOM_HOME, 'stream')}`;
  }
}

// The gateway gets credentials sealed, through control; it has no use for those of the environment.
function withoutProviderCredentials(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.endsWith('_API_KEY')));
}
