import { PGlite } from '@electric-sql/pglite';
import { readyStatus, simpleQuery } from './wire.ts';

/** PGlite touches all of it at its start, and the default of 128 MB is larger than the whole control store. */
const sharedBuffers = '16MB';

/** A segment of the write-ahead log that is not needed any more is deleted, not written over some day. */
const logSettings = ['wal_recycle=off', 'wal_init_zero=off', 'min_wal_size=32MB'];

interface Turn {
  readonly owner: object;
  readonly messages: Uint8Array;
  readonly onData: (bytes: Uint8Array) => void;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * PGlite is one PostgreSQL backend. Connections share it by turns: a turn is a group of messages up to Sync (or one
 * simple query), so that unnamed statements of two connections never mix; a connection in a transaction keeps the
 * backend until it ends.
 */
export class PgliteBackend {
  readonly #db: PGlite;
  #turns: Turn[] = [];
  #owner: object | null = null;
  #running = false;

  private constructor(db: PGlite) {
    this.#db = db;
  }

  static async open(directory: string): Promise<PgliteBackend> {
    const settings = [`shared_buffers=${sharedBuffers}`, ...logSettings];
    const startParams = [...PGlite.defaultStartParams, ...settings.flatMap((setting) => ['-c', setting])];
    return new PgliteBackend(await PGlite.create(directory, { startParams }));
  }

  /**
   * Brings the tables' files up to date and drops the write-ahead log of before: one backend has no checkpointer, and
   * its log would go on telling what has been deleted. By turns, as everything.
   */
  async dropLog(): Promise<void> {
    const none = () => undefined;
    for (const sql of ['SELECT pg_switch_wal()', 'CHECKPOINT']) await this.run({}, simpleQuery(sql), none);
  }

  run(owner: object, messages: Uint8Array, onData: (bytes: Uint8Array) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#turns.push({ owner, messages, onData, resolve, reject });
      void this.#work();
    });
  }

  /** A connection is gone: its waiting turns are dropped, its open transaction is rolled back. */
  async leave(owner: object): Promise<void> {
    this.#turns = this.#turns.filter((turn) => turn.owner !== owner);
    if (this.#owner !== owner || this.#running) return;
    this.#running = true;
    await this.#db.exec('ROLLBACK').catch(() => undefined); // nothing to roll back is what is wanted
    this.#running = false;
    this.#owner = null;
    await this.#work();
  }

  inTransaction(owner: object): boolean {
    return this.#owner === owner;
  }

  async close(): Promise<void> {
    this.#turns = [];
    await this.#db.close();
  }

  async #work(): Promise<void> {
    if (this.#running) return;
    const turn = this.#takeTurn();
    if (!turn) return;
    this.#running = true;
    try {
      await this.#perform(turn);
      turn.resolve();
    } catch (error) {
      turn.reject(error);
    } finally {
      this.#running = false;
    }
    void this.#work();
  }

  #takeTurn(): Turn | undefined {
    const index = this.#owner === null ? 0 : this.#turns.findIndex((turn) => turn.owner === this.#owner);
    return index < 0 ? undefined : this.#turns.splice(index, 1)[0];
  }

  async #perform(turn: Turn): Promise<void> {
    let tail: Uint8Array = new Uint8Array();
    await this.#db.runExclusive(() =>
      this.#db.execProtocolRawStream(turn.messages, {
        onRawData: (bytes) => {
          tail = Buffer.concat([tail, bytes]).subarray(-6);
          turn.onData(bytes);
        },
      }),
    );
    const status = readyStatus(tail);
    this.#owner = status === 'T' || status === 'E' ? turn.owner : null;
  }
}
