import type { IncomingHttpHeaders } from 'node:http';

/** A piece of an answer, and when it came (`performance.now()`). */
export interface Piece {
  readonly bytes: Buffer;
  readonly atMs: number;
}

/** An answer of which nothing has been handed out: its head, and all that has come of it. */
export interface HeldAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly streamed: boolean;
  readonly pieces: readonly Piece[];
}

export function bytesOf(pieces: readonly Piece[]): Buffer {
  const [first] = pieces;
  return pieces.length === 1 && first ? first.bytes : Buffer.concat(pieces.map(({ bytes }) => bytes));
}

/** Whether a body is an object or a list in JSON. */
export function isJson(body: Buffer): boolean {
  try {
    return typeof JSON.parse(body.toString('utf8').replace(/^\ufeff/, '')) === 'object';
  } catch {
    return false;
  }
}
