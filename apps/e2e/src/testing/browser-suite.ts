import { existsSync } from 'node:fs';
import { describe, it } from '@jest/globals';

const usualPlaces = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/**
 * Runs a suite in Chromium: the one of LOOM_TEST_CHROMIUM, or Debian's. Where there is none it says so; with
 * `LOOM_REQUIRE_SERVERS=1` that is a failure.
 */
export function browserSuite(title: string, suite: (executable: string) => void): void {
  const named = process.env.LOOM_TEST_CHROMIUM;
  const executable =
    named !== undefined && named !== '' ? named : usualPlaces.find((path) => existsSync(path));
  describe(title, () => {
    if (executable !== undefined) return suite(executable);
    const absence = 'runs (install chromium, or name one by LOOM_TEST_CHROMIUM)';
    if (process.env.LOOM_REQUIRE_SERVERS === '1') {
      it(absence, () => {
        throw new Error(`LOOM_REQUIRE_SERVERS is set and there is no Chromium at ${usualPlaces.join(', ')}`);
      });
    } else it.skip(absence, () => undefined);
  });
}
