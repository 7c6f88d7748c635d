import type { Batch } from '@loom/event-stream';
import { topics } from '@loom/trace-schema';
import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { IngestPipeline } from './ingest-pipeline.ts';

/** The stream's edge: a batch is committed when its rows are on disk. */
@Controller()
export class EventsController {
  readonly #pipeline: IngestPipeline;

  constructor(@Inject(IngestPipeline) pipeline: IngestPipeline) {
    this.#pipeline = pipeline;
  }

  @EventPattern(topics.traces)
  async storeTraces(@Payload() batch: Batch): Promise<void> {
    await this.#pipeline.handle(batch);
  }

  @EventPattern(topics.costs)
  async storeCosts(@Payload() batch: Batch): Promise<void> {
    await this.#pipeline.handle(batch);
  }
}
