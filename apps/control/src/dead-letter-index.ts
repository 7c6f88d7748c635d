import type { DeadLetter, DeadLetterDetail } from '@loom/api-contract';
import type { ControlStore } from '@loom/control-store';
import { LoomError } from '@loom/errors';
import type { EventStream, StreamRecord, Subscription } from '@loom/event-stream';
import type { EventStreamClient, Person } from '@loom/service-kit';
import { DeadLetter as DeadLetterRecord, millisOfNanos, topics } from '@loom/trace-schema';
import type { z } from 'zod';

export interface DeadLetterIndexDeps {
  readonly store: ControlStore;
  readonly stream: Pick<EventStream, 'tail'>;
  readonly client: Pick<EventStreamClient, 'append'>;
}

type Detail = z.output<typeof DeadLetterDetail>;

const lettersMax = 1000;
const bytesMax = 32 * 1024 * 1024;
const shownBytesMax = 256 * 1024;
const replayed = 'dead-letter.replay';
const replayable: readonly string[] = [topics.traces, topics.costs];

/**
 * What consumers could not take in, read from its topic: the newest 1,000 and at most 32 MiB of them are kept here.
 * The same record given up again is the same dead letter.
 */
export class DeadLetterIndex {
  readonly #deps: DeadLetterIndexDeps;
  readonly #letters = new Map<string, DeadLetterRecord>();
  #bytes = 0;
  #reading: Promise<Subscription> | null = null;

  constructor(deps: DeadLetterIndexDeps) {
    this.#deps = deps;
  }

  /** Begins to read. Resolves when it has begun. */
  async start(): Promise<void> {
    this.#reading ??= this.#deps.stream.tail(
      { topics: [topics.deadLetters], from: 'beginning' },
      (records) => {
        for (const record of records) this.#take(record);
      },
    );
    await this.#reading;
  }

  get count(): number {
    return this.#letters.size;
  }

  async list({ cursor, limit }: { cursor?: string | undefined; limit: number }) {
    const newestFirst = [...this.#letters.values()].sort((a, b) => compareTimes(b.time, a.time));
    const start = cursor === undefined ? 0 : newestFirst.findIndex(({ id }) => id === cursor) + 1;
    if (cursor !== undefined && start === 0)
      throw new LoomError('invalid_request', 'the cursor is not one of this list', { param: 'cursor' });
    const page = newestFirst.slice(start, start + limit);
    const times = await this.#deps.store.lastActions(replayed, page.map(({ id }) => id)); // prettier-ignore
    return {
      deadLetters: page.map((letter) => toDeadLetter(letter, times.get(letter.id))),
      nextCursor: start + limit < newestFirst.length ? (page.at(-1)?.id ?? null) : null,
    };
  }

  async read(id: string): Promise<Detail> {
    const letter = this.#letterOf(id);
    const times = await this.#deps.store.lastActions(replayed, [id]);
    const bytes = Buffer.from(letter.value, 'base64');
    const shown = bytes.subarray(0, shownBytesMax);
    const text = utf8Of(shown, shown.length < bytes.length);
    return {
      ...toDeadLetter(letter, times.get(id)),
      value: text ?? shown.toString('base64'),
      encoding: text === null ? 'base64' : 'utf8',
      truncated: shown.length < bytes.length,
      headers: letter.headers,
    };
  }

  /** Puts the record back as it was; its consumer drops it if it has it already. */
  async replay({ userId, name }: Person, id: string): Promise<DeadLetter> {
    const letter = this.#letterOf(id);
    if (!replayable.includes(letter.topic))
      throw new LoomError('conflict', `records of ${letter.topic} are not put back`);
    const { headers } = letter;
    const key = headers.ce_loomproject ?? 'replayed';
    await this.#deps.client.append(letter.topic, [
      { key, headers, value: Buffer.from(letter.value, 'base64') },
    ]);
    const note = { organizationId: null, action: replayed, resource: { id, name: letter.topic } };
    await this.#deps.store.actingAs({ type: 'user', id: userId, name }).noteAction(note);
    const times = await this.#deps.store.lastActions(replayed, [id]);
    return toDeadLetter(letter, times.get(id));
  }

  async close(): Promise<void> {
    await (await this.#reading?.catch(() => null))?.close();
  }

  #take({ value }: StreamRecord): void {
    const letter = readLetter(value);
    if (!letter) return;
    this.#forget(letter.id);
    this.#letters.set(letter.id, letter);
    this.#bytes += letter.value.length;
    for (const id of this.#letters.keys()) {
      if (this.#letters.size <= lettersMax && this.#bytes <= bytesMax) break;
      this.#forget(id);
    }
  }

  #forget(id: string): void {
    this.#bytes -= this.#letters.get(id)?.value.length ?? 0;
    this.#letters.delete(id);
  }

  #letterOf(id: string): DeadLetterRecord {
    const letter = this.#letters.get(id);
    if (!letter) throw new LoomError('not_found', 'there is no dead letter with this id');
    return letter;
  }
}

function readLetter(value: Buffer): DeadLetterRecord | null {
  try {
    return DeadLetterRecord.parse(JSON.parse(value.toString('utf8')));
  } catch {
    return null; // no record of this topic: nothing to show
  }
}

function toDeadLetter(letter: DeadLetterRecord, replayedAtMs: number | undefined): DeadLetter {
  const { id, group, reason, message, topic, partition, offset, value, time } = letter;
  return {
    ...{ id, consumer: group, reason, message, topic, partition, offset },
    time: instantOf(millisOfNanos(time)),
    bytes: Buffer.byteLength(value, 'base64'),
    replayedAt: replayedAtMs === undefined ? null : instantOf(replayedAtMs),
  };
}

/** As the record's own times are written: with microseconds. */
export function instantOf(ms: number): string {
  return new Date(ms).toISOString().replace('Z', '000Z');
}

/** Null for what is no UTF-8; a character that the cut has split is left out. */
function utf8Of(bytes: Buffer, cut: boolean): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes, { stream: cut });
  } catch {
    return null;
  }
}

function compareTimes(a: string, b: string): number {
  const [left, right] = [BigInt(a), BigInt(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}
