import { describe, expect, it } from '@jest/globals';
import { nodeCrypto } from '../node-crypto.ts';
import { piecesOf, type TestLog, variedLog } from '../testing/test-log.ts';
import { verifyBundle } from './verify-bundle.ts';

const verify = (bundle: Uint8Array, log: TestLog, options: object = {}, pieceLength = 65_536) =>
  verifyBundle(nodeCrypto, piecesOf(bundle, pieceLength), { keys: [log.key.verifier], ...options });

describe('a bundle', () => {
  it('is verified as it was written, and its report tells what it holds', async () => {
    const { log, start, end } = variedLog(1);
    const bundle = await log.bundle({ start, end, chunkLeaves: 13 });
    const report = await verify(bundle, log);
    expect(report).toMatchObject({
      verdict: 'verified',
      ...{
        origin: 'loom.example/ledger/p1',
        project: 'p1',
        start,
        end,
        size: log.size,
        isPeriodCovered: true,
      },
      leaves: {
        total: end - start,
        byKind: { 'call.accepted': 20, 'call.completed': 20, 'cost.computed': 20, 'capture.gap': 1 },
      },
      gaps: { open: 0, missing: 0, filled: 1, list: [] },
      missing: [],
    });
    expect(report.payloads.erased).toBe(20 + 1); // of bob and eve, and the oldest one by retention
    expect(report.payloads.verified).toBe(40 - report.payloads.erased);
    expect(report.texts).toEqual({ verified: 11, erased: 10, missing: 0 });
    expect(report.checkpoints.start?.size).toBe(start);
  });
});
