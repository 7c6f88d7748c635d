import { createHash } from 'node:crypto';
import type { LedgerStore, StoredLeaf } from '@loom/control-store';
import {
  beganMs,
  type CallMeta,
  commitmentSalt,
  type Envelope,
  factsOf,
  metaVersion,
  nodeCrypto,
  type OpenedPart,
  parseEnvelope,
  type PayloadOpening,
  recordText,
  writeCallMeta,
  writeFacts,
} from '@loom/ledger';
import { factTableOf } from '@loom/trace-schema/stored-columns';
import type { StoredFields, StoredPayload, TraceAuditor } from '@loom/trace-store';
import type { BucketKeyReader } from './bucket-key-reader.ts';
import type { ContentReader, PlainPayload } from './content-reader.ts';
import { LeafRows, type ReadLeaf } from './leaf-rows.ts';

export interface LeafOpenerDeps {
  readonly ledger: LedgerStore;
  readonly store: Pick<TraceAuditor, 'storedRows'>;
  readonly content: Pick<ContentReader, 'readAll'>;
  readonly bucketKeys: Pick<BucketKeyReader, 'read'>;
}

/** A part that was opened, with the payload as it is stored. */
export type LeafPart = OpenedPart & { readonly stored?: StoredPayload };

export interface OpenOptions {
  /** Content of calls before this is gone. Unix milliseconds. */
  readonly retainedSinceMs: number;
  /** Those of the leaves, where they were read already. */
  readonly rows?: LeafRows;
  /** Told of a payload whose bytes are damaged: it is left out. */
  readonly onUnreadable?: (leaf: ReadLeaf, part: PayloadOpening['part']) => void;
}

type OpenLeaf = ReadLeaf & { readonly key: Uint8Array };

const payloadParts = ['request', 'response'] as const;
type PayloadPart = (typeof payloadParts)[number];
const [groupBytesMax, groupLeavesMax] = [16 * 1024 * 1024, 256];
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

  /** Parts whose key, row or bytes are gone are left out. */
  async open(projectId: string, leaves: readonly StoredLeaf[], options: OpenOptions): Promise<LeafPart[]> {
    const { retainedSinceMs } = options;
    const committed = leaves
      .map(({ index, envelope }) => ({ index, envelope: parseEnvelope(envelope) }))
      .filter(({ envelope }) => envelope.commits && (!ofCall(envelope) || envelope.time >= retainedSinceMs));
    const keys = await this.#deps.bucketKeys.read(committed.flatMap(({ envelope }) => envelope.bucket ?? []));
    const open = committed.flatMap(({ index, envelope }) => {
      const key = keys.get(envelope.bucket ?? '');
      return key ? [{ index, envelope, key }] : [];
    });
    const rows = options.rows ?? (await this.#rows(projectId, open));
    const parts: LeafPart[] = [...(await this.#records(open))];
    for (const leaf of open) {
      const [row] = rows.of(leaf.envelope);
      const isKept = !ofCall(leaf.envelope) || beganMs(leaf.envelope) >= retainedSinceMs;
      if (row && isKept && leaf.envelope.commits?.['meta'] !== undefined) parts.push(metaOf(leaf, row));
    }
    for (const part of payloadParts) {
      const ofPart = open.filter(
        ({ envelope }) => ofCall(envelope) && envelope.commits?.[part] !== undefined,
      );
      for (const group of groupsOf(ofPart, part))
        parts.push(...(await this.#payloads(projectId, group, part, options.onUnreadable)));
    }
    return parts;
  }

  async #rows(projectId: string, leaves: readonly OpenLeaf[]): Promise<LeafRows> {
    const committed = leaves.filter(({ envelope }) => envelope.commits?.['meta'] !== undefined);
    return LeafRows.read(this.#deps.store, projectId, committed);
  }

  async #payloads(
    projectId: string,
    leaves: readonly OpenLeaf[],
    part: PayloadPart,
    onUnreadable: OpenOptions['onUnreadable'],
  ): Promise<LeafPart[]> {
    const places = leaves.map(({ envelope: { spanId = '', callId = '' } }) => ({
      projectId,
      spanId,
      callId,
    }));
    const payloads = await this.#deps.content.readAll(places, part);
    return leaves.flatMap((leaf) => {
      const payload = payloads.get(leaf.envelope.spanId ?? '');
      if (payload?.state === 'unreadable') onUnreadable?.(leaf, part);
      return payload ? openingOf(leaf, part, payload) : [];
    });
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

/** The text of the version that the leaf was committed with. */
function metaOf(leaf: OpenLeaf, row: StoredFields): OpenedPart {
  const { index, envelope } = leaf;
  return { index, part: 'meta', salt: saltOf(leaf, 'meta'), text: metaText(envelope, row) };
}

export function metaText({ kind, meta = 1 }: Envelope, row: StoredFields): string {
  const table = factTableOf(kind);
  return meta === metaVersion && table
    ? writeFacts(table, factsOf(nodeCrypto, table, row))
    : writeCallMeta(row as unknown as CallMeta);
}

function openingOf(leaf: OpenLeaf, part: PayloadPart, payload: PlainPayload): LeafPart[] {
  const { bytes, length, hash, state, stored } = payload;
  if (!bytes || !stored) return [];
  const own = createHash('sha256').update(bytes).digest();
  const opening = {
    index: leaf.index,
    part,
    salt: saltOf(leaf, part),
    storedLength: bytes.length,
    bytes,
    stored,
  };
  if (state !== 'truncated') return [{ ...opening, length: bytes.length, hash: own }];
  return hash === null ? [] : [{ ...opening, length, hash: Buffer.from(hash, 'hex'), storedHash: own }];
}

/** Leaves whose payloads are read at once: all of them are in memory then. */
function groupsOf(leaves: readonly OpenLeaf[], part: PayloadPart): OpenLeaf[][] {
  const groups: OpenLeaf[][] = [];
  let bytes = Infinity;
  for (const leaf of leaves) {
    bytes += leaf.envelope.bytes?.[part] ?? 0;
    if (bytes > groupBytesMax || (groups.at(-1)?.length ?? 0) >= groupLeavesMax) {
      groups.push([]);
      bytes = leaf.envelope.bytes?.[part] ?? 0;
    }
    groups.at(-1)?.push(leaf);
  }
  return groups;
}

/** Retention ends what calls have said; records of changes stay. */
function ofCall({ spanId }: Envelope): boolean {
  return spanId !== undefined;
}

function saltOf({ key, envelope }: OpenLeaf, part: string): Uint8Array {
  return commitmentSalt(key, envelope.id, part);
}
