import { LoomError } from '@loom/errors';
import { openTraceStore } from '@loom/trace-store';
import { Pool } from 'undici';
import { type InsertBatch, pathInto } from './insert-batches.ts';

/** ClickHouse's HTTP interface of the engine, with nothing of Loom in between. */
export class EngineClient {
  readonly #url: URL;
  readonly #pool: Pool;
  readonly #headers: { readonly authorization: string };

  constructor(url: URL) {
    this.#url = url;
    this.#pool = new Pool(url.origin, { connections: 16 });
    const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
    this.#headers = { authorization: `Basic ${Buffer.from(credentials).toString('base64')}` };
  }

  /** A new database with the tables and views of this version; its URL. */
  async createDatabase(name: string): Promise<URL> {
    await this.#ask(`/?query=${encodeURIComponent(`CREATE DATABASE ${name}`)}`);
    const url = new URL(`/${name}`, this.#url);
    [url.username, url.password] = [this.#url.username, this.#url.password];
    const store = await openTraceStore(url);
    await store.close();
    return url;
  }

  async dropDatabase(name: string): Promise<void> {
    await this.#ask(`/?query=${encodeURIComponent(`DROP DATABASE IF EXISTS ${name} SYNC`)}`);
  }

  async countRows(database: string, table: string): Promise<number> {
    return Number(
      await this.#ask(`/?query=${encodeURIComponent(`SELECT count() FROM ${database}.${table}`)}`),
    );
  }

  /** The inserts of one batch, all at once. */
  async insertBatch(database: string, batch: InsertBatch): Promise<void> {
    await Promise.all(batch.map((insert) => this.#ask(pathInto(database, insert), insert.rows)));
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }

  async #ask(path: string, body: Buffer | null = null): Promise<string> {
    const answer = await this.#pool.request({ method: 'POST', path, headers: this.#headers, body });
    const text = await answer.body.text();
    if (answer.statusCode === 200) return text;
    throw new LoomError('unavailable', `the engine answered ${answer.statusCode}: ${text.slice(0, 500)}`);
  }
}
