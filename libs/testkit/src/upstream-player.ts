import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import type { RecordedCase } from './recorded.ts';

export interface SeenRequest {
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
  /** True when the caller closed the connection before the answer was complete. */
  aborted: boolean;
}

export type Play = (request: SeenRequest, response: ServerResponse) => void | Promise<void>;

/** A provider on loopback whose answers a test decides, one by one. It keeps what it saw. */
export class UpstreamPlayer {
  readonly seen: SeenRequest[] = [];
  readonly url: string;
  /** What answers the next requests. */
  play: Play;
  readonly #close: () => Promise<void>;

  private constructor(url: string, play: Play, close: () => Promise<void>) {
    this.url = url;
    this.play = play;
    this.#close = close;
  }

  static async start(play: Play = answerJson({ choices: [] })): Promise<UpstreamPlayer> {
    const server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const seen = {
          url: request.url ?? '',
          headers: request.headers,
          body: Buffer.concat(chunks),
          aborted: false,
        };
        player.seen.push(seen);
        response.on('close', () => (seen.aborted = !response.writableFinished));
        void Promise.resolve(player.play(seen, response)).catch(() => response.destroy());
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
    const player = new UpstreamPlayer(url, play, async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return player;
  }

  close(): Promise<void> {
    return this.#close();
  }
}

export function answerJson(value: unknown, status = 200, headers: Record<string, string> = {}): Play {
  return (_request, response) => {
    const body = Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
    response
      .writeHead(status, { 'content-type': 'application/json', 'content-length': body.length, ...headers })
      .end(body);
  };
}

/** Plays a recorded case piece by piece; a pause between pieces, in milliseconds, makes them separate reads. */
export function answerRecorded(recorded: RecordedCase, pauseMs = 0): Play {
  return answerPieces(recorded.pieces, { pauseMs, stream: recorded.stream });
}

export function answerPieces(
  pieces: readonly (Buffer | string)[],
  options: {
    readonly pauseMs?: number;
    readonly stream?: boolean;
    readonly end?: 'clean' | 'reset' | 'never';
  } = {},
): Play {
  return async (_request, response) => {
    const stream = options.stream ?? true;
    response.writeHead(200, {
      'content-type': stream ? 'text/event-stream; charset=utf-8' : 'application/json',
    });
    for (const piece of pieces) {
      response.write(piece);
      if (options.pauseMs) await delay(options.pauseMs);
      if (response.destroyed) return;
    }
    if (options.end === 'never') return;
    if (options.end === 'reset') {
      await delay(20); // what was written is on its way before the connection breaks
      response.destroy();
    } else response.end();
  };
}
