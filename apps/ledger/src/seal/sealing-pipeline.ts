import type { Batch, StreamRecord } from '@loom/event-stream';
import { bucketOf, clipName, type Envelope } from '@loom/ledger';
import {
  CostComputed,
  DeadLetter,
  eventReader,
  isCallEnded,
  type KeyCreated,
  millisOfNanos,
  systemProjectId,
  topics,
  TraceEvent,
  uuidTimeMs,
} from '@loom/trace-schema';
import { type Commitments, leafOfEnvelope } from './commitments.ts';
import { draftOfCost, draftOfDeadLetter, draftOfEvent, type LeafDraft } from './envelope-of-event.ts';
import type { LogAppender } from './log-appender.ts';
import type { Entry } from './place-entries.ts';

export interface SealingPipelineDeps {
  readonly commitments: Commitments;
  readonly appender: Pick<LogAppender, 'append'>;
  /** Keeps a key that came with the stream; resolves when it is durable. */
  readonly onKey: (key: KeyCreated) => Promise<void>;
  /** Told of leaves that were appended. */
  readonly onSealed: (projectId: string, leaves: number) => void;
  /** Told of records that the stream has lost, once they are told of by a leaf. */
  readonly onUnreadable: (records: number) => void;
}

const readers = {
  [topics.traces]: eventReader(TraceEvent),
  [topics.costs]: eventReader(CostComputed),
  [topics.deadLetters]: eventReader(DeadLetter),
};

/** Records in, leaves out. What a batch adds to a log is added as a whole; the same batch again adds nothing. */
export class SealingPipeline {
  readonly #deps: SealingPipelineDeps;

  constructor(deps: SealingPipelineDeps) {
    this.#deps = deps;
  }

  /** Resolves when all is durable: the batch may be committed. */
  async handle(batch: Pick<Batch, 'records' | 'unreadable'>): Promise<void> {
    await this.#tellUnreadable(batch);
    await this.#sealRecords(batch);
  }

  /** Nobody knows whose they were: the log of the deployment tells of them. A batch that comes again tells the same. */
  async #tellUnreadable({ records, unreadable = 0 }: Pick<Batch, 'records' | 'unreadable'>): Promise<void> {
    const [first] = records;
    if (!first || unreadable === 0) return;
    const { topic, partition, offset, timestampMs: time } = first;
    const leaf = leafOfEnvelope({
      ...{ v: 1, project: systemProjectId, id: `unreadable/${topic}/${partition}/${offset}`, time },
      ...{ kind: 'record.unreadable', resource: `${topic}/${partition}`, counts: { records: unreadable } },
    });
    const added = await this.#deps.appender.append(systemProjectId, [{ place: null, leaf }]);
    if (added > 0) this.#deps.onUnreadable(unreadable);
  }

  async #sealRecords({ records }: Pick<Batch, 'records'>): Promise<void> {
    const entries = new Map<string, Entry[]>();
    for (const record of records) {
      const placed = await this.#entryOf(record);
      if (!placed) continue;
      const ofProject = entries.get(placed.projectId) ?? [];
      ofProject.push(placed.entry);
      entries.set(placed.projectId, ofProject);
    }
    for (const [projectId, ofProject] of entries) {
      const leaves = await this.#deps.appender.append(projectId, ofProject);
      if (leaves > 0) this.#deps.onSealed(projectId, leaves);
    }
  }

  /** A record that cannot be read still has its place, by its headers, and a leaf that says so. */
  async #entryOf(record: StreamRecord): Promise<{ projectId: string; entry: Entry } | null> {
    const place = placeOf(record);
    const isLeafless = leafless.has(record.headers['ce_type'] ?? '');
    const found = isLeafless ? null : read(record);
    if (!found) {
      const leaf = isLeafless || !place ? null : leafOfEnvelope(unreadEnvelope(record, place));
      return place && { projectId: place.projectId, entry: { place, leaf } };
    }
    const { event, lost } = found;
    if (event.type === 'cost.computed')
      return this.#derived({ ...draftOfCost(event), salt: saltOfCost(event) });
    if (event.type === 'dead-letter') return this.#derived(draftOfDeadLetter(event));
    return { projectId: event.projectId, entry: await this.#traceEntry(event, lost) };
  }

  async #derived(draft: LeafDraft): Promise<{ projectId: string; entry: Entry }> {
    return {
      projectId: draft.envelope.project,
      entry: { place: null, leaf: await this.#deps.commitments.leafOf(draft) },
    };
  }

  async #traceEntry(event: TraceEvent, lost: readonly string[]): Promise<Entry> {
    const place = { emitter: event.emitter, seq: event.seq };
    if (event.type === 'key.created') {
      await this.#deps.onKey(event);
    }
    const draft = draftOfEvent(event, lost);
    const leaf = draft && (await this.#deps.commitments.leafOf({ ...draft, salt: saltOf(event) }));
    const entry = { place, leaf };
    if (event.type === 'call.accepted') {
      const acceptedAtMs = millisOfNanos(event.time);
      return { ...entry, opensCall: { callId: event.call.callId, acceptedAtMs } };
    }
    if (isCallEnded(event)) return { ...entry, endsCall: event.call.callId };
    if (event.type === 'emitter.closed') {
      const last = Object.entries(event.lastSeq);
      return {
        ...entry,
        ends: last.map(([projectId, lastSeq]) => ({ projectId, emitter: event.emitter, lastSeq })),
      };
    }
    return entry;
  }
}

/** Not worth reading: they take a number, and have no leaf. */
const leafless = new Set(['loom.call.chunks', 'loom.call.part']);

interface ReadRecord {
  readonly event: TraceEvent | CostComputed | DeadLetter;
  /** Paths of the facts that could not be read. */
  readonly lost: readonly string[];
}

function read(record: StreamRecord): ReadRecord | null {
  const reader = readers[record.topic as keyof typeof readers];
  try {
    const found = reader(JSON.parse(record.value.toString('utf8')));
    return found.outcome === 'known' ? found : null;
  } catch {
    return null;
  }
}

interface Place {
  readonly projectId: string;
  readonly emitter: string;
  readonly seq: number;
}

/** Prices and dead letters have numbers of their own, which say nothing of the gateways' events. */
function placeOf({ topic, headers }: StreamRecord): Place | null {
  const { ce_loomproject: projectId, ce_loomseq: seqText, ce_source: source = '' } = headers;
  const seq = Number(seqText);
  if (topic !== topics.traces || projectId === undefined || !Number.isSafeInteger(seq) || seq < 1)
    return null;
  return { projectId, emitter: source.slice(source.lastIndexOf('/') + 1), seq };
}

function saltOfCost({ userId, callId, time }: CostComputed): LeafDraft['salt'] {
  return { bucket: bucketOf({ userId, timeMs: millisOfNanos(time) }), beganAtMs: uuidTimeMs(callId) };
}

/**
 * What the headers say of an event that came and could not be read. `resource` is its id, and a leaf of that id ends the
 * matter; the number is left to that leaf.
 */
function unreadEnvelope(
  { headers, timestampMs }: StreamRecord,
  { projectId, emitter, seq }: Place,
): Envelope {
  const { ce_id: id = '', ce_type: type = '' } = headers;
  return {
    ...{ v: 1, project: projectId, id: `unread/${emitter}/${seq}`, kind: 'record.unread', time: timestampMs },
    ...{
      emitter: clipName(emitter),
      from: seq,
      to: seq,
      resource: clipName(id),
      action: clipName(type.replace(/^loom\./, '')),
    },
  };
}

/** A sealed payload has named its key; else it is that of the end user, or of the day. */
function saltOf(event: TraceEvent): LeafDraft['salt'] {
  if (!('call' in event)) {
    const timeMs = millisOfNanos(event.time);
    return { bucket: bucketOf({ userId: null, timeMs }), beganAtMs: timeMs };
  }
  const payload = event.type === 'call.accepted' ? event.request : isCallEnded(event) ? event.response : null;
  if (payload && payload.keyId !== null) return { keyId: payload.keyId };
  const timeMs = millisOfNanos(event.time);
  const { userId, callId } = event.call;
  return { bucket: bucketOf({ userId, timeMs }), beganAtMs: uuidTimeMs(callId) };
}
