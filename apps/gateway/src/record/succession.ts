import { join } from 'node:path';
import { listPartitions, PartitionReader, PartitionWriter, type StreamRecord } from '@loom/event-stream';
import type { Logger } from '@loom/telemetry';
import { CallAccepted, CallChunks, eventIds, systemProjectId, topics } from '@loom/trace-schema';
import { Emitter } from './emitter.ts';
import { encodePayload } from './payload.ts';
import { emitParts } from './payload-parts.ts';
import { factsOfAnswer, terminalFields, wireOfFacts } from './terminal.ts';

export interface SuccessionOptions {
  /** Directory of the embedded stream. */
  readonly root: string;
  /** The emitter that takes over. */
  readonly successor: string;
  readonly logger: Logger;
}

/**
 * Ends what dead emitters left open. A dead emitter is one whose lock is free: the operating system let go of it with
 * its process. Its torn tail is cut, each of its open calls gets `call.interrupted` in its own sequence, and
 * `emitter.closed` is its last event. Returns how many calls were ended.
 */
export async function succeedDeadEmitters(options: SuccessionOptions): Promise<number> {
  let ended = 0;
  for (const partition of await listPartitions(options.root, topics.traces)) {
    const writer = await PartitionWriter.adopt(join(options.root, topics.traces, partition));
    if (!writer) continue;
    try {
      const estate = await readEstate(writer.directory);
      const emitter = new Emitter(writer, estate.lastSeq);
      for (const call of estate.openCalls.values()) await interrupt(emitter, call);
      if (!estate.closed) await closeEmitter(emitter, options.successor);
      ended += estate.openCalls.size;
      options.logger.warn({ emitter: partition, openCalls: estate.openCalls.size }, 'dead emitter closed');
    } finally {
      await writer.close();
    }
  }
  return ended;
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

interface OpenCall {
  readonly accepted: Buffer;
  readonly traceparent: string | undefined;
  readonly chunks: Buffer[];
}

interface Estate {
  readonly lastSeq: Map<string, number>;
  readonly openCalls: Map<string, OpenCall>;
  /** True when its last event is there and only the mark on the directory is missing. */
  closed: boolean;
}

const terminalTypes = new Set(
  ['call.completed', 'call.failed', 'call.aborted', 'call.interrupted'].map((type) => `loom.${type}`),
);

// Reads headers only; values are kept for calls that are still open.
async function readEstate(directory: string): Promise<Estate> {
  const estate: Estate = { lastSeq: new Map(), openCalls: new Map(), closed: false };
  const reader = new PartitionReader(directory, 0);
  try {
    for (;;) {
      const records = await reader.read({ recordsMax: 10_000, bytesMax: 16 * 1024 * 1024 });
      if (records.length === 0) return estate;
      for (const record of records) take(estate, record);
    }
  } finally {
    await reader.close();
  }
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

async function interrupt(emitter: Emitter, open: OpenCall): Promise<void> {
  const accepted = CallAccepted.parse(JSON.parse(open.accepted.toString()));
  const { callId, traceId, spanId } = accepted.call;
  const groups = open.chunks.map((value) => CallChunks.parse(JSON.parse(value.toString())));
  const answer =
    groups.length > 0 ? Buffer.concat(groups.map((group) => Buffer.from(group.data, 'base64'))) : null;
  const atMicros = groups.flatMap((group) => group.chunks.atMicros);
  const encoded = answer ? await encodePayload({ stored: answer }) : null;
  if (encoded)
    emitParts(emitter, { callId, traceId, spanId, projectId: accepted.projectId }, 'response', encoded);
  const streamed = accepted.facts.stream;
  const fields = terminalFields({
    identity: accepted.call,
    facts: accepted.facts,
    status: groups[0]?.status ?? 0,
    error: { type: 'interrupted', message: 'the gateway died before the call ended', code: null },
    timing: {
      startTime: accepted.time,
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
    id: eventIds.ended(callId),
    type: 'call.interrupted',
    projectId: accepted.projectId,
    subject: callId,
    traceparent: open.traceparent,
    fields,
  };
  await emitter.emit(draft, { essential: true });
}
