import type { IncomingHttpHeaders } from 'node:http';
import { EscapedSecret } from './escaped-secret.ts';

/**
 * What is shorter is left alone: `EMPTY`, `ollama` and `not-needed` stand for no credential, and a word that an answer
 * has by chance must stay. Characters.
 */
const secretCharsMin = 16;
const nothing = Buffer.alloc(0);
const [quote, colon, asterisk] = Buffer.from('":*');

/**
 * Takes a provider's credential out of its answer, whatever its status: asterisks of the same length stand in its place,
 * so that lengths and framing stay true. Found as it was sent, with any of JSON's escapes, and percent-encoded, also across
 * chunks: only an end that may be the beginning of the credential is held back. The name of a JSON member stays as it is
 * even if a credential is called like it.
 */
export class CredentialMask {
  readonly #secrets: readonly Buffer[];
  readonly #escaped: readonly EscapedSecret[];
  #held: Buffer = nothing;
  /** The byte before what is held. */
  #before: number | undefined;

  private constructor(secrets: readonly Buffer[], escaped: readonly EscapedSecret[]) {
    this.#secrets = secrets;
    this.#escaped = escaped;
  }

  /** Null when there is nothing to take out. Of a signing credential, `<id>:<secret>:<token>`, its parts but the id. */
  static of(credential: string | null): CredentialMask | null {
    if (credential === null) return null;
    const [, ...parts] = credential.split(':');
    const secrets = [credential, ...parts].filter((text) => text.length >= secretCharsMin);
    if (secrets.length === 0) return null;
    const spelled = [...new Set(secrets.flatMap(spellingsOf))].sort(
      (one, other) => other.length - one.length,
    );
    return new CredentialMask(
      spelled.map((text) => Buffer.from(text)),
      secrets.map((text) => EscapedSecret.of(text)),
    );
  }

  headers(headers: IncomingHttpHeaders): IncomingHttpHeaders {
    const masked = (value: string | string[] | undefined) =>
      Array.isArray(value) ? value.map((one) => this.text(one)) : value && this.text(value);
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, masked(value)]));
  }

  /** A text that is whole. */
  text(text: string): string {
    const bytes = Buffer.from(text);
    const masked = this.whole(bytes);
    return masked === bytes ? text : masked.toString();
  }

  /** Bytes that are whole; the same ones when nothing is in them. */
  whole(bytes: Buffer): Buffer {
    return this.#masked(bytes, true);
  }

  /** The next bytes of a body, as far as it is certain what they are. */
  push(bytes: Buffer): Buffer {
    const all = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    const masked = this.#masked(all, false);
    const end = Math.min(this.#undecidedAt(masked), this.#beginningAt(masked));
    this.#held = masked.subarray(end);
    if (end > 0) this.#before = masked[end - 1];
    return masked.subarray(0, end);
  }

  /** What was held back, when no more comes. */
  flush(): Buffer {
    const rest = this.#masked(this.#held, true);
    this.#held = nothing;
    this.#before = undefined;
    return rest;
  }

  #masked(bytes: Buffer, isWhole: boolean): Buffer {
    let masked = bytes;
    for (const secret of this.#secrets) {
      for (let at = masked.indexOf(secret); at >= 0; at = masked.indexOf(secret, at + secret.length)) {
        const isName = this.#isMemberName(masked, at, at + secret.length);
        if (isName === true || (isName === null && !isWhole)) continue;
        if (masked === bytes) masked = Buffer.from(bytes); // the bytes are the connection's
        masked.fill(asterisk ?? 0, at, at + secret.length);
      }
    }
    for (const escaped of this.#escaped)
      for (const { start, end } of escaped.findIn(masked)) {
        if (this.#isMemberName(masked, start, end) === true) continue;
        if (masked === bytes) masked = Buffer.from(bytes);
        masked.fill(asterisk ?? 0, start, end);
      }
    return masked;
  }

  /** Null when it depends on what comes next. */
  #isMemberName(bytes: Buffer, start: number, end: number): boolean | null {
    const before = start === 0 ? this.#before : bytes[start - 1];
    if (before !== quote) return false;
    if (end === bytes.length) return null;
    if (bytes[end] !== quote) return false;
    let next = end + 1;
    while (isSpace(bytes[next])) next += 1;
    return next >= bytes.length ? null : bytes[next] === colon;
  }

  /** Where a whole credential stands of which it is not known yet whether it names a member. */
  #undecidedAt(bytes: Buffer): number {
    let first = bytes.length;
    for (const secret of this.#secrets) {
      const at = bytes.lastIndexOf(secret);
      if (at >= 0 && this.#isMemberName(bytes, at, at + secret.length) === null) first = Math.min(first, at);
    }
    return first;
  }

  /** Where the bytes end in the beginning of a credential. */
  #beginningAt(bytes: Buffer): number {
    let first = bytes.length;
    for (const secret of this.#secrets) {
      const from = Math.max(0, bytes.length - secret.length + 1);
      for (
        let at = bytes.indexOf(secret[0] ?? 0, from);
        at >= 0 && at < first;
        at = bytes.indexOf(secret[0] ?? 0, at + 1)
      )
        if (bytes.subarray(at).equals(secret.subarray(0, bytes.length - at))) first = at;
    }
    return Math.min(first, ...this.#escaped.map((escaped) => escaped.beginningAt(bytes)));
  }
}

function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x09 || byte === 0x0a || byte === 0x0d;
}

function spellingsOf(secret: string): string[] {
  const escaped = JSON.stringify(secret).slice(1, -1);
  return [secret, escaped, escaped.replaceAll('/', '\\/'), encodeURIComponent(secret)];
}
