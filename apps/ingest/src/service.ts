import type { EventStream, Producer } from '@loom/event-stream';
import { answerText, estimateUsage } from '@loom/providers';
import { startConsumer } from '@loom/service-kit';
import type { Logger, Metrics } from '@loom/telemetry';
import type { TraceWriter } from '@loom/trace-store';
import type { INestMicroservice } from '@nestjs/common';
import { AppModule } from './app.module.ts';

export interface IngestServiceDeps {
  readonly stream: EventStream;
  readonly store: TraceWriter;
  /** Of topic `loom.dead-letters.v1`. */
  readonly deadLetters: Producer;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Starts the consumer group `ingest`: events and costs into the trace store. */
export function startIngest({ store, deadLetters, ...rest }: IngestServiceDeps): Promise<INestMicroservice> {
  const module = AppModule.register({ store, deadLetters, answerText, estimateUsage });
  return startConsumer({ ...rest, group: 'ingest', module });
}
