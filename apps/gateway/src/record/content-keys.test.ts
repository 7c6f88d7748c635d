import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { openBucketKey, parseMasterKeys } from '@loom/control-store/secrets';
import { keyPeriodMs } from '@loom/ledger';
import { uuidTimeMs } from '@loom/trace-schema';
import { ContentKeys } from './content-keys.ts';
import type { Emitter } from './emitter.ts';

const masterKeys = parseMasterKeys(`k1:${randomBytes(32).toString('base64')}`);
const noon = Date.UTC(2026, 10, 1, 12);

function contentKeys() {
  const created: Record<string, unknown>[] = [];
  const emit = ({ fields }: { fields: Record<string, unknown> }) =>
    Promise.resolve(void created.push(fields));
  const keys = new ContentKeys({ emitter: { emit } as unknown as Emitter, masterKeys });
  const keyAt = (timeMs: number, userId: string | null = 'ada', projectId = 'p1') =>
    keys.keyFor({ projectId, userId, timeMs });
  return { keyAt, created };
}

describe('ContentKeys', () => {
  it('gives an end user one key for the calls that begin in one period, and names the period in its id', () => {
    const { keyAt, created } = contentKeys();
    const first = keyAt(noon + 5);
    expect(keyAt(noon + keyPeriodMs - 1)).toBe(first);
    expect(keyAt(noon)).toBe(first);
    expect(uuidTimeMs(first.id)).toBe(noon + 5);
    const second = keyAt(noon + keyPeriodMs);
    expect(second.id).not.toBe(first.id);
    // A call that began in time and comes here late is not under a key of after an erasure.
    expect(uuidTimeMs(keyAt(noon + keyPeriodMs - 1).id)).toBe(noon + keyPeriodMs - 1);
    expect(created).toHaveLength(3);
    expect(created[0]).toMatchObject({ keyId: first.id, bucket: 'user/ada' });
    const { sealed } = created[0] as { sealed: string };
    expect(openBucketKey(masterKeys, first.id, sealed)).toEqual(Buffer.from(first.bytes));
  });

  it('shares no key between end users or projects; that of a day is used for ten minutes', () => {
    const { keyAt } = contentKeys();
    const ids = [keyAt(noon), keyAt(noon, 'bob'), keyAt(noon, null), keyAt(noon, 'ada', 'p2')].map(
      ({ id }) => id,
    );
    expect(new Set(ids).size).toBe(4);
    expect(keyAt(noon + 599_999, null).id).toBe(ids[2]);
    expect(keyAt(noon + 600_000, null).id).not.toBe(ids[2]);
  });
});
