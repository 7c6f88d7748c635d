import { LoomError } from '@loom/errors';

/*
 * PostgreSQL's frontend messages, as far as a server in front of one backend has to tell them apart:
 *   first:  length u32, code u32, …             (startup 196608, SSL 80877103, GSS 80877104, cancel 80877102)
 *   later:  type byte, length u32 (with itself), …
 */
const messageBytesMax = 64 * 1024 * 1024;

export const startupCode = { protocol3: 196608, cancel: 80877102, ssl: 80877103, gss: 80877104 } as const;

/** `N`: no encryption; loopback only. */
export const refuseEncryption = Buffer.from('N');

/** AuthenticationCleartextPassword. */
export const askForPassword = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);

/** Cuts a byte stream into messages; a message comes out when its last byte is in. */
export class MessageReader {
  #buffer: Buffer = Buffer.alloc(0);
  #started = false;

  push(chunk: Buffer): void {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
  }

  /** After the startup message all messages have a type byte. */
  markStarted(): void {
    this.#started = true;
  }

  next(): Buffer | null {
    const offset = this.#started ? 1 : 0;
    if (this.#buffer.length < offset + 4) return null;
    const length = this.#buffer.readUInt32BE(offset) + offset;
    if (length < offset + 4 || length > messageBytesMax) {
      throw new LoomError('payload_too_large', `a message of ${length} bytes; at most ${messageBytesMax}`);
    }
    if (this.#buffer.length < length) return null;
    const message = this.#buffer.subarray(0, length);
    this.#buffer = this.#buffer.subarray(length);
    return message;
  }
}

export function typeOf(message: Buffer): string {
  return String.fromCharCode(message[0] ?? 0);
}

/** The text of a PasswordMessage, or null when it is another message. */
export function readPassword(message: Buffer): string | null {
  return typeOf(message) === 'p' ? message.subarray(5, -1).toString('utf8') : null;
}

/** An ErrorResponse with a severity, a SQLSTATE and a text. */
/** Query: a statement as text, a group of its own. */
export function simpleQuery(sql: string): Buffer {
  const text = Buffer.from(`${sql}\0`);
  const head = Buffer.from('Q\0\0\0\0');
  head.writeUInt32BE(4 + text.length, 1);
  return Buffer.concat([head, text]);
}

export function errorResponse(sqlState: string, text: string): Buffer {
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${sqlState}\0M${text}\0\0`);
  const head = Buffer.alloc(5);
  head.write('E');
  head.writeUInt32BE(fields.length + 4, 1);
  return Buffer.concat([head, fields]);
}

/** The status byte of the ReadyForQuery that ends `bytes`: `I` idle, `T` in a transaction, `E` in a failed one. */
export function readyStatus(bytes: Uint8Array): 'I' | 'T' | 'E' | null {
  const end = bytes.subarray(-6);
  if (end.length < 6 || end[0] !== 0x5a || end[4] !== 5) return null;
  const status = String.fromCharCode(end[5] ?? 0);
  return status === 'I' || status === 'T' || status === 'E' ? status : null;
}
