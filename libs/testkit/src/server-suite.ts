import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from '@jest/globals';
import type { RealServer } from './server-process.ts';

export interface ServerSuiteOptions {
  /** What the suite needs: `PostgreSQL`. */
  readonly server: string;
  /** Variable with its URL; unset means that there is none. */
  readonly variable: string;
}

export interface StartedServerSuiteOptions extends ServerSuiteOptions {
  /** What this machine lacks to run one, with the remedy; null when nothing. */
  readonly missing: () => string | null;
  readonly start: (options: { readonly directory: string }) => Promise<RealServer>;
}

/** Runs a suite on a server that build machines cannot have, where there is one. Its absence is told and is no failure. */
export function serverSuite(options: ServerSuiteOptions, suite: (url: URL) => void): void {
  const { server, variable } = options;
  const url = process.env[variable];
  describe(`on a real ${server}`, () => {
    if (url !== undefined && url !== '') return suite(new URL(url));
    tellMissing(`set ${variable} to a ${server} server`, false);
  });
}

/**
 * Runs a suite on the server that a variable names, else on one that is started for it and stopped after it. Where
 * none can be started it says what is missing; with `LOOM_REQUIRE_SERVERS=1` that is a failure. To be awaited at the
 * top of a test file. `server` is null for a server that was not started here: it cannot be paused or killed.
 */
export async function startedServerSuite(
  options: StartedServerSuiteOptions,
  suite: (url: URL, server: RealServer | null) => void,
): Promise<void> {
  const url = process.env[options.variable];
  const missing = url === undefined || url === '' ? options.missing() : null;
  if (missing !== null) {
    describe(`on a real ${options.server}`, () => {
      tellMissing(`missing: ${missing}; or set ${options.variable}`, true);
    });
    return;
  }
  if (url !== undefined && url !== '') {
    describe(`on a real ${options.server}`, () => suite(new URL(url), null));
    return;
  }
  const directory = await mkdtemp(join(tmpdir(), 'loom-server-'));
  const server = await options.start({ directory: join(directory, 'server') });
  describe(`on a real ${options.server}`, () => {
    afterAll(async () => {
      await server.kill();
      await rm(directory, { recursive: true });
    });
    suite(server.url, server);
  });
}

/**
 * Runs a suite by a tool of the machine, such as strace. Where it cannot be used that is told as for a server, and as
 * little a failure.
 */
export function toolSuite(
  { tool, missing }: { readonly tool: string; readonly missing: () => string | null },
  suite: () => void,
): void {
  const lacks = missing();
  describe(`by ${tool}`, () => (lacks === null ? suite() : tellMissing(`missing: ${lacks}`, true)));
}

function tellMissing(remedy: string, obtainable: boolean): void {
  const title = `runs (${remedy})`;
  if (obtainable && process.env.LOOM_REQUIRE_SERVERS === '1') {
    it(title, () => {
      throw new Error(`LOOM_REQUIRE_SERVERS is set: ${remedy}`);
    });
  } else it.skip(title, () => undefined);
}
