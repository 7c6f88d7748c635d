import { LoomError } from '@loom/errors';
import type { AppendOptions, PartitionWriter } from '@loom/event-stream';
import { cloudEventHeaders, eventCheck, TraceEvent } from '@loom/trace-schema';

/** What every event carries; the rest is the event's own. */
interface Stamp {
  readonly id: string;
  readonly emitter: string;
  readonly seq: number;
  readonly projectId: string;
  readonly time: string;
}

export interface EventDraft {
  readonly id: string;
  readonly type: string;
  readonly projectId: string;
  /** The call that the event is about, or the emitter. */
  readonly subject: string;
  /** The span of Loom's own telemetry that it comes from. */
  readonly traceparent?: string | undefined;
  /** The event without its stamp and type. */
  readonly fields: object;
}

export interface EmitOptions extends AppendOptions {
  /** Told what the event was stamped with, when it is sure to be appended. */
  readonly onStamp?: (stamp: { readonly seq: number; readonly timeMs: number }) => void;
}

/** The reason of the error for an event that breaks its schema: another try would fail too. */
export const invalidEvent = 'invalid_event';

const faultOf = eventCheck(TraceEvent);

/**
 * One start of one process as a source of events: numbers them per project, from 1 and without a gap, and appends them
 * to its own partition. A number is used only when the record is sure to be appended.
 */
export class Emitter {
  readonly id: string;
  readonly #writer: PartitionWriter;
  readonly #lastSeq: Map<string, number>;

  constructor(writer: PartitionWriter, lastSeq: ReadonlyMap<string, number> = new Map()) {
    this.id = writer.partition;
    this.#writer = writer;
    this.#lastSeq = new Map(lastSeq);
  }

  /** Last sequence number by project. */
  get lastSeq(): Record<string, number> {
    return Object.fromEntries(this.#lastSeq);
  }

  /**
   * Appends one event; resolves when it is durable. Throws at once when the outbox refuses it (`overloaded`,
   * `unavailable`), and `internal` with reason `invalid_event` when the event breaks its schema. An `essential` event,
   * which ends what was begun, is never refused: not for want of room, and not for a fact that its readers will mark as
   * lost. A `patient` event, which nothing waits for, is written with the next one that is waited for, a few
   * milliseconds later at most.
   */
  emit(draft: EventDraft, { onStamp, ...options }: EmitOptions = {}): Promise<void> {
    const seq = (this.#lastSeq.get(draft.projectId) ?? 0) + 1;
    const nowMs = Date.now();
    const stamp: Stamp & { type: string } = {
      id: draft.id,
      type: draft.type,
      emitter: this.id,
      seq,
      projectId: draft.projectId,
      time: unixNanos(nowMs),
    };
    const event = { ...stamp, ...draft.fields };
    if (!options.essential) expectValid(event, draft.type);
    const durable = this.#writer.appendSync(
      [
        {
          key: `${draft.projectId}/${this.id}`,
          headers: cloudEventHeaders({
            id: draft.id,
            type: draft.type,
            source: this.id,
            subject: draft.subject,
            timeMs: nowMs,
            projectId: draft.projectId,
            seq,
            traceparent: draft.traceparent,
          }),
          value: Buffer.from(JSON.stringify(event)),
        },
      ],
      options,
    );
    this.#lastSeq.set(draft.projectId, seq);
    onStamp?.({ seq, timeMs: nowMs });
    return durable;
  }
}

function expectValid(event: object, type: string): void {
  const path = faultOf(event);
  if (path === null) return;
  throw new LoomError('internal', `the event ${type} breaks its schema at "${path}"`, {
    reason: invalidEvent,
  });
}

/** Unix milliseconds as unix nanoseconds. */
export function unixNanos(ms: number): string {
  return `${Math.floor(ms)}${String(Math.round((ms % 1) * 1e6)).padStart(6, '0')}`;
}
