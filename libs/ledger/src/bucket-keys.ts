import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { LoomError } from '@loom/errors';
import { toHex } from './bytes.ts';
import { payloadCommitment, saltBytes } from './commitment.ts';
import { nodeCrypto } from './node-crypto.ts';

/*
 * What is derived of a bucket key (ADR 0016), by HKDF-SHA-256 without salt:
 *
 *   loom/salt/v1/<event id>/<part>      the salt of a commitment
 *   loom/payload/v1/<call id>/<part>    the AES-256-GCM key of a payload: iv (12) || ciphertext || tag (16)
 *
 * With the bucket key gone neither can be had again.
 */
export const bucketKeyBytes = 32;
const [ivBytes, tagBytes, hashBytes] = [12, 16, 32];

export function newBucketKey(): Buffer {
  return randomBytes(bucketKeyBytes);
}

/** The bucket that a call's content belongs to: its end user's, or its day's (UTC) when it has none. */
export function bucketOf({
  userId,
  timeMs,
}: {
  readonly userId: string | null;
  readonly timeMs: number;
}): string {
  return userId === null || userId === ''
    ? `day/${new Date(timeMs).toISOString().slice(0, 10)}`
    : `user/${userId}`;
}

/** Milliseconds; see {@link keyPeriodOf}. */
export const keyPeriodMs = 60_000;

/**
 * The beginning of the key period of a moment, unix milliseconds. A key of an end user that is made by an emitter is for
 * calls that begin in one period, and an erasure ends with one: so no key is for calls of before and after it.
 */
export function keyPeriodOf(timeMs: number): number {
  return Math.floor(timeMs / keyPeriodMs) * keyPeriodMs;
}

export function commitmentSalt(bucketKey: Uint8Array, eventId: string, part: string): Uint8Array {
  return derive(bucketKey, `loom/salt/v1/${eventId}/${part}`, saltBytes);
}

/** What the leaf of an event says of a part, hex: the commitment to its opening, salted by the bucket key. */
export function bucketCommitment(
  bucketKey: Uint8Array,
  {
    eventId,
    part,
    opening,
  }: { readonly eventId: string; readonly part: string; readonly opening: Uint8Array },
): string {
  const salt = commitmentSalt(bucketKey, eventId, part);
  return toHex(payloadCommitment(nodeCrypto, { part, salt, payload: opening }));
}

/** Which payload it is: authenticated with it, so that one cannot stand for another. */
export interface SealedPayloadPlace {
  readonly projectId: string;
  readonly callId: string;
  readonly part: string;
}

/**
 * What is sealed of a payload of which only the beginning is kept: the SHA-256 of all of it comes after that. Its commitment
 * is opened by this hash, and without the key nobody may have it.
 */
export function withWholeHash(kept: Uint8Array, wholeHash: Uint8Array): Buffer {
  return Buffer.concat([kept, wholeHash]);
}

/** The inverse of {@link withWholeHash}. */
export function splitWholeHash(opened: Buffer): { readonly kept: Buffer; readonly wholeHash: Buffer } {
  return { kept: opened.subarray(0, -hashBytes), wholeHash: opened.subarray(-hashBytes) };
}

export function sealPayload(bucketKey: Uint8Array, plain: Uint8Array, place: SealedPayloadPlace): Buffer {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', payloadKey(bucketKey, place), iv);
  cipher.setAAD(associatedData(place));
  return Buffer.concat([iv, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/** Throws `invalid_request` for bytes that were not sealed with this key for this place. */
export function openPayload(bucketKey: Uint8Array, sealed: Uint8Array, place: SealedPayloadPlace): Buffer {
  const refuse = (cause?: unknown) =>
    new LoomError('invalid_request', `the sealed ${place.part} of call ${place.callId} does not open`, {
      cause,
    });
  if (sealed.length < ivBytes + tagBytes) throw refuse();
  const options = { authTagLength: tagBytes };
  const iv = sealed.subarray(0, ivBytes);
  const decipher = createDecipheriv('aes-256-gcm', payloadKey(bucketKey, place), iv, options);
  decipher.setAAD(associatedData(place));
  decipher.setAuthTag(sealed.subarray(-tagBytes));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(ivBytes, -tagBytes)), decipher.final()]);
  } catch (cause) {
    throw refuse(cause);
  }
}

function payloadKey(bucketKey: Uint8Array, { callId, part }: SealedPayloadPlace): Uint8Array {
  return derive(bucketKey, `loom/payload/v1/${callId}/${part}`, 32);
}

function associatedData({ projectId, callId, part }: SealedPayloadPlace): Buffer {
  return Buffer.from(JSON.stringify([projectId, callId, part]));
}

function derive(key: Uint8Array, info: string, length: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', key, new Uint8Array(), info, length));
}
