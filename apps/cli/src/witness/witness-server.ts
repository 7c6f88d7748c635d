import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { LoomError, messageOf } from '@loom/errors';
import type { Witness } from '@loom/ledger';

export interface WitnessAddress {
  readonly host: string;
  readonly port: number;
}

export interface WitnessServer {
  readonly url: string;
  close(): Promise<void>;
}

/** A checkpoint with 63 hashes and 100 signatures has less. */
const bodyBytesMax = 64 * 1024;
const requestMs = 10_000;
const connectionsMax = 256;

/** Serves `POST /add-checkpoint`, and nothing else. */
export async function serveWitness(
  witness: Witness,
  { host, port }: WitnessAddress,
  onError: (message: string) => void,
): Promise<WitnessServer> {
  const server = createServer(
    { requestTimeout: requestMs, headersTimeout: requestMs, connectionsCheckingInterval: 1_000 },
    (request, response) => {
      answer(witness, request, response).catch((error: unknown) => {
        onError(messageOf(error));
        say(response, 500, 'nothing was cosigned\n');
      });
    },
  );
  server.maxConnections = connectionsMax;
  await listen(server, host, port);
  const at = server.address() as AddressInfo;
  return {
    url: `http://${at.family === 'IPv6' ? `[${at.address}]` : at.address}:${at.port}`,
    close: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeIdleConnections();
      await closed;
    },
  };
}

async function answer(witness: Witness, request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url !== '/add-checkpoint') {
    say(response, 404, 'there is only /add-checkpoint\n');
    return;
  }
  if (request.method !== 'POST') {
    say(response, 405, 'send a POST\n');
    return;
  }
  const body = await readBody(request);
  if (body === 'gone') return;
  if (body === 'large') {
    say(response, 413, 'the request is too large\n');
    return;
  }
  const { status, contentType, body: text } = await witness.addCheckpoint(body);
  say(response, status, text, contentType);
}

async function readBody(request: IncomingMessage): Promise<Uint8Array | 'large' | 'gone'> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of request as AsyncIterable<Buffer>) {
      bytes += piece.length;
      if (bytes > bodyBytesMax) return 'large';
      pieces.push(piece);
    }
  } catch {
    return 'gone';
  }
  return Buffer.concat(pieces);
}

function say(
  response: ServerResponse,
  status: number,
  text: string,
  type = 'text/plain; charset=utf-8',
): void {
  if (response.headersSent || response.destroyed) return;
  const headers = { 'content-type': type, 'content-length': Buffer.byteLength(text) };
  // What was not read of the request would be taken for the next one.
  response.writeHead(status, status === 413 ? { ...headers, connection: 'close' } : headers).end(text);
}

async function listen(server: Server, host: string, port: number): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, resolve);
    });
  } catch (error) {
    throw new LoomError('unavailable', `cannot listen on ${host}:${port}: ${messageOf(error)}`);
  }
}
