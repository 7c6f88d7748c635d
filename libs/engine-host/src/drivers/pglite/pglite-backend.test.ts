import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { PgliteBackend } from './pglite-backend.ts';
import { simpleQuery } from './wire.ts';

/** Files below a directory, by what is behind it, in which the text stands. */
async function filesWith(directory: string, text: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
  const found = await Promise.all(paths.map(async (path) => (await readFile(path)).includes(text)));
  return paths.filter((_, at) => found[at]);
}

describe('PgliteBackend', () => {
  it('keeps nothing of a row that was deleted, in no log of before', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'loom-pglite-'));
    const backend = await PgliteBackend.open(directory);
    const run = (sql: string) => backend.run({}, simpleQuery(sql), () => undefined);
    const [gone, kept] = [randomUUID(), randomUUID()];
    try {
      await run('CREATE TABLE keys (key text)');
      await run(`INSERT INTO keys VALUES ('${kept}'), ('${gone}')`);
      await backend.dropLog();
      expect(await filesWith(directory, gone)).toHaveLength(1); // the table's
      await run(`DELETE FROM keys WHERE key = '${gone}'`);
      await run('VACUUM FULL keys');
      await backend.dropLog();
      expect(await filesWith(directory, gone)).toEqual([]);
      expect(await filesWith(directory, kept)).toHaveLength(1);
    } finally {
      await backend.close();
      await rm(directory, { recursive: true });
    }
  });
});
