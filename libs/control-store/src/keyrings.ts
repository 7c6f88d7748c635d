import { LoomError } from '@loom/errors';
import type { MasterKeys } from './sealing.ts';

/** Master keys from `<id>:<base64 of 32 bytes>`, separated by commas; the first one seals. */
export function parseMasterKeys(text: string, name = 'LOOM_MASTER_KEYS'): MasterKeys {
  return new Map(
    pairs(text, name).map(([id, value]) => {
      const key = Buffer.from(value, 'base64');
      if (key.length !== 32) {
        throw new LoomError('config_invalid', `${name}: key "${id}" is not 32 bytes of base64`);
      }
      return [id, key];
    }),
  );
}

interface Revealable {
  reveal(): string;
}

/**
 * The keys of the record's content, in the same form: `LOOM_CONTENT_KEYS`, or the master keys where there are none of
 * their own. Who has these alone can open content, and no credential of a provider.
 */
export function contentKeysOf(config: {
  readonly LOOM_CONTENT_KEYS?: Revealable | undefined;
  readonly LOOM_MASTER_KEYS?: Revealable | undefined;
}): MasterKeys {
  const { LOOM_CONTENT_KEYS: own, LOOM_MASTER_KEYS: master } = config;
  if (own) return parseMasterKeys(own.reveal(), 'LOOM_CONTENT_KEYS');
  if (master) return parseMasterKeys(master.reveal());
  throw new LoomError('config_invalid', 'LOOM_CONTENT_KEYS is missing: the keys that content is sealed with');
}

/** Peppers by version from `<version>:<text>`, separated by commas; the highest hashes new keys. */
export function parsePeppers(text: string): Map<number, string> {
  return new Map(
    pairs(text, 'LOOM_KEY_PEPPERS').map(([version, value]) => {
      if (!/^[1-9]\d*$/.test(version) || value === '') {
        throw new LoomError('config_invalid', 'LOOM_KEY_PEPPERS: expected <version>:<text>, versions from 1');
      }
      return [Number(version), value];
    }),
  );
}

function pairs(text: string, variable: string): [string, string][] {
  return text.split(',').map((entry) => {
    const colon = entry.indexOf(':');
    if (colon <= 0)
      throw new LoomError('config_invalid', `${variable}: expected <name>:<value>, separated by commas`);
    return [entry.slice(0, colon).trim(), entry.slice(colon + 1).trim()];
  });
}
