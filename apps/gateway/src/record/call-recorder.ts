import { isLoomError, LoomError } from '@loom/errors';
import { diskFull } from '@loom/event-stream';
import { splitByDensity } from '@loom/providers';
import {
  type CallFacts,
  type CallIdentity,
  eventIds,
  providerNameOf,
  systemProjectId,
} from '@loom/trace-schema';
import { type Call, known } from '../call.ts';
import { CallRecording } from './call-recording.ts';
import type { ContentKeys } from './content-keys.ts';
import { ContentSeal } from './content-seal.ts';
import { type Emitter, invalidEvent } from './emitter.ts';
import { encodePayload, encodePayloadSync, encodesAtOnce } from './payload.ts';
import { emitParts } from './payload-parts.ts';
import type { ReceiptSigner, ReceiptText } from './receipts.ts';
import { wireFacts } from './wire-facts.ts';
import { factsWithoutContent } from './without-content.ts';

export interface CallRecorderOptions {
  readonly emitter: Emitter;
  readonly receipts: ReceiptSigner;
  readonly contentKeys: ContentKeys;
  /** Bytes of an answer that are kept; of all bytes length and hash are. */
  readonly answerBytesMax: number;
  /** How often chunk groups of running calls are written. Milliseconds. */
  readonly chunkFlushMs: number;
  /** Told of each record that could not be appended. */
  readonly onLostRecord: () => void;
}

/** Puts calls on the record: accepted events, chunk groups, terminals, losses. */
export class CallRecorder {
  readonly #options: CallRecorderOptions;
  readonly #running = new Set<CallRecording>();
  readonly #ending = new Set<Promise<void>>();
  readonly #flushTimer: NodeJS.Timeout;
  readonly #lost = new Map<string, { calls: number; events: number; reason: string }>();

  constructor(options: CallRecorderOptions) {
    this.#options = options;
    this.#flushTimer = setInterval(() => {
      for (const recording of this.#running) recording.flushChunks();
      this.#recordLosses();
    }, options.chunkFlushMs);
  }

  /** Calls whose terminal is not written yet. */
  get runningCalls(): number {
    return this.#running.size;
  }

  /**
   * Writes `call.accepted`. In strict capture it resolves when that is durable. It rejects when the outbox cannot take
   * the event or the event breaks its schema: the provider must not be called then. In best-effort capture it resolves
   * at once, with null when the call goes on without a record. Once it is durable, the call can have its receipt.
   */
  async accept(call: Call): Promise<CallRecording | null> {
    const project = known(call.project, 'project');
    const strict = project.capture === 'strict';
    let recording: CallRecording | null = null;
    try {
      const written = await this.#writeAccepted(call);
      recording = written.recording;
      if (strict) await written.durable;
      else
        written.durable.catch((error: unknown) =>
          this.#countUnlessKept(error, project.id, 1, 'outbox_failed'),
        );
      this.#running.add(recording);
      return recording;
    } catch (error) {
      if (recording && isKept(error)) this.#endUnmade(call, recording);
      const isInvalid = isLoomError(error) && error.reason === invalidEvent;
      if (!strict) {
        this.#countLoss(project.id, 1, isInvalid ? invalidEvent : 'outbox_refused');
        return null;
      }
      if (isInvalid) throw error;
      const retryAfterMs = error instanceof LoomError ? (error.retryAfterMs ?? 1000) : 1000;
      throw new LoomError('unavailable', 'the call cannot be put on the record now, so it was not made', {
        reason: 'capture_unavailable',
        retryAfterMs,
        cause: error,
      });
    }
  }

  /** Writes the one terminal of a call. Never throws: a loss is counted and becomes a record of its own. */
  end(recording: CallRecording, end: Parameters<CallRecording['finish']>[0]): void {
    const written = recording
      .finish(end)
      .catch((error: unknown) => this.#countUnlessKept(error, recording.projectId, 0, 'terminal_refused'))
      .finally(() => {
        this.#running.delete(recording);
        this.#ending.delete(written);
      });
    this.#ending.add(written);
  }

  /** Waits for the terminals of calls that have ended. */
  async close(): Promise<void> {
    clearInterval(this.#flushTimer);
    await Promise.all(this.#ending);
    this.#recordLosses({ essential: true });
  }

  async #writeAccepted(call: Call): Promise<{ recording: CallRecording; durable: Promise<void> }> {
    const { emitter, receipts } = this.#options;
    const request = known(call.modelRequest, 'modelRequest');
    const projectId = known(call.project, 'project').id;
    const seal = this.#sealOf(call);
    const sealing = seal && { seal, part: 'request' as const, eventId: eventIds.accepted(call.id) };
    const plain = { stored: request.bytes };
    const encoded = encodesAtOnce(plain)
      ? encodePayloadSync(plain, sealing)
      : await encodePayload(plain, sealing);
    const identity = identityOf(call);
    const facts = seal ? factsWithoutContent(factsOf(call)) : factsOf(call);
    emitParts(
      emitter,
      { callId: call.id, traceId: call.traceId, spanId: call.spanId, projectId },
      'request',
      encoded,
    );
    const claimed = { callId: call.id, project: projectId, request: encoded.plainHash };
    let receipt: ReceiptText | null = null;
    const written = emitter.emit(
      {
        id: eventIds.accepted(call.id),
        type: 'call.accepted',
        projectId,
        subject: call.id,
        traceparent: call.span?.traceparent,
        fields: { call: identity, facts, request: encoded.payload },
      },
      { onStamp: ({ seq, timeMs }) => (receipt = receipts.claim({ ...claimed, seq, time: timeMs })) },
    );
    const density = splitByDensity(request.bytes.length, request.characters);
    const recording = new CallRecording({
      emitter,
      identity,
      facts,
      projectId,
      seal,
      traceparent: call.span?.traceparent,
      startTimeMs: call.startTimeMs,
      startedAt: call.startedAt,
      request: { length: encoded.payload.length, hash: encoded.payload.hash },
      inputText: { inputAscii: density.ascii, inputOther: density.other },
      answerBytesMax: this.#options.answerBytesMax,
    });
    const durable = written.then(() => {
      call.receipt = receipt;
    });
    return { recording, durable };
  }

  #sealOf(call: Call): ContentSeal | null {
    const { id: projectId, content } = known(call.project, 'project');
    if (content !== 'sealed') return null;
    const { userId, startTimeMs: timeMs } = call;
    const key = this.#options.contentKeys.keyFor({ projectId, userId, timeMs });
    return new ContentSeal(key, { projectId, callId: call.id });
  }

  /** The call was not made, and its accepted event is written when the disk has room: so is its end. */
  #endUnmade(call: Call, recording: CallRecording): void {
    const error = {
      type: 'capture_unavailable',
      message: 'the disk was full, so the call was not made',
      code: null,
    };
    call.end = { outcome: 'failed', status: 503, error, deliveredBytes: 0, streamed: false };
    this.end(recording, { ...call.end, dispatchedAt: null, cache: null });
  }

  #countUnlessKept(error: unknown, projectId: string, calls: number, reason: string): void {
    if (!isKept(error)) this.#countLoss(projectId, calls, reason);
  }

  #countLoss(projectId: string, calls: number, reason: string): void {
    this.#options.onLostRecord();
    const lost = this.#lost.get(projectId) ?? { calls: 0, events: 0, reason };
    this.#lost.set(projectId, { calls: lost.calls + calls, events: lost.events + 1, reason });
  }

  #recordLosses(options: { readonly essential?: boolean } = {}): void {
    for (const [projectId, lost] of this.#lost) {
      try {
        const draft = {
          id: `${this.#options.emitter.id}/lost/${Date.now()}/${projectId}`,
          type: 'capture.lost',
          projectId,
          subject: this.#options.emitter.id,
          fields: { lostCalls: lost.calls, lostEvents: lost.events, reason: lost.reason },
        };
        void this.#options.emitter.emit(draft, options);
        this.#lost.delete(projectId);
      } catch {
        return; // still no room; the count waits
      }
    }
  }
}

/** The event could not be made durable now, and it will be when the disk has room. */
function isKept(error: unknown): boolean {
  return isLoomError(error) && error.reason === diskFull;
}

export function identityOf(call: Call): CallIdentity {
  return {
    organizationId: call.key?.organizationId ?? systemProjectId,
    keyId: call.key?.id ?? '',
    callId: call.id,
    traceId: call.traceId,
    spanId: call.spanId,
    parentSpanId: call.parentSpanId,
    sessionId: call.sessionId,
    userId: call.userId,
    environment: null,
    release: null,
    agentName: null,
    agentVersion: null,
    workflowName: null,
    promptName: null,
    promptVersion: null,
    rollout: null,
    links: [],
    metadata: call.metadata,
  };
}

function factsOf(call: Call): CallFacts {
  const request = known(call.modelRequest, 'modelRequest');
  const target = known(call.target, 'target');
  return {
    operation: call.operation,
    dialect: call.dialectOrThrow.name,
    provider: target.provider.name,
    providerKind: providerNameOf(target.provider.kind),
    requestModel: request.model,
    routedModel: target.model,
    stream: request.stream,
    ...wireFacts(call.dialectOrThrow.name, known(call.routed, 'routed').prepared),
    ...routeFact(call),
    capture: known(call.project, 'project').capture,
    ...(call.limits?.isUnchecked ? { limits: 'unchecked' as const } : {}),
    parameters: { ...request.parameters, ...headerParameters(call) },
  };
}

const headersMax = 40;
const headerCharactersMax = 256;

/** The caller's headers that may go to a provider, as `header.<name>`. */
function headerParameters({ passingHeaders }: Call): CallFacts['parameters'] {
  const kept = Object.entries(passingHeaders).slice(0, headersMax);
  return Object.fromEntries(
    kept.map(([name, value]) => [`header.${name}`, value.slice(0, headerCharactersMax)]),
  );
}

function routeFact(call: Call): Pick<CallFacts, 'route'> {
  const name = call.routed?.route.name ?? null;
  return name === null ? {} : { route: name };
}
