import * as z from 'zod';

const Instant = z.iso.datetime({ precision: 3 });

/** A signed head of a log. */
export const LedgerCheckpoint = z.object({
  size: z.int(),
  /** Base64. */
  root: z.string(),
  sealedAt: Instant,
  /** The C2SP signed note, with the cosignatures of witnesses. */
  note: z.string(),
});
export type LedgerCheckpoint = z.infer<typeof LedgerCheckpoint>;

/** Numbers of an emitter that never came: evidence that something is missing. */
const LedgerGap = z.object({
  emitter: z.string(),
  from: z.int(),
  to: z.int(),
  noticedAt: Instant,
  /** True when a leaf of the log tells of it. */
  sealed: z.boolean(),
});

/** Who was shown which head: a witness that cosigned, a webhook or bucket that took it. */
const LedgerAnchor = z.object({
  name: z.string(),
  size: z.int(),
  at: Instant,
  /** Why the last try failed; null when it did not. */
  error: z.string().nullable(),
});

export const LedgerLog = z.object({
  /** `system` for the deployment's own. */
  project: z.string(),
  origin: z.string(),
  /** Leaves, those that are not under a checkpoint yet included. */
  size: z.int(),
  checkpoint: LedgerCheckpoint.nullable(),
  /** Calls that were accepted and have not ended; those of them that a leaf tells of as orphaned. */
  openCalls: z.int(),
  orphanedCalls: z.int(),
  /** Leaves of each rare kind: gaps, losses, records set aside, erasures, changes of control. */
  counts: z.record(z.string(), z.int()),
  gaps: z.array(LedgerGap),
  /** Events of calls that came and could not be read: what they tell of is in no leaf. At most 1,000, the newest first. */
  unread: z.array(z.object({ event: z.string(), leaf: z.int(), at: Instant })),
  anchors: z.array(LedgerAnchor),
});
export type LedgerLog = z.infer<typeof LedgerLog>;

export const Ledger = z.object({
  /** The deployment's name, that of its keys; null before anything was sealed. */
  name: z.string().nullable(),
  /** Verifier keys, the newest first: what to give to an auditor. */
  vkeys: z.array(z.string()),
  /** The project's log and the deployment's. */
  logs: z.array(LedgerLog),
});
export type Ledger = z.infer<typeof Ledger>;

export const LedgerLeaf = z.object({
  index: z.int(),
  kind: z.string(),
  time: Instant,
  /** The canonical JSON whose bytes are the log's entry. */
  envelope: z.string(),
});
export type LedgerLeaf = z.infer<typeof LedgerLeaf>;

export const LedgerLeafList = z.object({ leaves: z.array(LedgerLeaf) });

/** A leaf and its place under a signed head. */
export const ProvenLeaf = LedgerLeaf.extend({
  /** The C2SP tlog-proof file: index, path, checkpoint. Null until a checkpoint covers it, some seconds later. */
  proof: z.string().nullable(),
  /** Leaves under that checkpoint. */
  checkpointSize: z.int().nullable(),
  /** Of the first checkpoint over it. */
  sealedAt: Instant.nullable(),
});
export type ProvenLeaf = z.infer<typeof ProvenLeaf>;

/** What became of a receipt: the leaves of its call, each with its proof. */
export const LedgerReceipt = z.object({
  callId: z.string(),
  origin: z.string(),
  leaves: z.array(ProvenLeaf),
  /** The leaf of the deployment's log that certifies the key of the call's emitter; null until it is there. */
  emitter: ProvenLeaf.nullable(),
  /** Salts (hex) of the commitments by `<event id>/<part>`; none once the bucket is erased. */
  salts: z.record(z.string(), z.string()),
  /** The facts that are stored, in the text that the leaf's part `meta` commits to, by event id; none without its salt. */
  facts: z.record(z.string(), z.string()),
});
export type LedgerReceipt = z.infer<typeof LedgerReceipt>;

/** What `loom fsck` found. */
export const LedgerCheck = z.object({
  ok: z.boolean(),
  /** At most 1,000. */
  problems: z.array(z.object({ log: z.string(), message: z.string() })),
  logs: z.array(
    z.object({
      project: z.string(),
      size: z.int(),
      /** Checkpoints whose root was derived again from the leaves. */
      checkpoints: z.int(),
      kinds: z.record(z.string(), z.int()),
      /** Commitments that were opened again; null unless it was asked for. */
      openings: z
        .object({
          verified: z.int(),
          unopened: z.int(),
          /** Calls by the version of their part `meta`: version 1 commits to few of the facts that are shown. */
          metaVersions: z.record(z.string(), z.int()),
        })
        .nullable(),
    }),
  ),
  counts: z.object({
    accepted: z.int(),
    ended: z.int(),
    open: z.int(),
    /** Records of the stream that ledger or ingest have not taken in; counts are compared when there are none. */
    behind: z.int().nullable(),
    ledgerSpans: z.int(),
    /** Null when the rows cannot be counted. */
    storedSpans: z.int().nullable(),
    ledgerCosts: z.int(),
    storedCosts: z.int().nullable(),
  }),
});
export type LedgerCheck = z.infer<typeof LedgerCheck>;

/** A check of the record on its way. */
export const LedgerCheckJob = z.object({
  id: z.string(),
  deep: z.boolean(),
  state: z.enum(['waiting', 'running', 'done', 'failed', 'cancelled']),
  /** Leaves that are checked. */
  leaves: z.int().nonnegative(),
  /** Of how many; null before that is known. */
  ofLeaves: z.int().nonnegative().nullable(),
  /** What it found; null until it is `done`. */
  check: LedgerCheck.nullable(),
  /** Why it is `failed`; else null. */
  error: z.string().nullable(),
});
export type LedgerCheckJob = z.infer<typeof LedgerCheckJob>;
