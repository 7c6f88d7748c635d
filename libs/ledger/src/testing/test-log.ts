import { toHex, utf8 } from '../bytes.ts';
import {
  type BundleMeta,
  isPayloadPart,
  type PayloadPart,
  type TextOpening,
  type Tombstone,
} from '../bundle/bundle-format.ts';
import { BundleWriter, type OpenedPart } from '../bundle/bundle-writer.ts';
import { commitmentSalt } from '../bucket-keys.ts';
import { writeCheckpoint } from '../checkpoint.ts';
import { payloadCommitment } from '../commitment.ts';
import { CompactRange } from '../compact-range.ts';
import { type Envelope, writeEnvelope } from '../envelope.ts';
import { leafHash, nodeHash, splitOf } from '../merkle-hash.ts';
import { consistencyProof, inclusionProof } from '../merkle-proof.ts';
import { nodeCrypto } from '../node-crypto.ts';
import { factsOf, metaVersion, writeFacts } from '../row-facts.ts';
import { randomOf, TestKey } from './test-key.ts';

export { randomOf, TestKey };

interface TestCheckpoint {
  readonly size: number;
  readonly note: string;
  readonly root: Uint8Array;
  readonly edge: readonly Uint8Array[];
  readonly sealedAt: number;
}

interface TestLeaf {
  readonly envelope: Envelope;
  readonly text: string;
  readonly openings: readonly OpenedPart[];
}

export interface TestCall {
  readonly userId?: string;
  readonly request?: string;
  readonly response?: string;
  /** Bytes of the response that are kept. */
  readonly keep?: number;
}

const startMs = Date.UTC(2026, 10, 20);

/** A log as the sealer makes one, in memory, with all that bundles of it need. */
export class TestLog {
  readonly key: TestKey;
  readonly project: string;
  readonly origin: string;
  readonly leaves: TestLeaf[] = [];
  readonly checkpoints = new Map<number, TestCheckpoint>();
  readonly emitter: string;
  readonly #witnesses: readonly TestKey[];
  readonly #random: () => number;
  readonly #range = new CompactRange(nodeCrypto);
  readonly #hashes: Uint8Array[] = [];
  readonly #known = new Map<string, Uint8Array>();
  #seq = 0;
  #calls = 0;
  now = startMs;

  constructor({
    seed = 1,
    project = 'p1',
    key = new TestKey('loom.example'),
    witnesses = [],
  }: {
    readonly seed?: number;
    readonly project?: string;
    readonly key?: TestKey;
    readonly witnesses?: readonly TestKey[];
  } = {}) {
    this.key = key;
    this.project = project;
    this.origin = `${key.verifier.name}/ledger/${project}`;
    this.emitter = `gw-${seed}`;
    this.#witnesses = witnesses;
    this.#random = randomOf(seed);
  }

  get size(): number {
    return this.leaves.length;
  }

  append(envelope: Omit<Envelope, 'v' | 'project' | 'time'>, openings: readonly OpenedPart[] = []): number {
    const whole = { v: 1, project: this.project, time: this.now, ...envelope } as const;
    const text = writeEnvelope(whole);
    this.leaves.push({ envelope: whole, text, openings });
    const hash = leafHash(nodeCrypto, utf8(text));
    this.#hashes.push(hash);
    this.#range.append(hash);
    this.now += 1 + Math.floor(this.#random() * 500);
    return this.size - 1;
  }

  /** Three leaves: accepted, completed, its price. Gives the index of the first. */
  call({ userId = '', request, response, keep }: TestCall = {}): number {
    this.#calls += 1;
    const callId = `${this.emitter}-${this.#calls}`;
    const bucket = bucketOf(userId, this.now);
    const first = this.#event('call.accepted', callId, bucket, [
      this.#payload('request', request ?? `ask ${this.#random()}`),
    ]);
    this.#seq += 1 + Math.floor(this.#random() * 3); // chunk groups and parts take numbers
    const meta = JSON.stringify({ userId, startTime: String(this.now) });
    this.#event('call.completed', callId, bucket, [
      this.#payload('response', response ?? `answer ${this.#random()}`, keep),
      { index: 0, part: 'meta', salt: new Uint8Array(), text: meta },
    ]);
    this.append({ id: `${callId}/cost`, kind: 'cost.computed', callId, costNanoUsd: '1200' });
    return first;
  }

  change(record: string): number {
    const part: TextOpening = { index: 0, part: 'record', salt: new Uint8Array(), text: record };
    return this.#committed({ id: `control/${this.size}`, kind: 'control.changed', action: 'key.created' }, 'control', [part]); // prettier-ignore
  }

  gap(from: number, to: number): number {
    const { emitter } = this;
    return this.append({ id: `gap/${emitter}/${from}-${to}`, kind: 'capture.gap', emitter, from, to });
  }

  fill(seq: number): number {
    const { emitter } = this;
    const id = `gap/${emitter}/${seq}/filled`;
    return this.append({ id, kind: 'capture.gap.filled', emitter, from: seq, to: seq });
  }

  /** The end of a call with facts of its row, which may be others than those in its envelope. */
  facts(envelope: Partial<Envelope>, row: Readonly<Record<string, unknown>>): number {
    const text = writeFacts('spans', factsOf(nodeCrypto, 'spans', row));
    const part: TextOpening = { index: 0, part: 'meta', salt: new Uint8Array(), text };
    const id = `facts/${this.size}`;
    return this.#committed({ id, kind: 'call.completed', meta: metaVersion, ...envelope }, 'facts', [part]);
  }

  /** An event that came and could not be read. */
  unread(resource: string): number {
    this.#seq += 1;
    const [{ emitter }, seq] = [this, this.#seq];
    const id = `unread/${emitter}/${seq}`;
    return this.append({ id, kind: 'record.unread', emitter, from: seq, to: seq, resource });
  }

  erase(userId: string): number {
    const buckets = [bucketOf(userId, 0)];
    return this.append({ id: `erasure/${this.size}`, kind: 'payload.erased', buckets });
  }

  retain(contentBefore: number, metadataBefore?: number): number {
    const times = { contentBefore, ...(metadataBefore !== undefined && { metadataBefore }) };
    return this.append({ id: `retention/${this.size}`, kind: 'retention.run', ...times });
  }

  /** Signs the log as it is. */
  seal(): TestCheckpoint {
    this.now += 1000;
    const { origin, size, now: sealedAt } = this;
    const root = this.#range.root();
    const text = writeCheckpoint({
      origin,
      size,
      root,
      extensions: [`sealed ${new Date(sealedAt).toISOString()}`],
    });
    const edge = [...this.#range.nodes];
    const checkpoint = { size, root, edge, sealedAt, note: this.key.note(text, ...this.#witnesses) };
    this.checkpoints.set(size, checkpoint);
    this.now += 1000;
    return checkpoint;
  }

  readonly rangeHash = (start: number, end: number): Uint8Array => {
    if (end - start === 1) return this.#hashes[start] ?? new Uint8Array();
    const name = `${start}-${end}`;
    let hash = this.#known.get(name);
    if (!hash) {
      const middle = start + splitOf(end - start);
      hash = nodeHash(nodeCrypto, this.rangeHash(start, middle), this.rangeHash(middle, end));
      this.#known.set(name, hash);
    }
    return hash;
  };

  /** The bundle of leaves [start, end), all three sealed before. */
  async bundle(range: BundleRange = {}): Promise<Buffer> {
    const { start = 0, end = this.size, size = this.size, chunkLeaves = 1024, opens = () => true } = range;
    const [first, last, newest] = [
      this.checkpoints.get(start),
      this.checkpoints.get(end)!,
      this.checkpoints.get(size)!,
    ];
    const pieces: Uint8Array[] = [];
    const writer = new BundleWriter(nodeCrypto, {
      write: (bytes) => Promise.resolve(void pieces.push(bytes)),
    });
    const meta: BundleMeta = {
      ...{ origin: this.origin, project: this.project, start, end, size, createdAt: newest.sealedAt + 5000 },
      ...{ from: first?.sealedAt ?? startMs, to: last.sealedAt, ...range.meta },
    };
    await writer.begin({
      ...{ meta, vkeys: [this.key.vkey], edge: first?.edge ?? [] },
      ...{ startNote: first?.note ?? null, endNote: last.note, newestNote: size > end ? newest.note : null },
      consistency: size > end ? consistencyProof(end, size, this.rangeHash) : [],
    });
    const isGone = this.#gone(size);
    for (let firstIndex = start; firstIndex < end; firstIndex += chunkLeaves) {
      const leaves = this.leaves.slice(firstIndex, Math.min(end, firstIndex + chunkLeaves));
      const openings = leaves.flatMap(({ openings: all, envelope }) => all.filter(({ part }) => !isGone(envelope, part) && opens(envelope, part))); // prettier-ignore
      await writer.chunk({ firstIndex, envelopes: leaves.map(({ text }) => text), openings });
    }
    await writer.finish(range.tombstones ?? this.tombstones({ start, end, size }), (text) =>
      Promise.resolve(this.key.note(text)),
    );
    return Buffer.concat(pieces);
  }

  /** Erasures before and after the leaves of a bundle, and runs after them. */
  tombstones({ start, end, size }: { start: number; end: number; size: number }): Tombstone[] {
    return this.leaves
      .slice(0, size)
      .flatMap(({ envelope: { kind }, text }, index) =>
        (index >= end && kind === 'retention.run') ||
        ((index < start || index >= end) && kind === 'payload.erased')
          ? [{ index, envelope: text, proof: inclusionProof(index, size, this.rangeHash) }]
          : [],
      );
  }

  #gone(size: number): (envelope: Envelope, part: string) => boolean {
    const known = this.leaves.slice(0, size).map(({ envelope }) => envelope);
    const buckets = new Set(known.flatMap((envelope) => envelope.buckets ?? []));
    const content = Math.max(0, ...known.map(({ contentBefore = 0 }) => contentBefore));
    const metadata = Math.max(0, ...known.map(({ metadataBefore = 0 }) => metadataBefore));
    return ({ bucket = '', time }, part) =>
      buckets.has(bucket) || (isPayloadPart(part) && time < content) || (part === 'meta' && time < metadata);
  }

  #event(kind: string, callId: string, bucket: string, parts: readonly OpenedPart[]): number {
    this.#seq += 1;
    const bytes = Object.fromEntries(
      parts.flatMap((part) => ('length' in part ? [[part.part, part.length]] : [])),
    );
    const truncated = parts.flatMap((part) => ('storedHash' in part ? [part.part] : []));
    const { emitter } = this;
    const facts = {
      kind,
      callId,
      emitter,
      seq: this.#seq,
      bytes,
      ...(truncated.length > 0 && { truncated }),
    };
    return this.#committed({ id: `${emitter}/${this.#seq}`, ...facts }, bucket, parts);
  }

  #committed(
    envelope: Omit<Envelope, 'v' | 'project' | 'time'>,
    bucket: string,
    parts: readonly OpenedPart[],
  ): number {
    const bucketKey = nodeCrypto.sha256(utf8(`${this.project} ${bucket}`));
    const index = this.size;
    const openings = parts.map((part) => ({
      ...part,
      index,
      salt: commitmentSalt(bucketKey, envelope.id, part.part),
    }));
    const commits = Object.fromEntries(openings.map((opening) => [opening.part, commitmentOf(opening)]));
    return this.append({ ...envelope, commits, bucket }, openings);
  }

  #payload(part: PayloadPart, text: string, keep?: number): OpenedPart {
    const whole = utf8(text);
    const bytes = whole.subarray(0, keep);
    const isCut = bytes.length < whole.length;
    return {
      ...{ index: 0, part, salt: new Uint8Array(), length: whole.length, hash: nodeCrypto.sha256(whole) },
      ...{ storedLength: bytes.length, ...(isCut && { storedHash: nodeCrypto.sha256(bytes) }), bytes },
    };
  }
}

export interface BundleRange {
  readonly start?: number;
  readonly end?: number;
  readonly size?: number;
  readonly chunkLeaves?: number;
  readonly meta?: Partial<BundleMeta>;
  /** Parts that the bundle opens; all that are there when it is left out. */
  readonly opens?: (envelope: Envelope, part: string) => boolean;
  /** In place of those that there are. */
  readonly tombstones?: readonly Tombstone[];
}

function commitmentOf(opening: OpenedPart): string {
  const payload =
    'text' in opening
      ? utf8(opening.text)
      : Buffer.concat([opening.hash, ...(opening.storedHash ? [opening.storedHash] : [])]);
  return toHex(payloadCommitment(nodeCrypto, { part: opening.part, salt: opening.salt, payload }));
}

function bucketOf(userId: string, timeMs: number): string {
  return userId === '' ? `day-${new Date(timeMs).toISOString().slice(0, 10)}` : `bucket-of-${userId}`;
}

/** A log with everything in it: calls, an erased person, gaps, retention, changes, cut answers; 20 calls by default. */
export function variedLog(
  seed: number,
  { calls = 20, project = 'p1', key = new TestKey('loom.example') } = {},
): {
  readonly log: TestLog;
  /** Checkpoints in order: some calls before the range, its beginning, its end, erasures after it. */
  readonly start: number;
  readonly end: number;
} {
  const log = new TestLog({ seed, project, key });
  log.append({ id: `open/${seed}`, kind: 'emitter.opened', emitter: log.emitter, seq: 0, publicKey: 'AAAA' });
  log.call({ userId: 'ada' });
  log.call();
  log.seal();
  const start = log.size;
  for (let count = 0; count < calls; count += 1) {
    const userId = ['ada', 'bob', '', 'eve'][count % 4] ?? '';
    log.call({
      userId,
      ...(count % 7 === 2 && { response: 'a long answer that was cut', keep: count % 14 === 2 ? 6 : 0 }),
    });
    if (count === 4) log.gap(10_001, 10_002);
    if (count === 5) log.change('{"name":"k"}');
    if (count === 6) log.fill(10_001);
    if (count === 8) log.erase('bob');
    if (count === 9) log.fill(10_002);
  }
  log.append({ id: `heartbeat/${seed}`, kind: 'heartbeat' });
  log.seal();
  const end = log.size;
  log.call();
  log.erase('eve');
  log.retain((log.leaves[start]?.envelope.time ?? 0) + 1);
  log.call();
  log.seal();
  return { log, start, end };
}

/** As a reader gets it: in pieces. */
export async function* piecesOf(bytes: Uint8Array, length = 65_536): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length)
    yield await Promise.resolve(bytes.subarray(at, at + length));
}
