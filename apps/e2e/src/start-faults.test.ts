import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { openLocalSecrets } from '@loom/app-standalone/local-secrets';
import { startTestEngines, type TestEngines } from '@loom/engine-host/testing';
import { SmallDisk } from '@loom/testkit';
import { onServers, startMsMax } from './testing/deployment.ts';
import { failStart, type FailedStart } from './testing/failed-start.ts';

const mains = {
  standalone: 'apps/standalone/dist/main.js',
  gateway: 'apps/gateway/dist/main.js',
  ingest: 'apps/ingest/dist/main.js',
  pricing: 'apps/pricing/dist/main.js',
  ledger: 'apps/ledger/dist/main.js',
  query: 'apps/query/dist/main.js',
  control: 'apps/control/dist/main.js',
  console: 'apps/console/server/main.mjs',
  migrate: 'apps/control/dist/migrate.main.js',
} as const;

let directory: string;
let engines: TestEngines;
/** A server that has a port. */
let taken: Server;
let port: string;
let env: Record<string, string>;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'loom-start-'));
  await writeFile(join(directory, 'file'), '');
  taken = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => taken.once('listening', resolve));
  port = String((taken.address() as { port: number }).port);
  engines = await startTestEngines();
  const secrets = await openLocalSecrets(join(directory, 'of-services'));
  env = {
    LOOM_HOME: join(directory, 'home'),
    LOOM_EVENT_STREAM_URL: `log:${join(directory, 'stream')}`,
    LOOM_OUTBOX_URL: `log:${join(directory, 'outbox')}`,
    LOOM_TRACE_STORE_URL: engines.traceStoreUrl,
    LOOM_CONTROL_STORE_URL: engines.controlStoreUrl,
    LOOM_GATEWAY_SNAPSHOT_FILE: join(directory, 'snapshot.json'),
    LOOM_MASTER_KEYS: secrets.masterKeys,
    LOOM_KEY_PEPPERS: secrets.keyPeppers,
    LOOM_FIRST_KEY: secrets.firstKey,
    LOOM_OPERATOR_KEY: secrets.operatorKey,
    LOOM_SESSION_SECRET: secrets.sessionSecret,
    LOOM_LEDGER_SIGNER_URL: secrets.ledgerSigner.href,
    LOOM_QUERY_URL: 'http://127.0.0.1:1',
    LOOM_CONTROL_URL: 'http://127.0.0.1:1',
  };
  for (const service of ['GATEWAY', 'BACKEND', 'CONSOLE', 'INGEST', 'PRICING', 'LEDGER', 'QUERY', 'CONTROL'])
    env[`LOOM_${service}_PORT`] = '0';
  const migrate = fileURLToPath(new URL(`../../../${mains.migrate}`, import.meta.url));
  execFileSync(process.execPath, [migrate], { env: { ...process.env, ...env }, stdio: 'ignore' });
}, 2 * startMsMax);

afterAll(async () => {
  taken.close();
  await engines.stop();
  await rm(directory, { recursive: true, force: true });
});

/** One sentence that holds the texts, no stack, and nothing that still runs. */
function expectSentence(found: FailedStart, ...texts: readonly string[]): void {
  expect(found.sentences).toHaveLength(1);
  for (const text of texts) expect(found.sentences[0]).toContain(text);
  expect(found.output).not.toMatch(/^\s+at |"stack"/m);
  expect(found.code).toBe(1);
  expect(found.survivors).toEqual([]);
}

/** Values that are known only when the engines run. */
const values: Record<string, () => string> = {
  'a port in use': () => port,
  'a file': () => join(directory, 'file'),
  'a path below a file': () => join(directory, 'file', 'x'),
  'a log below a file': () => `log:${join(directory, 'file', 'x')}`,
  'a wrong password of the trace store': () => withPassword(engines.traceStoreUrl, 'wrong'),
  'a wrong password of the control store': () => withPassword(engines.controlStoreUrl, 'wrong'),
};

function withPassword(url: string, password: string): string {
  return Object.assign(new URL(url), { password }).href;
}

type Service = keyof typeof mains;
type Case = readonly [service: Service, variable: string, value: string, ...texts: string[]];

const ports = (['gateway', 'ingest', 'pricing', 'query', 'control', 'console'] as const).flatMap(
  (service): Case[] => {
    const variable = `LOOM_${service.toUpperCase()}_PORT`;
    return [
      [service, variable, 'a port in use', `${variable}: port `, ' is in use; stop the process that uses it'],
      [service, variable, '70000', `${variable}: expected 0 to 65535, not`],
    ];
  },
);

const cases: readonly Case[] = [
  ...ports,
  ['ledger', 'LOOM_LEDGER_PORT', 'http', 'LOOM_LEDGER_PORT: expected a whole number, not "http"'],
  ['query', 'LOOM_QUERY_HOST', '192.0.2.1', 'LOOM_QUERY_HOST: 192.0.2.1 is not an address of this machine'],
  ['ingest', 'LOOM_TRACE_STORE_URL', '', 'LOOM_TRACE_STORE_URL is not set: '],
  ['ingest', 'LOOM_TRACE_STORE_URL', 'http://127.0.0.1:1/loom', '127.0.0.1:1', 'ECONNREFUSED'],
  ['ingest', 'LOOM_TRACE_STORE_URL', 'mysql://127.0.0.1/loom', 'unknown scheme mysql:; known: http: https:'],
  ['ingest', 'LOOM_TRACE_STORE_URL', 'a wrong password of the trace store', 'user and password'],
  ['ingest', 'LOOM_EVENT_STREAM_URL', 'a log below a file', 'a part of the path is a file'],
  ['pricing', 'LOOM_EVENT_STREAM_URL', 'kafka://127.0.0.1:1', 'kafka://127.0.0.1:1', 'is the broker up'],
  ['ledger', 'LOOM_LEDGER_SIGNER_URL', 'file:/nonexistent/keys', 'signing keys /nonexistent/keys'],
  ['control', 'LOOM_CONTROL_STORE_URL', 'postgres://127.0.0.1:1/loom', '127.0.0.1:1/loom', 'check that'],
  [
    'control',
    'LOOM_CONTROL_STORE_URL',
    'a wrong password of the control store',
    'user and password are right',
  ],
  ['control', 'LOOM_MASTER_KEYS', 'k1:short', 'LOOM_MASTER_KEYS: key "k1" is not 32 bytes of base64'],
  ['gateway', 'LOOM_OUTBOX_URL', 'a log below a file', 'a part of the path is a file'],
  ['migrate', 'LOOM_CONTROL_STORE_URL', 'no url', 'LOOM_CONTROL_STORE_URL: expected a URL'],
];

describe('a service that cannot start', () => {
  it.each(cases)(
    '%s with %s=%s says so in one sentence, and ends',
    async (service, variable, value, ...texts) => {
      const found = await failStart(mains[service], { ...env, [variable]: values[value]?.() ?? value });
      expectSentence(found, `${service} did not start: `, ...texts);
      expect(found.output).not.toContain(new URL(engines.traceStoreUrl).password);
    },
    startMsMax,
  );

  it(
    'refuses a store of a newer version, and names the remedy',
    async () => {
      const store = new URL(engines.traceStoreUrl);
      const statement = (query: string) =>
        fetch(`${store.origin}/?database=loom`, {
          method: 'POST',
          headers: { authorization: `Basic ${btoa(`${store.username}:${store.password}`)}` },
          body: query,
        });
      const inserted = await statement("INSERT INTO schema_migrations (name) VALUES ('9999_future.sql')");
      expect(inserted.status).toBe(200);
      for (const service of ['ingest', 'migrate'] as const) {
        const found = await failStart(mains[service], env);
        expectSentence(found, 'of a newer version of Loom (it has 9999_future.sql); start that version');
      }
    },
    startMsMax,
  );
});

const onOneMachine = onServers ? describe.skip : describe;
onOneMachine('npm start that cannot start', () => {
  const start = (change: Record<string, string>) => {
    const { LOOM_HOME = '', LOOM_GATEWAY_PORT = '', LOOM_BACKEND_PORT = '', LOOM_CONSOLE_PORT = '' } = env;
    return failStart(mains.standalone, {
      ...{ LOOM_HOME, LOOM_GATEWAY_PORT, LOOM_BACKEND_PORT, LOOM_CONSOLE_PORT },
      ...change,
    });
  };

  it.each([
    ['LOOM_GATEWAY_PORT', 'http', 'LOOM_GATEWAY_PORT: expected a whole number, not "http"'],
    ['LOOM_CONSOLE_PORT', '-1', 'LOOM_CONSOLE_PORT: expected a whole number, not "-1"'],
    ['LOOM_FIRST_EMAIL', 'ann', 'LOOM_FIRST_EMAIL: expected an email address, not "ann"'],
    ['LOOM_HOME', 'a file', 'it is a file where a directory is needed'],
    ['LOOM_HOME', 'a path below a file', 'a part of the path is a file where a directory is needed'],
    ['LOOM_BACKEND_PORT', 'a port in use', 'backend: LOOM_BACKEND_PORT: port '],
    ['LOOM_GATEWAY_PORT', 'a port in use', 'gateway: LOOM_GATEWAY_PORT: port '],
    ['LOOM_CONSOLE_PORT', 'a port in use', 'console: LOOM_CONSOLE_PORT: port '],
    ['LOOM_LEDGER_SIGNER_URL', 'file:/nonexistent/keys', 'backend: signing keys /nonexistent/keys'],
  ])(
    '%s=%s is one sentence, and everything ends',
    async (variable, value, text) => {
      expectSentence(await start({ [variable]: values[value]?.() ?? value }), 'Loom did not start: ', text);
    },
    2 * startMsMax,
  );

  it.each([
    ['master-key', '', 'LOOM_MASTER_KEYS'],
    ['master-key', 'k1:AAAA', 'is not 32 bytes of base64'],
    ['key-pepper', '\u0000\u0001', 'LOOM_KEY_PEPPERS'],
    ['first-key', 'loom_live_cut', 'it is not an API key'],
    ['operator-key', '', 'it is not an API key'],
    ['session-secret', 'short', 'it is shorter than 32 characters'],
    ['session-secret', null, 'EISDIR'],
  ])(
    'a secret %s that is %j is named, and never replaced',
    async (name, text, why) => {
      const home = await mkdtemp(join(directory, 'home-'));
      const path = join(home, 'secrets', name);
      await mkdir(join(home, 'secrets'));
      await (text === null ? mkdir(path) : writeFile(path, text));
      expectSentence(
        await start({ LOOM_HOME: home }),
        `${path} cannot be used`,
        why,
        'restore it from a backup',
      );
    },
    startMsMax,
  );

  it(
    'a home that is full or read-only is named, and nothing half-written is left',
    async () => {
      const disk = SmallDisk.mount(24);
      if (!disk) return; // only root may mount
      try {
        disk.fill();
        expectSentence(await start({ LOOM_HOME: disk.path }), disk.path, 'is full; free some space');
        disk.free();
        disk.remount('ro');
        expectSentence(await start({ LOOM_HOME: join(disk.path, 'home') }), disk.path, 'read-only');
      } finally {
        disk.unmount();
      }
    },
    startMsMax,
  );
});
