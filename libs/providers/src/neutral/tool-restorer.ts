import { parseArguments } from '../json-values.ts';
import type { NeutralEvent } from './neutral-answer.ts';
import { freeTextParameter, type ToolNaming } from './tool-naming.ts';

/** Gives the calls of an answer the caller's names back, ids that no other answer has, and free text tools their text. */
export class ToolRestorer {
  readonly #answerId: string;
  readonly #namingOf: () => ToolNaming;
  #naming: ToolNaming | null = null;
  /** By the index of the block. */
  readonly #texts = new Map<number, FreeText>();

  /** One per answer; `answerId` is unique. `namingOf` is asked at the first call, if there is one. */
  constructor(answerId: string, namingOf: () => ToolNaming) {
    this.#answerId = answerId;
    this.#namingOf = namingOf;
  }

  push(event: NeutralEvent): NeutralEvent[] {
    switch (event.type) {
      case 'block-start': {
        if (event.block.type !== 'tool-call') return [event];
        const naming = (this.#naming ??= this.#namingOf());
        const name = naming.callerNameOf(event.block.name);
        if (name.isFreeText) this.#texts.set(event.index, new FreeText());
        const id = event.block.id || `call_${this.#answerId}_${event.index}`;
        return [{ ...event, block: { ...event.block, ...name, id } }];
      }
      case 'block-delta':
        return this.#delta(event);
      case 'block-end': {
        const rest = this.#texts.get(event.index)?.end() ?? '';
        this.#texts.delete(event.index);
        return rest === '' ? [event] : [{ type: 'block-delta', index: event.index, text: rest }, event];
      }
      default:
        return [event];
    }
  }

  #delta(event: Extract<NeutralEvent, { type: 'block-delta' }>): NeutralEvent[] {
    const freeText = this.#texts.get(event.index);
    if (!freeText) return [event];
    const text = freeText.push(event.text);
    return text === '' ? [] : [{ ...event, text }];
  }
}

const opening = new RegExp(`^\\s*\\{\\s*"${freeTextParameter}"\\s*:\\s*"`);

/** Reads the text out of `{"input":"…"}` while it comes. What has another shape is the text itself, at the end. */
class FreeText {
  #json = '';
  /** Where the next character of the text is; -1 until its beginning has come. */
  #at = -1;
  #isOver = false;
  #written = '';

  push(piece: string): string {
    this.#json += piece;
    if (this.#isOver) return '';
    if (this.#at < 0) this.#at = opening.exec(this.#json)?.[0].length ?? -1;
    return this.#at < 0 ? '' : this.#read();
  }

  /** What was not read on the way. */
  end(): string {
    const parsed = parseArguments(this.#json);
    const given = parsed?.[freeTextParameter];
    const whole = typeof given === 'string' ? given : this.#json;
    return whole.startsWith(this.#written) ? whole.slice(this.#written.length) : '';
  }

  #read(): string {
    let end = this.#at;
    while (end < this.#json.length && this.#json[end] !== '"') {
      const length = this.#json[end] !== '\\' ? 1 : this.#json[end + 1] === 'u' ? 6 : 2;
      if (end + length > this.#json.length) break;
      end += length;
    }
    // Half of a surrogate pair waits for the other.
    const text = textOf(this.#json.slice(this.#at, end));
    const isHalf = /[\ud800-\udbff]$/.test(text);
    if (this.#json[end] === '"') this.#isOver = true;
    else if (isHalf) return '';
    this.#at = end;
    this.#written += text;
    return text;
  }
}

function textOf(inner: string): string {
  try {
    return JSON.parse(
      `"${inner.replaceAll('\n', '\\n').replaceAll('\r', '\\r').replaceAll('\t', '\\t')}"`,
    ) as string;
  } catch {
    return '';
  }
}
