import type { Batch } from '@loom/event-stream';
import { topics } from '@loom/trace-schema';
import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { SealingPipeline } from './seal/sealing-pipeline.ts';

/** The stream's edge: a batch is committed when its leaves are durable. */
@Controller()
export class EventsController {
  readonly #pipeline: SealingPipeline;

  constructor(@Inject(SealingPipeline) pipeline: SealingPipeline) {
    this.#pipeline = pipeline;
  }

  @EventPattern(topics.traces)
  async sealTraces(@Payload() batch: Batch): Promise<void> {
    await this.#pipeline.handle(batch);
  }

  @EventPattern(topics.costs)
  async sealCosts(@Payload() batch: Batch): Promise<void> {
    await this.#pipeline.handle(batch);
  }

  @EventPattern(topics.deadLetters)
  async sealDeadLetters(@Payload() batch: Batch): Promise<void> {
    await this.#pipeline.handle(batch);
  }
}
