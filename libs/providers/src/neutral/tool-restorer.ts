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

/**
 * Reads the text out of `{"input":"…"}` while it comes. What has another shape is the text itself, at the end. Models do
 * not always write proper JSON: escapes that there are none of, and characters that should be escaped, stay as they are.
 */
class FreeText {
  #json = '';
  /** Where the next character of the text is; -1 until its beginning has come. */
  #at = -1;
  #isOver = false;

  push(piece: string): string {
    this.#json += piece;
    if (this.#isOver) return '';
    if (this.#at < 0) this.#at = opening.exec(this.#json)?.[0].length ?? -1;
    return this.#at < 0 ? '' : this.#read();
  }

  /** What was not read on the way. */
  end(): string {
    if (this.#at >= 0) return '';
    const input = parseArguments(this.#json)?.[freeTextParameter];
    return typeof input === 'string' ? input : this.#json;
  }

  #read(): string {
    let text = '';
    let at = this.#at;
    while (at < this.#json.length && this.#json[at] !== '"') {
      const unit = unitAt(this.#json, at);
      if (unit === null) break;
      text += characterOf(unit);
      at += unit.length;
    }
    this.#isOver = this.#json[at] === '"';
    // Half of a surrogate pair waits for the other.
    if (!this.#isOver && /[\ud800-\udbff]$/.test(text)) return '';
    this.#at = at;
    return text;
  }
}

/** A character of a JSON string as it is written; null where it is not whole yet. */
function unitAt(json: string, at: number): string | null {
  const second = json[at + 1];
  if (json[at] !== '\\') return json.charAt(at);
  if (second === undefined) return null;
  const digits = json.slice(at + 2, at + 6);
  if (second !== 'u' || !/^[\da-f]*$/i.test(digits)) return json.slice(at, at + 2);
  return digits.length < 4 ? null : json.slice(at, at + 6);
}

const escapes: Readonly<Record<string, string>> = {
  ...{ '"': '"', '\\': '\\', '/': '/', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' },
};

function characterOf(unit: string): string {
  if (unit.length === 6) return String.fromCharCode(Number.parseInt(unit.slice(2), 16));
  return unit.length === 2 ? (escapes[unit.charAt(1)] ?? unit) : unit;
}
