import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { describe, expect, it } from '@jest/globals';
import { readBody } from './read-body.ts';

const pieceMs = 60;

/** A request whose body comes in such pieces, a moment apart, and then ends or stays open. */
function requestOf(pieces: readonly string[], { ends = true, headers = {} } = {}): IncomingMessage {
  const body = new PassThrough();
  const send = async () => {
    for (const piece of pieces) {
      body.write(piece);
      await new Promise((resolve) => setTimeout(resolve, pieceMs));
    }
    if (ends) body.end();
  };
  void send();
  return Object.assign(body, { headers }) as unknown as IncomingMessage;
}

const limits = { bytesMax: 1000, idleMs: 400, rateMin: 1 };
const reasonOf = { code: 'request_timed_out', reason: 'request_timeout' };

describe('readBody', () => {
  it('gives a body that comes slowly and steadily the time that it needs', async () => {
    const pieces = Array<string>(20).fill('piece '); // three times as long as the longest pause
    expect((await readBody(requestOf(pieces), limits)).toString()).toBe(pieces.join(''));
  });

  it.each([
    ['before its first byte', []],
    ['after some', ['a', 'b']],
  ])('ends one that pauses %s', async (_, pieces) => {
    const request = requestOf(pieces, { ends: false });
    await expect(readBody(request, limits)).rejects.toMatchObject({
      ...reasonOf,
      message: 'the request body paused for more than 400 ms',
    });
  });

  it('ends one that never pauses and never gets far', async () => {
    const request = requestOf(Array<string>(20).fill('x'), { ends: false });
    await expect(readBody(request, { ...limits, rateMin: 1000 })).rejects.toMatchObject({
      ...reasonOf,
      message: 'the request body came slower than 1000 bytes a second',
    });
  });

  it('refuses one that is too large, announced or not', async () => {
    const announced = requestOf([], { ends: false, headers: { 'content-length': '1001' } });
    for (const request of [announced, requestOf(['x'.repeat(1001)], { ends: false })])
      await expect(readBody(request, limits)).rejects.toMatchObject({ code: 'payload_too_large' });
  });
});
