import { EventStreamCodec } from '@smithy/eventstream-codec';
import { LoomError, messageOf } from '@loom/errors';
import { createParser } from 'eventsource-parser';
import type { WireEvent } from './neutral/halves.ts';

/** Cuts a provider's bytes into events, wherever they are split. Throws `upstream_failed` for what is no such stream. */
export interface Framing {
  push(chunk: Buffer): WireEvent[];
  /** The connection ended well: an event whose last empty line is missing counts. */
  end(): WireEvent[];
}

/** An event larger than this ends the call: it would have to be held whole. Bytes. */
const eventBytesMax = 16 * 1024 * 1024;

const tooLarge = () =>
  new LoomError('upstream_failed', `an event of the answer is larger than ${eventBytesMax} bytes`, {
    reason: 'malformed_answer',
  });

export function framingOf(kind: 'sse' | 'eventstream'): Framing {
  return kind === 'sse' ? new SseFraming() : new EventStreamFraming();
}

class SseFraming implements Framing {
  readonly #decoder = new TextDecoder('utf-8');
  #events: WireEvent[] = [];
  #bytesSinceEvent = 0;
  /** Of a line that is not whole: the parser would read its beginning again with each piece. */
  #held: string[] = [];
  readonly #parser = createParser({
    onEvent: ({ event = '', data }) => {
      this.#bytesSinceEvent = 0;
      this.#events.push({ name: event, data });
    },
  });

  push(chunk: Buffer): WireEvent[] {
    this.#bytesSinceEvent += chunk.length;
    this.#held.push(this.#decoder.decode(chunk, { stream: true }));
    if (chunk.includes(0x0a) || chunk.includes(0x0d)) this.#feed();
    if (this.#bytesSinceEvent > eventBytesMax) throw tooLarge();
    return this.#take();
  }

  end(): WireEvent[] {
    this.#held.push(`${this.#decoder.decode()}\n\n`);
    this.#feed();
    return this.#take();
  }

  #feed(): void {
    const text = this.#held.join('');
    this.#held = [];
    this.#parser.feed(text);
  }

  #take(): WireEvent[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }
}

/*
 * application/vnd.amazon.eventstream:
 *
 *   frame   = total length (4 bytes) headers length (4) CRC of both (4) headers payload CRC of all (4)
 *   headers = :message-type (event | exception | error), :event-type | :exception-type, :content-type
 *
 * An exception is a frame whose payload is the error; its name is kept as the name of the event.
 */
class EventStreamFraming implements Framing {
  readonly #codec = new EventStreamCodec(
    (bytes) => (typeof bytes === 'string' ? bytes : Buffer.from(bytes).toString('utf8')),
    (text) => Buffer.from(text, 'utf8'),
  );
  #held: Buffer = Buffer.alloc(0);

  push(chunk: Buffer): WireEvent[] {
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    const events: WireEvent[] = [];
    while (this.#held.length >= 4) {
      const length = this.#held.readUInt32BE(0);
      if (length > eventBytesMax || length < 16) throw tooLarge();
      if (this.#held.length < length) break;
      events.push(this.#decode(this.#held.subarray(0, length)));
      this.#held = this.#held.subarray(length);
    }
    return events;
  }

  end(): WireEvent[] {
    return []; // half a frame is no event
  }

  #decode(frame: Buffer): WireEvent {
    try {
      const { headers, body } = this.#codec.decode(frame);
      const header = (name: string): string => {
        const value = headers[name]?.value;
        return typeof value === 'string' ? value : '';
      };
      const name = header(':event-type') || header(':exception-type') || header(':error-code');
      return { name, data: Buffer.from(body).toString('utf8') };
    } catch (cause) {
      throw new LoomError('upstream_failed', `a frame of the answer is broken: ${messageOf(cause)}`, {
        ...{ reason: 'malformed_answer', cause },
      });
    }
  }
}
