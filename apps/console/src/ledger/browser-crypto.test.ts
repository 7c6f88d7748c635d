import { randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { nodeCrypto, publicKeyOf, signEd25519, toHex, utf8 } from '@loom/ledger';
import { piecesOf, variedLog } from '@loom/ledger/testing';
import { refusalOf, verifyBundle } from '@loom/ledger/verify';
import { browserCrypto } from './browser-crypto.ts';

describe('browserCrypto', () => {
  it('hashes as node:crypto does, whole and in pieces', () => {
    for (const length of [0, 1, 55, 56, 64, 65, 1000]) {
      const bytes = randomBytes(length);
      const stream = browserCrypto.sha256Stream();
      stream.update(bytes.subarray(0, length >> 1));
      stream.update(bytes.subarray(length >> 1));
      const wanted = toHex(nodeCrypto.sha256(bytes));
      expect([toHex(browserCrypto.sha256(bytes)), toHex(stream.digest())]).toEqual([wanted, wanted]);
    }
  });

  it('takes the signatures that node:crypto takes, and no other', () => {
    for (let seed = 1; seed <= 20; seed += 1) {
      const secret = nodeCrypto.sha256(Uint8Array.of(seed));
      const [key, message] = [publicKeyOf(secret), utf8(`message ${seed}`)];
      const signature = signEd25519(secret, message);
      expect(browserCrypto.verifyEd25519(key, message, signature)).toBe(true);
      expect(browserCrypto.verifyEd25519(key, utf8('another'), signature)).toBe(false);
      for (const at of [seed, 32 + seed]) {
        const changed = Uint8Array.from(signature, (byte, index) => (index === at ? byte ^ 1 : byte));
        expect(browserCrypto.verifyEd25519(key, message, changed)).toBe(false);
      }
    }
  });

  it('says no to what is no key or no signature, and never throws', () => {
    const message = utf8('m');
    const [none, short, long] = [new Uint8Array(0), new Uint8Array(31), new Uint8Array(65)];
    const full = { key: new Uint8Array(32).fill(0xff), signature: new Uint8Array(64).fill(0xff) };
    for (const key of [none, short, long, full.key, new Uint8Array(32)])
      for (const signature of [none, short, long, full.signature, new Uint8Array(64)]) {
        const isTaken = browserCrypto.verifyEd25519(key, message, signature);
        expect(isTaken).toBe(nodeCrypto.verifyEd25519(key, message, signature));
      }
  });

  it('verifies a bundle to the same report, and refuses a changed one at the same place', async () => {
    const { log, start, end } = variedLog(3);
    const bundle = await log.bundle({ start, end });
    const keys = [log.key.verifier];
    const check = (crypto: typeof nodeCrypto, bytes: Uint8Array) =>
      verifyBundle(crypto, piecesOf(bytes), { keys });
    expect(await check(browserCrypto, bundle)).toEqual(await check(nodeCrypto, bundle));
    const changed = Uint8Array.from(bundle);
    const at = bundle.indexOf('"kind":"call.accepted"') + 8;
    changed[at] = 0x58;
    const refusals = await Promise.all(
      [browserCrypto, nodeCrypto].map((crypto) => check(crypto, changed).catch(refusalOf)),
    );
    expect(refusals[0]).toMatchObject({ outcome: 'tampered' });
    expect(refusals[0]).toEqual(refusals[1]);
  });
});
