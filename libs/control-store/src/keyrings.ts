import { LoomError } from '@loom/errors';
import type { MasterKeys } from './sealing.ts';

/** Master keys from `<id>:<base64 of 32 bytes>`, separated by commas; the first one seals. */
export function parseMasterKeys(text: string): MasterKeys {
  return new Map(
    pairs(text, 'LOOM_MASTER_KEYS').map(([id, value]) => {
      const key = Buffer.from(value, 'base64');
      if (key.length !== 32) {
        throw new LoomError('config_invalid', `LOOM_MASTER_KEYS: key "${id}" is not 32 bytes of base64`);
      }
      return [id, key];
    }),
  );
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
