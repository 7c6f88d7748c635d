import 'reflect-metadata';
import { openControlStore } from '@loom/control-store';
import {
  diskFault,
  internalToken,
  openServiceStream,
  readiness,
  runProcess,
  startHttpApplication,
} from '@loom/service-kit';
import { openSigner } from '@loom/signer';
import { createLogger, Metrics } from '@loom/telemetry';
import { openTraceStore } from '@loom/trace-store';
import { type DynamicModule, Module } from '@nestjs/common';
import { readLedgerConfig } from './config.ts';
import { MANIFEST_DESK, ManifestController, type ManifestDesk } from './publish/manifest.controller.ts';
import { startLedger } from './service.ts';

const logger = createLogger({ service: 'ledger' });
const metrics = new Metrics();

/** What the ledger answers by HTTP besides health and metrics. */
@Module({})
class HttpModule {
  static register(desk: ManifestDesk): DynamicModule {
    return {
      module: HttpModule,
      controllers: [ManifestController],
      providers: [{ provide: MANIFEST_DESK, useValue: desk }],
    };
  }
}

await runProcess({ service: 'ledger', env: process.env, logger, metrics }, async () => {
  const config = readLedgerConfig(process.env);
  const signer = await openSigner(config.LOOM_LEDGER_SIGNER_URL);
  const store = await openControlStore(config.LOOM_CONTROL_STORE_URL, {
    sessionSecret: config.LOOM_SESSION_SECRET.reveal(),
    schema: 'expect',
  });
  const traceStore = await openTraceStore(config.LOOM_TRACE_STORE_URL, { schema: 'expect' });
  const stream = await openServiceStream(config.LOOM_EVENT_STREAM_URL, logger);
  const { LOOM_LEDGER_DIRECTORY: directory } = config;
  const onFileFailure = (error: unknown) => {
    logger.fatal({ error }, 'a file of the ledger cannot be written');
    process.exit(1);
  };
  const ledger = await startLedger({
    config,
    stream,
    store: store.ledger,
    traceStore,
    signer,
    logger,
    metrics,
    onFileFailure,
  });
  const http = await startHttpApplication({
    module: HttpModule.register({
      signer,
      token: internalToken(config.LOOM_SESSION_SECRET.reveal(), 'manifests'),
    }),
    host: config.LOOM_LEDGER_HOST,
    port: config.LOOM_LEDGER_PORT,
    variables: 'LOOM_LEDGER',
    logger,
    metrics,
    ready: readiness(
      {
        'control store': () => store.ping(),
        'trace store': () => traceStore.ping(),
        'event stream': () => stream.ping(),
        ...(directory !== undefined && { disk: () => diskFault(directory, "the ledger's files") }),
      },
      logger,
    ),
  });
  return {
    ready: { url: http.url },
    close: async () => {
      await http.close();
      await ledger.close();
      await store.close();
      await traceStore.close();
      await stream.close();
      await signer.close();
    },
  };
});
