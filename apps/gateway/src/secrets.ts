import type { Secret } from '@loom/config';
import { LoomError } from '@loom/errors';

/** `<id>:<base64 of 32 bytes>`, separated by commas. */
export function parseMasterKeys(secret: Secret): Map<string, Buffer> {
  const keys = new Map<string, Buffer>();
  for (const [id, text] of pairs(secret, 'LOOM_MASTER_KEYS')) {
    const key = Buffer.from(text, 'base64');
    if (key.length !== 32)
      throw new LoomError('config_invalid', `LOOM_MASTER_KEYS: key "${id}" is not 32 bytes of base64`);
    keys.set(id, key);
  }
  return keys;
}

/** `<version>:<text>`, separated by commas. */
export function parsePeppers(secret: Secret): Map<number, string> {
  return new Map(pairs(secret, 'LOOM_KEY_PEPPERS').map(([version, text]) => [Number(version), text]));
}

function pairs(secret: Secret, variable: string): [string, string][] {
  return secret
    .reveal()
    .split(',')
    .map((entry) => {
      const colon = entry.indexOf(':');
      if (colon <= 0)
        throw new LoomError('config_invalid', `${variable}: expected <name>:<value>, separated by commas`);
      return [entry.slice(0, colon).trim(), entry.slice(colon + 1).trim()];
    });
}
