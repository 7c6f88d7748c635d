import { createHash } from 'node:crypto';
import type { LedgerStore, StoredLeaf } from '@loom/control-store';
import {
  commitmentSalt,
  type Envelope,
  type OpenedPart,
  parseEnvelope,
  type PayloadOpening,
  recordText,
  writeCallMeta,
} from '@loom/ledger';
import type { StoredSpan, TraceReader } from '@loom/trace-store';
import type { BucketKeyReader } from './bucket-key-reader.ts';
import type { ContentReader } from './content-reader.ts';

export interface LeafOpenerDeps {
  readonly ledger: LedgerStore;
  readonly store: Pick<TraceReader, 'readSpan' | 'callsInFlight'>;
  readonly content: Pick<ContentReader, 'readBytes'>;
  readonly bucketKeys: Pick<BucketKeyReader, 'read'>;
}

interface OpenLeaf {
  readonly index: number;
  readonly envelope: Envelope;
  readonly key: Uint8Array;
}

const parallelReads = 8;
const runsLookedAt = 1000;

/** Gives what leaves are committed to, out of the stores as they are now: whether it fits is the verifier's to say. */
export class LeafOpener {
  readonly #deps: LeafOpenerDeps;

  constructor(deps: LeafOpenerDeps) {
    this.#deps = deps;
  }

  /** Content of calls before this is gone by retention. Unix milliseconds. */
  async retainedSince(projectId: string): Promise<number> {
    const kinds = ['retention.run'];
    const runs = await this.#deps.ledger.listLeavesOfKinds({ projectId, kinds, limit: runsLookedAt });
    return Math.max(0, ...runs.map(({ envelope }) => parseEnvelope(envelope).contentBefore ?? 0));
  }

  /** Parts whose key or bytes are gone are left out. */
  async open(
    projectId: string,
    leaves: readonly StoredLeaf[],
    retainedSinceMs: number,
  ): Promise<OpenedPart[]> {
    const committed = leaves
      .map(({ index, envelope }) => ({ index, envelope: parseEnvelope(envelope) }))
      .filter(({ envelope }) => envelope.commits && (!ofCall(envelope) || envelope.time >= retainedSinceMs));
    const keys = await this.#deps.bucketKeys.read(committed.flatMap(({ envelope }) => envelope.bucket ?? []));
    const open = committed.flatMap(({ index, envelope }) => {
      const key = keys.get(envelope.bucket ?? '');
      return key ? [{ index, envelope, key }] : [];
    });
    const records = await this.#records(open);
    const parts: OpenedPart[] = [...records];
    const calls = open.filter(({ envelope }) => ofCall(envelope));
    for (let at = 0; at < calls.length; at += parallelReads) {
      const group = calls.slice(at, at + parallelReads).map((leaf) => this.#ofCall(projectId, leaf));
      parts.push(...(await Promise.all(group)).flat());
    }
    return parts;
  }

  async #ofCall(projectId: string, leaf: OpenLeaf): Promise<OpenedPart[]> {
    const { index, envelope } = leaf;
    const { spanId = '', commits = {}, callId = '' } = envelope;
    const span = await this.#deps.store.readSpan({ projectId, spanId });
    const place = span ?? { projectId, spanId, callId };
    const parts: OpenedPart[] = [];
    for (const part of ['request', 'response'] as const) {
      if (!(part in commits)) continue;
      const payload = await this.#payload(place, leaf, part);
      if (payload) parts.push(payload);
    }
    if ('meta' in commits && span)
      parts.push({ index, part: 'meta', salt: saltOf(leaf, 'meta'), text: writeCallMeta(span) });
    return parts;
  }

  async #payload(
    place: Pick<StoredSpan, 'projectId' | 'spanId' | 'callId'>,
    leaf: OpenLeaf,
    part: PayloadOpening['part'],
  ): Promise<OpenedPart | null> {
    const { bytes, length, hash, state } = await this.#deps.content.readBytes(place, part);
    if (!bytes) return null;
    const stored = createHash('sha256').update(bytes).digest();
    const opening = { index: leaf.index, part, salt: saltOf(leaf, part), storedLength: bytes.length, bytes };
    if (state !== 'truncated') return { ...opening, length: bytes.length, hash: stored };
    return hash === null ? null : { ...opening, length, hash: Buffer.from(hash, 'hex'), storedHash: stored };
  }

  async #records(leaves: readonly OpenLeaf[]): Promise<OpenedPart[]> {
    const ofRecord = leaves.filter(({ envelope }) => envelope.kind === 'control.changed');
    const ids = ofRecord.map(({ envelope }) => envelope.id.replace(/^control\//, ''));
    const changes = new Map((await this.#deps.ledger.readChanges(ids)).map((change) => [change.id, change]));
    return ofRecord.flatMap((leaf, at) => {
      const change = changes.get(ids[at] ?? '');
      if (!change) return [];
      const { index } = leaf;
      return [
        { index, part: 'record' as const, salt: saltOf(leaf, 'record'), text: recordText(change.record) },
      ];
    });
  }
}

/** Retention ends what calls have said; records of changes stay. */
function ofCall({ spanId }: Envelope): boolean {
  return spanId !== undefined;
}

function saltOf({ key, envelope }: OpenLeaf, part: string): Uint8Array {
  return commitmentSalt(key, envelope.id, part);
}
