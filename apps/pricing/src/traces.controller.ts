import type { Batch } from '@loom/event-stream';
import { topics } from '@loom/trace-schema';
import { Controller, Inject } from '@nestjs/common';
import { EventPattern, Payload } from '@nestjs/microservices';
import { PricingPipeline } from './pricing-pipeline.ts';

/** The stream's edge: a batch is committed when its costs are durable. */
@Controller()
export class TracesController {
  readonly #pipeline: PricingPipeline;

  constructor(@Inject(PricingPipeline) pipeline: PricingPipeline) {
    this.#pipeline = pipeline;
  }

  @EventPattern(topics.traces)
  async priceBatch(@Payload() batch: Batch): Promise<void> {
    await this.#pipeline.handle(batch);
  }
}
