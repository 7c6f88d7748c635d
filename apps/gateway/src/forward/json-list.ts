import { framingOf } from '@loom/providers';

/**
 * A stream of server-sent events as one list in JSON, an element each, as the Gemini API streams without `alt=sse`.
 * Elements are written whole, so white space may follow at any time.
 */
export class JsonList {
  readonly #framing = framingOf('sse');
  #isBegun = false;

  /** The text that these bytes of the stream become. Throws `upstream_failed` for an event that is too large. */
  push(bytes: Buffer | string): string {
    return this.#written(this.#framing.push(Buffer.from(bytes)));
  }

  /** The rest, when no more comes. */
  end(): string {
    const rest = this.#written(this.#framing.end());
    return `${rest}${this.#isBegun ? '' : '['}]\n`;
  }

  #written(events: readonly { readonly data: string }[]): string {
    let written = '';
    for (const { data } of events) {
      written += (this.#isBegun ? ',\r\n' : '[') + data;
      this.#isBegun = true;
    }
    return written;
  }
}
