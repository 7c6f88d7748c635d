import { createHash } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import type { LedgerCrypto } from '../ledger-crypto.ts';
import { nodeCrypto } from '../node-crypto.ts';
import { TestLog } from '../testing/test-log.ts';
import { refusalOf } from './bundle-refusal.ts';
import { verifyBundle } from './verify-bundle.ts';

/*
 * Each byte of a bundle of 20 calls, with one of its bits flipped: all of them in a soak run, else every seventh from a
 * place that is another one each day. There is no list of bytes that are not authenticated: there are none.
 */
const isSoak = process.env['LOOM_TEST_SOAK'] === '1';
const step = isSoak ? 1 : 7;
const first = isSoak ? 0 : Math.floor(Date.now() / 86_400_000) % step;

/** Real signatures, each checked once: most flips leave them as they were. */
function remembering(crypto: LedgerCrypto): LedgerCrypto {
  const known = new Map<string, boolean>();
  return {
    ...crypto,
    verifyEd25519: (...given) => {
      const key = given
        .reduce((hash, bytes) => hash.update(bytes).update('|'), createHash('sha256'))
        .digest('hex');
      const holds = known.get(key) ?? crypto.verifyEd25519(...given);
      known.set(key, holds);
      return holds;
    },
  };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

describe('a bundle of 20 calls', () => {
  it('is refused with any byte flipped', async () => {
    const log = new TestLog({ seed: 7 });
    for (let count = 0; count < 20; count += 1) log.call({ userId: count % 3 === 0 ? 'ada' : '' });
    log.seal();
    const end = log.size;
    log.erase('ada');
    log.seal();
    const bundle = await log.bundle({ end });
    const crypto = remembering(nodeCrypto);
    const options = { keys: [log.key.verifier] };
    expect((await verifyBundle(crypto, once(bundle), options)).verdict).toBe('verified');
    const accepted: number[] = [];
    const reasons = new Map<string, number>();
    let tried = 0;
    for (let at = first; at < bundle.length; at += step) {
      bundle[at]! ^= 1 << (at % 8);
      try {
        await verifyBundle(crypto, once(bundle), options);
        accepted.push(at);
      } catch (error) {
        const reason = refusalOf(error)?.reason ?? String(error);
        reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
      }
      bundle[at]! ^= 1 << (at % 8);
      tried += 1;
    }
    process.stdout.write(`${tried} of ${bundle.length} bytes flipped: ${accepted.length} accepted\n`);
    expect(accepted).toEqual([]);
    expect([...reasons.keys()].filter((reason) => reason.includes(' '))).toEqual([]);
  }, 600_000);
});
