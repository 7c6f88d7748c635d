import { createHmac } from 'node:crypto';
import { type MasterKeys, seal, type SealContext, unseal } from './sealing.ts';

/**
 * The names under which a bucket's keys may be kept: a day's is its own; an end user's is a keyed hash, one for each
 * master key, the current one first, so that no name of a person stands in the control store.
 */
export function bucketLabels(masterKeys: MasterKeys, projectId: string, bucket: string): string[] {
  if (!bucket.startsWith('user/')) return [bucket];
  return [...masterKeys.values()].map((key) => {
    const hmac = createHmac('sha256', key).update(JSON.stringify(['loom/bucket/v1', projectId, bucket]));
    return `user/${hmac.digest('hex')}`;
  });
}

/** A bucket key as it travels and is kept; {@link openBucketKey} opens it. */
export function sealBucketKey(masterKeys: MasterKeys, keyId: string, key: Uint8Array): string {
  return seal(masterKeys, Buffer.from(key).toString('base64'), bucketKeyContext(keyId));
}

/** Throws `config_invalid` when the master key is missing, or the text is another key's. */
export function openBucketKey(masterKeys: MasterKeys, keyId: string, sealed: string): Buffer {
  return Buffer.from(unseal(masterKeys, sealed, bucketKeyContext(keyId)), 'base64');
}

/** The end user of an erasure, until it is complete. */
export function sealErasedUser(masterKeys: MasterKeys, erasureId: string, userId: string): string {
  return seal(masterKeys, userId, erasedUserContext(erasureId));
}

export function openErasedUser(masterKeys: MasterKeys, erasureId: string, sealed: string): string {
  return unseal(masterKeys, sealed, erasedUserContext(erasureId));
}

function bucketKeyContext(keyId: string): SealContext {
  return { organizationId: '', recordId: keyId, field: 'bucketKey' };
}

function erasedUserContext(erasureId: string): SealContext {
  return { organizationId: '', recordId: erasureId, field: 'user' };
}
