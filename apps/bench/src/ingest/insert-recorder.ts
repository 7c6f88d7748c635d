import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Pool } from 'undici';
import { batchesOf, type InsertBatch, readInsert, type RecordedInsert } from './insert-batches.ts';

/** As the engine takes it: the ids that ingest asks for travel in the URL. */
const uriBytesMax = 1024 * 1024;

/** Stands before the engine and keeps the inserts that pass, so that the very same can be made again. */
export class InsertRecorder {
  readonly #engine: URL;
  readonly #pool: Pool;
  readonly #server: Server;
  readonly #inserts: RecordedInsert[] = [];

  constructor(engine: URL) {
    this.#engine = engine;
    this.#pool = new Pool(engine.origin);
    this.#server = createServer({ maxHeaderSize: uriBytesMax }, (request, response) => {
      this.#pass(request, response).catch(() => response.destroy());
    });
  }

  /** The batches that passed so far. */
  get batches(): InsertBatch[] {
    return batchesOf(this.#inserts);
  }

  /** Resolves with the engine's URL by way of this recorder. */
  async listen(): Promise<URL> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    const url = new URL(this.#engine);
    url.port = String((this.#server.address() as AddressInfo).port);
    return url;
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#pool.destroy();
  }

  async #pass(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
    const body = Buffer.concat(chunks);
    const path = request.url ?? '/';
    const insert = readInsert(path, body);
    if (insert) this.#inserts.push(insert);
    const headers = { authorization: request.headers.authorization ?? '' };
    const method = request.method === 'GET' ? 'GET' : 'POST';
    const answer = await this.#pool.request({ method, path, headers, ...(body.length > 0 && { body }) });
    const bytes = Buffer.from(await answer.body.arrayBuffer());
    const { 'transfer-encoding': _, connection: __, ...kept } = answer.headers;
    response.writeHead(answer.statusCode, kept).end(bytes);
  }
}
