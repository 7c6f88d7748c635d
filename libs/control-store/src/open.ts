import { LoomError } from '@loom/errors';
import type { ControlStore, ControlStoreOptions } from './control-store.ts';

const drivers: Record<
  string,
  () => Promise<(url: URL, options: ControlStoreOptions) => Promise<ControlStore>>
> = {
  'postgres:': loadPg,
  'postgresql:': loadPg,
};

async function loadPg(): Promise<(url: URL, options: ControlStoreOptions) => Promise<ControlStore>> {
  return (await import('./drivers/pg/pg-control-store.ts')).openPgControlStore;
}

/** Connects and sees to the schema; or throws with the place and the remedy, without the password. */
export async function openControlStore(url: URL, options: ControlStoreOptions): Promise<ControlStore> {
  const load = drivers[url.protocol];
  if (!load) {
    const known = Object.keys(drivers).join(' ');
    throw new LoomError('config_invalid', `control store: unknown scheme ${url.protocol}; known: ${known}`);
  }
  const open = await load();
  return open(url, options);
}
