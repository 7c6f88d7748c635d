import type { AnswerFacts } from '../answer-facts.ts';
import { EventSkeleton } from '../event-skeleton.ts';
import { firstEventEnd, lastEventEnd, sseData } from '../sse.ts';
import type { StreamFacts } from '../stream-facts.ts';

/** An event longer than this is passed on as it comes: nothing is held back without bound. Bytes. */
const heldBytesMax = 1024 * 1024;
/** How much of what came before is looked at for the end of an event: an empty line of CR LF, but for its last byte. */
const overlapBytes = 3;
const none = Buffer.alloc(0);

/**
 * Lets whole events of a stream through, byte for byte, and reads what they say. An event that is not whole yet is held
 * back, so that a stream that breaks off in the middle of one can still end by an error event that a client understands.
 * Where Loom asked for usage and the caller did not, it takes the usage chunk out: the event whose `choices` is empty and
 * whose `usage` is not null. Of an event that is too long to be held, a skeleton is read.
 */
export class EventGate {
  readonly #takesUsageOut: boolean;
  readonly #reader: StreamFacts;
  #held: Buffer[] = [];
  #heldBytes = 0;
  /** Of the event that passes as it comes. */
  #skeleton: EventSkeleton | null = null;
  /** The last bytes that were looked at. */
  #overlap: Buffer = none;
  /** The last events that have numbers. */
  #numbered: Buffer = none;

  constructor(reader: StreamFacts, options: { readonly takesUsageOut: boolean }) {
    this.#reader = reader;
    this.#takesUsageOut = options.takesUsageOut;
  }

  /** What may go to the client now. */
  push(chunk: Buffer): Buffer {
    const start = this.#overlap.length;
    const looked = start === 0 ? chunk : Buffer.concat([this.#overlap, chunk]);
    this.#overlap = looked.subarray(Math.max(0, looked.length - overlapBytes));
    if (this.#skeleton) return this.#pushPassing(chunk, looked, start);
    const end = lastEventEnd(looked) - start;
    // An end inside of the overlap belongs to events that are out already.
    if (end <= 0) return this.#hold(chunk);
    const whole = this.#taken(chunk.subarray(0, end));
    return this.#withRest(this.#filtered(whole), chunk.subarray(end));
  }

  /** What is left when no more comes: an event whose last empty line is missing, or half of one. */
  end(): Buffer {
    const rest = this.#taken(none);
    this.#readSkeleton();
    return this.#filtered(rest);
  }

  /** What the events that have passed say. */
  facts(): AnswerFacts {
    return this.#reader.facts();
  }

  /** The number that the next event of a numbered stream has. */
  nextSequence(): number {
    const numbers = this.#numbered.toString('latin1').matchAll(/"sequence_number"\s*:\s*(\d+)/g);
    const last = [...numbers].at(-1)?.[1];
    return last === undefined ? 0 : Number(last) + 1;
  }

  #pushPassing(chunk: Buffer, looked: Buffer, start: number): Buffer {
    const end = firstEventEnd(looked);
    if (end === null || end <= start) {
      this.#skeleton?.push(chunk);
      return chunk;
    }
    this.#skeleton?.push(chunk.subarray(0, end - start));
    this.#readSkeleton();
    this.#overlap = none;
    const passed = chunk.subarray(0, end - start);
    const rest = chunk.subarray(end - start);
    return rest.length === 0 ? passed : Buffer.concat([passed, this.push(rest)]);
  }

  #hold(chunk: Buffer): Buffer {
    if (chunk.length > 0) this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes <= heldBytesMax) return none;
    const passed = this.#taken(none);
    this.#skeleton = new EventSkeleton();
    this.#skeleton.push(passed);
    return passed;
  }

  #withRest(passed: Buffer, rest: Buffer): Buffer {
    const more = this.#hold(rest);
    return more.length === 0 ? passed : Buffer.concat([passed, more]);
  }

  #taken(last: Buffer): Buffer {
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    if (held.length === 0) return last;
    return held.length === 1 && last.length === 0 && held[0] ? held[0] : Buffer.concat([...held, last]);
  }

  #filtered(events: Buffer): Buffer {
    if (events.length === 0) return events;
    if (events.includes('"sequence_number"')) this.#numbered = events;
    if (this.#reader.mayHold(events.toString('latin1')))
      for (const data of sseData(events))
        if (this.#reader.mayHold(data)) this.#reader.push({ name: '', data });
    return this.#takesUsageOut && events.includes('"usage"') ? withoutUsageChunks(events) : events;
  }

  #readSkeleton(): void {
    if (!this.#skeleton) return;
    const data = this.#skeleton.toString();
    this.#skeleton = null;
    this.#numbered = Buffer.from(data);
    this.#reader.push({ name: '', data });
  }
}

function withoutUsageChunks(events: Buffer): Buffer {
  const kept: Buffer[] = [];
  for (let rest = events; rest.length > 0;) {
    const event = rest.subarray(0, firstEventEnd(rest) ?? rest.length);
    if (!isUsageChunk(event)) kept.push(event);
    rest = rest.subarray(event.length);
  }
  return kept.length === 1 && kept[0] ? kept[0] : Buffer.concat(kept);
}

function isUsageChunk(event: Buffer): boolean {
  if (!event.includes('"usage"')) return false;
  for (const data of sseData(event)) {
    try {
      const chunk = JSON.parse(data) as { choices?: unknown; usage?: unknown } | null;
      return Array.isArray(chunk?.choices) && chunk.choices.length === 0 && Boolean(chunk.usage);
    } catch {
      return false;
    }
  }
  return false;
}
