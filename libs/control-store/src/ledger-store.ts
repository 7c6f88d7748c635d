/**
 * The ledger's part of the control store port: logs of leaves, their heads, what is published of them, and the keys
 * that open commitments. Indexes and sizes count leaves; hashes are bytes; times unix milliseconds.
 *
 * Only {@link LedgerStore.append} changes a log, as a whole or not at all. Leaves are never changed.
 */
export interface LedgerStore {
  /** The head as it is now; of a log that nobody has written to: epoch 0, size 0, no edge. */
  readHead(projectId: string): Promise<LogHead>;
  listHeads(): Promise<(LogHead & { readonly projectId: string; readonly appendedAtMs: number })[]>;

  /** What decides which events of these emitters are new, and which of these ids are there. As of after the head was read. */
  readProgress(query: ProgressQuery): Promise<Progress>;

  /**
   * Writes everything of {@link Append} in one statement if the head still has the expected epoch and size; false, and
   * nothing written, when it does not: somebody else was faster. `conflict` when an event id is there already.
   */
  append(change: Append): Promise<boolean>;

  /** Leaves [start, end), in order; at most {@link leavesPageMax}. */
  readLeaves(projectId: string, start: number, end: number): Promise<StoredLeaf[]>;
  /** Leaves whose event id is `<prefix>` or begins with `<prefix>/`; in order, at most 100. */
  findLeaves(projectId: string, prefix: string): Promise<StoredLeaf[]>;
  /** The kinds of those events that have a leaf. */
  kindsOf(projectId: string, eventIds: readonly string[]): Promise<ReadonlyMap<string, string>>;
  /** Leaves of rare kinds (none of calls or costs) in an index range, newest first. */
  listLeavesOfKinds(query: KindQuery): Promise<StoredLeaf[]>;
  countLeavesOfKinds(projectId: string): Promise<ReadonlyMap<string, number>>;

  /** The newest checkpoint, or the newest of at most this size, or the newest sealed at or before a time. */
  readCheckpoint(projectId: string, at?: CheckpointPlace): Promise<StoredCheckpoint | null>;
  /** The smallest checkpoint with at least this many leaves. */
  checkpointOver(projectId: string, size: number): Promise<StoredCheckpoint | null>;
  /** One of the same size stays as it is. */
  publish(projectId: string, checkpoint: StoredCheckpoint): Promise<void>;
  /** Tiles only grow: a shorter one changes nothing. */
  putTiles(projectId: string, tiles: readonly StoredTile[]): Promise<void>;
  /** Those that are there, by `level/index`. */
  readTiles(projectId: string, places: readonly TileKey[]): Promise<ReadonlyMap<string, Uint8Array>>;

  putCosignature(projectId: string, cosignature: StoredCosignature): Promise<void>;
  /** Of one checkpoint. */
  listCosignatures(projectId: string, size: number): Promise<StoredCosignature[]>;
  putAnchor(projectId: string, anchor: AnchorState): Promise<void>;
  listAnchors(projectId: string): Promise<AnchorState[]>;

  /** Gaps that are not filled. */
  listGaps(projectId: string | null): Promise<StoredGap[]>;
  /** Ends of emitters that were noticed before this, of which not all is in. */
  listOverdueEnds(
    beforeMs: number,
  ): Promise<{ projectId: string; emitter: string; mark: number; lastSeq: number }[]>;
  /** Forgets ends up to which all is in. */
  dropReachedEnds(): Promise<void>;
  /** Open calls accepted before this and not told of yet. */
  listOverdueCalls(beforeMs: number): Promise<{ projectId: string; callId: string; acceptedAtMs: number }[]>;
  countOpenCalls(projectId: string): Promise<{ readonly open: number; readonly orphaned: number }>;
  /** Changes of control that are no leaf yet, oldest first. */
  listUnsealedChanges(limit: number): Promise<UnsealedChange[]>;
  /** The audit entries of these ids, as leaves were made of them. */
  readChanges(ids: readonly string[]): Promise<UnsealedChange[]>;

  /** The current key of a bucket, made by `make` when there is none. */
  bucketKey(projectId: string, bucket: string, make: () => BucketKey): Promise<BucketKey>;
  /** Keeps a key that was made elsewhere; one of the same id stays as it is. */
  keepBucketKey(key: BucketKey & BucketPlace): Promise<void>;
  readBucketKeys(keyIds: readonly string[]): Promise<ReadonlyMap<string, BucketKey>>;
  /** The keys of these buckets, and of those of days before one (`YYYY-MM-DD`); in the order of their ids. */
  listBucketKeys(
    projectId: string,
    of: { readonly buckets?: readonly string[]; readonly daysBefore?: string },
  ): Promise<
    (Pick<BucketKey, 'keyId' | 'fromMs'> & Pick<BucketPlace, 'bucket'> & { readonly isCurrent: boolean })[]
  >;
  deleteBucketKeys(keyIds: readonly string[]): Promise<void>;
  /** Resolves when the table of keys is written anew: what was deleted is in no file of it any more. */
  rewriteBucketKeys(): Promise<void>;

  createErasure(
    erasure: Pick<Erasure, 'id' | 'projectId' | 'sealedUser' | 'requestedBy' | 'requestedAtMs'>,
  ): Promise<void>;
  /** Newest first; at most 200. */
  listErasures(projectId: string): Promise<Erasure[]>;
  /** Those that are not complete, of all projects that are not on hold; the least advanced first, of these the oldest. */
  listOpenErasures(limit: number): Promise<Erasure[]>;
  updateErasure(id: string, change: ErasureUpdate): Promise<void>;
  /** As `ControlStore.withPublisherLock`: one process at a time carries erasures out. */
  withEraserLock(work: (signal: AbortSignal) => Promise<void>): Promise<boolean>;

  /** Projects with a retention that are not on hold, with how far it has come. */
  listRetentions(): Promise<DueRetention[]>;
  noteRetention(run: RetentionRun): Promise<void>;
}

/** The erasure of an end user. In `sealed` projects the content is unreadable from `keys_gone` on. */
export interface Erasure {
  readonly id: string;
  readonly projectId: string;
  /** The end user's id, sealed; '' when it is complete. */
  readonly sealedUser: string;
  readonly state: 'requested' | 'keys_gone' | 'rows_gone' | 'complete';
  /** Ids of the bucket keys that are gone. */
  readonly buckets: readonly string[];
  readonly spans: number;
  readonly payloads: number;
  readonly requestedBy: string;
  readonly requestedAtMs: number;
  /** Calls that began before it are erased; null until the keys are gone. */
  readonly beforeMs: number | null;
  readonly keysGoneAtMs: number | null;
  readonly rowsGoneAtMs: number | null;
  readonly completeAtMs: number | null;
}

export type ErasureUpdate = Partial<Omit<Erasure, 'id' | 'projectId' | 'requestedBy' | 'requestedAtMs'>>;

export interface RetentionRun {
  readonly projectId: string;
  readonly contentBeforeMs: number | null;
  readonly metadataBeforeMs: number | null;
  readonly ranAtMs: number;
}

export interface DueRetention extends Omit<RetentionRun, 'ranAtMs'> {
  readonly contentDays: number | null;
  readonly metadataDays: number | null;
}

export const leavesPageMax = 4096;

export interface LogHead {
  readonly epoch: number;
  readonly size: number;
  readonly edge: readonly Uint8Array[];
  /** The process that wrote last. */
  readonly appender: string;
}

export interface ProgressQuery {
  readonly projectId: string;
  readonly emitters: readonly string[];
  readonly ids: readonly string[];
}

export interface Progress {
  readonly marks: ReadonlyMap<string, number>;
  readonly gaps: readonly StoredGap[];
  readonly knownIds: ReadonlySet<string>;
}

export interface StoredGap {
  readonly projectId: string;
  readonly emitter: string;
  readonly from: number;
  readonly to: number;
  readonly noticedAtMs: number;
  /** True when a leaf tells of it. */
  readonly isSealed: boolean;
}

export interface Append {
  readonly projectId: string;
  readonly expected: Pick<LogHead, 'epoch' | 'size'>;
  readonly head: Omit<LogHead, 'size'>;
  readonly leaves: readonly NewLeaf[];
  /** The highest number seen, by emitter. */
  readonly marks: ReadonlyMap<string, number>;
  /** Gaps that are new or smaller or told of; those with the same start are replaced. */
  readonly gaps: readonly Omit<StoredGap, 'projectId'>[];
  readonly filledGaps: readonly { readonly emitter: string; readonly from: number }[];
  readonly ends: readonly {
    readonly projectId: string;
    readonly emitter: string;
    readonly lastSeq: number;
  }[];
  readonly openCalls: readonly { readonly callId: string; readonly acceptedAtMs: number }[];
  readonly endedCalls: readonly string[];
  readonly orphanedCalls: readonly string[];
  readonly nowMs: number;
}

export interface NewLeaf {
  readonly eventId: string;
  readonly kind: string;
  readonly timeMs: number;
  /** The canonical text of the envelope: its bytes are the entry. */
  readonly envelope: string;
}

export interface StoredLeaf extends NewLeaf {
  readonly index: number;
}

export interface KindQuery {
  readonly projectId: string;
  readonly kinds: readonly string[];
  /** Of indexes from here on, and below. */
  readonly from?: number;
  readonly below?: number;
  readonly limit: number;
}

export type CheckpointPlace = { readonly size: number } | { readonly sealedAtMs: number };

export interface StoredCheckpoint {
  readonly size: number;
  readonly edge: readonly Uint8Array[];
  /** The signed note. */
  readonly note: string;
  readonly sealedAtMs: number;
}

export interface TileKey {
  readonly level: number;
  readonly index: number;
}

export interface StoredTile extends TileKey {
  readonly hashes: Uint8Array;
}

export interface StoredCosignature {
  readonly size: number;
  /** The name of the witness' key. */
  readonly witness: string;
  /** The signature line. */
  readonly line: string;
  readonly cosignedAtMs: number;
}

/** How far a witness or an anchor has been brought. */
export interface AnchorState {
  readonly anchor: string;
  readonly size: number;
  readonly atMs: number;
  /** Why the last try failed; null when it did not. */
  readonly error: string | null;
}

export interface BucketKey {
  readonly keyId: string;
  readonly sealedKey: string;
  readonly createdAtMs: number;
  /** Nothing of calls that began before is under it; 0 when it is for any. */
  readonly fromMs: number;
}

export interface BucketPlace {
  readonly projectId: string;
  readonly bucket: string;
}

/** An audit entry, as the ledger tells of it. */
export interface UnsealedChange {
  readonly id: string;
  readonly projectId: string | null;
  readonly timeMs: number;
  readonly actorId: string;
  readonly action: string;
  readonly resourceId: string;
  /** The whole entry as JSON. */
  readonly record: Readonly<Record<string, unknown>>;
}
