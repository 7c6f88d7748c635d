import { describe, expect, it } from '@jest/globals';
import { nodeCrypto } from '../node-crypto.ts';
import { type GoodBundle, goodBundle, TamperBench } from '../testing/bundle-members.ts';
import { type Tampering, tamperings } from '../testing/tampered-bundles.ts';
import { piecesOf } from '../testing/test-log.ts';
import { refusalOf } from './bundle-refusal.ts';
import type { BundleReport } from './bundle-report.ts';
import { verifyBundle, type VerifyBundleOptions } from './verify-bundle.ts';

const seeds = Array.from({ length: 25 }, (_, at) => at + 1);
const good = new Map<number, GoodBundle>();
let [tried, accepted] = [0, 0];

async function found(bench: TamperBench, tampering: Tampering): Promise<string> {
  const attempt = await tampering.tamper(bench);
  const { bundle, options = {} } = attempt instanceof Uint8Array ? { bundle: attempt } : attempt;
  const defaults: VerifyBundleOptions = { keys: [bench.log.key.verifier], nowMs: bench.log.now + 60_000 };
  try {
    return wordOf(await verifyBundle(nodeCrypto, piecesOf(bundle, 4096), { ...defaults, ...options }));
  } catch (error) {
    const refusal = refusalOf(error);
    if (!refusal) throw error;
    return refusal.reason;
  }
}

function wordOf({ verdict, payloads, texts, isPeriodCovered, gaps }: BundleReport): string {
  if (verdict === 'verified') return 'VERIFIED';
  if (!isPeriodCovered) return 'period';
  if (gaps.open > 0) return 'gap';
  return payloads.missing + texts.missing > 0 ? 'missing' : 'nothing';
}

describe('a tampered bundle', () => {
  it('comes from one that is verified', async () => {
    for (const seed of seeds) {
      good.set(seed, await goodBundle(seed));
      const bench = new TamperBench(seed, good.get(seed)!);
      const same: Tampering = { reason: 'gap', tamper: () => bench.signed() };
      expect(bench.signed()).toEqual(bench.original);
      expect(await found(bench, same)).toBe('VERIFIED');
    }
  });

  it.each(Object.entries(tamperings))('is refused: %s', async (_name, tampering) => {
    const words = new Set<string>();
    for (const seed of seeds) {
      const word = await found(new TamperBench(seed, good.get(seed)!), tampering);
      words.add(word);
      tried += 1;
      if (word === 'VERIFIED') accepted += 1;
    }
    expect([tampering.reason].flat()).toEqual(expect.arrayContaining([...words]));
  });

  it('was never accepted', () => {
    const classes = Object.keys(tamperings).length;
    const line = `${tried} tampered bundles of ${classes} classes, seeds 1 to ${seeds.length}: ${accepted} accepted\n`;
    process.stdout.write(line);
    expect(classes).toBeGreaterThanOrEqual(40);
    expect(tried).toBe(classes * seeds.length);
    expect(accepted).toBe(0);
  });
});
