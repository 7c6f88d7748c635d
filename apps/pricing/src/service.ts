import type { EventStream } from '@loom/event-stream';
import type { PriceBook } from '@loom/pricing';
import { estimateUsage } from '@loom/providers';
import { DeadLetters, type EventStreamClient, startConsumer } from '@loom/service-kit';
import type { Logger, Metrics } from '@loom/telemetry';
import { topics } from '@loom/trace-schema';
import type { INestMicroservice } from '@nestjs/common';
import { AppModule } from './app.module.ts';

export interface PricingServiceDeps {
  readonly stream: EventStream;
  readonly client: EventStreamClient;
  /** The price book as it is now; never an empty one. */
  readonly priceBook: () => PriceBook;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** Starts the consumer group `pricing`: the ends of calls into costs. */
export async function startPricing(deps: PricingServiceDeps): Promise<INestMicroservice> {
  const { stream, logger, metrics, ...rest } = deps;
  await deps.client.open(topics.costs, topics.deadLetters);
  const deadLetters = new DeadLetters({ client: deps.client, group: 'pricing', metrics });
  const module = AppModule.register({ ...rest, deadLetters, estimateUsage });
  return startConsumer({ stream, logger, metrics, group: 'pricing', module });
}
