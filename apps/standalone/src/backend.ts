import { readFile, truncate } from 'node:fs/promises';
import { AppModule as ControlModule } from '@loom/app-control/app.module';
import { AppModule as IngestModule } from '@loom/app-ingest/app.module';
import { AppModule as PricingModule } from '@loom/app-pricing/app.module';
import { AppModule as QueryModule } from '@loom/app-query/app.module';
import { openControlStore } from '@loom/control-store';
import { parseMasterKeys, parsePeppers, verifyApiKey } from '@loom/control-store/secrets';
import { type EventStream, logRootOf, openEventStream, type Producer, sweepLog } from '@loom/event-stream';
import { PriceBook } from '@loom/pricing';
import { answerText, assembleAnswer, estimateUsage } from '@loom/providers';
import {
  ControlFeed,
  keyPrincipal,
  startConsumer,
  startHttpApplication,
  type VerifyKey,
  type VerifySession,
} from '@loom/service-kit';
import type { Logger, Metrics, RecentErrors } from '@loom/telemetry';
import { topics } from '@loom/trace-schema';
import { openTraceStore } from '@loom/trace-store';
import { type DynamicModule, Module, type Type } from '@nestjs/common';
import type { BackendConfig } from './backend-config.ts';

interface BackendDeps {
  readonly config: BackendConfig;
  /** Names providers. */
  readonly env: NodeJS.ProcessEnv;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** What the logger has noted, for the health page. */
  readonly errors: RecentErrors;
}

export interface Backend {
  readonly url: string;
  close(): Promise<void>;
}

const sweepMs = 60_000;

/** Ingest, pricing, query and control in one process: each consumer group its own application, one for HTTP. */
export async function openBackend(deps: BackendDeps): Promise<Backend> {
  const closers: (() => Promise<unknown>)[] = [];
  const closeAll = async () => {
    for (const close of closers.reverse()) await close();
  };
  try {
    const url = await openParts(deps, (close) => closers.push(close));
    return { url, close: closeAll };
  } catch (error) {
    await closeAll();
    throw error;
  }
}

async function openParts(
  { config, env, logger, metrics, errors }: BackendDeps,
  onClose: (close: () => Promise<unknown>) => void,
): Promise<string> {
  const stream = await openEventStream(config.LOOM_EVENT_STREAM_URL, {
    onFailure: (error) => {
      logger.fatal({ error }, 'event stream failed');
      process.exit(1);
    },
  });
  onClose(() => stream.close());
  const traceStore = await openTraceStore(config.LOOM_TRACE_STORE_URL);
  onClose(() => traceStore.close());
  const controlStore = await openControlStore(config.LOOM_CONTROL_STORE_URL, {
    sessionSecret: config.LOOM_SESSION_SECRET.reveal(),
  });
  onClose(() => controlStore.close());
  let priceBook = new PriceBook([]);
  const feed = await ControlFeed.start(stream, {
    logger,
    onChange: (snapshot) => (priceBook = new PriceBook(snapshot.priceLists())),
  });
  onClose(() => feed.close());

  const producerOf = producersOf(stream);
  const deadLetters = await producerOf(topics.deadLetters);
  const consume = async (group: string, module: DynamicModule) => {
    const service = await startConsumer({ stream, group, module, logger });
    onClose(() => service.close());
    metrics.gauge(`loom_${group}_lag_records`, `Records that ${group} has not committed yet`, () =>
      stream.lag(group, [topics.traces]),
    );
  };
  const readers = { answerText, estimateUsage };
  const peppers = parsePeppers(config.LOOM_KEY_PEPPERS.reveal());
  const pepperVersion = Math.max(...peppers.keys());
  const verifyKey = keyVerifier(feed, peppers);
  const verifySession: VerifySession = (token, projectId) =>
    controlStore.identity.readSession(token, projectId);
  const lagOf = (group: string) => stream.lag(group, [topics.traces]);
  const lag = async () => ({ ingest: await lagOf('ingest'), pricing: await lagOf('pricing') });
  const ready = () => {
    if (!feed.snapshot.complete) throw new Error('no control snapshot was seen yet');
    return Promise.resolve();
  };

  @Module({
    imports: [
      QueryModule.register({ store: traceStore, stream, verifyKey, verifySession, assembleAnswer, lag }),
      ControlModule.register({
        store: controlStore,
        verifyKey,
        stream,
        producerOf,
        firstPerson: {
          email: config.LOOM_FIRST_EMAIL,
          password: config.LOOM_FIRST_PASSWORD?.reveal() || null,
        },
        onFirstPasswordChanged: () => forgetFirstPassword(config),
        deployment: {
          version: await readVersion(),
          runtimeFile: config.LOOM_RUNTIME_FILE ?? null,
          publicGatewayUrl: config.LOOM_PUBLIC_GATEWAY_URL?.origin ?? null,
          dataDirectories: config.LOOM_HOME === undefined ? [] : [config.LOOM_HOME],
          ready: async () => ready(),
          enginesReady: async () => {
            await Promise.all([traceStore.ping(), controlStore.ping()]);
          },
          lag: async () => Object.entries(await lag()).map(([group, records]) => ({ group, records })),
          lastErrors: () => errors.list(),
        },
        masterKeys: parseMasterKeys(config.LOOM_MASTER_KEYS.reveal()),
        pepper: { version: pepperVersion, text: peppers.get(pepperVersion) ?? '' },
        outboundAllow: config.LOOM_OUTBOUND_ALLOW,
        apiKey: config.LOOM_FIRST_KEY.reveal(),
        operatorKey: config.LOOM_OPERATOR_KEY.reveal(),
        producer: await producerOf(topics.control),
        onError: (error) => logger.error({ error }, 'control not published'),
        env,
      }),
    ],
  })
  class HttpModule {}

  const http = await startHttpApplication({
    module: HttpModule as Type,
    host: config.LOOM_BACKEND_HOST,
    port: config.LOOM_BACKEND_PORT,
    logger,
    metrics,
    ready,
  });
  onClose(() => http.close());
  await feed.completed(); // nothing is priced by an empty price book
  await consume('ingest', IngestModule.register({ store: traceStore, deadLetters, ...readers }));
  const costs = await producerOf(topics.costs);
  await consume(
    'pricing',
    PricingModule.register({ costs, deadLetters, estimateUsage, priceBook: () => priceBook }),
  );
  onClose(keepSweeping(config, logger));
  return http.url;
}

/** One producer of this process for each topic. */
function producersOf(stream: EventStream): (topic: string) => Promise<Producer> {
  const opened = new Map<string, Promise<Producer>>();
  return (topic) => {
    const producer = opened.get(topic) ?? stream.producer(topic);
    opened.set(topic, producer);
    return producer;
  };
}

/** The file says the first password as long as it is in use. */
async function forgetFirstPassword({ LOOM_FIRST_PASSWORD_FILE: path }: BackendConfig): Promise<void> {
  if (path !== undefined) await truncate(path);
}

async function readVersion(): Promise<string> {
  const manifest = await readFile(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { readonly version: string }).version;
}

function keyVerifier(feed: ControlFeed, peppers: ReadonlyMap<number, string>): VerifyKey {
  return (token) => {
    const { record, fault } = verifyApiKey(token, {
      findKey: (id) => feed.snapshot.apiKey(id),
      peppers,
      nowMs: Date.now(),
    });
    return record && !fault ? keyPrincipal(record) : null;
  };
}

// Whole segments that ingest and pricing have committed, and that are old enough for other subscribers.
function keepSweeping(config: BackendConfig, logger: Logger): () => Promise<void> {
  const root = logRootOf(config.LOOM_EVENT_STREAM_URL);
  const minAgeMs = config.LOOM_STREAM_RETENTION;
  const timer = setInterval(() => {
    Promise.all([
      sweepLog(root, { topic: topics.traces, groups: ['ingest', 'pricing'], minAgeMs }),
      sweepLog(root, { topic: topics.costs, groups: ['ingest'], minAgeMs }),
      // A publisher says everything at its start: what its predecessors said is needed by nobody.
      sweepLog(root, { topic: topics.control, groups: [], minAgeMs, closedOnly: true }),
    ]).catch((error: unknown) => logger.error({ error }, 'stream not swept'));
  }, sweepMs);
  return () => {
    clearInterval(timer);
    return Promise.resolve();
  };
}
