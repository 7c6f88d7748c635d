import 'reflect-metadata';
import {
  EventStreamClient,
  openServiceStream,
  readiness,
  runProcess,
  startHttpApplication,
} from '@loom/service-kit';
import { createLogger, Metrics } from '@loom/telemetry';
import { openTraceStore } from '@loom/trace-store';
import { Module } from '@nestjs/common';
import { readIngestConfig } from './config.ts';
import { startIngest } from './service.ts';

const logger = createLogger({ service: 'ingest' });
const metrics = new Metrics();

@Module({})
class HealthModule {}

await runProcess({ service: 'ingest', env: process.env, logger, metrics }, async () => {
  const config = readIngestConfig(process.env);
  const stream = await openServiceStream(config.LOOM_EVENT_STREAM_URL, logger);
  const store = await openTraceStore(config.LOOM_TRACE_STORE_URL, { schema: 'expect' });
  const consumer = await startIngest({
    stream,
    store,
    client: new EventStreamClient(stream),
    generation: config.LOOM_INGEST_GENERATION,
    logger,
    metrics,
  });
  const http = await startHttpApplication({
    module: HealthModule,
    host: config.LOOM_INGEST_HOST,
    port: config.LOOM_INGEST_PORT,
    variables: 'LOOM_INGEST',
    logger,
    metrics,
    ready: readiness({ 'trace store': () => store.ping(), 'event stream': () => stream.ping() }, logger),
  });
  return {
    ready: { url: http.url },
    close: async () => {
      await http.close();
      await consumer.close();
      await store.close();
      await stream.close();
    },
  };
});
