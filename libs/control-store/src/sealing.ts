import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { LoomError } from '@loom/errors';

/*
 * A sealed text: `lk1.<keyId>.<iv>.<ciphertext + tag>`, both in base64url. AES-256-GCM; what the text belongs to is
 * authenticated with it, so that a sealed text moved to another record does not open.
 */
const version = 'lk1';
const ivBytes = 12;
const tagBytes = 16;

/** What a sealed text belongs to. An `organizationId` of '' is the deployment itself. */
export interface SealContext {
  readonly organizationId: string;
  readonly recordId: string;
  readonly field: string;
}

/** Master keys of 32 bytes by id (letters, digits, `-` and `_`), the current one first; older ones still open. */
export type MasterKeys = ReadonlyMap<string, Buffer>;

/** Seals with the first of the keys. */
export function seal(keys: MasterKeys, plain: string, context: SealContext): string {
  const [[id, bytes] = ['', Buffer.alloc(0)]] = keys;
  if (!/^[\w-]{1,64}$/.test(id)) {
    throw new LoomError(
      'config_invalid',
      `master key id ${JSON.stringify(id)}: letters, digits, - and _ only`,
    );
  }
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', checkedKey(bytes, id), iv);
  cipher.setAAD(associatedData(context));
  const sealed = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final(), cipher.getAuthTag()]);
  return [version, id, iv.toString('base64url'), sealed.toString('base64url')].join('.');
}

/**
 * Opens with the key that sealed it. Every failure is `config_invalid` and says what to do, never what was inside:
 * an unknown key, another record's text, changed bytes.
 */
export function unseal(keys: MasterKeys, sealed: string, context: SealContext): string {
  const [name, keyId = '', iv, body, ...rest] = sealed.split('.');
  const bytes = Buffer.from(body ?? '', 'base64url');
  const nonce = Buffer.from(iv ?? '', 'base64url');
  if (name !== version || rest.length > 0 || nonce.length !== ivBytes || bytes.length < tagBytes) {
    throw new LoomError(
      'config_invalid',
      `${context.field} of ${context.recordId} is not a sealed text; enter it again`,
    );
  }
  const key = keys.get(keyId);
  if (!key) {
    const known = [...keys.keys()].join(', ');
    throw new LoomError(
      'config_invalid',
      `${context.field} of ${context.recordId} is sealed with master key "${keyId}"; known: ${known}; add that key`,
    );
  }
  try {
    const decipher = createDecipheriv('aes-256-gcm', checkedKey(key, keyId), nonce, {
      authTagLength: tagBytes,
    });
    decipher.setAAD(associatedData(context));
    decipher.setAuthTag(bytes.subarray(-tagBytes));
    return decipher.update(bytes.subarray(0, -tagBytes), undefined, 'utf8') + decipher.final('utf8');
  } catch (cause) {
    throw new LoomError(
      'config_invalid',
      `${context.field} of ${context.recordId} does not open; enter it again`,
      {
        cause,
      },
    );
  }
}

function checkedKey(bytes: Buffer, id: string): Buffer {
  if (bytes.length === 32) return bytes;
  throw new LoomError('config_invalid', `master key "${id}" has ${bytes.length} bytes; it must have 32`);
}

/** Each part with its length before it: no two contexts give the same bytes. */
function associatedData({ organizationId, recordId, field }: SealContext): Buffer {
  return Buffer.from(
    [version, organizationId, recordId, field].map((part) => `${part.length}:${part}`).join('/'),
  );
}
