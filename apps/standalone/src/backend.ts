import { controlModule } from '@loom/app-control/service';
import { startIngest } from '@loom/app-ingest/service';
import { startLedger } from '@loom/app-ledger/service';
import { startPricing } from '@loom/app-pricing/service';
import { AppModule as QueryModule } from '@loom/app-query/app.module';
import { openControlStore } from '@loom/control-store';
import { contentKeysOf } from '@loom/control-store/secrets';
import { logRootOf, markStream, sweepLog } from '@loom/event-stream';
import { PriceBook } from '@loom/pricing';
import { answerTextOf, assembleAnswer } from '@loom/providers';
import {
  ControlFeed,
  diskFault,
  EventStreamClient,
  keyVerifier,
  type Needs,
  openCounters,
  openServiceStream,
  readiness,
  startHttpApplication,
  type VerifySession,
} from '@loom/service-kit';
import { openSigner } from '@loom/signer';
import type { Logger, Metrics, RecentErrors } from '@loom/telemetry';
import { topics } from '@loom/trace-schema';
import { openTraceStore } from '@loom/trace-store';
import { Module, type Type } from '@nestjs/common';
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

const sweepMsMax = 60_000;

/** Ingest, pricing, ledger, query and control in one process: each consumer group its own application, one for HTTP. */
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
  const stream = await openServiceStream(config.LOOM_EVENT_STREAM_URL, logger, {
    segmentAgeMsMax: config.LOOM_STREAM_SEGMENT_AGE,
  });
  onClose(() => stream.close());
  const traceStore = await openTraceStore(config.LOOM_TRACE_STORE_URL);
  onClose(() => traceStore.close());
  const controlStore = await openControlStore(config.LOOM_CONTROL_STORE_URL, {
    sessionSecret: config.LOOM_SESSION_SECRET.reveal(),
  });
  onClose(() => controlStore.close());
  const signer = await openSigner(config.LOOM_LEDGER_SIGNER_URL);
  onClose(() => signer.close());
  const counters = await openCounters({ url: config.LOOM_COUNTERS_URL, whenDown: 'open', logger });
  onClose(() => counters.close());
  let priceBook = new PriceBook([]);
  const feed = await ControlFeed.start(stream, {
    logger,
    onChange: (snapshot) => (priceBook = new PriceBook(snapshot.priceLists())),
  });
  onClose(() => feed.close());

  const client = new EventStreamClient(stream);
  const verifyKey = keyVerifier(feed, config.LOOM_KEY_PEPPERS.reveal());
  const verifySession: VerifySession = (token, projectId) =>
    controlStore.identity.readSession(token, projectId);
  const lagOf = (group: string) => stream.lag(group, [topics.traces]);
  const lag = async () => ({ ingest: await lagOf('ingest'), pricing: await lagOf('pricing') });
  const ready = readiness(
    {
      'control snapshot': () => feed.fault(),
      'trace store': () => traceStore.ping(),
      'control store': () => controlStore.ping(),
      'event stream': () => stream.ping(),
      ...diskNeeds(config),
    },
    logger,
  );

  @Module({
    imports: [
      QueryModule.register({
        ...{
          store: traceStore,
          stream,
          verifyKey,
          verifySession,
          assembleAnswer,
          answerText: answerTextOf,
          lag,
        },
        ledger: controlStore.ledger,
        signer,
        behind: async () => (await lagOf('ledger')) + (await lagOf('ingest')),
        mark: () => markStream(stream, { groups: ['ledger', 'ingest'], topics: [topics.traces] }),
        masterKeys: contentKeysOf(config),
      }),
      await controlModule({
        config,
        store: controlStore,
        stream,
        ...{ client, counters },
        verifyKey,
        env,
        errors,
        logger,
        ready,
        enginesReady: async () => {
          await Promise.all([traceStore.ping(), controlStore.ping()]);
        },
        ...{ name: 'backend', groups: ['ingest', 'pricing', 'ledger'], lagOf },
        dataDirectories: config.LOOM_HOME === undefined ? [] : [config.LOOM_HOME],
      }),
    ],
  })
  class HttpModule {}

  const http = await startHttpApplication({
    module: HttpModule as Type,
    host: config.LOOM_BACKEND_HOST,
    port: config.LOOM_BACKEND_PORT,
    variables: 'LOOM_BACKEND',
    logger,
    metrics,
    ready,
  });
  onClose(() => http.close());
  await feed.completed(); // nothing is priced by an empty price book
  const consumers = { stream, client, logger, metrics };
  const ingest = await startIngest({ ...consumers, store: traceStore });
  onClose(() => ingest.close());
  const pricing = await startPricing({ ...consumers, priceBook: () => priceBook });
  onClose(() => pricing.close());
  const onFileFailure = (error: unknown) => {
    logger.fatal({ error }, 'a file of the ledger cannot be written');
    process.exit(1);
  };
  const ledger = await startLedger({
    config,
    store: controlStore.ledger,
    traceStore,
    signer,
    onFileFailure,
    ...consumers,
  });
  onClose(() => ledger.close());
  onClose(keepSweeping(config, logger));
  return http.url;
}

function diskNeeds({ LOOM_HOME: home, LOOM_LEDGER_DIRECTORY: journal }: BackendConfig): Needs {
  return {
    ...(home !== undefined && { disk: () => diskFault(home, 'the data directory') }),
    ...(journal !== undefined && { 'ledger journal': () => diskFault(journal, "the ledger's files") }),
  };
}

// Whole segments that ingest, pricing and the ledger have committed, and that are old enough for other subscribers.
function keepSweeping(config: BackendConfig, logger: Logger): () => Promise<void> {
  const root = logRootOf(config.LOOM_EVENT_STREAM_URL);
  const minAgeMs = config.LOOM_STREAM_RETENTION;
  const timer = setInterval(
    () => {
      Promise.all([
        sweepLog(root, { topic: topics.traces, groups: ['ingest', 'pricing', 'ledger'], minAgeMs }),
        sweepLog(root, { topic: topics.costs, groups: ['ingest', 'ledger'], minAgeMs }),
        // A publisher says everything at its start: what its predecessors said is needed by nobody.
        sweepLog(root, { topic: topics.control, groups: [], minAgeMs, closedOnly: true }),
      ]).catch((error: unknown) => logger.error({ error }, 'stream not swept'));
    },
    Math.min(sweepMsMax, Math.max(1000, minAgeMs / 2)),
  );
  return () => {
    clearInterval(timer);
    return Promise.resolve();
  };
}
