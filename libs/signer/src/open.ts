import { LoomError } from '@loom/errors';
import type { Signer } from './signer.ts';

const drivers: Record<string, () => Promise<(url: URL) => Promise<Signer>>> = {
  'file:': async () => (await import('./drivers/file/file-signer.ts')).openFileSigner,
  'note-key:': async () => (await import('./drivers/text/text-signer.ts')).openTextSigner,
  'vault+http:': loadVault,
  'vault+https:': loadVault,
};

async function loadVault(): Promise<(url: URL) => Promise<Signer>> {
  return (await import('./drivers/vault/vault-signer.ts')).openVaultSigner;
}

/** Reads the keys once; or throws with the place and the remedy. */
export async function openSigner(url: URL): Promise<Signer> {
  const load = drivers[url.protocol];
  if (load) {
    const open = await load();
    return open(url);
  }
  const known = Object.keys(drivers).join(' ');
  throw new LoomError('config_invalid', `signer: unknown scheme ${url.protocol}; known: ${known}`);
}
