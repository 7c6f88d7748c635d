import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { FileCall } from './injector.ts';

/** A call and the kind of file that it is about: `fdatasync loom.traces.v1/#/#.log`. */
export function siteOf({ name, path }: FileCall, home: string): string {
  const below = path.startsWith(home) ? path.slice(home.length + 1) : path;
  return `${name} ${below.replace(/[0-9a-f]{8}-[0-9a-f-]{27}|\d{20}/g, '#')}`;
}

const groups = ['ingest', 'pricing', 'ledger'];

/** Files below a home whose names are known before they are written to: of partitions the newest segment and the mark. */
export async function foreseeablePaths(home: string): Promise<string[]> {
  const paths = [
    join(home, 'control-snapshot.json.next'),
    ...groups.map((group) => join(home, 'stream/.groups', `.${group}.json.next`)),
    ...['default', 'system'].map((log) => join(home, 'ledger/checkpoints', `${log}.ndjson`)),
  ];
  for (const stream of [join(home, 'stream'), join(home, 'ledger/journal')]) {
    for (const topic of await namesIn(stream)) {
      for (const partition of await namesIn(join(stream, topic))) {
        const directory = join(stream, topic, partition);
        const names = await namesIn(directory);
        if (names.includes('closed')) continue;
        const segment = names.filter((name) => name.endsWith('.log')).at(-1);
        paths.push(
          join(directory, '.closed.next'),
          ...(segment === undefined ? [] : [join(directory, segment)]),
        );
      }
    }
  }
  return paths;
}

/** Not the hidden ones. */
async function namesIn(directory: string): Promise<string[]> {
  const names = await readdir(directory).catch(() => []);
  return names.filter((name) => !name.startsWith('.')).sort();
}
