import 'reflect-metadata';
import { openControlStore } from '@loom/control-store';
import { contentKeysOf } from '@loom/control-store/secrets';
import { markStream } from '@loom/event-stream';
import { answerTextOf, assembleAnswer } from '@loom/providers';
import {
  ControlFeed,
  internalToken,
  keyVerifier,
  openServiceStream,
  readiness,
  runProcess,
  startHttpApplication,
} from '@loom/service-kit';
import { createLogger, Metrics } from '@loom/telemetry';
import { topics } from '@loom/trace-schema';
import { openTraceStore } from '@loom/trace-store';
import { AppModule } from './app.module.ts';
import { readQueryConfig } from './config.ts';
import { ManifestSigner } from './manifest-signer.ts';

const logger = createLogger({ service: 'query' });
const metrics = new Metrics();

await runProcess({ service: 'query', env: process.env, logger, metrics }, async () => {
  const config = readQueryConfig(process.env);
  const stream = await openServiceStream(config.LOOM_EVENT_STREAM_URL, logger);
  const store = await openTraceStore(config.LOOM_TRACE_STORE_URL, { schema: 'expect' });
  const controlStore = await openControlStore(config.LOOM_CONTROL_STORE_URL, {
    sessionSecret: config.LOOM_SESSION_SECRET.reveal(),
    schema: 'expect',
  });
  const { LOOM_LEDGER_URL: ledgerUrl, LOOM_SESSION_SECRET: secret } = config;
  const signer = ledgerUrl
    ? new ManifestSigner({ url: ledgerUrl, token: internalToken(secret.reveal(), 'manifests') })
    : null;
  const feed = await ControlFeed.start(stream, { logger, entities: ['apiKey'] });
  const lagOf = (group: string) => stream.lag(group, [topics.traces]);
  const http = await startHttpApplication({
    module: AppModule.register({
      store,
      stream,
      verifyKey: keyVerifier(feed, config.LOOM_KEY_PEPPERS.reveal()),
      verifySession: (token, projectId) => controlStore.identity.readSession(token, projectId),
      assembleAnswer,
      answerText: answerTextOf,
      ledger: controlStore.ledger,
      signer,
      behind: async () =>
        (await Promise.all([lagOf('ledger'), lagOf('ingest')])).reduce((sum, lag) => sum + lag, 0),
      mark: () => markStream(stream, { groups: ['ledger', 'ingest'], topics: [topics.traces] }),
      masterKeys: contentKeysOf(config),
      lag: async () => ({ ingest: await lagOf('ingest'), pricing: await lagOf('pricing') }),
    }),
    host: config.LOOM_QUERY_HOST,
    port: config.LOOM_QUERY_PORT,
    variables: 'LOOM_QUERY',
    logger,
    metrics,
    // Without the control store reads with a key go on, and without the stream all but the live view.
    ready: readiness({ 'control snapshot': () => feed.fault(), 'trace store': () => store.ping() }, logger),
  });
  await feed.completed();
  return {
    ready: { url: http.url },
    close: async () => {
      await http.close();
      await feed.close();
      await controlStore.close();
      await store.close();
      await stream.close();
    },
  };
});
