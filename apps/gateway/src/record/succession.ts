import { join } from 'node:path';
import type { MasterKeys } from '@loom/control-store/secrets';
import { LoomError } from '@loom/errors';
import { listPartitions, PartitionWriter, readPartition, type StreamRecord } from '@loom/event-stream';
import type { Logger } from '@loom/telemetry';
import {
  CallAccepted,
  CallChunks,
  callEndedTypes,
  eventReader,
  eventIds,
  KeyCreated,
  nanosOfMillis,
  readEventOf,
  systemProjectId,
  topics,
  uuidTimeMs,
} from '@loom/trace-schema';
import { openContentKey } from './content-keys.ts';
import { ContentSeal } from './content-seal.ts';
import { Emitter } from './emitter.ts';
import { encodePayload } from './payload.ts';
import { emitParts } from './payload-parts.ts';
import { factsOfAnswer, terminalFields, wireOfFacts } from './terminal.ts';

export interface SuccessionOptions {
  /** Directory of the embedded stream. */
  readonly root: string;
  /** The emitter that takes over. */
  readonly successor: string;
  /** Open the bucket keys of sealed projects. */
  readonly masterKeys: MasterKeys;
  readonly logger: Logger;
}

/**
 * Ends what dead emitters left open; returns how many calls it ended. An emitter is dead when its lock is free, because
 * the operating system releases the lock with the process. Its torn tail is cut, each of its open calls gets
 * `call.interrupted` in the emitter's own sequence, and `emitter.closed` is its last event. A partition that fails is
 * logged and left for the next round.
 */
export async function succeedDeadEmitters(options: SuccessionOptions): Promise<number> {
  let ended = 0;
  for (const partition of await listPartitions(options.root, topics.traces)) {
    try {
      ended += await succeed(partition, options);
    } catch (error) {
      options.logger.error(
        { emitter: partition, error },
        'dead emitter not closed: the next round tries again',
      );
    }
  }
  return ended;
}

/** Returns how many calls it ended; 0 for an emitter that is alive or closed. */
async function succeed(partition: string, options: SuccessionOptions): Promise<number> {
  const writer = await PartitionWriter.adopt(join(options.root, topics.traces, partition));
  if (!writer) return 0;
  try {
    const estate = await readEstate(writer.directory, writer.partition);
    if (!estate) return 0;
    const emitter = new Emitter(writer, estate.lastSeq);
    await interruptAll(emitter, readOpenCalls(estate, options.logger), {
      ...options,
      directory: writer.directory,
    });
    if (!estate.closed) await closeEmitter(emitter, options.successor);
    options.logger.warn({ emitter: partition, openCalls: estate.openCalls.size }, 'dead emitter closed');
    return estate.openCalls.size;
  } finally {
    await writer.close();
  }
}

/** The last event of an emitter: nothing comes after these sequences. */
export function closeEmitter(emitter: Emitter, closedBy: string): Promise<void> {
  const lastSeq = emitter.lastSeq;
  lastSeq[systemProjectId] = (lastSeq[systemProjectId] ?? 0) + 1;
  return emitter.emit(
    {
      id: `${emitter.id}/closed`,
      type: 'emitter.closed',
      projectId: systemProjectId,
      subject: emitter.id,
      fields: { lastSeq, closedBy },
    },
    { essential: true },
  );
}

/** As it lies in the partition. */
interface StoredCall {
  readonly accepted: Buffer;
  readonly traceparent: string | undefined;
  readonly chunks: Buffer[];
}

interface OpenCall {
  readonly accepted: CallAccepted;
  readonly traceparent: string | undefined;
  readonly groups: readonly CallChunks[];
}

interface Estate {
  readonly lastSeq: Map<string, number>;
  readonly openCalls: Map<string, StoredCall>;
  /** True when its last event is there and only the mark on the directory is missing. */
  closed: boolean;
}

const terminalTypes: ReadonlySet<string> = new Set(callEndedTypes.map((type) => `loom.${type}`));

/**
 * Reads headers only, and keeps the values of calls that are still open. A partition also holds records of other emitters:
 * dead letters that somebody replayed. They keep the numbers of their own emitter and say nothing of this one. Null when
 * the partition has no record of an emitter of its own, so that there is none to close.
 */
async function readEstate(directory: string, emitter: string): Promise<Estate | null> {
  const estate: Estate = { lastSeq: new Map(), openCalls: new Map(), closed: false };
  let isForeign = false;
  for await (const record of readPartition(directory)) {
    if (record.headers['ce_source']?.endsWith(`/${emitter}`)) take(estate, record);
    else isForeign = true;
  }
  return isForeign && estate.lastSeq.size === 0 ? null : estate;
}

function take(estate: Estate, record: StreamRecord): void {
  const {
    ce_type: type = '',
    ce_subject: callId = '',
    ce_loomproject: projectId,
    ce_loomseq: seq,
  } = record.headers;
  if (projectId !== undefined) estate.lastSeq.set(projectId, Number(seq));
  if (type === 'loom.emitter.closed') estate.closed = true;
  else if (type === 'loom.call.accepted') {
    const traceparent = record.headers['ce_traceparent'];
    estate.openCalls.set(callId, { accepted: Buffer.from(record.value), traceparent, chunks: [] });
  } else if (type === 'loom.call.chunks') {
    estate.openCalls.get(callId)?.chunks.push(Buffer.from(record.value));
  } else if (terminalTypes.has(type)) estate.openCalls.delete(callId);
}

// A call whose accepted event is unreadable cannot be ended by anyone: it stays open, and the ledger reports it.
function readOpenCalls({ openCalls }: Estate, logger: Logger): OpenCall[] {
  return [...openCalls].flatMap(([callId, { accepted, chunks, traceparent }]) => {
    const begun = readEventOf(readAccepted, accepted);
    if (!begun) {
      logger.error(
        { callId },
        'the accepted event of an interrupted call is unreadable: the call stays open',
      );
      return [];
    }
    const groups = chunks.flatMap((value) => readEventOf(readChunks, value) ?? []);
    if (groups.length < chunks.length)
      logger.error(
        { callId },
        'part of the answer of an interrupted call is unreadable: the call ends without it',
      );
    return { accepted: begun, traceparent, groups };
  });
}

const readAccepted = eventReader(CallAccepted);
const readChunks = eventReader(CallChunks);
const readKey = eventReader(KeyCreated);

interface Interruption {
  readonly directory: string;
  readonly masterKeys: MasterKeys;
  readonly logger: Logger;
}

async function interruptAll(
  emitter: Emitter,
  calls: readonly OpenCall[],
  options: Interruption,
): Promise<void> {
  const wanted = new Set(calls.flatMap(({ accepted }) => accepted.request.keyId ?? []));
  const keys = wanted.size > 0 ? await findKeys(options.directory, wanted) : new Map<string, KeyCreated>();
  for (const call of calls) await interrupt(emitter, call, answerOf(call, keys, options));
}

/** The bucket keys with these ids, as far as the outbox still has them. */
async function findKeys(
  directory: string,
  wanted: ReadonlySet<string>,
): Promise<ReadonlyMap<string, KeyCreated>> {
  const found = new Map<string, KeyCreated>();
  for await (const { headers, value } of readPartition(directory)) {
    const { ce_type: type, ce_subject: keyId = '' } = headers;
    const key =
      type === 'loom.key.created' && wanted.has(keyId) ? readEventOf(readKey, Buffer.from(value)) : null;
    if (key) found.set(keyId, key);
  }
  return found;
}

interface Answer {
  /** Plain; null when there is none, or when it cannot be opened. */
  readonly bytes: Buffer | null;
  readonly seal: ContentSeal | null;
}

// A call ends also when its key is gone: then without the beginning of its answer, which its chunk groups still hold.
function answerOf(
  { accepted, groups }: OpenCall,
  keys: ReadonlyMap<string, KeyCreated>,
  { masterKeys, logger }: Interruption,
): Answer {
  const { keyId } = accepted.request;
  const { callId } = accepted.call;
  const stored = groups.map(({ data }) => Buffer.from(data, 'base64'));
  if (keyId === null) return { bytes: stored.length > 0 ? Buffer.concat(stored) : null, seal: null };
  try {
    const key = keys.get(keyId);
    if (!key) throw new LoomError('not_found', `the outbox no longer holds the bucket key ${keyId}`);
    const seal = new ContentSeal(openContentKey(masterKeys, key), { projectId: accepted.projectId, callId });
    const plain = stored.map((sealed, index) => seal.open(partOf(groups[index]), sealed));
    return { bytes: plain.length > 0 ? Buffer.concat(plain) : null, seal };
  } catch (error) {
    logger.error({ error, callId }, 'the answer of an interrupted call cannot be opened: it ends without it');
    return { bytes: null, seal: null };
  }
}

/** `chunks/<n>`, from the id of a chunk group. */
function partOf(group: CallChunks | undefined): string {
  return group ? group.id.slice(group.callId.length + 1) : '';
}

async function interrupt(
  emitter: Emitter,
  { accepted, groups, traceparent }: OpenCall,
  { bytes: answer, seal }: Answer,
): Promise<void> {
  const { callId, traceId, spanId } = accepted.call;
  const id = eventIds.ended(callId);
  const atMicros = groups.flatMap((group) => group.chunks.atMicros);
  const sealing = seal && { seal, part: 'response' as const, eventId: id };
  const encoded = answer ? await encodePayload({ stored: answer }, sealing) : null;
  if (encoded)
    emitParts(emitter, { callId, traceId, spanId, projectId: accepted.projectId }, 'response', encoded);
  const streamed = accepted.facts.stream;
  const fields = terminalFields({
    isSealed: accepted.request.keyId !== null,
    identity: accepted.call,
    facts: accepted.facts,
    status: groups[0]?.status ?? 0,
    error: { type: 'interrupted', message: 'the gateway died before the call ended', code: null },
    timing: {
      startTime: nanosOfMillis(uuidTimeMs(callId)),
      durationNanos: (atMicros.at(-1) ?? 0) * 1000,
      timeToFirstChunkNanos: atMicros[0] === undefined ? null : atMicros[0] * 1000,
      gatewayOverheadNanos: 0,
    },
    request: { length: accepted.request.length, hash: accepted.request.hash },
    inputText: { inputAscii: accepted.request.length, inputOther: 0 },
    answer,
    answerFacts: factsOfAnswer(answer, { wire: wireOfFacts(accepted.facts), streamed }),
    streamed,
    response: encoded?.payload ?? null,
    chunks: answer ? { atMicros, lengths: groups.flatMap((group) => group.chunks.lengths) } : null,
    deliveredBytes: 0,
    attempts: [],
  });
  const draft = {
    id,
    type: 'call.interrupted',
    projectId: accepted.projectId,
    subject: callId,
    traceparent,
    fields,
  };
  await emitter.emit(draft, { essential: true });
}
