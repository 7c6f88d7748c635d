import { once } from 'node:events';
import { PassThrough, type Readable } from 'node:stream';
import { LoomError } from '@loom/errors';
import { FairTurns, readScope } from '@loom/trace-store';

/** Where an export puts its bytes. Rejects when the reader has left. */
export interface ExportSink {
  write(bytes: Uint8Array): Promise<void>;
}

/** An export holds some of a project in memory: four at a time, one of an organization, and one more of it may wait. */
const limits = { runningMax: 4, runningOfOwnerMax: 1, waitingOfOwnerMax: 1 };
/** A reader that takes nothing for so long has left. Milliseconds. */
const drainMsMax = 60_000;

/** Streams exports to their readers, in turns that are fair between organizations, for as long as the reader stays. */
export class ExportStreams {
  readonly #turns = new FairTurns(limits);

  /**
   * Resolves with the body when the export has begun: `prepare` has resolved with what writes it. Rejects as `prepare` does,
   * and with `rate_limited` when the organization has an export running and one waiting. A failure after that destroys the
   * body.
   */
  async open(prepare: () => Promise<(sink: ExportSink) => Promise<void>>): Promise<Readable> {
    const scope = readScope();
    if (!scope) throw new Error('an export belongs to a request');
    const { signal, owner } = scope;
    const body = new PassThrough();
    const begun = Promise.withResolvers<void>();
    const write = async (bytes: Uint8Array) => {
      signal.throwIfAborted();
      if (body.destroyed) throw new LoomError('client_closed', 'the reader of the export has left');
      if (body.write(bytes)) return;
      await once(body, 'drain', { signal: AbortSignal.any([signal, AbortSignal.timeout(drainMsMax)]) });
    };
    const work = async () => {
      const writeAll = await prepare();
      begun.resolve();
      await writeAll({ write });
      body.end();
    };
    let hasBegun = false;
    this.#turns.pass(owner, signal, work).catch((error: unknown) => {
      begun.reject(error);
      if (hasBegun) body.destroy(error as Error);
    });
    await begun.promise;
    hasBegun = true;
    return body;
  }
}
