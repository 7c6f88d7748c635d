import type { EventStream } from '@loom/event-stream';
import { answerTextOf, estimateUsage } from '@loom/providers';
import { DeadLetters, type EventStreamClient, startConsumer } from '@loom/service-kit';
import type { Logger, Metrics } from '@loom/telemetry';
import { topics } from '@loom/trace-schema';
import type { TraceWriter } from '@loom/trace-store';
import type { INestMicroservice } from '@nestjs/common';
import { AppModule } from './app.module.ts';
import { IngestPipeline } from './ingest-pipeline.ts';

export interface IngestServiceDeps {
  readonly stream: EventStream;
  readonly store: TraceWriter;
  readonly client: EventStreamClient;
  /** Raised by a restore into a store that remembers batches; 1 when there was none. */
  readonly generation?: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Most of what an insert costs is the same for few rows and many; the port's limit in bytes holds as well. */
const batchRecordsMax = 4_000;

/** Starts the consumer group `ingest`: events and costs into the trace store. */
export async function startIngest(deps: IngestServiceDeps): Promise<INestMicroservice> {
  const { store, client, generation = 1, ...rest } = deps;
  await client.open(topics.deadLetters);
  const deadLetters = new DeadLetters({ client, group: 'ingest', metrics: deps.metrics });
  const pipeline = new IngestPipeline({
    store,
    deadLetters,
    generation,
    answerText: answerTextOf,
    estimateUsage,
  });
  const prepare: IngestPipeline['prepare'] = (batch) => pipeline.prepare(batch);
  return startConsumer({
    ...rest,
    group: 'ingest',
    module: AppModule.register(pipeline),
    prepare,
    batchRecordsMax,
  });
}
