import { describe, it } from '@jest/globals';

export interface ServerSuiteOptions {
  /** What the suite needs: `PostgreSQL`. */
  readonly server: string;
  /** Variable with its URL; unset means that there is none. */
  readonly variable: string;
  /** False for a server that build machines cannot have: then its absence is told and never a failure. */
  readonly obtainable: boolean;
}

/**
 * Runs a suite on a real server where there is one. Where there is none it says so; with `LOOM_REQUIRE_SERVERS=1` that
 * is a failure, unless the server is not to be had.
 */
export function serverSuite(options: ServerSuiteOptions, suite: (url: URL) => void): void {
  const { server, variable, obtainable } = options;
  const url = process.env[variable];
  describe(`on a real ${server}`, () => {
    if (url !== undefined && url !== '') return suite(new URL(url));
    const title = `runs (set ${variable} to a ${server} server)`;
    if (obtainable && process.env.LOOM_REQUIRE_SERVERS === '1') {
      it(title, () => {
        throw new Error(`LOOM_REQUIRE_SERVERS is set and ${variable} is not`);
      });
    } else it.skip(title, () => undefined);
  });
}
