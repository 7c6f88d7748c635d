import { LoomError } from '@loom/errors';
import { unseal } from '@loom/control-store/secrets';
import type { ProviderRecord } from '@loom/trace-schema';

interface Opened {
  readonly sealed: string;
  readonly credential: string;
  readonly atMs: number;
}

/** Opened credentials are kept this long. Milliseconds. */
const keptMs = 60_000;

/** Opens providers' credentials when they are needed. A provider whose credential cannot be opened is out of use. */
export class CredentialReader {
  readonly #masterKeys: ReadonlyMap<string, Buffer>;
  readonly #opened = new Map<string, Opened>();

  constructor(masterKeys: ReadonlyMap<string, Buffer>) {
    this.#masterKeys = masterKeys;
  }

  /** How many keys the provider has: its credential may hold several, one a line. At least 1. */
  keysOf(provider: ProviderRecord): number {
    return this.#keys(provider)?.length ?? 1;
  }

  /** One of the provider's keys; null when it takes none. */
  keyOf(provider: ProviderRecord, index: number): string | null {
    const keys = this.#keys(provider);
    return keys ? (keys[index % keys.length] ?? null) : null;
  }

  // A JSON credential is one, however many lines it has.
  #keys(provider: ProviderRecord): readonly string[] | null {
    const credential = this.read(provider);
    if (credential === null) return null;
    if (credential.trimStart().startsWith('{') || !credential.includes('\n')) return [credential];
    const keys = credential.split('\n').map((line) => line.trim());
    return keys.filter((key) => key !== '');
  }

  /** Null when the provider takes none. Throws `unavailable` when it cannot be opened. */
  read(provider: ProviderRecord): string | null {
    const sealed = provider.sealedCredential;
    if (sealed === null) return null;
    const known = this.#opened.get(provider.id);
    const now = Date.now();
    if (known && known.sealed === sealed && now - known.atMs < keptMs) return known.credential;
    try {
      const credential = unseal(this.#masterKeys, sealed, {
        organizationId: provider.organizationId ?? '',
        recordId: provider.id,
        field: 'credential',
      });
      this.#opened.set(provider.id, { sealed, credential, atMs: now });
      return credential;
    } catch (cause) {
      throw new LoomError(
        'unavailable',
        `the credential of provider "${provider.name}" cannot be opened; enter it again`,
        {
          reason: 'provider_needs_reconfiguration',
          cause,
        },
      );
    }
  }
}
