import { createHmac } from 'node:crypto';
import type { MasterKeys } from './sealing.ts';

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
