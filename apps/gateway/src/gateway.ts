import { contentKeysOf, type MasterKeys, parseMasterKeys, parsePeppers } from '@loom/control-store/secrets';
import { LoomError } from '@loom/errors';
import { logRootOf, openEventStream, PartitionWriter, topicBytes } from '@loom/event-stream';
import { profileOf } from '@loom/providers';
import { Breakers } from '@loom/routing';
import { ControlFeed, openCounters, OutboundGuard } from '@loom/service-kit';
import type { Logger, Metrics } from '@loom/telemetry';
import { newUuid, topics } from '@loom/trace-schema';
import type { GatewayConfig } from './config.ts';
import { known } from './call.ts';
import { CredentialReader } from './credentials.ts';
import { Authorizer } from './forward/authorizer.ts';
import { CredentialMask } from './forward/credential-mask.ts';
import type { Exchange } from './forward/exchange.ts';
import { GoogleTokens } from './forward/google-tokens.ts';
import { HttpEdge } from './http-edge.ts';
import { KeyLimiter } from './limits/key-limiter.ts';
import { GatewayMetrics } from './metrics.ts';
import { compose, type GatewayMiddleware } from './middleware.ts';
import { authenticate } from './middleware/authenticate.ts';
import { capture } from './middleware/capture.ts';
import { forward } from './middleware/forward.ts';
import { limit } from './middleware/limit.ts';
import { readRequest } from './middleware/read-request.ts';
import { route } from './middleware/route.ts';
import { loadMiddlewares } from './middleware-files.ts';
import { ModelLister } from './model-list.ts';
import { CallRecorder } from './record/call-recorder.ts';
import { ContentKeys } from './record/content-keys.ts';
import { Emitter } from './record/emitter.ts';
import { ReceiptSigner } from './record/receipts.ts';
import { RefusalRecorder } from './record/refusal-recorder.ts';
import { closeEmitter, succeedDeadEmitters } from './record/succession.ts';
import { SnapshotFile } from './snapshot-file.ts';
import { ResponseCache } from './response-cache.ts';
import { StoredItems } from './stored-items.ts';
import { StoredResponses } from './stored-responses.ts';
import { rebuildStoredResponses } from './stored-responses-rebuild.ts';
import { StreamLink } from './stream-link.ts';
import { HttpUpstream } from './upstream/http-upstream.ts';
import { SimulatorUpstream } from './upstream/simulator-upstream.ts';

export interface GatewayDeps {
  readonly config: GatewayConfig;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** Called when nothing can be put on the record any more: the process must end and be started again. */
  readonly onOutboxFailure: (error: LoomError) => void;
}

const successionMs = 5_000;
/** After the grace, for what was stopped to end. Milliseconds. */
const stopMs = 2_000;

/** The gateway, put together. Opened by {@link openGateway}; serves calls through `edge`. */
export interface Gateway {
  readonly edge: HttpEdge;
  readonly outbox: PartitionWriter;
  /** Rejects with the reason why calls cannot be served. */
  ready(): Promise<void>;
  /** No new calls; running ones get a few seconds, then an error event; then the emitter is closed. */
  close(): Promise<void>;
}

export async function openGateway(deps: GatewayDeps): Promise<Gateway> {
  const { config, logger } = deps;
  const own = await loadMiddlewares(config.LOOM_GATEWAY_MIDDLEWARES);
  const whenDown = config.LOOM_COUNTERS_DOWN;
  const counters = await openCounters({ url: config.LOOM_COUNTERS_URL, whenDown, logger });
  const outbox = await openEventStream(config.LOOM_OUTBOX_URL);
  const snapshotFile = new SnapshotFile(config.LOOM_GATEWAY_SNAPSHOT_FILE, logger);
  const feed = await makeFeed(snapshotFile, logger);
  const link = config.LOOM_EVENT_STREAM_URL
    ? await StreamLink.open({ ...deps, url: config.LOOM_EVENT_STREAM_URL, outbox, feed })
    : null;
  if (!link) await feed.follow(outbox);
  const masterKeys = parseMasterKeys(config.LOOM_MASTER_KEYS.reveal());
  const contentKeys = contentKeysOf(config);
  const receipts = new ReceiptSigner(newUuid());
  const outboxRoot = logRootOf(config.LOOM_OUTBOX_URL);
  const writer = await PartitionWriter.create(outboxRoot, topics.traces, receipts.emitterId, {
    topicBytesMax: config.LOOM_OUTBOX_BYTES_MAX,
    segmentAgeMsMax: config.LOOM_STREAM_SEGMENT_AGE,
    onFailure: deps.onOutboxFailure,
  });
  const emitter = new Emitter(writer);
  await receipts.open(emitter);
  const recorder = new CallRecorder({
    emitter,
    receipts,
    contentKeys: new ContentKeys({ emitter, masterKeys: contentKeys }),
    answerBytesMax: config.LOOM_CAPTURE_ANSWER_BYTES_MAX,
    chunkFlushMs: config.LOOM_CAPTURE_CHUNK_FLUSH,
    onLostRecord: observeOutbox(deps, writer),
  });
  const limiter = new KeyLimiter({
    ...{ store: counters, owner: emitter.id, whenDown },
    callMsMax: config.LOOM_UPSTREAM_TOTAL_TIMEOUT,
    ...{ logger, metrics: deps.metrics },
  });
  const refusals = new RefusalRecorder({
    emitter,
    burst: config.LOOM_REFUSALS_BURST,
    perSecond: config.LOOM_REFUSALS_PER_SECOND,
    summaryMs: config.LOOM_REFUSALS_SUMMARY,
  });
  const http = new HttpUpstream({
    connectTimeoutMs: config.LOOM_UPSTREAM_CONNECT_TIMEOUT,
    headTimeoutMs: config.LOOM_UPSTREAM_HEAD_TIMEOUT,
    idleTimeoutMs: config.LOOM_UPSTREAM_IDLE_TIMEOUT,
    connectionsMax: config.LOOM_UPSTREAM_CONNECTIONS_MAX,
    guard: new OutboundGuard({ allow: config.LOOM_OUTBOUND_ALLOW }),
  });
  const storedResponses = new StoredResponses(counters, (error) =>
    logger.warn({ error }, 'the place of a response could not be kept: its id will be unknown'),
  );
  if (config.LOOM_COUNTERS_URL.protocol === 'memory:') {
    const found = await rebuildStoredResponses(outboxRoot, storedResponses, feed.snapshot);
    if (found > 0) logger.info({ responses: found }, 'places of stored responses read from the record');
  }
  const storedItems = new StoredItems(counters, (error) =>
    logger.warn({ error }, 'items of a response could not be kept, or not be found'),
  );
  const running = new Set<Exchange>();
  const cache = new ResponseCache(counters, (error) => logger.warn({ error }, 'the response cache is away'));
  const edge = openEdge({
    cache,
    masterKeys,
    deps,
    feed,
    own,
    limiter,
    recorder,
    refusals,
    http,
    running,
    storedResponses,
    storedItems,
  });
  const succession = await keepSucceeding(deps, { successor: emitter.id, masterKeys: contentKeys });
  observe(deps.metrics, { recorder, edge, feed });
  return {
    edge,
    outbox: writer,
    ready: () => {
      const fault = writer.failure ?? writer.stall;
      if (fault) return Promise.reject(fault);
      if (!feed.snapshot.complete)
        return Promise.reject(new LoomError('unavailable', 'no control snapshot was seen yet'));
      return Promise.resolve();
    },
    close: async () => {
      edge.stop();
      await endRunning(edge, running, config.LOOM_GATEWAY_STOP_GRACE);
      await succession.stop();
      refusals.close();
      await recorder.close();
      await limiter.close();
      if (!writer.failure) await closeEmitter(emitter, emitter.id);
      await writer.close();
      await http.close();
      await link?.close();
      await outbox.close();
      await snapshotFile.close(); // after the last change was heard
      logger.info({ emitter: emitter.id }, 'gateway closed');
    },
  };
}

interface EdgeParts {
  readonly deps: GatewayDeps;
  readonly masterKeys: MasterKeys;
  readonly feed: ControlFeed;
  readonly own: readonly GatewayMiddleware[];
  readonly limiter: KeyLimiter;
  readonly recorder: CallRecorder;
  readonly refusals: RefusalRecorder;
  readonly http: HttpUpstream;
  readonly running: Set<Exchange>;
  readonly storedResponses: StoredResponses;
  readonly storedItems: StoredItems;
  readonly cache: ResponseCache;
}

// The chain of a call, in the order in which it is worked through.
function openEdge({
  deps,
  feed,
  own,
  limiter,
  recorder,
  refusals,
  http,
  running,
  ...parts
}: EdgeParts): HttpEdge {
  const { config, logger, metrics } = deps;
  const { storedResponses, storedItems, cache, masterKeys } = parts;
  const { snapshot } = feed;
  const credentials = new CredentialReader(masterKeys);
  const authorizer = new Authorizer(credentials, new GoogleTokens((url, form) => http.postForm(url, form)));
  const breakers = new Breakers();
  const identify = authenticate({ snapshot, peppers: parsePeppers(config.LOOM_KEY_PEPPERS.reveal()) });
  const callModel = compose([
    identify,
    readRequest({
      bytesMax: config.LOOM_GATEWAY_BODY_BYTES_MAX,
      idleMs: config.LOOM_GATEWAY_BODY_TIMEOUT,
      rateMin: config.LOOM_GATEWAY_BODY_RATE_MIN,
      metadata: config.LOOM_GATEWAY_METADATA,
    }),
    ...own,
    route({
      ...{ snapshot, credentials, authorizer, breakers, storedResponses, storedItems },
      unsupported: config.LOOM_GATEWAY_UNSUPPORTED,
    }),
    limit(limiter),
    capture(recorder),
    forward({
      http,
      simulator: new SimulatorUpstream(),
      ...{ authorizer, breakers, storedResponses, storedItems, cache },
      totalTimeoutMs: config.LOOM_UPSTREAM_TOTAL_TIMEOUT,
      clientStallMs: config.LOOM_CLIENT_STALL_TIMEOUT,
      heartbeatMs: config.LOOM_STREAM_HEARTBEAT,
      running,
    }),
  ]);
  const models = new ModelLister({
    snapshot,
    ask: async (provider) => {
      const { modelsPath: path = null, headers = {} } = profileOf(provider.kind) ?? {};
      if (path === null) return [];
      const asked = { provider, method: 'GET', path, headers, body: Buffer.alloc(0) } as const;
      const { headers: authorized, credential } = await authorizer.authorize(asked, 0);
      const models = await http.listModels(provider, path, authorized);
      const mask = CredentialMask.of(credential);
      return mask ? models.map((model) => ({ ...model, id: mask.text(model.id) })) : models;
    },
  });
  const gatewayMetrics = new GatewayMetrics(metrics);
  return new HttpEdge({
    callModel,
    listModels: async (call) => {
      await identify.handle(call, () => Promise.resolve());
      return models.list(known(call.key, 'key'));
    },
    refusals,
    logger,
    corsOrigins: config.LOOM_GATEWAY_CORS_ORIGINS,
    callsMax: config.LOOM_GATEWAY_CALLS_MAX,
    onCallOver: (call, error) => gatewayMetrics.callOver(call, error),
  });
}

async function makeFeed(file: SnapshotFile, logger: Logger): Promise<ControlFeed> {
  const initial = await file.read();
  return new ControlFeed({
    logger,
    entities: ['project', 'apiKey', 'provider', 'alias'],
    ...(initial ? { initial } : {}),
    onChange: (snapshot) => {
      if (snapshot.complete) file.keep(snapshot);
    },
  });
}

// At the start and from then on: a sibling on the same outbox may die at any time.
async function keepSucceeding(
  { config, logger }: GatewayDeps,
  heir: { readonly successor: string; readonly masterKeys: MasterKeys },
): Promise<{ stop(): Promise<void> }> {
  const options = { root: logRootOf(config.LOOM_OUTBOX_URL), ...heir, logger };
  await succeedDeadEmitters(options);
  let current: Promise<unknown> = Promise.resolve();
  const timer = setInterval(() => {
    current = current
      .then(() => succeedDeadEmitters(options))
      .catch((error: unknown) => logger.error({ error }, 'dead emitters not succeeded'));
  }, successionMs);
  return {
    stop: async () => {
      clearInterval(timer);
      await current;
    },
  };
}

/** Calls get `graceMs` to end, then their exchanges are stopped. One that has just been accepted is stopped as it begins. */
async function endRunning(edge: HttpEdge, running: ReadonlySet<Exchange>, graceMs: number): Promise<void> {
  const graceEnd = Date.now() + graceMs;
  while (edge.calls > 0 && Date.now() < graceEnd + stopMs) {
    if (Date.now() >= graceEnd) for (const exchange of running) exchange.stop();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function observe(
  metrics: Metrics,
  parts: { recorder: CallRecorder; edge: HttpEdge; feed: ControlFeed },
): void {
  metrics.gauge('loom_gateway_calls_running', 'Calls on their way', () => parts.edge.calls);
  metrics.gauge(
    'loom_gateway_calls_unended',
    'Accepted calls without their terminal',
    () => parts.recorder.runningCalls,
  );
  metrics.gauge(
    'loom_gateway_control_version',
    'Version of the control snapshot in use',
    () => parts.feed.snapshot.version,
  );
  metrics.gauge(
    'loom_gateway_control_heard_timestamp_seconds',
    'When control was last heard',
    () => parts.feed.heardAtMs / 1000,
  );
}

/** Gives what counts a lost record. */
function observeOutbox({ config, metrics }: GatewayDeps, outbox: PartitionWriter): () => void {
  metrics.gauge(
    'loom_gateway_outbox_pending_records',
    'Records that are not on disk yet',
    () => outbox.pending.records,
  );
  metrics.gauge(
    'loom_gateway_outbox_pending_bytes',
    'Bytes that are not on disk yet',
    () => outbox.pending.bytes,
  );
  metrics.gauge('loom_gateway_outbox_bytes', 'Bytes of the outbox on disk, shipped ones included', () =>
    topicBytes(logRootOf(config.LOOM_OUTBOX_URL), topics.traces),
  );
  metrics.gauge(
    'loom_gateway_outbox_limit_bytes',
    'Bytes at which strict calls are refused',
    () => config.LOOM_OUTBOX_BYTES_MAX,
  );
  const lost = metrics.counter('loom_gateway_outbox_lost_records_total', 'Records that found no room');
  return () => lost.inc();
}
