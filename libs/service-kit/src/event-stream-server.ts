import { LoomError } from '@loom/errors';
import type { Batch, EventStream, SubscribeOptions, Subscription } from '@loom/event-stream';
import { withBatchSpan } from '@loom/telemetry';
import { BaseRpcContext, type CustomTransportStrategy, Server } from '@nestjs/microservices';
import { isObservable, lastValueFrom } from 'rxjs';

export interface EventStreamServerOptions extends Omit<SubscribeOptions, 'topics'> {
  readonly stream: EventStream;
}

/**
 * A Nest transport over the event stream port. `@EventPattern('<topic>')` handlers get whole batches:
 * `handle(@Payload() batch: Batch): Promise<void>`. The batch is committed when the handler has ended well; a throw, a
 * rejection or an Observable that errs commits nothing, and the same batch comes again. One consumer group is one Nest
 * application with one such server.
 */
export class EventStreamServer extends Server implements CustomTransportStrategy {
  override readonly propagatesEventHandlerErrors = true;
  readonly #options: EventStreamServerOptions;
  #subscription: Subscription | null = null;

  constructor(options: EventStreamServerOptions) {
    super();
    this.#options = options;
  }

  listen(callback: (error?: unknown) => void): void {
    const { stream, ...options } = this.#options;
    const topics = [...this.getHandlers().keys()];
    if (topics.length === 0) {
      callback(
        new LoomError('config_invalid', `consumer group ${options.group} has no @EventPattern handler`),
      );
      return;
    }
    stream
      .subscribe({ ...options, topics }, (batch) => this.#deliver(batch))
      .then((subscription) => {
        this.#subscription = subscription;
        callback();
      }, callback);
  }

  /** Ends after the running batch. */
  async close(): Promise<void> {
    await this.#subscription?.close();
    this.#subscription = null;
  }

  on(event: string): never {
    throw new LoomError('unsupported', `the event stream transport has no event "${event}"`);
  }

  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- the signature is Nest's
  unwrap<T>(): T {
    return this.#options.stream as T;
  }

  async #deliver(batch: Batch): Promise<void> {
    const handler = this.getHandlerByPattern(batch.topic);
    if (!handler) throw new LoomError('internal', `no handler for topic ${batch.topic}`);
    const { topic, records } = batch;
    await withBatchSpan({ operation: 'process', topic, group: this.#options.group, records }, async () => {
      // A handler that throws gives an Observable that errs: it has to be subscribed to be seen.
      const result: unknown = await handler(batch, new BaseRpcContext([batch]));
      if (isObservable(result)) await lastValueFrom(result, { defaultValue: undefined });
    });
  }
}
