import { timingSafeEqual } from 'node:crypto';
import type { ApiKeyRecord } from '@loom/trace-schema';
import { hashSecret, parseApiKey } from './api-keys.ts';

export interface KeyVerification {
  /** The record of the key whose secret was shown; null when there is none or the secret is wrong. */
  readonly record: ApiKeyRecord | null;
  /** Why the key may not be used; null when it may. */
  readonly fault: 'unknown' | 'revoked' | 'expired' | null;
}

export interface KeyVerificationOptions {
  readonly findKey: (id: string) => ApiKeyRecord | null;
  /** By version. */
  readonly peppers: ReadonlyMap<number, string>;
  readonly nowMs: number;
}

const noHash = '0'.repeat(64);
const tokenCharsMax = 256;

/** Compares a key's keyed hash in constant time; a key that does not exist costs the same work as a wrong one. */
export function verifyApiKey(token: string, options: KeyVerificationOptions): KeyVerification {
  const parsed = parseApiKey(token);
  const record = parsed ? options.findKey(parsed.id) : null;
  const pepper = options.peppers.get(record?.pepperVersion ?? 1) ?? '';
  const digest = Buffer.from(hashSecret(pepper, parsed?.secret ?? token.slice(0, tokenCharsMax)), 'hex');
  const same = timingSafeEqual(digest, Buffer.from(record?.secretHash ?? noHash, 'hex'));
  if (!same || !record || pepper === '') return { record: null, fault: 'unknown' };
  if (record.revokedAtMs !== null) return { record, fault: 'revoked' };
  if (record.expiresAtMs !== null && record.expiresAtMs <= options.nowMs) return { record, fault: 'expired' };
  return { record, fault: null };
}
