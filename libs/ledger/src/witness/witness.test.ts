import { setTimeout as delay } from 'node:timers/promises';
import { beforeEach, describe, expect, it } from '@jest/globals';
import { toBase64, utf8 } from '../bytes.ts';
import { parsePolicy } from '../bundle/bundle-policy.ts';
import { parseCheckpoint, writeCheckpoint } from '../checkpoint.ts';
import { CompactRange } from '../compact-range.ts';
import { emptyRoot, leafHash } from '../merkle-hash.ts';
import { consistencyProof, type RangeHash } from '../merkle-proof.ts';
import { nodeCrypto, publicKeyOf, signEd25519 } from '../node-crypto.ts';
import { parseNote, signatureLine, verifyNote, writeVerifierKey } from '../signed-note.ts';
import { randomOf, TestKey } from '../testing/test-key.ts';
import { readCosignature, sizeContentType, writeAddCheckpoint } from './add-checkpoint.ts';
import { Witness, type WitnessAnswer, type WitnessStore } from './witness.ts';

const origin = 'loom.test/ledger/p1';
const logKey = new TestKey('loom.test');
const seed = nodeCrypto.sha256(utf8('a witness'));
const key = {
  name: 'witness.test/w1',
  publicKey: publicKeyOf(seed),
  sign: (message: Uint8Array) => Promise.resolve(signEd25519(seed, message)),
};

/** A log whose leaves from `forkAt` on are those of another history. */
class Tree {
  readonly #leaves: Uint8Array[];
  readonly #requests = new Map<string, string>();
  constructor(label = '', forkAt = 0, leaves = 70) {
    this.#leaves = Array.from({ length: leaves }, (_, at) =>
      leafHash(nodeCrypto, utf8(at < forkAt ? `leaf ${at}` : `leaf ${at} ${label}`)),
    );
  }
  readonly rangeHash: RangeHash = (start, end) => {
    const range = new CompactRange(nodeCrypto);
    for (const leaf of this.#leaves.slice(start, end)) range.append(leaf);
    return range.root();
  };
  text(size: number, of = origin): string {
    return writeCheckpoint({ origin: of, size, root: this.rangeHash(0, size), extensions: [] });
  }
  request(oldSize: number, size: number, of = origin): string {
    const place = `${oldSize} ${size} ${of}`;
    const made = this.#requests.get(place) ?? this.#request(oldSize, size, of);
    this.#requests.set(place, made);
    return made;
  }
  #request(oldSize: number, size: number, of: string): string {
    const proof = oldSize === 0 || oldSize > size ? [] : consistencyProof(oldSize, size, this.rangeHash);
    return writeAddCheckpoint({ oldSize, proof, note: logKey.note(this.text(size, of)) });
  }
}

class MemoryStore implements WitnessStore {
  readonly notes = new Map<string, string>();
  pause: () => Promise<unknown> = () => Promise.resolve();
  afterWrite: () => void = () => undefined;
  async read(of: string) {
    await this.pause();
    return this.notes.get(of) ?? null;
  }
  async write(of: string, note: string) {
    await this.pause();
    this.notes.set(of, note);
    this.afterWrite();
    await this.pause();
  }
  sizeOf(of = origin): number {
    const note = this.notes.get(of);
    return note === undefined ? 0 : parseCheckpoint(parseNote(note).text).size;
  }
}

const tree = new Tree();

describe('Witness', () => {
  let store: MemoryStore;
  let witness: Witness;
  const restart = () => {
    witness = new Witness({
      crypto: nodeCrypto,
      store,
      key,
      logs: [logKey.verifier],
      now: () => 1_790_000_000_000,
    });
  };
  const ask = (request: string) => witness.addCheckpoint(utf8(request));
  const statusOf = async (request: string) => (await ask(request)).status;
  beforeEach(() => {
    store = new MemoryStore();
    restart();
  });

  it('cosigns the first checkpoint and each that continues it', async () => {
    for (const [from, to] of [
      [0, 3],
      [3, 8],
      [8, 64],
      [64, 64],
      [64, 70],
    ] as const) {
      const answer = await ask(tree.request(from, to));
      expect(answer).toMatchObject({ status: 200 });
      const note = logKey.note(tree.text(to));
      const { line, timeSeconds } = readCosignature(nodeCrypto, note, answer.body, witness.verifier);
      expect(timeSeconds).toBe(1_790_000_000);
      const known = [logKey.verifier, witness.verifier];
      expect(verifyNote(nodeCrypto, note + line, known).verified).toHaveLength(2);
      expect(store.notes.get(origin)).toBe(note + line);
    }
  });

  it('has a key that a policy takes', () => {
    const policy = JSON.stringify({ witnesses: [writeVerifierKey(witness.verifier)], quorum: 1 });
    expect(parsePolicy(nodeCrypto, policy).witnesses).toEqual([witness.verifier]);
  });

  it('takes an empty log, once it is truly empty', async () => {
    const empty = (root: Uint8Array) =>
      writeAddCheckpoint({
        ...{ oldSize: 0, proof: [] },
        note: logKey.note(writeCheckpoint({ origin, size: 0, root, extensions: [] })),
      });
    expect(await statusOf(empty(tree.rangeHash(0, 1)))).toBe(422);
    expect(await statusOf(empty(emptyRoot(nodeCrypto)))).toBe(200);
    expect(await statusOf(tree.request(0, 5))).toBe(200);
  });

  it('says its size when the old one is another', async () => {
    const conflict = (size: number) => ({ status: 409, contentType: sizeContentType, body: `${size}\n` });
    expect(await ask(tree.request(2, 5))).toEqual(conflict(0));
    await ask(tree.request(0, 5));
    expect(await ask(tree.request(0, 8))).toEqual(conflict(5));
    expect(await ask(tree.request(3, 8))).toEqual(conflict(5));
    expect(await ask(tree.request(6, 8))).toEqual(conflict(5));
  });

  it('never goes back, and never cosigns another root or another history', async () => {
    await ask(tree.request(0, 20));
    const kept = store.notes.get(origin);
    expect(await statusOf(tree.request(20, 10))).toBe(400);
    expect(await statusOf(tree.request(10, 10))).toBe(409);
    expect(await statusOf(tree.request(0, 10))).toBe(409);
    for (const fork of [new Tree('other'), new Tree('other', 19)]) {
      expect(await statusOf(fork.request(20, 20))).toBe(409);
      expect(await statusOf(fork.request(20, 40))).toBe(422);
    }
    expect(store.notes.get(origin)).toBe(kept);
  });

  it('refuses proofs that are none', async () => {
    const note = logKey.note(tree.text(5));
    expect(await statusOf(writeAddCheckpoint({ oldSize: 0, proof: [tree.rangeHash(0, 1)], note }))).toBe(422);
    await ask(tree.request(0, 5));
    const later = logKey.note(tree.text(9));
    expect(await statusOf(writeAddCheckpoint({ oldSize: 5, proof: [], note: later }))).toBe(422);
    const proof = consistencyProof(5, 9, tree.rangeHash);
    const longer = [...proof, tree.rangeHash(0, 1)];
    expect(await statusOf(writeAddCheckpoint({ oldSize: 5, proof: longer, note: later }))).toBe(422);
    expect(await statusOf(writeAddCheckpoint({ oldSize: 5, proof, note }))).toBe(422);
    expect(store.sizeOf()).toBe(5);
  });

  it('knows only the logs of its keys', async () => {
    for (const other of ['other.test/ledger/p1', 'loom.test/other/p1', 'loom.test', 'loom.test2/ledger/p1'])
      expect(await statusOf(tree.request(0, 3, other))).toBe(404);
    const text = tree.text(3);
    const signedBy = (note: string) => writeAddCheckpoint({ oldSize: 0, proof: [], note });
    expect(await statusOf(signedBy(new TestKey('loom.test', 'other').note(text)))).toBe(403);
    expect(await statusOf(signedBy(new TestKey('else.test').note(text)))).toBe(403);
    const { name, keyId } = logKey.verifier;
    const forged = signatureLine({ name, keyId, signature: new Uint8Array(64) });
    expect(await statusOf(signedBy(`${text}\n${forged}`))).toBe(403);
    expect(store.notes.size).toBe(0);
  });

  it('refuses what is malformed', async () => {
    const note = logKey.note(tree.text(3));
    const hash = toBase64(tree.rangeHash(0, 1));
    const bad = [
      '',
      note,
      `old 00\n\n${note}`,
      `old -1\n\n${note}`,
      `old 0 \n\n${note}`,
      `old 9007199254740993\n\n${note}`,
      `size 0\n\n${note}`,
      `old 0\n${note}`,
      `old 0\nabc\n\n${note}`,
      `old 0\n${hash.slice(0, -4)}\n\n${note}`,
      `old 0\n${`${hash}\n`.repeat(64)}\n${note}`,
      `old 0\r\n\r\n${note}`,
      `old 0\n\n${note.replace('\n\n', '\n')}`,
      `old 0\n\n${logKey.note('loom.test/ledger/p1\nthree\n')}`,
      `old 4\n\n${note}`,
    ];
    for (const request of bad) expect([request, await statusOf(request)]).toEqual([request, 400]);
    expect(await witness.addCheckpoint(Uint8Array.of(0x6f, 0xff, 0xfe))).toMatchObject({ status: 400 });
  });

  it('is not blocked by the signatures that somebody adds', async () => {
    const others = Array.from({ length: 99 }, (_, at) => new TestKey(`other.test/${at}`));
    const note = logKey.note(tree.text(3), ...others);
    expect(await statusOf(writeAddCheckpoint({ oldSize: 0, proof: [], note }))).toBe(200);
    expect(await statusOf(tree.request(3, 9))).toBe(200);
  });

  it('answers again when it died after it had kept what it cosigned', async () => {
    await ask(tree.request(0, 5));
    store.afterWrite = () => {
      throw new Error('crashed');
    };
    await expect(ask(tree.request(5, 9))).rejects.toThrow('crashed');
    store.afterWrite = () => undefined;
    restart();
    expect(await ask(tree.request(5, 9))).toMatchObject({ status: 409, body: '9\n' });
    expect(await statusOf(tree.request(9, 9))).toBe(200);
  });

  it('cosigns nothing while its store cannot be read', async () => {
    await ask(tree.request(0, 5));
    store.notes.set(origin, 'half a no');
    await expect(ask(tree.request(0, 5))).rejects.toThrow('malformed');
    store.notes.set(origin, logKey.note(tree.text(5, 'loom.test/ledger/p2')));
    await expect(ask(tree.request(5, 9))).rejects.toThrow('another log');
  });

  it('keeps one history of each log, whatever races (1,200 interleavings)', async () => {
    const fork = new Tree('other', 10);
    const kinds = new Set<number>();
    for (let run = 1; run <= 1_200; run += 1) {
      const random = randomOf(run);
      const upTo = (limit: number) => Math.floor(random() * limit);
      store = new MemoryStore();
      let keptBefore = 0;
      store.pause = async () => {
        for (let turns = upTo(4); turns > 0; turns -= 1) await Promise.resolve();
        if (run % 100 === 0) await delay(upTo(2));
      };
      store.afterWrite = () => {
        expect(store.sizeOf()).toBeGreaterThanOrEqual(keptBefore);
        keptBefore = store.sizeOf();
        if (random() < 0.1) throw new Error('crashed');
      };
      restart();
      const cosigned: { size: number; tree: Tree }[] = [];
      const client = async (of: Tree) => {
        let known = 0;
        for (let step = 0; step < 3; step += 1) {
          const size = random() < 0.2 ? 1 + upTo(40) : Math.max(1, known) + upTo(15);
          const answer = await ask(of.request(known, size)).catch((): WitnessAnswer | null => null);
          if (!answer) continue;
          kinds.add(answer.status);
          if (answer.status === 409) known = Number(answer.body);
          if (answer.status !== 200) continue;
          expect(store.sizeOf()).toBeGreaterThanOrEqual(size);
          cosigned.push({ size, tree: of });
          known = size;
        }
      };
      await Promise.all([tree, fork, tree, fork].map(client));
      // All that was cosigned is of one tree: each is the beginning of the largest. The two differ from leaf 10 on.
      const largest = cosigned.reduce((a, b) => (b.size > a.size ? b : a), cosigned[0] ?? { size: 0, tree });
      for (const { size, tree: of } of cosigned) expect(size <= 10 || of === largest.tree).toBe(true);
    }
    expect([...kinds].sort()).toEqual([200, 400, 409, 422]);
  }, 120_000);
});
