import type { EventStream, Producer } from '@loom/event-stream';
import { answerTextOf, estimateUsage } from '@loom/providers';
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
  /** Raised by a restore into a store that remembers batches; 1 when there was none. */
  readonly generation?: number;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Starts the consumer group `ingest`: events and costs into the trace store. */
export function startIngest(deps: IngestServiceDeps): Promise<INestMicroservice> {
  const { store, deadLetters, generation = 1, ...rest } = deps;
  const module = AppModule.register({ store, deadLetters, generation, answerText: answerTextOf, estimateUsage });
  return startConsumer({ ...rest, group: 'ingest', module });
}
