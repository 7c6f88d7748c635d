import type { EventStream, Producer } from '@loom/event-stream';
import type { PriceBook } from '@loom/pricing';
import { estimateUsage } from '@loom/providers';
import { startConsumer } from '@loom/service-kit';
import type { Logger, Metrics } from '@loom/telemetry';
import type { INestMicroservice } from '@nestjs/common';
import { AppModule } from './app.module.ts';

export interface PricingServiceDeps {
  readonly stream: EventStream;
  /** Of topic `loom.costs.v1`. */
  readonly costs: Producer;
  /** Of topic `loom.dead-letters.v1`. */
  readonly deadLetters: Producer;
  /** The price book as it is now; never an empty one. */
  readonly priceBook: () => PriceBook;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Starts the consumer group `pricing`: the ends of calls into costs. */
export function startPricing(deps: PricingServiceDeps): Promise<INestMicroservice> {
  const { stream, logger, metrics, ...rest } = deps;
  const module = AppModule.register({ ...rest, estimateUsage });
  return startConsumer({ stream, logger, metrics, group: 'pricing', module });
}
