import { createHmac, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/*
 * loom_live_<22 id>_<43 secret><6 check>
 *   id      16 random bytes in base62: finds the record, no secret
 *   secret  32 random bytes in base62
 *   check   CRC-32 of all before it, in base62: tells a typing error, and a key in a leak, from other text
 */
const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const idLength = 22;
const secretLength = 43;
const checkLength = 6;
/** What every key of Loom begins with. */
export const apiKeyPrefix = 'loom_live_';
const shape = /^loom_live_([0-9A-Za-z]{22})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;

export interface NewApiKeyParts {
  readonly id: string;
  readonly secret: string;
  /** What its holder gets, once. */
  readonly text: string;
}

export function newApiKey(): NewApiKeyParts {
  const id = base62(BigInt(`0x${randomBytes(16).toString('hex')}`), idLength);
  const secret = base62(BigInt(`0x${randomBytes(32).toString('hex')}`), secretLength);
  const body = `${apiKeyPrefix}${id}_${secret}`;
  return { id, secret, text: body + checkOf(body) };
}

/** Null for anything that is no whole key; says nothing about whether the key exists. */
export function parseApiKey(text: string): { readonly id: string; readonly secret: string } | null {
  const match = shape.exec(text);
  if (!match) return null;
  const [, id = '', secret = '', check] = match;
  return checkOf(text.slice(0, -checkLength)) === check ? { id, secret } : null;
}

/** Lower-case hex HMAC-SHA-256 of a key's secret under the pepper: what is stored. Compare in constant time. */
export function hashSecret(pepper: string, secret: string): string {
  return createHmac('sha256', pepper).update(secret).digest('hex');
}

function checkOf(body: string): string {
  return base62(BigInt(crc32(body)), checkLength);
}

function base62(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest /= 62n)
    text = (alphabet[Number(rest % 62n)] ?? '') + text;
  return text;
}

/** A pepper for a new deployment: 256 random bits as text. */
export function newPepper(): string {
  return randomBytes(32).toString('base64url');
}
