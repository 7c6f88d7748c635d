import { firstEventEnd, lastEventEnd, sseData } from '../sse.ts';

/** An event longer than this is passed on as it comes: nothing is held back without bound. Bytes. */
const heldBytesMax = 1024 * 1024;
const none = Buffer.alloc(0);

/**
 * Lets whole events of a stream through, byte for byte. An event that is not whole yet is held back, so that a stream
 * that breaks off in the middle of one can still end by an error event that a client understands. Where Loom asked for
 * usage and the caller did not, it takes the usage chunk out: the event whose `choices` is empty and whose `usage` is
 * not null.
 */
export class EventGate {
  readonly #takesUsageOut: boolean;
  #held: Buffer = none;

  constructor(options: { readonly takesUsageOut: boolean }) {
    this.#takesUsageOut = options.takesUsageOut;
  }

  /** What may go to the client now. */
  push(chunk: Buffer): Buffer {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const end = lastEventEnd(bytes);
    const whole = bytes.subarray(0, end);
    this.#held = bytes.subarray(end);
    if (this.#held.length > heldBytesMax) {
      const passed = whole.length === 0 ? this.#held : Buffer.concat([whole, this.#held]);
      this.#held = none;
      return passed;
    }
    return this.#filtered(whole);
  }

  /** What is left when the stream has ended well: an event whose last empty line is missing. */
  end(): Buffer {
    const rest = this.#held;
    this.#held = none;
    return this.#filtered(rest);
  }

  #filtered(events: Buffer): Buffer {
    return this.#takesUsageOut && events.includes('"usage"') ? withoutUsageChunks(events) : events;
  }
}

function withoutUsageChunks(events: Buffer): Buffer {
  const kept: Buffer[] = [];
  for (let rest = events; rest.length > 0;) {
    const event = rest.subarray(0, firstEventEnd(rest));
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
