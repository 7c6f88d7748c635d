import { LoomError } from '@loom/errors';
import type { EventStream, NewRecord, Producer } from '@loom/event-stream';
import { ClientProxy, type ReadPacket, type WritePacket } from '@nestjs/microservices';
import { lastValueFrom } from 'rxjs';

/**
 * The sending side of Nest's transport over the event stream port: `emit('<topic>', records)` completes when all the
 * records are durable, and errs when that cannot be known. Records of one `emit` come before those of a later one. There
 * is one producer for each topic and process. A stream has no answers: `send` errs.
 */
export class EventStreamClient extends ClientProxy {
  readonly #stream: EventStream;
  readonly #producers = new Map<string, Promise<Producer>>();

  constructor(stream: EventStream) {
    super();
    this.#stream = stream;
  }

  /** Opens the producers of these topics now, so that one that may not be written is told at the start. */
  async open(...topics: readonly string[]): Promise<void> {
    for (const topic of topics) await this.#producerOf(topic);
  }

  /** {@link emit} for those who wait for it. */
  async append(topic: string, records: readonly NewRecord[]): Promise<void> {
    if (records.length > 0) await lastValueFrom(this.emit<void>(topic, records), { defaultValue: undefined });
  }

  /** The stream is open already. */
  connect(): Promise<void> {
    return Promise.resolve();
  }

  /** Closes the producers, after what was emitted; the stream is its owner's. */
  async close(): Promise<void> {
    const opened = [...this.#producers.values()];
    this.#producers.clear();
    for (const producer of opened) await (await producer).close();
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the signature is Nest's
  unwrap<T>(): T {
    return this.#stream as T;
  }

  protected async dispatchEvent<T>({ pattern, data }: ReadPacket<readonly NewRecord[]>): Promise<T> {
    const producer = await this.#producerOf(String(pattern));
    await producer.append(data);
    return undefined as T;
  }

  protected publish(packet: ReadPacket, callback: (packet: WritePacket) => void): () => void {
    const message = `the event stream has no answers; use emit, not send, for ${String(packet.pattern)}`;
    callback({ err: new LoomError('unsupported', message), isDisposed: true });
    return () => undefined;
  }

  #producerOf(topic: string): Promise<Producer> {
    const known = this.#producers.get(topic);
    if (known) return known;
    const opening = this.#stream.producer(topic);
    this.#producers.set(topic, opening);
    // One that could not be opened is opened again for the next records.
    opening.catch(() => this.#producers.delete(topic));
    return opening;
  }
}
