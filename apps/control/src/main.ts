import 'reflect-metadata';
import { dirname } from 'node:path';
import { openControlStore } from '@loom/control-store';
import {
  ControlFeed,
  EventStreamClient,
  keyVerifier,
  openCounters,
  openServiceStream,
  readiness,
  runProcess,
  startHttpApplication,
} from '@loom/service-kit';
import { createLogger, Metrics, RecentErrors } from '@loom/telemetry';
import { topics } from '@loom/trace-schema';
import { readControlConfig } from './config.ts';
import { controlModule } from './service.ts';

const errors = new RecentErrors();
const logger = createLogger({ service: 'control', errors });
const metrics = new Metrics();
const groups = ['ingest', 'pricing'];

await runProcess({ service: 'control', env: process.env, logger, metrics }, async () => {
  const config = readControlConfig(process.env);
  const stream = await openServiceStream(config.LOOM_EVENT_STREAM_URL, logger);
  const store = await openControlStore(config.LOOM_CONTROL_STORE_URL, {
    sessionSecret: config.LOOM_SESSION_SECRET.reveal(),
    schema: 'expect',
  });
  const counters = await openCounters({ url: config.LOOM_COUNTERS_URL, whenDown: 'open', logger });
  const feed = await ControlFeed.start(stream, { logger, entities: ['apiKey'] });
  // Without the stream people still sign in, and what they change is published later.
  const ready = readiness(
    { 'control snapshot': () => feed.fault(), 'control store': () => store.ping() },
    logger,
  );
  const http = await startHttpApplication({
    module: await controlModule({
      config,
      store,
      stream,
      client: new EventStreamClient(stream),
      counters,
      verifyKey: keyVerifier(feed, config.LOOM_KEY_PEPPERS.reveal()),
      env: process.env,
      errors,
      logger,
      ready,
      enginesReady: () => store.ping(),
      name: 'control',
      groups,
      lagOf: (group) => stream.lag(group, [topics.traces]),
      dataDirectories: config.LOOM_RUNTIME_FILE === undefined ? [] : [dirname(config.LOOM_RUNTIME_FILE)],
    }),
    host: config.LOOM_CONTROL_HOST,
    port: config.LOOM_CONTROL_PORT,
    variables: 'LOOM_CONTROL',
    logger,
    metrics,
    ready,
  });
  await feed.completed();
  return {
    ready: { url: http.url },
    close: async () => {
      await http.close();
      await feed.close();
      await counters.close();
      await store.close();
      await stream.close();
    },
  };
});
