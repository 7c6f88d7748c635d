import 'reflect-metadata';
import { PriceBook } from '@loom/pricing';
import {
  ControlFeed,
  EventStreamClient,
  openServiceStream,
  readiness,
  runProcess,
  startHttpApplication,
} from '@loom/service-kit';
import { createLogger, Metrics } from '@loom/telemetry';
import { Module } from '@nestjs/common';
import { readPricingConfig } from './config.ts';
import { startPricing } from './service.ts';

const logger = createLogger({ service: 'pricing' });
const metrics = new Metrics();

@Module({})
class HealthModule {}

await runProcess({ service: 'pricing', env: process.env, logger, metrics }, async () => {
  const config = readPricingConfig(process.env);
  const stream = await openServiceStream(config.LOOM_EVENT_STREAM_URL, logger);
  let book = new PriceBook([]);
  const feed = await ControlFeed.start(stream, {
    logger,
    entities: ['priceList'],
    onChange: (snapshot) => (book = new PriceBook(snapshot.priceLists())),
  });
  const http = await startHttpApplication({
    module: HealthModule,
    host: config.LOOM_PRICING_HOST,
    port: config.LOOM_PRICING_PORT,
    variables: 'LOOM_PRICING',
    logger,
    metrics,
    ready: readiness({ 'control snapshot': () => feed.fault(), 'event stream': () => stream.ping() }, logger),
  });
  await feed.completed(); // nothing is priced by an empty price book
  const consumer = await startPricing({
    stream,
    client: new EventStreamClient(stream),
    priceBook: () => book,
    logger,
    metrics,
  });
  return {
    ready: { url: http.url },
    close: async () => {
      await http.close();
      await consumer.close();
      await feed.close();
      await stream.close();
    },
  };
});
