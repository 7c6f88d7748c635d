import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { toBase64, utf8 } from './bytes.ts';
import { writeCheckpoint } from './checkpoint.ts';
import { CompactRange } from './compact-range.ts';
import { nodeCrypto, publicKeyOf, signEd25519 } from './node-crypto.ts';
import { leafHash, nodeHash, splitOf } from './merkle-hash.ts';
import { consistencyProof, inclusionProof } from './merkle-proof.ts';
import { tamperings } from './testing/tampered-bundles.ts';
import { goodBundle, TamperBench } from './testing/bundle-members.ts';
import { variedLog } from './testing/test-log.ts';
import { ed25519Type, keyIdOf, writeNote, writeVerifierKey } from './signed-note.ts';

/*
 * Go's golang.org/x/mod/sumdb/{note,tlog} as a second implementation: it accepts what the ledger signs and proves, and
 * refuses the same with one thing changed.
 */
const folder = join(import.meta.dirname, '../testdata/go-verifier');
/** Of the build machine, or another one. */
const go = process.env.LOOM_TEST_GO ?? 'go';
const hasGo = spawnSync(go, ['version']).status === 0;

interface Claim {
  readonly Kind: 'note' | 'inclusion' | 'consistency' | 'bundle';
  readonly [member: string]: unknown;
}

function ask(claims: readonly Claim[]): boolean[] {
  const output = execFileSync(go, ['run', '.'], {
    cwd: folder,
    input: JSON.stringify(claims),
    maxBuffer: 2 ** 26,
  });
  return JSON.parse(output.toString()) as boolean[];
}

const leaves = Array.from({ length: 130 }, (_, index) => leafHash(nodeCrypto, utf8(`event ${index}`)));
const rangeHash = (start: number, end: number): Uint8Array => {
  if (end - start === 1) return leaves[start] ?? new Uint8Array();
  const middle = start + splitOf(end - start);
  return nodeHash(nodeCrypto, rangeHash(start, middle), rangeHash(middle, end));
};
const flip = (bytes: Uint8Array) => bytes.map((byte, at) => (at === 7 ? byte ^ 1 : byte));
const base64 = (bytes: Uint8Array) => toBase64(bytes);

const inclusion = (index: number, size: number, change: object = {}): Claim => ({
  ...{ Kind: 'inclusion', Index: index, Size: size, Root: base64(rangeHash(0, size)) },
  ...{
    Leaf: base64(leaves[index] ?? new Uint8Array()),
    Proof: inclusionProof(index, size, rangeHash).map(base64),
  },
  ...change,
});
const consistency = (oldSize: number, size: number, change: object = {}): Claim => ({
  ...{ Kind: 'consistency', OldSize: oldSize, Size: size, OldRoot: base64(rangeHash(0, oldSize)) },
  ...{ Root: base64(rangeHash(0, size)), Proof: consistencyProof(oldSize, size, rangeHash).map(base64) },
  ...change,
});

const seed = nodeCrypto.sha256(utf8('a key of a test'));
const name = 'loom.example/ledger/p1';
const publicKey = publicKeyOf(seed);
const keyId = keyIdOf(nodeCrypto, name, ed25519Type, publicKey);
const vkey = writeVerifierKey({ name, keyId, type: ed25519Type, publicKey });
const range = new CompactRange(nodeCrypto);
for (const leaf of leaves) range.append(leaf);
const text = writeCheckpoint({
  origin: name,
  size: range.size,
  root: range.root(),
  extensions: ['sealed 2026-11-26T12:00:00.000Z'],
});
const signed = writeNote(text, [{ name, keyId, signature: signEd25519(seed, utf8(text)) }]);
const note = (change: object = {}): Claim => ({
  Kind: 'note',
  Note: signed,
  VKeys: [vkey],
  Text: text,
  ...change,
});

describe('Go', () => {
  if (!hasGo) {
    const skipped = process.env.LOOM_REQUIRE_SERVERS === '1' ? it : it.skip;
    skipped('verifies the ledger (install Go, and let it reach its module proxy)', () =>
      expect(hasGo).toBe(true),
    );
    return;
  }

  it('accepts what the ledger signs and proves', () => {
    const claims = [note()];
    for (let size = 1; size <= leaves.length; size += 7) {
      for (let index = 0; index < size; index += 3) claims.push(inclusion(index, size));
      for (let oldSize = 1; oldSize <= size; oldSize += 5) claims.push(consistency(oldSize, size));
    }
    expect(ask(claims)).toEqual(claims.map(() => true));
    expect(claims.length).toBeGreaterThan(600);
  }, 120_000);

  it('refuses it with one thing changed', () => {
    const [root, leaf] = [base64(flip(rangeHash(0, 100))), base64(flip(leaves[40] ?? new Uint8Array()))];
    const proof = inclusionProof(40, 100, rangeHash);
    const claims = [
      note({ Note: signed.replace('130', '131') }),
      note({ Note: signed.replace(name, 'loom.example/ledger/p2') }),
      note({ VKeys: [vkey.replace(name, 'loom.example/other')] }),
      note({ Note: signed.replace('sealed 2026-11-26T12', 'sealed 2026-11-26T11') }),
      note({ Text: `${text}more\n` }),
      inclusion(40, 100, { Root: root }),
      inclusion(40, 100, { Leaf: leaf }),
      inclusion(40, 100, { Index: 41 }),
      inclusion(40, 100, { Size: 41 }),
      inclusion(40, 100, { Proof: proof.slice(1).map(base64) }),
      inclusion(40, 100, { Proof: [...proof].reverse().map(base64) }),
      ...proof.map((_, at) =>
        inclusion(40, 100, { Proof: proof.map((hash, index) => base64(index === at ? flip(hash) : hash)) }),
      ),
      consistency(60, 100, { OldRoot: root }),
      consistency(60, 100, { Root: root }),
      consistency(60, 100, { OldSize: 61 }),
      consistency(60, 100, { Proof: [] }),
    ];
    expect(ask(claims)).toEqual(claims.map(() => false));
  }, 120_000);

  it('accepts a bundle, and refuses one that was tampered with', async () => {
    const { log, end } = variedLog(11);
    const { bundle } = await goodBundle(11);
    const whole = await log.bundle({ end, chunkLeaves: 40 });
    const claim = (bytes: Uint8Array): Claim => ({
      ...{ Kind: 'bundle', VKeys: [log.key.vkey], Bundle: base64(bytes) },
    });
    const names = [
      ...['a lower price', 'a gap that is hidden', 'two leaves in another order', 'a leaf more'],
      ...['a call of another time', 'an old checkpoint as the newest', 'an end with another root'],
      ...['a newest head with another root', 'another proof of consistency', 'a tombstone of another person'],
      ...[
        'a run of retention that went further',
        'a tombstone without its proof',
        'a manifest of other bytes',
      ],
      ...[
        'a note whose text was changed',
        'a checkpoint that does not say when',
        'other keys for people, unsigned',
      ],
    ];
    const good = { log, start: 0, end, bundle: whole };
    const tampered = await Promise.all(
      names.map(async (name) => {
        const attempt = await tamperings[name]!.tamper(new TamperBench(11, good));
        return claim(attempt instanceof Uint8Array ? attempt : attempt.bundle);
      }),
    );
    const claims = [claim(whole), claim(bundle), ...tampered];
    // The second begins after the first leaf, which this verifier does not know.
    expect(ask(claims)).toEqual([true, ...claims.slice(1).map(() => false)]);
  }, 120_000);
});
