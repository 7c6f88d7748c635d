import { firstEventEnd, lastEventEnd, sseData } from '../sse.ts';

/** An event longer than this is passed on as it comes: nothing is held back without bound. Bytes. */
const heldBytesMax = 1024 * 1024;
const none = Buffer.alloc(0);

/**
 * Takes the usage chunk that Loom asked for out of a stream again: the event whose `choices` is empty and whose
 * `usage` is not null. Every other byte passes unchanged; only an event that is not whole yet is held back.
 */
export class UsageChunkFilter {
  #held: Buffer = none;

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
    return whole.includes('"usage"') ? withoutUsageChunks(whole) : whole;
  }

  /** What is left when the stream has ended. */
  end(): Buffer {
    const rest = this.#held;
    this.#held = none;
    return rest.includes('"usage"') ? withoutUsageChunks(rest) : rest;
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
