import { messageOf } from '@loom/errors';
import type { Batch, NewRecord, StreamRecord } from '@loom/event-stream';
import { computeCost, type PriceBook } from '@loom/pricing';
import type { DeadLetters, EventStreamClient, FaultyRecord } from '@loom/service-kit';
import {
  type CallAttempt,
  CallEnded,
  callEndedTypes,
  cloudEventHeaders,
  type CostComputed,
  eventIds,
  eventReader,
  nanosOfMillis,
  newUuid,
  type TextCounts,
  topics,
  type Usage,
  type UsageSource,
} from '@loom/trace-schema';

export interface PricingPipelineDeps {
  readonly client: Pick<EventStreamClient, 'append'>;
  readonly deadLetters: Pick<DeadLetters, 'append'>;
  /** The newest price book, from the control feed. */
  readonly priceBook: () => PriceBook;
  /** Tokens from counted characters, for providers that report none. */
  readonly estimateUsage: (counts: TextCounts) => Usage;
  /** Unix milliseconds; the system's clock unless a test says otherwise. */
  readonly now?: () => number;
}

export interface PricedBatch {
  readonly priced: number;
  /** Of a part of the price nothing is known. */
  readonly partial: number;
  readonly unpriced: number;
  readonly deadLetters: number;
}

/** A cost, and the span of the request that it is the cost of. */
interface PricedCall {
  readonly cost: CostComputed;
  readonly traceparent: string | undefined;
}

const readEnded = eventReader(CallEnded);
const endedTypes: ReadonlySet<string> = new Set(callEndedTypes);

/**
 * Terminal events in, cost events out. Stateless but for its own sequence: the id of a cost is made of its terminal's
 * id and the price-book version, so that a batch delivered twice gives events that the store knows as the same.
 */
export class PricingPipeline {
  readonly #deps: PricingPipelineDeps;
  readonly #now: () => number;
  /** One start of one process is one emitter. */
  readonly #emitter: string;
  readonly #lastSeq = new Map<string, number>();

  constructor(deps: PricingPipelineDeps) {
    this.#deps = deps;
    this.#now = deps.now ?? Date.now;
    this.#emitter = newUuid(this.#now());
  }

  /** Prices every terminal of a batch of `loom.traces.v1`. Resolves when all events are durable, else rejects. */
  async handle(batch: Batch): Promise<PricedBatch> {
    const costs: PricedCall[] = [];
    const faulty: FaultyRecord[] = [];
    const sequence = new Map<string, number>();
    for (const record of batch.records) {
      if (!mayBeEnded(record)) continue;
      const read = this.#read(record);
      if ('reason' in read) faulty.push({ ...read, record });
      else if ('event' in read) {
        const traceparent = record.headers.ce_traceparent;
        const nextSeq = () => this.#nextSeq(sequence, read.event.projectId);
        costs.push({ cost: this.#price(read.event, nextSeq()), traceparent });
        for (const attempt of billedAttempts(read.event))
          costs.push({ cost: this.#priceAttempt(read.event, attempt, nextSeq()), traceparent });
      }
    }
    if (faulty.length > 0) await this.#deps.deadLetters.append(faulty);
    await this.#deps.client.append(
      topics.costs,
      costs.map((cost) => this.#costRecord(cost)),
    );
    for (const [projectId, seq] of sequence) this.#lastSeq.set(projectId, seq);
    const of = (state: CostComputed['state']) => costs.filter(({ cost }) => cost.state === state).length;
    return {
      ...{ priced: of('priced'), partial: of('partial'), unpriced: of('unpriced') },
      deadLetters: faulty.length,
    };
  }

  /** The terminal in a record, nothing when it is another event, or why it is a dead letter. */
  #read(record: StreamRecord): { event: CallEnded } | Omit<FaultyRecord, 'record'> | { other: true } {
    let value: unknown;
    try {
      value = JSON.parse(record.value.toString('utf8'));
    } catch (error) {
      return { reason: 'malformed', message: messageOf(error) };
    }
    if (typeof value !== 'object' || value === null || !('type' in value)) {
      return { reason: 'invalid', message: 'the event has no type' };
    }
    if (!endedTypes.has(String(value.type))) return { other: true };
    const read = readEnded(value);
    if (read.outcome === 'known') return { event: read.event };
    if (read.outcome === 'unknown') return { other: true };
    const faults = read.error.issues.slice(0, 5).map(({ path, message }) => `${path.join('.')}: ${message}`);
    return { reason: 'invalid', message: faults.join('; ') };
  }

  #price(event: CallEnded, seq: number): CostComputed {
    const { call, facts, timing } = event;
    const { usage, usageSource } = this.#usageOf(event);
    const cost = computeCost(this.#deps.priceBook(), {
      organizationId: call.organizationId,
      provider: facts.providerKind,
      models: [event.responseModel ?? '', facts.routedModel, facts.requestModel].filter(
        (model) => model !== '',
      ),
      startTime: timing.startTime,
      serviceTier: event.serviceTier,
      usage,
      usageSource,
      isCached: facts.cache === 'hit',
    });
    return {
      ...this.#placeOf(event, seq),
      id: eventIds.cost(event.id, cost.priceBookVersion),
      spanId: call.spanId,
      startTime: timing.startTime,
      provider: facts.provider,
      responseModel: event.responseModel ?? '',
      ...cost,
    };
  }

  /** An attempt that failed and took tokens all the same (a policy cut its answer off): the call costs that too. */
  #priceAttempt(event: CallEnded, attempt: CallAttempt, seq: number): CostComputed {
    const {
      spanId,
      startTime,
      provider,
      providerKind = '',
      model,
      usage = null,
      serviceTier = null,
    } = attempt;
    const cost = computeCost(this.#deps.priceBook(), {
      ...{ organizationId: event.call.organizationId, provider: providerKind, models: [model], startTime },
      ...{ serviceTier, usage, usageSource: 'provider' },
    });
    const id = eventIds.attemptCost(event.id, spanId, cost.priceBookVersion);
    return { ...this.#placeOf(event, seq), id, spanId, startTime, provider, responseModel: model, ...cost };
  }

  #placeOf({ call, facts, projectId }: CallEnded, seq: number) {
    return {
      type: 'cost.computed' as const,
      emitter: this.#emitter,
      seq,
      time: nanosOfMillis(this.#now()),
      organizationId: call.organizationId,
      projectId,
      callId: call.callId,
      traceId: call.traceId,
      operation: facts.operation,
      requestModel: facts.requestModel,
      keyId: call.keyId,
      userId: call.userId ?? '',
    };
  }

  /** What the provider reported, else an estimate. A call that failed without an answer took no tokens. */
  #usageOf({ usage, usageSource, textCounts, type }: CallEnded): {
    usage: Usage | null;
    usageSource: UsageSource;
  } {
    if (usage || !textCounts) return { usage, usageSource };
    const isAnswered = textCounts.outputAscii + textCounts.outputOther > 0;
    if (type === 'call.failed' && !isAnswered) return { usage: null, usageSource: 'none' };
    return { usage: this.#deps.estimateUsage(textCounts), usageSource: 'estimated' };
  }

  /** Sequences of a batch that fails are used again by its next try. */
  #nextSeq(sequence: Map<string, number>, projectId: string): number {
    const seq = (sequence.get(projectId) ?? this.#lastSeq.get(projectId) ?? 0) + 1;
    sequence.set(projectId, seq);
    return seq;
  }

  #costRecord({ cost, traceparent }: PricedCall): NewRecord {
    const { id, type, emitter: source, callId: subject } = cost;
    return {
      key: `${cost.projectId}/${this.#emitter}`,
      headers: cloudEventHeaders({ id, type, source, subject, timeMs: this.#now(), traceparent }),
      value: Buffer.from(JSON.stringify(cost)),
    };
  }
}

/** The last attempt is the call itself. */
function billedAttempts({ attempts }: CallEnded): CallAttempt[] {
  return attempts.slice(0, -1).filter(({ usage }) => usage);
}

/** Most records are parts and chunks: their header tells without reading the value. */
function mayBeEnded({ headers }: StreamRecord): boolean {
  const type = headers.ce_type;
  return type === undefined || endedTypes.has(type.replace(/^loom\./, ''));
}
