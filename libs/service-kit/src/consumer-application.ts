import type { EventStream, SubscribeOptions } from '@loom/event-stream';
import type { Logger, Metrics } from '@loom/telemetry';
import { Catch, type DynamicModule, type INestMicroservice, type RpcExceptionFilter } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type Observable, throwError } from 'rxjs';
import { EventStreamServer } from './event-stream-server.ts';

export interface ConsumerApplicationOptions extends Pick<SubscribeOptions, 'prepare' | 'batchRecordsMax'> {
  readonly stream: EventStream;
  readonly group: string;
  /** The service's module, with `@EventPattern` handlers over batches. */
  readonly module: DynamicModule;
  readonly logger: Logger;
  /** Gets `loom_<group>_lag_records`. */
  readonly metrics: Metrics;
}

/** Starts one consumer group as a Nest application of its own. What a handler throws is logged, and its batch comes again. */
export async function startConsumer(options: ConsumerApplicationOptions): Promise<INestMicroservice> {
  const { stream, group, module, logger, metrics, prepare, batchRecordsMax } = options;
  const strategy = new EventStreamServer({
    stream,
    group,
    ...(prepare && { prepare }),
    ...(batchRecordsMax !== undefined && { batchRecordsMax }),
    onError: (error, batch) => {
      const where = batch && { topic: batch.topic, partition: batch.partition, offset: batch.firstOffset };
      logger.warn({ group, ...where, error }, 'batch failed and comes again');
    },
  });
  const service = await NestFactory.createMicroservice(module, {
    strategy,
    logger: false,
    abortOnError: false,
  });
  service.useGlobalFilters(new UnmaskedErrors());
  await service.listen();
  const topics = [...strategy.getHandlers().keys()];
  metrics.gauge(`loom_${group}_lag_records`, `Records that ${group} has not committed yet`, () =>
    stream.lag(group, topics),
  );
  return service;
}

/** Nest would hand on "Internal server error" in place of what was thrown. */
@Catch()
class UnmaskedErrors implements RpcExceptionFilter {
  catch(thrown: unknown): Observable<never> {
    return throwError(() => thrown);
  }
}
